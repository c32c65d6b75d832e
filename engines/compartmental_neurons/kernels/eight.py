"""Eight numbers as one value of kernel code, which every operation takes at once: channels become vector code on any machine.

A loop over places would leave it to the compiler whether it becomes vector code; this does not. ``eight`` is the type of 8 numbers,
``truths`` that of 8 conditions. Products that go into sums are fused with them, by an instruction that every processor with vectors
has and that gives the same bits on all of them; where there is none it is a call, slow and no less exact.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc, import-untyped"

from __future__ import annotations

import operator

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from engines.equations import maths

LANES = 8
MOST_EXPONENT = 350.0
"""Exponents are kept within this, so that neither a square of an exponential nor its reciprocal overflows."""
_ROUND = 6755399441055744.0  # 1.5 * 2^52: added and taken away again it rounds to a whole number, which the lowest bits then hold
_LOG2_E, _LN2, _LN2_REST = 1.4426950408889634, 0.6931471805599453, 2.3190468138462996e-17
_EXPONENTIAL = (
    2.5100397137931663e-08, 2.762010358488696e-07, 2.755726843551756e-06, 2.4801521264122017e-05, 0.00019841269863069374,
    0.0013888888917234206, 0.008333333333330058, 0.04166666666662409, 0.16666666666666669, 0.5, 1.0, 1.0,
)  # fmt: skip
"""Of a polynomial that meets e^r at the zeros of Chebyshev's, highest power first: to 2^-54.7 for |r| <= ln 2 / 2."""
_SLOPE = (
    -5.284190138687493e-10, 2.08767569878681e-08, -8.267195767195768e-07, 3.306878306878307e-05, -0.001388888888888889,
    0.08333333333333333,
)  # fmt: skip
"""B_2k / (2k)!, Bernoulli's numbers, k from 6 to 1."""
_NEAR = 0.25
_DOUBLES, _WHOLES, _BITS = (ir.VectorType(kind, LANES) for kind in (ir.DoubleType(), ir.IntType(64), ir.IntType(1)))


class _Lanes(types.Type):
    """Type of 8 values."""


eight, truths = _Lanes("eight"), _Lanes("truths")


@register_model(_Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, _BITS if kind.name == "truths" else _DOUBLES)


# -- operators ---------------------------------------------------------------------------------------------------------


def _operator(function, result, code):
    """Let an operator take two of eight."""

    @infer_global(function)
    class _Typed(ConcreteTemplate):
        cases = [signature(result, eight, eight)]

    lower_builtin(function, eight, eight)(lambda context, builder, kinds, arguments: code(builder, *arguments))


for _function, _name in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"), (operator.truediv, "fdiv")):
    _operator(_function, eight, lambda builder, a, b, name=_name: getattr(builder, name)(a, b))
for _function, _name in ((operator.lt, "<"), (operator.le, "<="), (operator.gt, ">"), (operator.ge, ">="), (operator.eq, "==")):
    _operator(_function, truths, lambda builder, a, b, name=_name: builder.fcmp_ordered(name, a, b))


@infer_global(operator.neg)
class _Negative(ConcreteTemplate):
    cases = [signature(eight, eight)]


@lower_builtin(operator.neg, eight)
def _negate(context, builder, kinds, arguments):
    return builder.fneg(arguments[0])


# -- from and to memory ------------------------------------------------------------------------------------------------


def _vector(builder, pointer, offset):
    return builder.bitcast(builder.gep(pointer, [offset]), _DOUBLES.as_pointer())


@intrinsic
def load(typing_context, numbers, offset):
    """8 numbers from an offset on."""

    def code(context, builder, kinds, arguments):
        return builder.load(_vector(builder, *arguments), align=8)

    return eight(numbers, types.int64), code


@intrinsic
def store(typing_context, numbers, offset, value):
    """Write 8 numbers from an offset on."""

    def code(context, builder, kinds, arguments):
        builder.store(arguments[2], _vector(builder, *arguments[:2]), align=8)

    return types.void(numbers, types.int64, eight), code


@intrinsic
def same(typing_context, number):
    """One number, 8 times."""

    def code(context, builder, kinds, arguments):
        nothing, first = ir.Constant(_DOUBLES, ir.Undefined), ir.VectorType(ir.IntType(32), LANES)
        one = builder.insert_element(nothing, arguments[0], ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(one, nothing, ir.Constant(first, [0] * LANES))

    return eight(types.float64), code


# -- choices -----------------------------------------------------------------------------------------------------------


@intrinsic
def select_each(typing_context, condition, yes, no):
    """One or the other."""
    return eight(truths, eight, eight), lambda context, builder, kinds, arguments: builder.select(*arguments)


@intrinsic
def both_each(typing_context, a, b):
    return truths(truths, truths), lambda context, builder, kinds, arguments: builder.and_(*arguments)


@intrinsic
def opposite_each(typing_context, a):
    return truths(truths), lambda context, builder, kinds, arguments: builder.not_(*arguments)


@intrinsic
def smaller_each(typing_context, a, b):
    """NaN stays NaN, in ``a``."""

    def code(context, builder, kinds, arguments):
        a, b = arguments
        return builder.select(builder.fcmp_ordered("<", b, a), b, a)

    return eight(eight, eight), code


@intrinsic
def larger_each(typing_context, a, b):
    """NaN stays NaN, in ``a``."""

    def code(context, builder, kinds, arguments):
        a, b = arguments
        return builder.select(builder.fcmp_ordered(">", b, a), b, a)

    return eight(eight, eight), code


# -- functions ---------------------------------------------------------------------------------------------------------


def _constant(number):
    return ir.Constant(_DOUBLES, [number] * LANES)


def _call(builder, name, *arguments):
    kind = ir.FunctionType(_DOUBLES, [_DOUBLES] * len(arguments))
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"{name}.v{LANES}f64"), arguments)


def _fused(builder, a, b, c):
    return _call(builder, "llvm.fma", a, b, c)


def _size(builder, a):
    return _call(builder, "llvm.fabs", a)


def _horner(builder, x, coefficients):
    """A polynomial, the coefficient of the highest power first."""
    found = _constant(coefficients[0])
    for coefficient in coefficients[1:]:
        found = _fused(builder, x, found, _constant(coefficient))
    return found


@intrinsic
def fused(typing_context, a, b, c):
    """a b + c, rounded once."""
    return eight(eight, eight, eight), lambda context, builder, kinds, arguments: _fused(builder, *arguments)


@intrinsic
def magnitude_each(typing_context, a):
    return eight(eight), lambda context, builder, kinds, arguments: _size(builder, *arguments)


@intrinsic
def sqrt_each(typing_context, a):
    return eight(eight), lambda context, builder, kinds, arguments: _call(builder, "llvm.sqrt", *arguments)


@intrinsic
def exponential(typing_context, x):
    """e^x, to 1 unit of the last place, for x up to 350 on either side; the ends of that range beyond it."""

    def code(context, builder, kinds, arguments):
        (x,) = arguments
        for sign, end in (("<", -MOST_EXPONENT), (">", MOST_EXPONENT)):
            x = builder.select(builder.fcmp_ordered(sign, x, _constant(end)), _constant(end), x)
        shifted = _fused(builder, x, _constant(_LOG2_E), _constant(_ROUND))
        n = builder.fsub(shifted, _constant(_ROUND))
        r = _fused(builder, n, _constant(-_LN2_REST), _fused(builder, n, _constant(-_LN2), x))
        bits = builder.bitcast(_horner(builder, r, _EXPONENTIAL), _WHOLES)
        octaves = builder.shl(builder.bitcast(shifted, _WHOLES), ir.Constant(_WHOLES, [52] * LANES))
        return builder.bitcast(builder.add(bits, octaves), _DOUBLES)

    return eight(eight), code


@intrinsic
def slope(typing_context, u, e):
    """u / (e^u - 1), 1 at 0, given e = e^u: by a series up to 1/4, where the difference would lose digits."""

    def code(context, builder, kinds, arguments):
        u, e = arguments
        z = builder.fmul(u, u)
        near = _fused(builder, z, _horner(builder, z, _SLOPE), _fused(builder, u, _constant(-0.5), _constant(1.0)))
        far = builder.fdiv(u, builder.fsub(e, _constant(1.0)))
        return builder.select(builder.fcmp_ordered("<", _size(builder, u), _constant(_NEAR)), near, far)

    return eight(eight, eight), code


# -- one by one --------------------------------------------------------------------------------------------------------


@intrinsic
def _room(typing_context):
    """Memory for 3 times 8 numbers."""

    def code(context, builder, kinds, arguments):
        return builder.bitcast(cgutils.alloca_once(builder, _DOUBLES, size=3), ir.DoubleType().as_pointer())

    return types.CPointer(types.float64)(), code


@intrinsic
def _lanes(typing_context):
    """8, which the compiler does not know, lest it take a loop apart before it sees what vectors would do."""

    def code(context, builder, kinds, arguments):
        kind = ir.IntType(64)
        return builder.asm(ir.FunctionType(kind, [kind]), "", "=r,0", [ir.Constant(kind, LANES)], False)

    return types.int64(), code


_kernel = njit(forceinline=True, error_model="numpy", cache=True)


def _each(function):
    """A function of a number, of each of eight."""

    @_kernel
    def found(x):
        room = _room()
        store(room, 0, x)
        for k in range(_lanes()):
            room[8 + k] = function(room[k])
        return load(room, 8)

    return found


exp_each, expm1_each, exprel_each, logistic_each = map(_each, (maths.exp, maths.expm1, maths.exprel, maths.logistic))
log_each, log1p_each, softplus_each = map(_each, (maths.log, maths.log1p, maths.softplus))
sinh_each, cosh_each, tanh_each, arctan_each = map(_each, (maths.sinh, maths.cosh, maths.tanh, maths.arctan))
sin_each, cos_each, tan_each, erf_each, erfc_each = map(_each, (maths.sin, maths.cos, maths.tan, maths.erf, maths.erfc))


@_kernel
def power_each(x, y):
    """x**y."""
    room = _room()
    store(room, 0, x)
    store(room, 8, y)
    for k in range(_lanes()):
        room[16 + k] = maths.power(room[k], room[8 + k])
    return load(room, 16)

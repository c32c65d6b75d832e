"""Eight cells at once: the lines of elimination over vectors of 8 numbers, written straight into the compiler's own language.

A loop over 8 lanes in Python would be compiled into code that first looks whether the numbers overlap, at every compartment. All
places are offsets into one array of numbers; ``1/d`` of a compartment takes the place of ``d`` once it is eliminated.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 8
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)


class _Lanes:
    """Vectors in an array: loads, stores and numbers that are the same in all lanes."""

    def __init__(self, context, builder, signature, arguments):
        self.builder = builder
        self._context, self._kind, self._array = context, signature.args[0], context.make_array(signature.args[0])(
            context, builder, arguments[0]
        )  # fmt: skip

    def _pointer(self, place):
        kind, array = self._kind, self._array
        found = cgutils.get_item_pointer(self._context, self.builder, kind, array, [place], wraparound=False)
        return self.builder.bitcast(found, _VECTOR.as_pointer())

    def load(self, place):
        return self.builder.load(self._pointer(place), align=8)

    def store(self, value, place):
        self.builder.store(value, self._pointer(place), align=8)

    def same(self, number):
        one = self.builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return self.builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), zeros)

    def add(self, a, b):
        return self.builder.fadd(a, b)

    def multiply(self, a, b):
        return self.builder.fmul(a, b)


def _signature(array, places, numbers):
    return types.void(array, *[types.int64] * places, *[types.float64] * numbers)


@intrinsic
def begin(typing_context, arena, v, rhs, capacity, right):
    """rhs = capacity v + right."""

    def code(context, builder, signature, arguments):
        lanes = _Lanes(context, builder, signature, arguments)
        _, v, rhs, capacity, right = arguments
        lanes.store(lanes.add(lanes.multiply(lanes.same(capacity), lanes.load(v)), lanes.same(right)), rhs)

    return _signature(arena, 2, 2), code


@intrinsic
def fill(typing_context, arena, target, number):
    """target = number."""

    def code(context, builder, signature, arguments):
        lanes = _Lanes(context, builder, signature, arguments)
        lanes.store(lanes.same(arguments[2]), arguments[1])

    return _signature(arena, 1, 1), code


@intrinsic
def add(typing_context, arena, target, source):
    """target += source."""

    def code(context, builder, signature, arguments):
        lanes = _Lanes(context, builder, signature, arguments)
        lanes.store(lanes.add(lanes.load(arguments[1]), lanes.load(arguments[2])), arguments[1])

    return _signature(arena, 2, 0), code


@intrinsic
def copy(typing_context, arena, target, source):
    """target = source."""

    def code(context, builder, signature, arguments):
        lanes = _Lanes(context, builder, signature, arguments)
        lanes.store(lanes.load(arguments[2]), arguments[1])

    return _signature(arena, 2, 0), code


@intrinsic
def eliminate(typing_context, arena, d, rhs, parent_d, parent_rhs, axial):
    """d = 1 / d; f = axial d; parent_d -= f axial; parent_rhs += f rhs."""

    def code(context, builder, signature, arguments):
        lanes = _Lanes(context, builder, signature, arguments)
        _, d, rhs, parent_d, parent_rhs, axial = arguments
        axial = lanes.same(axial)
        inverse = builder.fdiv(lanes.same(ir.Constant(ir.DoubleType(), 1.0)), lanes.load(d))
        lanes.store(inverse, d)
        factor = lanes.multiply(axial, inverse)
        lanes.store(builder.fsub(lanes.load(parent_d), lanes.multiply(factor, axial)), parent_d)
        lanes.store(lanes.add(lanes.load(parent_rhs), lanes.multiply(factor, lanes.load(rhs))), parent_rhs)

    return _signature(arena, 4, 1), code


@intrinsic
def eliminate_still(typing_context, arena, rhs, parent_rhs, factor):
    """parent_rhs += factor rhs, where what is eliminated never changes."""

    def code(context, builder, signature, arguments):
        lanes = _Lanes(context, builder, signature, arguments)
        _, rhs, parent, factor = arguments
        lanes.store(lanes.add(lanes.load(parent), lanes.multiply(lanes.same(factor), lanes.load(rhs))), parent)

    return _signature(arena, 2, 1), code


@intrinsic
def solve_root(typing_context, arena, x, d, rhs):
    """x = rhs / d, by the inverse as elsewhere."""

    def code(context, builder, signature, arguments):
        lanes = _Lanes(context, builder, signature, arguments)
        _, x, d, rhs = arguments
        inverse = builder.fdiv(lanes.same(ir.Constant(ir.DoubleType(), 1.0)), lanes.load(d))
        lanes.store(lanes.multiply(inverse, lanes.load(rhs)), x)

    return _signature(arena, 3, 0), code


@intrinsic
def substitute(typing_context, arena, x, d, rhs, parent_x, axial):
    """x = d (rhs + axial parent_x), d being the inverse by now."""

    def code(context, builder, signature, arguments):
        lanes = _Lanes(context, builder, signature, arguments)
        _, x, d, rhs, parent, axial = arguments
        known = lanes.add(lanes.load(rhs), lanes.multiply(lanes.same(axial), lanes.load(parent)))
        lanes.store(lanes.multiply(lanes.load(d), known), x)

    return _signature(arena, 4, 1), code


@intrinsic
def substitute_still(typing_context, arena, x, rhs, parent_x, axial, inverse):
    """x = inverse (rhs + axial parent_x)."""

    def code(context, builder, signature, arguments):
        lanes = _Lanes(context, builder, signature, arguments)
        _, x, rhs, parent, axial, inverse = arguments
        known = lanes.add(lanes.load(rhs), lanes.multiply(lanes.same(axial), lanes.load(parent)))
        lanes.store(lanes.multiply(lanes.same(inverse), known), x)

    return _signature(arena, 3, 2), code


@intrinsic
def overshoot(typing_context, arena, v, x):
    """v = 2 x - v: from the middle of a step to its end."""

    def code(context, builder, signature, arguments):
        lanes = _Lanes(context, builder, signature, arguments)
        middle = lanes.load(arguments[2])
        lanes.store(builder.fsub(lanes.add(middle, middle), lanes.load(arguments[1])), arguments[1])

    return _signature(arena, 2, 0), code


@intrinsic
def flow(typing_context, arena, v, parent_v, current, parent_current, axial):
    """What flows from the parent in: i = axial (parent_v - v); current += i; parent_current -= i."""

    def code(context, builder, signature, arguments):
        lanes = _Lanes(context, builder, signature, arguments)
        _, v, parent_v, current, parent_current, axial = arguments
        coming = lanes.multiply(lanes.same(axial), builder.fsub(lanes.load(parent_v), lanes.load(v)))
        lanes.store(lanes.add(lanes.load(current), coming), current)
        lanes.store(builder.fsub(lanes.load(parent_current), coming), parent_current)

    return _signature(arena, 4, 1), code

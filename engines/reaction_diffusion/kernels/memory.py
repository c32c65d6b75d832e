"""Numbers by the address where they begin: tables that a kernel reads without being told of arrays, and calls of chemistry."""
# mypy: disable-error-code="no-untyped-def, import-untyped"

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_float64 = types.CPointer(types.float64)
_int64 = types.CPointer(types.int64)
_int32 = types.CPointer(types.int32)


def _from_address(context, builder, signature, arguments):
    return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))


@intrinsic
def float64s(typing_context, address):
    """Numbers that begin at an address."""
    return _float64(types.int64), _from_address


@intrinsic
def int64s(typing_context, address):
    """Whole numbers that begin at an address."""
    return _int64(types.int64), _from_address


@intrinsic
def int32s(typing_context, address):
    """Whole numbers of 32 bits that begin at an address."""
    return _int32(types.int64), _from_address


@intrinsic
def behind(typing_context, pointer, count):
    """The numbers from the one that stands ``count`` places on."""

    def code(context, builder, signature, arguments):
        return builder.gep(arguments[0], [arguments[1]])

    return pointer(pointer, types.int64), code


@intrinsic
def soon(typing_context, pointer, index):
    """Tell the processor that a number will be looked at soon: a hint, without effect on any result."""

    def code(context, builder, signature, arguments):
        byte = ir.IntType(8).as_pointer()
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        place = builder.bitcast(builder.gep(arguments[0], [arguments[1]]), byte)
        builder.call(function, [place, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(pointer, types.int64), code


@intrinsic
def call(typing_context, address, x, u, p, m, out):
    """A function of a chemistry."""

    def code(context, builder, signature, arguments):
        kinds = [context.get_value_type(_float64)] * 5
        function = ir.FunctionType(ir.VoidType(), kinds)
        builder.call(builder.inttoptr(arguments[0], function.as_pointer()), arguments[1:])
        return context.get_dummy_value()

    return types.void(types.int64, _float64, _float64, _float64, _float64, _float64), code

"""Calls of mechanisms by the address of their code, so that one loop over steps serves cells of any channels."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_numbers = types.CPointer(types.float64)


@intrinsic
def place(typing_context, array, offset):
    """A pointer to a number of an array of one axis."""

    def code(context, builder, signature, arguments):
        made = context.make_array(signature.args[0])(context, builder, arguments[0])
        return cgutils.get_item_pointer(context, builder, signature.args[0], made, [arguments[1]], wraparound=False)

    return _numbers(array, types.int64), code


def _call(builder, context, address, kinds, values):
    function = ir.FunctionType(ir.VoidType(), [context.get_value_type(kind) for kind in kinds])
    builder.call(builder.inttoptr(address, function.as_pointer()), values)


@intrinsic
def call_prepare(typing_context, address, uniform):
    """``prepare`` of a mechanism."""

    def code(context, builder, signature, arguments):
        _call(builder, context, arguments[0], (_numbers,), arguments[1:])

    return types.void(types.int64, _numbers), code


@intrinsic
def call_blocks(typing_context, address, blocks, at, uniform):
    """``current`` or ``move`` of a mechanism."""

    def code(context, builder, signature, arguments):
        _call(builder, context, arguments[0], (types.int64, _numbers, _numbers), arguments[1:])

    return types.void(types.int64, types.int64, _numbers, _numbers), code


@intrinsic
def call_receive(typing_context, address, slot, weight, uniform):
    """``receive`` of a mechanism."""

    def code(context, builder, signature, arguments):
        _call(builder, context, arguments[0], (_numbers, types.float64, _numbers), arguments[1:])

    return types.void(types.int64, _numbers, types.float64, _numbers), code

"""Calls of compiled code by its address: so that one loop over steps, compiled once, serves networks of any models.

Pointers are to places in arrays that the caller holds; code behind an address moves neurons or looks at one of them.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_whole, _number = types.int64, types.float64
_numbers, _wholes = types.CPointer(_number), types.CPointer(_whole)
_words, _short = types.CPointer(types.uint64), types.CPointer(types.int32)

UPDATE = _whole(
    _whole, _whole, types.uint64, _number, _number, _whole, _whole,  # count, blocks, now, dt, root_dt, part, parts
    _numbers, _wholes, _wholes, _numbers, _numbers, _words, _numbers, _numbers,  # state … own
    _short, _numbers, _whole, _whole,  # spikes, early, how many there are, how many have room
)  # fmt: skip
"""Moves the neurons of a population in a part on by a step; how many spikes there are then."""
OBSERVE = _number(_whole, _whole, _numbers, _numbers, _numbers, _number)
"""A number of one neuron: which, lane, state, uniform, regional, dt."""


@intrinsic
def place(typing_context, array, offset):
    """A pointer to an element of an array of one axis, by its number."""

    def code(context, builder, signature, arguments):
        made = context.make_array(signature.args[0])(context, builder, arguments[0])
        return cgutils.get_item_pointer(context, builder, signature.args[0], made, [arguments[1]], wraparound=False)

    return types.CPointer(array.dtype)(array, types.int64), code


def _call(signature, arguments):
    """What calls code of a signature that stands at an address."""
    whole = (types.int64, *signature.args)

    def code(context, builder, _, values):
        kinds = [context.get_value_type(kind) for kind in signature.args]
        function = ir.FunctionType(context.get_value_type(signature.return_type), kinds)
        return builder.call(builder.inttoptr(values[0], function.as_pointer()), values[1:])

    assert len(arguments) == len(signature.args)
    return signature.return_type(*whole), code


@intrinsic
def call_update(
    typing_context, address, count, blocks, now, dt, root_dt, part, parts, state, ring, mean, uniform, regional, keys, drive, own,
    spikes, early, found, room,
):  # fmt: skip
    given = (
        count, blocks, now, dt, root_dt, part, parts, state, ring, mean, uniform, regional, keys, drive, own, spikes, early, found,
        room,
    )  # fmt: skip
    return _call(UPDATE, given)


@intrinsic
def call_observe(typing_context, address, which, lane, state, uniform, regional, dt):
    return _call(OBSERVE, (which, lane, state, uniform, regional, dt))

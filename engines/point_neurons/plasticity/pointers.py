"""Pointers from addresses, and calls of the code of rules by its address."""
# mypy: disable-error-code="no-untyped-def, no-untyped-call, import-untyped"

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_whole, _number = types.int64, types.float64
_wholes, _numbers, _shorts = types.CPointer(_whole), types.CPointer(_number), types.CPointer(types.uint32)

SPIKE = types.void(_wholes, _whole, _number, _wholes)
"""A spike of a source: card, source, step at the synapses, row of the ring in which it acts."""
DEPART = types.void(_wholes, _whole, _number, _number)
"""A spike of a target: card, neuron in its part, step of emission, step by which all spikes of sources are known to have come."""
SWEEP = types.void(_wholes, _number, _whole)
"""All synapses up to a step: card, step, whether that step is an event of theirs."""
LOOK = types.void(_wholes, _number, _whole, _wholes, _whole, _numbers)
"""Values at a step: card, step, which, numbers of sources, how many, where values go."""


@intrinsic
def wholes_at(typing_context, address):
    return _pointer(_wholes)


@intrinsic
def numbers_at(typing_context, address):
    return _pointer(_numbers)


@intrinsic
def shorts_at(typing_context, address):
    return _pointer(_shorts)


def _pointer(kind):
    def code(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(kind))

    return kind(types.int64), code


def _call(signature):
    def code(context, builder, _, values):
        kinds = [context.get_value_type(kind) for kind in signature.args]
        function = ir.FunctionType(ir.VoidType(), kinds)
        builder.call(builder.inttoptr(values[0], function.as_pointer()), values[1:])
        return context.get_dummy_value()

    return types.void(types.int64, *signature.args), code


@intrinsic
def call_spike(typing_context, address, card, source, now, ring):
    return _call(SPIKE)


@intrinsic
def call_depart(typing_context, address, card, local, step, known):
    return _call(DEPART)


@intrinsic
def call_sweep(typing_context, address, card, until, settles):
    return _call(SWEEP)


@intrinsic
def call_look(typing_context, address, card, until, which, sources, count, out):
    return _call(LOOK)

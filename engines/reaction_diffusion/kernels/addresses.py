"""Calls of compiled chemistry by the address of its code, so that one loop over voxels serves all models."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from engines.compartmental_neurons.kernels.pointers import place

__all__ = ["call", "place"]

_numbers = types.CPointer(types.float64)


@intrinsic
def call(typing_context, address, x, u, p, m, found):
    """Code that is given numbers in a voxel, inputs, parameters and measures, and writes what it finds: all pointers to float64."""

    def code(context, builder, signature, arguments):
        kinds = [context.get_value_type(_numbers)] * 5
        function = ir.FunctionType(ir.VoidType(), kinds)
        builder.call(builder.inttoptr(arguments[0], function.as_pointer()), arguments[1:])

    return types.void(types.int64, _numbers, _numbers, _numbers, _numbers, _numbers), code

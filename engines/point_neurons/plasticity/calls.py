"""Kernels that call the code of rules by its address: so that the loop over steps, compiled once, serves all of them.

arrive   a spike of a source: weights are brought up to date, changed and delivered
depart   a spike of a target is noted in its past
settle   at fixed times all synapses of a modulated projection are brought up to date
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from engines.point_neurons.plasticity.card import ENTRIES, PROGRESS_OF, SETTLED
from engines.point_neurons.plasticity.doses import hear_part
from engines.point_neurons.pointers import place

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_whole, _number = types.int64, types.float64
_numbers, _wholes = types.CPointer(_number), types.CPointer(_whole)

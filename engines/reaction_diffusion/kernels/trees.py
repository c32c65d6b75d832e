"""Diffusion in a tree of voxels over a time h: the scheme of ``diffusion``, by elimination from the tips to the root (Hines 1984).

Every voxel comes after its parent. Most parents are the voxel before: what belongs to that one stays at hand.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from engines.reaction_diffusion.kernels.addresses import place
from engines.reaction_diffusion.kernels.deterministic_records import (
    FIELD,
    GAMMA,
    IS_SECOND_ORDER,
    LENGTH,
    PARENTS,
    SECOND,
    TABLES,
)

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_inline = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)


@_kernel
def sweep_tree(state, numbers, table, record, parts, work):
    """One sweep of a tree, from the first voxel on."""
    voxels, entry, is_second_order = record[LENGTH], record[TABLES], record[IS_SECOND_ORDER]
    n, a, b = place(state, record[FIELD]), place(work, 0), place(work, voxels)
    factors, walls, is_held = table[entry], table[entry + 1], table[entry + 2]
    volume, per_volume = place(numbers, factors + 3 * voxels), place(numbers, factors + 4 * voxels)
    for i in range(voxels):
        b[i] = n[i] * per_volume[i]
        a[i] = 0.0
    if walls >= 0:
        for i in range(voxels):
            a[i] = -numbers[np.uint64(walls + i)] * b[i]
    _flow_to_root(numbers, factors, table, record[PARENTS], voxels, b, a)
    _to_tips(numbers, factors, table, record[PARENTS], voxels, a)
    if is_second_order:
        for i in range(voxels):
            b[i] = volume[i] * a[i]
        _to_root(numbers, factors, table, record[PARENTS], voxels, b)
        _to_tips(numbers, factors, table, record[PARENTS], voxels, b)
    left, growth = 0.0, 0.0
    if walls >= 0:
        for i in range(voxels):
            stage = n[i] * per_volume[i] + a[i] + (GAMMA * SECOND * b[i] if is_second_order else 0.0)
            left += numbers[np.uint64(walls + i)] * stage
        left = left / GAMMA if is_second_order else left
    if is_held:
        for i in range(voxels):
            growth += volume[i] * (a[i] + (SECOND * b[i] if is_second_order else 0.0))
        growth += left
    if is_second_order:
        for i in range(voxels):
            n[i] += volume[i] * (a[i] + SECOND * b[i])
    else:
        for i in range(voxels):
            n[i] = max(n[i] + volume[i] * a[i], 0.0)
    parts[0], parts[1] = left, growth


@_kernel
def factor_tree(parents, conductance, diagonal, held):
    """Elimination factors of a tree and inverses of its diagonal, from the tips to the root.

    Parameters
    ----------
    conductance
        (voxels,) gamma h g to the parent.
    diagonal
        (voxels,) V + gamma h (sum of g and w); overwritten.
    held
        (voxels,) whether the increment is 0.

    Returns
    -------
    (2, voxels)
    """
    voxels = len(parents)
    found = np.zeros((2, voxels))
    for k in range(voxels):
        i = voxels - 1 - k
        if held[i]:
            continue
        found[1, i] = 1.0 / diagonal[i]
        parent = parents[i]
        if parent >= 0 and not held[parent]:
            found[0, i] = conductance[i] * found[1, i]
            diagonal[parent] -= conductance[i] * found[0, i]
    return found


@_inline
def _flow_to_root(numbers, factors, table, parents, voxels, c, known):
    """Add what flows along all faces to the right sides, and eliminate."""
    conductance, factor = place(numbers, factors), place(numbers, factors + voxels)
    carried = 0.0
    for k in range(voxels):
        i = voxels - 1 - k
        right, parent = known[i] + carried, table[np.uint64(parents + i)]
        carried = 0.0
        if parent >= 0:
            flux = conductance[i] * (c[parent] - c[i])
            right += flux
            carried = factor[i] * right - flux
            if parent != i - 1:
                known[parent] += carried
                carried = 0.0
        known[i] = right


@_inline
def _to_root(numbers, factors, table, parents, voxels, known):
    factor, carried = place(numbers, factors + voxels), 0.0
    for k in range(voxels):
        i = voxels - 1 - k
        right, parent = known[i] + carried, table[np.uint64(parents + i)]
        known[i] = right
        carried = factor[i] * right
        if parent != i - 1:
            if parent >= 0:
                known[parent] += carried
            carried = 0.0


@_inline
def _to_tips(numbers, factors, table, parents, voxels, known):
    """From right sides to increments."""
    factor, inverse, before = place(numbers, factors + voxels), place(numbers, factors + 2 * voxels), 0.0
    for i in range(voxels):
        parent = table[np.uint64(parents + i)]
        above = before
        if parent != i - 1:
            above = known[parent] if parent >= 0 else 0.0
        before = inverse[i] * known[i] + factor[i] * above
        known[i] = before

"""Rows of what is watched: weighted sums of numbers of a state, at the ends of steps or as means over them."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from numba import njit

_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def is_due(step, is_end, has_means, grain):
    """Whether something is read at the start, or the end, of a step (counted from the first of the window)."""
    return has_means or (is_end and (step + 1) % grain == 0)


@_kernel
def watch(state, step, is_end, starts, places, weights, every, is_mean, sums, first, stride, out):
    """What is due of all columns: their share of a mean, or the row that ends here.

    Parameters
    ----------
    sums
        (columns,) of means that are under way, 0 at the start of a window.
    first, stride
        (columns,) row r of a column goes to ``out[first + r * stride]``.
    """
    for column in range(len(every)):
        ends_here = is_end and (step + 1) % every[column] == 0
        if not (ends_here or is_mean[column]):
            continue
        total = 0.0
        for term in range(starts[column], starts[column + 1]):
            total += weights[term] * state[places[term]]
        at = first[column] + (step // every[column]) * stride[column]
        if not is_mean[column]:
            out[at] = total
            continue
        sums[column] += 0.5 * total  # the trapezoidal rule in every step
        if ends_here:
            out[at] = sums[column] / every[column]
            sums[column] = 0.0

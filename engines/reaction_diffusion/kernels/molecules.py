"""Lists of the molecules of shared species: where each is, so that one that moves is found in one look.

A molecule that reacts is not looked for in its list. Its voxel has a *ghost* more, an entry of the list too many: which entry of
the voxel it is, is left open, since all of them are alike, until one of them is taken; of n molecules and g ghosts it is a ghost
with chance g / (n + g), and then struck out. A molecule that appears takes the place of a ghost where there is one.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from numba import njit

from engines.reaction_diffusion.kernels.memory import float64s, int32s, int64s
from engines.reaction_diffusion.kernels.records import (
    BOUNDS,
    CLASSES,
    COUNTS,
    DEBTS,
    HAUNTED,
    HELD,
    INVERSE,
    KIND_CLASSES,
    LEDGER,
    LEDGER_COUNT,
    LIST_STARTS,
    LISTS,
    NEEDED,
    NUMBERS,
    QUEUE,
    QUEUED,
    ROWS_SUM,
    SHARED,
    SIZES,
    SOURCE_SUM,
    SUMS,
    SUPPLIED,
    TOTAL,
    VOXELS,
    WAYS_OUT,
)

_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def kind_at(work, place):
    """The kind of a place of a shared species, LOOSE or HELD."""
    kind = int32s(work[WAYS_OUT])[2 * place]
    return kind if kind < 0 else kind & (HAUNTED - 1)


@_kernel
def _owe(work, place, number):
    """A place has more ghosts, or fewer."""
    debts, ways = int32s(work[DEBTS]), int32s(work[WAYS_OUT])
    debts[place] += number
    kind = ways[2 * place] & (HAUNTED - 1)
    ways[2 * place] = kind | HAUNTED if debts[place] > 0 else kind


@_kernel
def tally(fixed, work):
    """Add up at what rate anything is taken, and note its inverse."""
    sums, numbers = float64s(work[SUMS]), float64s(work[NUMBERS])
    total = numbers[ROWS_SUM] + numbers[SOURCE_SUM]
    for c in range(fixed[CLASSES]):
        total += sums[c]
    numbers[TOTAL] = total
    numbers[INVERSE] = 1.0 / total if total > 0.0 else 1e300


@_kernel
def resize(fixed, work, c, size):
    """A class has so many entries now."""
    int64s(work[SIZES])[c] = size
    float64s(work[SUMS])[c] = float64s(fixed[BOUNDS])[c] * size


@_kernel
def _queue(work, place, number):
    """Molecules that come, or where negative go, are noted until lists have room."""
    queue, counts = int64s(work[QUEUE]), int64s(work[COUNTS])
    queued = counts[QUEUED]
    queue[2 * queued], queue[2 * queued + 1] = place, number
    counts[QUEUED] = queued + 1


@_kernel
def enter(fixed, work, place, number):
    """Molecules that appeared at a place of a shared species come into its list, or are queued where the list is full.

    Behind one that is queued all are, and all that go, so that the order is the same however much room there is.
    """
    kind, counts = kind_at(work, place), int64s(work[COUNTS])
    if kind < 0:
        return
    if counts[QUEUED] > 0:
        _queue(work, place, number)
        int64s(work[NEEDED])[int32s(fixed[KIND_CLASSES])[kind]] += number
        return
    cancelled = min(number, int32s(work[DEBTS])[place])
    if cancelled > 0:
        _owe(work, place, -cancelled)
        number -= cancelled
    c = int32s(fixed[KIND_CLASSES])[kind]
    starts, lists = int64s(work[LIST_STARTS]), int32s(work[LISTS])
    size = int64s(work[SIZES])[c]
    room = starts[c + 1] - starts[c] - size
    fitting = min(number, room)
    for k in range(fitting):
        lists[starts[c] + size + k] = place
    resize(fixed, work, c, size + fitting)
    if number > fitting:
        _queue(work, place, number - fitting)
        int64s(work[NEEDED])[c] += size + number


@_kernel
def desert(work, place, number):
    """Molecules that went, of any of the entries of their voxel, leave ghosts."""
    if kind_at(work, place) < 0:
        return
    if int64s(work[COUNTS])[QUEUED] > 0:
        _queue(work, place, -number)
    else:
        _owe(work, place, number)


@_kernel
def strike(fixed, work, c, spot):
    """An entry goes, the last of its class takes its place."""
    lists, size = int32s(work[LISTS]), int64s(work[SIZES])[c]
    lists[spot] = lists[int64s(work[LIST_STARTS])[c] + size - 1]
    resize(fixed, work, c, size - 1)


@_kernel
def strike_ghost(fixed, work, c, spot, place):
    """An entry turned out to be a ghost."""
    strike(fixed, work, c, spot)
    _owe(work, place, -1)


@_kernel
def enter_queued(fixed, work):
    """Molecules that lists had no room for, once they have."""
    counts, queue = int64s(work[COUNTS]), int64s(work[QUEUE])
    queued = counts[QUEUED]
    counts[QUEUED] = 0
    for k in range(queued):
        if queue[2 * k + 1] > 0:
            enter(fixed, work, queue[2 * k], queue[2 * k + 1])
        else:
            desert(work, queue[2 * k], -queue[2 * k + 1])
    tally(fixed, work)


@_kernel
def enter_all(fixed, work, state):
    """The lists of a state, place by place; whether they have room."""
    debts = int32s(work[DEBTS])
    starts, needed, classes = int64s(work[LIST_STARTS]), int64s(work[NEEDED]), int32s(fixed[KIND_CLASSES])
    for c in range(fixed[CLASSES]):
        needed[c] = 0
    for place in range(fixed[SHARED] * fixed[VOXELS]):
        if kind_at(work, place) >= 0:
            needed[classes[kind_at(work, place)]] += int(state[place])
    has_room = True
    for c in range(fixed[CLASSES]):
        has_room &= needed[c] <= starts[c + 1] - starts[c]
    if not has_room:
        return False
    for c in range(fixed[CLASSES]):
        needed[c] = 0
        resize(fixed, work, c, 0)
    for place in range(fixed[SHARED] * fixed[VOXELS]):
        if kind_at(work, place) >= 0:
            _owe(work, place, -debts[place])
            enter(fixed, work, place, int(state[place]))
    return True


@_kernel
def change_number(fixed, work, state, place, amount):
    """Molecules come to, or go from, a place of a shared species, or from what supplies it where it is held."""
    if kind_at(work, place) == HELD:
        species = place // fixed[VOXELS]
        state[fixed[LEDGER] + LEDGER_COUNT * species + SUPPLIED] -= amount
        return
    state[place] += amount
    if amount > 0.0:
        enter(fixed, work, place, int(amount))
    else:
        desert(work, place, int(-amount))

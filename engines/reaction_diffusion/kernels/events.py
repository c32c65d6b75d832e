"""Single events in many voxels, exactly: molecules hop, leave, are taken up, react.

Candidates come at a rate that is at least the sum of all propensities, after times that are exponential; one is taken at random,
and happens with the chance (its propensity) / (what it was counted with), so that every event has its own propensity (thinning).
Molecules that may move are counted with the same rate wherever a *class* of theirs is, and are found in a list: the cost of a hop
does not depend on how many voxels and molecules there are. Rows react as told in ``rows``.

What is left of a unit exponential when a step ends is kept, less the rate times the time, for the next: nothing is drawn anew.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from numba import njit

from engines.equations.maths import log_of_positive
from engines.reaction_diffusion.kernels.memory import behind, float64s, int32s, int64s, soon
from engines.reaction_diffusion.kernels.molecules import change_number, kind_at, strike, strike_ghost, tally
from engines.reaction_diffusion.kernels.poisson import counted
from engines.reaction_diffusion.kernels.records import (
    AHEAD,
    AT,
    BATCH,
    CHANCES,
    CHANGE_AMOUNTS,
    CHANGE_BASES,
    CHANGE_SHARED,
    CHANGE_STARTS,
    CHANNEL_COUNT,
    CHOICES_STREAM,
    CLASS_SPECIES,
    CLASSES,
    COEFFICIENTS,
    COUNTS,
    DEBTS,
    EVENTS,
    EXPONENTIALS,
    FAR,
    FAULT,
    FIRST_CHANNEL,
    FULL,
    GOALS,
    HAS_LAWS,
    HAUNTED,
    INVERSE,
    INVERSES,
    IS_LAW,
    KEPT,
    KIND_CLASSES,
    LEAVES,
    LEDGER,
    LEDGER_COUNT,
    LEFT,
    LEFT_LEDGER,
    LIST_STARTS,
    LISTS,
    LOOSE,
    NUMBERS,
    QUEUED,
    ROW_AT,
    ROW_COEFFICIENTS,
    ROW_OF,
    ROW_VOXEL,
    ROWS_SUM,
    SECOND_STREAM,
    SIZES,
    SLOTS,
    SOUND,
    SOURCE_KINDS,
    SOURCE_PLACES,
    SOURCE_SUMS,
    SOURCES,
    STAYS,
    SUMS,
    SUPPLIED,
    TAKEN_LEDGER,
    TAKEN_UP,
    TIME,
    TIMES_STREAM,
    TOTAL,
    UNIFORMS,
    VOXELS,
    WAYS_OUT,
)
from engines.reaction_diffusion.kernels.rows import NO_SLACK, SLACK, laws_of, patch_of, product, rebound, record_of, take_row

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_LOOSE = 0.1
"""Share of its bound below which the propensities of a row that was taken in vain get a new one."""
_AHEAD = 18
"""Candidates by which the processor is told of places, in lists that its cache does not hold."""


# -- random numbers ------------------------------------------------------------------------------------------------------------


@_kernel
def draw(work, first):
    """Exponential times and uniform choices of a batch of candidates, of which the first has some number."""
    times, choices = work[TIMES_STREAM], work[CHOICES_STREAM]
    exponentials = behind(float64s(work[EXPONENTIALS]), first & KEPT)
    uniforms = behind(float64s(work[UNIFORMS]), first & KEPT)
    for k in range(BATCH):
        exponentials[k] = -log_of_positive(counted(times, first + k))
    for k in range(BATCH):
        uniforms[k] = counted(choices, first + k)


@_kernel
def second(work):
    """Another uniform number for the candidate that is looked at."""
    return counted(work[SECOND_STREAM], int64s(work[COUNTS])[AT])


# -- what happens --------------------------------------------------------------------------------------------------------------


@_kernel
def react(fixed, work, state, row, channel):
    """A channel (of all) of a row fires."""
    record = record_of(fixed, row)
    starts, bases = int32s(fixed[CHANGE_STARTS]), int64s(fixed[CHANGE_BASES])
    shared, amounts = int32s(fixed[CHANGE_SHARED]), float64s(fixed[CHANGE_AMOUNTS])
    for k in range(starts[channel], starts[channel + 1]):
        if shared[k] < 0:
            state[bases[k] + record[ROW_AT]] += amounts[k]
        else:
            change_number(fixed, work, state, bases[k] + record[ROW_VOXEL], amounts[k])
    rebound(fixed, work, state, row, SLACK)


@_kernel
def moved(fixed, work, state, place):
    """The number of a shared species at a place has changed; past its ceiling the row there gets a new bound."""
    if state[place] > int32s(work[WAYS_OUT])[2 * place + 1]:
        rebound(fixed, work, state, int32s(fixed[ROW_OF])[place % fixed[VOXELS]], SLACK)


@_kernel
def take_of_row(fixed, work, state, x):
    """A candidate among reactions; whether it happened."""
    row, bound = take_row(work, x)
    if row < 0:
        return False
    record = record_of(fixed, row)
    patch = patch_of(fixed, record)
    first, target = patch[FIRST_CHANNEL], second(work) * bound
    k, is_law = behind(float64s(work[COEFFICIENTS]), record[ROW_COEFFICIENTS]), int32s(fixed[IS_LAW])
    v = laws_of(fixed, work, state, row, record, patch) if patch[HAS_LAWS] else k
    rest = target
    for c in range(patch[CHANNEL_COUNT]):
        if is_law[first + c]:
            rest -= v[c]
        elif k[c] > 0.0:
            rest -= k[c] * product(fixed, state, record, first + c)
        if rest < 0.0:
            react(fixed, work, state, row, first + c)
            return True
    if target - rest < _LOOSE * bound:
        rebound(fixed, work, state, row, NO_SLACK)
    return False


@_kernel
def take_of_source(fixed, work, state, x):
    """A molecule of a species that is held would move: from the first source whose sum is above x; whether it does."""
    sums, low, high = float64s(work[SOURCE_SUMS]), 0, fixed[SOURCES] - 1
    while low < high:
        middle = (low + high) // 2
        if x < sums[middle]:
            high = middle
        else:
            low = middle + 1
    place, kind = int32s(fixed[SOURCE_PLACES])[low], int32s(fixed[SOURCE_KINDS])[low]
    goal = _way_out(fixed, kind, second(work))
    if goal == STAYS:
        return False
    species = place // fixed[VOXELS]
    ledger = fixed[LEDGER] + LEDGER_COUNT * species
    state[ledger + SUPPLIED] += 1.0
    if goal == LEAVES:
        state[ledger + LEFT_LEDGER] += 1.0
    elif goal == TAKEN_UP:
        state[ledger + TAKEN_LEDGER] += 1.0
    else:
        change_number(fixed, work, state, place + goal, 1.0)
        moved(fixed, work, state, place + goal)
    return True


@_kernel
def _way_out(fixed, kind, fraction):
    slots = fixed[SLOTS]
    chances = behind(float64s(fixed[CHANCES]), kind * slots)
    slot = 0
    for k in range(slots):
        slot += fraction >= chances[k]
    return int32s(fixed[GOALS])[kind * (slots + 1) + slot]


@_kernel
def take_of_class(fixed, work, state, c, x):
    """A molecule of a class, found at x in its list; whether it moves. For classes with neighbours of others, and ghosts."""
    lists, starts, sizes = int32s(work[LISTS]), int64s(work[LIST_STARTS]), int64s(work[SIZES])
    debts = int32s(work[DEBTS])
    q = x * float64s(fixed[INVERSES])[c]
    i = int(q)
    if i >= sizes[c]:
        return False
    spot = starts[c] + i
    place = lists[spot]
    if debts[place] > 0 and second(work) * (state[place] + debts[place]) < debts[place]:
        strike_ghost(fixed, work, c, spot, place)
        return False
    goal = _way_out(fixed, kind_at(work, place), q - i)
    if goal == STAYS:
        return False
    ledger = fixed[LEDGER] + LEDGER_COUNT * int32s(fixed[CLASS_SPECIES])[c]
    state[place] -= 1.0
    moved(fixed, work, state, place)
    if goal >= STAYS:
        state[ledger + (LEFT_LEDGER if goal == LEAVES else TAKEN_LEDGER)] += 1.0
        strike(fixed, work, c, spot)
        return True
    other = place + goal
    next_kind = kind_at(work, other)
    if next_kind >= 0 and int32s(fixed[KIND_CLASSES])[next_kind] == c:
        state[other] += 1.0
        lists[spot] = other
    else:
        strike(fixed, work, c, spot)
        change_number(fixed, work, state, other, 1.0)
    moved(fixed, work, state, other)
    return True


# -- the loop ------------------------------------------------------------------------------------------------------------------


@_kernel
def run_events(fixed, work, state, limit):
    """All events until the time that is left of the step is over, or there were ``limit``; SOUND, or why it stopped before."""
    counts, numbers = int64s(work[COUNTS]), float64s(work[NUMBERS])
    exponentials, uniforms = float64s(work[EXPONENTIALS]), float64s(work[UNIFORMS])
    lists, sizes, sums = int32s(work[LISTS]), int64s(work[SIZES]), float64s(work[SUMS])
    starts, classes, is_far = int64s(work[LIST_STARTS]), fixed[CLASSES], fixed[FAR] != 0
    ways, chances, goals, slots = int32s(work[WAYS_OUT]), float64s(fixed[CHANCES]), int32s(fixed[GOALS]), fixed[SLOTS]
    inverses, kind_classes = float64s(fixed[INVERSES]), int32s(fixed[KIND_CLASSES])
    left, time, at, events = numbers[LEFT], numbers[TIME], counts[AT], counts[EVENTS]
    total, inverse, rows_sum = numbers[TOTAL], numbers[INVERSE], numbers[ROWS_SUM]
    while True:
        passed = left * inverse
        if passed >= time or events >= limit:
            break  # numba 0.68: a number of the loop that is set on the way out has a wrong value within it, so nothing is
        time -= passed
        x = uniforms[at & KEPT] * total
        counts[AT] = at
        at += 1
        c = 0
        while c < classes and x >= sums[c]:
            x -= sums[c]
            c += 1
        happened = False
        is_plain = False
        if c < classes:
            q = x * inverses[c]
            i = int(q)
            if i < sizes[c]:
                spot = starts[c] + i
                place = lists[spot]
                kind = ways[2 * place]
                goal = TAKEN_UP
                if kind < HAUNTED:
                    fraction, slot = q - i, 0
                    for k in range(slots):
                        slot += fraction >= chances[kind * slots + k]
                    goal = goals[kind * (slots + 1) + slot]
                next_kind = ways[2 * (place + goal)] if goal < STAYS else LOOSE
                if next_kind >= 0 and kind_classes[next_kind & (HAUNTED - 1)] == c:
                    other = place + goal
                    state[place] -= 1.0
                    state[other] += 1.0
                    lists[spot] = other
                    events += 1
                    is_plain = True
                    if ways[2 * place + 1] < 0:
                        moved(fixed, work, state, place)
                        is_plain = numbers[ROWS_SUM] == rows_sum
                    if state[other] > ways[2 * other + 1]:
                        moved(fixed, work, state, other)
                        is_plain = numbers[ROWS_SUM] == rows_sum
                elif goal == STAYS:
                    is_plain = True
                else:
                    happened = take_of_class(fixed, work, state, c, x)
        elif x < numbers[ROWS_SUM]:
            happened = take_of_row(fixed, work, state, x)
        elif fixed[SOURCES] > 0:
            happened = take_of_source(fixed, work, state, x - numbers[ROWS_SUM])
        if at % BATCH == 0:
            draw(work, at + BATCH)
        left = exponentials[at & KEPT]
        if is_far:
            _look_ahead(fixed, work, state, at, total)
        if is_plain:
            continue
        events += happened
        tally(fixed, work)
        total, inverse, rows_sum = numbers[TOTAL], numbers[INVERSE], numbers[ROWS_SUM]
        if counts[QUEUED] > 0 or counts[FAULT] != SOUND:
            break  # in the middle of a step, to go on from here
    is_over = counts[QUEUED] == 0 and counts[FAULT] == SOUND and left * inverse >= time
    numbers[LEFT] = max(0.0, left - total * time) if is_over else left
    numbers[TIME] = 0.0 if is_over else time
    counts[AT], counts[EVENTS] = at, events
    if counts[FAULT] != SOUND:
        return counts[FAULT]
    return FULL if counts[QUEUED] > 0 else SOUND


@_kernel
def _look_ahead(fixed, work, state, at, total):
    """Tell the processor of what hops to come will look at: in three steps, each by what the one before has found."""
    lists, ways, ahead = int32s(work[LISTS]), int32s(work[WAYS_OUT]), int64s(work[AHEAD])
    sums, x, c = float64s(work[SUMS]), float64s(work[UNIFORMS])[(at + _AHEAD) & KEPT] * total, 0
    while c < fixed[CLASSES] and x >= sums[c]:
        x -= sums[c]
        c += 1
    entry = (at + _AHEAD) % (2 * _AHEAD)
    fractions = behind(float64s(work[AHEAD]), 2 * _AHEAD)
    ahead[entry] = -1
    if c < fixed[CLASSES]:
        q = x * float64s(fixed[INVERSES])[c]
        i = min(int(q), int64s(work[SIZES])[c] - 1)
        ahead[entry] = int64s(work[LIST_STARTS])[c] + i
        fractions[entry] = q - i
        soon(lists, ahead[entry])
    entry = (at + _AHEAD * 2 // 3) % (2 * _AHEAD)
    if ahead[entry] >= 0:
        place = lists[ahead[entry]]
        soon(ways, 2 * place)
        soon(state, place)
    entry = (at + _AHEAD // 3) % (2 * _AHEAD)
    if ahead[entry] >= 0:
        place = lists[ahead[entry]]
        kind = ways[2 * place]
        goal = STAYS if kind < 0 else _way_out(fixed, kind & (HAUNTED - 1), fractions[entry])
        if goal < STAYS:
            soon(ways, 2 * (place + goal))
            soon(state, place + goal)

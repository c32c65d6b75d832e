"""Leaps: many events at once, for as long as they hardly change any propensity (Cao, Gillespie and Petzold 2006).

A leap of tau changes no propensity by more than about epsilon of itself: with mean mu_i and variance s_i^2 per second of what
reactions and hops add to a number x_i that something depends on, and b_i = max(epsilon x_i / g_i, 1),

    tau <= b_i / |mu_i|,    tau <= b_i^2 / s_i^2

Reactions fire a Poisson number of times; those that could use up one of their reactants in fewer than 10 events are *critical* and
fire one at a time, after times that are exponential. Of the molecules that no reaction took a binomial number leaves each voxel,
with chances (rate * tau) that are at most 1/2 together; so hops never take more than there is. Where reactions would, the leap is
halved. A leap ends with the step at the latest. Where leaps would hold fewer events than they have numbers to draw, single events
follow each other instead, as in ``events`` or ``direct``, and after some of them it is looked again.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from numba import njit

from engines.equations.maths import log_of_positive
from engines.reaction_diffusion.kernels.direct import run_one
from engines.reaction_diffusion.kernels.events import run_events
from engines.reaction_diffusion.kernels.memory import behind, float64s, int32s, int64s
from engines.reaction_diffusion.kernels.molecules import enter_all, kind_at, tally
from engines.reaction_diffusion.kernels.poisson import binomial, counted, poisson
from engines.reaction_diffusion.kernels.records import (
    BOUNDS,
    CHANCES,
    CHANGE_AMOUNTS,
    CHANGE_BASES,
    CHANGE_SHARED,
    CHANGE_STARTS,
    CHANNEL_COUNT,
    COEFFICIENTS,
    COUNTS,
    DRAWS,
    DRAWS_STREAM,
    EVENTS,
    FAULT,
    FIRST_CHANNEL,
    FULL,
    GOALS,
    HAS_LAWS,
    HELD,
    INTENSITIES,
    IS_LAW,
    KIND_CLASSES,
    LEAPS,
    LEAVES,
    LEDGER,
    LEDGER_COUNT,
    LEFT_LEDGER,
    LIMIT,
    MEANS,
    NUMBERS,
    ORDERS,
    OWN_ORDERS,
    ROW_AT,
    ROW_COEFFICIENTS,
    ROW_INTENSITIES,
    ROW_VOXEL,
    ROWS,
    SHARED,
    SHARED_COUNT,
    SHARED_LIST,
    SLOTS,
    SOUND,
    SOURCE_KINDS,
    SOURCE_PLACES,
    SOURCE_RATES,
    SOURCES,
    SPECIES_COUNT,
    SPECIES_FIRST,
    STALE,
    STAYS,
    SUPPLIED,
    TAKEN_LEDGER,
    TAKEN_UP,
    TIME,
    VARIANCES,
    VOXELS,
)
from engines.reaction_diffusion.kernels.rows import SLACK, laws_of, patch_of, product, rebound, record_of

_kernel = njit(cache=True, nogil=True, error_model="numpy")
CRITICAL = 10.0
"""Events that must be left of a reaction for it to leap."""
FEWEST = 10.0
"""Events below which a leap is not worth it, however few numbers it takes."""
MANY_WAYS = 1
"""The way to go on by events that has lists, see ``stochastic_steps``."""


# -- how fast, and how far -----------------------------------------------------------------------------------------------------


@_kernel
def _intensities(fixed, work, state, row, record, patch):
    """Propensities of all channels of a row."""
    first, a = patch[FIRST_CHANNEL], behind(float64s(work[INTENSITIES]), record[ROW_INTENSITIES])
    k, is_law = behind(float64s(work[COEFFICIENTS]), record[ROW_COEFFICIENTS]), int32s(fixed[IS_LAW])
    v = laws_of(fixed, work, state, row, record, patch) if patch[HAS_LAWS] else k
    for c in range(patch[CHANNEL_COUNT]):
        a[c] = v[c] if is_law[first + c] else k[c] * product(fixed, state, record, first + c)


@_kernel
def _place(fixed, work, record, channel_change):
    """Where a change of a channel acts, -1 where the number is held."""
    base = int64s(fixed[CHANGE_BASES])[channel_change]
    if int32s(fixed[CHANGE_SHARED])[channel_change] < 0:
        return base + record[ROW_AT]
    place = base + record[ROW_VOXEL]
    return -1 if kind_at(work, place) == HELD else place


@_kernel
def _is_critical(fixed, work, state, record, channel):
    """Whether a channel could use up a reactant in a few events."""
    starts, amounts = int32s(fixed[CHANGE_STARTS]), float64s(fixed[CHANGE_AMOUNTS])
    for k in range(starts[channel], starts[channel + 1]):
        place = _place(fixed, work, record, k)
        if place >= 0 and amounts[k] < 0.0 and state[place] < -amounts[k] * CRITICAL:
            return True
    return False


@_kernel
def _bound(x, order, own, epsilon):
    """max(epsilon x / g, 1), g of Cao, Gillespie and Petzold (2006) for the highest order and how often x itself is in it."""
    g = float(order)
    if own == 2 and order == 2:
        g = 2.0 + (1.0 / (x - 1.0) if x > 1.0 else 1.0)
    elif own == 2 and order == 3:
        g = 1.5 * (2.0 + (1.0 / (x - 1.0) if x > 1.0 else 1.0))
    elif own >= 3 and order == 3:
        g = 3.0 + (1.0 / (x - 1.0) + 2.0 / (x - 2.0) if x > 2.0 else 3.0)
    return max(epsilon * x / g, 1.0)


@_kernel
def _within(tau, bound, mean, variance):
    """The shorter of a time and of what one number allows."""
    if mean != 0.0:
        tau = min(tau, bound / abs(mean))
    if variance > 0.0:
        tau = min(tau, bound * bound / variance)
    return tau


@_kernel
def _look_at_reactions(fixed, work, state):
    """Propensities of reactions; sum of all, sum of critical ones, and how many are above 0. Fills means and variances."""
    means, variances = float64s(work[MEANS]), float64s(work[VARIANCES])
    starts, amounts = int32s(fixed[CHANGE_STARTS]), float64s(fixed[CHANGE_AMOUNTS])
    total = critical = 0.0
    draws = 0
    for row in range(fixed[ROWS]):
        record = record_of(fixed, row)
        patch = patch_of(fixed, record)
        _intensities(fixed, work, state, row, record, patch)
        a = behind(float64s(work[INTENSITIES]), record[ROW_INTENSITIES])
        for c in range(patch[CHANNEL_COUNT]):
            if a[c] == 0.0:
                continue
            channel = patch[FIRST_CHANNEL] + c
            total += a[c]
            draws += 1
            if _is_critical(fixed, work, state, record, channel):
                critical += a[c]
                continue
            for k in range(starts[channel], starts[channel + 1]):
                place = _place(fixed, work, record, k)
                if place >= 0:
                    means[place] += amounts[k] * a[c]
                    variances[place] += amounts[k] * amounts[k] * a[c]
    return total, critical, draws


@_kernel
def _spread(fixed, work, kind, place, rate):
    """What hops at some rate (1/s, of all ways out together with what stays) add to means and variances of neighbours."""
    means, variances, slots = float64s(work[MEANS]), float64s(work[VARIANCES]), fixed[SLOTS]
    chances, goals = behind(float64s(fixed[CHANCES]), kind * slots), behind(int32s(fixed[GOALS]), kind * (slots + 1))
    before = 0.0
    for k in range(slots):
        flow = rate * (chances[k] - before)
        before = chances[k]
        if goals[k] < STAYS and flow > 0.0:
            means[place + goals[k]] += flow
            variances[place + goals[k]] += flow
    return before * rate


@_kernel
def _look_at_hops(fixed, work, state):
    """Sum of the rates of all hops, how many numbers they take, and the longest time in which half of no voxel leaves."""
    means, variances = float64s(work[MEANS]), float64s(work[VARIANCES])
    classes, bounds = int32s(fixed[KIND_CLASSES]), float64s(fixed[BOUNDS])
    total, fastest, draws = 0.0, 0.0, 0
    for place in range(fixed[SHARED] * fixed[VOXELS]):
        kind = kind_at(work, place)
        if kind < 0 or state[place] == 0.0:
            continue
        bound = bounds[classes[kind]]
        gone = _spread(fixed, work, kind, place, bound * state[place])
        means[place] -= gone
        variances[place] += gone
        total += gone
        draws += 2
        fastest = max(fastest, gone / state[place])
    for k in range(fixed[SOURCES]):
        place = int32s(fixed[SOURCE_PLACES])[k]
        total += _spread(fixed, work, int32s(fixed[SOURCE_KINDS])[k], place, float64s(fixed[SOURCE_RATES])[k] * state[place])
        draws += 2
    return total, draws, 0.5 / fastest if fastest > 0.0 else 1e300


@_kernel
def _longest(fixed, work, state, epsilon, tau):
    """The longest leap, of no more than ``tau``."""
    means, variances = float64s(work[MEANS]), float64s(work[VARIANCES])
    for place in range(fixed[SHARED] * fixed[VOXELS]):
        if kind_at(work, place) >= 0:
            tau = _within(tau, max(epsilon * state[place], 1.0), means[place], variances[place])
    orders, own_orders = int32s(fixed[ORDERS]), int32s(fixed[OWN_ORDERS])
    for row in range(fixed[ROWS]):
        record = record_of(fixed, row)
        patch = patch_of(fixed, record)
        first, known, shared = patch[SPECIES_FIRST], patch[SHARED_COUNT], int64s(patch[SHARED_LIST])
        for j in range(patch[SPECIES_COUNT]):
            if orders[first + j] == 0:
                continue
            place = shared[j] * fixed[VOXELS] + record[ROW_VOXEL] if j < known else record[ROW_AT] + j - known
            bound = _bound(state[place], orders[first + j], own_orders[first + j], epsilon)
            tau = _within(tau, bound, means[place], variances[place])
    return tau


# -- one leap ------------------------------------------------------------------------------------------------------------------


@_kernel
def _fire(fixed, work, changes, record, channel, times):
    """Note what a channel adds that fires some times."""
    starts, amounts = int32s(fixed[CHANGE_STARTS]), float64s(fixed[CHANGE_AMOUNTS])
    for k in range(starts[channel], starts[channel + 1]):
        place = _place(fixed, work, record, k)
        if place >= 0:
            changes[place] += amounts[k] * times
        else:
            changes[fixed[LEDGER] + LEDGER_COUNT * int32s(fixed[CHANGE_SHARED])[k] + SUPPLIED] -= amounts[k] * times


@_kernel
def _react(fixed, work, state, tau, target):
    """Firings of all channels, and of the critical one at ``target`` among their sum (below 0: of none); how many."""
    changes, counts, events = float64s(work[MEANS]), int64s(work[COUNTS]), 0.0
    for row in range(fixed[ROWS]):
        record = record_of(fixed, row)
        patch = patch_of(fixed, record)
        a = behind(float64s(work[INTENSITIES]), record[ROW_INTENSITIES])
        for c in range(patch[CHANNEL_COUNT]):
            if a[c] == 0.0:
                continue
            channel = patch[FIRST_CHANNEL] + c
            times = 0.0
            if not _is_critical(fixed, work, state, record, channel):
                times, counts[DRAWS] = poisson(a[c] * tau, work[DRAWS_STREAM], counts[DRAWS])
            elif target >= 0.0:
                target -= a[c]
                times = 1.0 if target < 0.0 else 0.0
            if times > 0.0:
                _fire(fixed, work, changes, record, channel, times)
                events += times
    return events


@_kernel
def _send(fixed, work, kind, place, number, tau_bound):
    """Molecules among ``number`` that leave a voxel, each way with a chance of (its share of a rate) * tau; how many."""
    changes, counts, slots = float64s(work[MEANS]), int64s(work[COUNTS]), fixed[SLOTS]
    chances, goals = behind(float64s(fixed[CHANCES]), kind * slots), behind(int32s(fixed[GOALS]), kind * (slots + 1))
    ledger, before, staying, events = fixed[LEDGER] + LEDGER_COUNT * (place // fixed[VOXELS]), 0.0, 1.0, 0.0
    for k in range(slots):
        chance = (chances[k] - before) * tau_bound
        before = chances[k]
        if goals[k] == STAYS or chance <= 0.0 or number - events <= 0.0:
            continue
        going, counts[DRAWS] = binomial(number - events, min(chance / staying, 1.0), work[DRAWS_STREAM], counts[DRAWS])
        staying -= chance
        events += going
        if goals[k] == LEAVES:
            changes[ledger + LEFT_LEDGER] += going
        elif goals[k] == TAKEN_UP:
            changes[ledger + TAKEN_LEDGER] += going
        elif kind_at(work, place + goals[k]) == HELD:
            changes[ledger + SUPPLIED] -= going
        else:
            changes[place + goals[k]] += going
    return events


@_kernel
def _hop(fixed, work, state, tau):
    """Hops of all molecules that no reaction takes; how many. Of what is held, Poisson numbers."""
    changes, counts, spent = float64s(work[MEANS]), int64s(work[COUNTS]), float64s(work[VARIANCES])
    classes, bounds = int32s(fixed[KIND_CLASSES]), float64s(fixed[BOUNDS])
    events, places = 0.0, fixed[SHARED] * fixed[VOXELS]
    for place in range(places):
        spent[place] = min(changes[place], 0.0)  # by reactions alone, before hops come in
    for place in range(places):
        number, kind = state[place] + spent[place], kind_at(work, place)
        if kind >= 0 and number > 0.0:
            going = _send(fixed, work, kind, place, number, bounds[classes[kind]] * tau)
            changes[place] -= going
            events += going
    for k in range(fixed[SOURCES]):
        place, kind = int32s(fixed[SOURCE_PLACES])[k], int32s(fixed[SOURCE_KINDS])[k]
        mean = float64s(fixed[SOURCE_RATES])[k] * state[place] * tau
        number, counts[DRAWS] = poisson(mean, work[DRAWS_STREAM], counts[DRAWS])
        changes[fixed[LEDGER] + LEDGER_COUNT * (place // fixed[VOXELS]) + SUPPLIED] += number
        events += _send(fixed, work, kind, place, number, 1.0)
    return events


@_kernel
def _clear(values, count):
    for k in range(count):
        values[k] = 0.0


@_kernel
def _leap(fixed, work, state, tau, critical, length):
    """One leap of at most ``tau``: the time it took; on the way it may become shorter."""
    counts, changes = int64s(work[COUNTS]), float64s(work[MEANS])
    while True:
        target, step = -1.0, tau
        if critical > 0.0:
            wait = -log_of_positive(counted(work[DRAWS_STREAM], counts[DRAWS])) / critical
            if wait <= tau:
                target, step = counted(work[DRAWS_STREAM], counts[DRAWS] + 1) * critical, wait
            counts[DRAWS] += 2
        _clear(changes, length)
        events = _react(fixed, work, state, step, target)
        events += _hop(fixed, work, state, step)
        is_possible = True
        for place in range(fixed[LEDGER]):
            is_possible &= state[place] + changes[place] >= 0.0 or changes[place] >= 0.0
        if is_possible:
            for place in range(length):
                state[place] += changes[place]
            counts[EVENTS] += int(events)
            counts[LEAPS] += 1
            return step
        tau *= 0.5


# -- the loop ------------------------------------------------------------------------------------------------------------------


@_kernel
def _list_all(fixed, work, state):
    """Lists and groups of the state as it is; whether lists had room."""
    if not enter_all(fixed, work, state):
        return False
    for row in range(fixed[ROWS]):
        rebound(fixed, work, state, row, SLACK)
    tally(fixed, work)
    int64s(work[COUNTS])[STALE] = 0
    return True


@_kernel
def run_leaps(fixed, work, state, way, epsilon):
    """Leaps, and events, until the time that is left of the step is over; SOUND, or why it stopped before."""
    counts, numbers = int64s(work[COUNTS]), float64s(work[NUMBERS])
    length = fixed[LEDGER] + LEDGER_COUNT * fixed[SHARED]
    while numbers[TIME] > 0.0:
        if counts[EVENTS] < counts[LIMIT]:  # not less than that many, also where lists that are full come in between
            status = (
                run_events(fixed, work, state, counts[LIMIT]) if way == MANY_WAYS else run_one(fixed, work, state, counts[LIMIT])
            )
            if status != SOUND:
                return status
            continue
        _clear(float64s(work[MEANS]), length)
        _clear(float64s(work[VARIANCES]), length)
        total, critical, draws = _look_at_reactions(fixed, work, state)
        hops, more, fastest = _look_at_hops(fixed, work, state)
        if counts[FAULT] != SOUND:
            return counts[FAULT]
        tau = _longest(fixed, work, state, epsilon, min(numbers[TIME], fastest))
        worth = max(FEWEST, 0.5 * (draws + more) + fixed[SHARED] * fixed[VOXELS] / 16)
        if (total + hops) * tau < worth and tau < numbers[TIME]:
            if way == MANY_WAYS and counts[STALE] and not _list_all(fixed, work, state):
                return FULL
            counts[LIMIT] = counts[EVENTS] + max(100, int(4.0 * worth))
            continue
        counts[STALE] = 1
        passed = _leap(fixed, work, state, tau, critical, length)
        numbers[TIME] = numbers[TIME] - passed if passed < numbers[TIME] else 0.0
    return SOUND

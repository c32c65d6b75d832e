"""Reactions and diffusion: events per second against STEPS, steps per second against NEURON's rxd, and what our parts cost.

Each run is a process of its own on one core, the sides in turn, of the same molecules, rates and voxels; what both tell must
agree, within sampling error or the error of a first-order step, before times count. What is not installed is passed over, and said.
"""

from __future__ import annotations

import statistics
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.reactions.apart import by_neuron, by_steps, steps_python
from benchmarks.reactions.cases import AVOGADRO_PER_MM_UM3, BLOCK, RECEPTORS_MM, STATES
from benchmarks.simulators import pass_over, worker
from benchmarks.table import Row, alternate

ONE_THREAD = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
OWED = 3.0
"""Times as fast as the others."""
EVENTS = {
    "well_mixed": ("well mixed, 4,000 glutamate and 80 receptors", "10000", "100 ms", "1"),
    "well_mixed_cut": ("the same, stopped every ms", "10000", "1 ms", "10000"),
    "well_mixed_many": ("well mixed, 400,000 glutamate and 8,000 receptors", "100", "10 ms", "1"),
    "cleft": ("a cleft of 2,400 voxels, 4,000 glutamate and 80 receptors", "0.1", "10 us", "1"),
    "cleft_of_cubes": ("the same cleft in cubes of 20 nm, time for 0.1 ms", "0.1", "10 us", "1"),
}
"""What it is, how many ms, our step, and in how many pieces the other side runs."""
OURS = {"well_mixed_cut": "well_mixed"}
SAME = {"well_mixed_cut": "well_mixed", "cleft_of_cubes": "cleft"}
"""Cases that are called by another name here or by the other side."""
STEPS = {
    "cable": ("a cable of 20 voxels", "20000", "backward_euler"),
    "cable_buffered": ("a cable of 20 voxels with a buffer", "5000", "backward_euler"),
    "block": ("extracellular space of 880 voxels", "1000", "second_order"),
    "block_receptors": ("extracellular space of 880 voxels with receptors", "50", "second_order"),
}
"""What it is, how many steps of 1 us, and our scheme: of the order of the other's."""
APART = 1e-3
"""By how much of 1 mM, or of all receptors or buffer, a concentration may differ: rxd's reactions are of first order in dt, some
thousandths of the time in which glutamate binds."""


def run(quick: bool) -> list[Row]:
    """A row for each race, then what our own parts cost."""
    from benchmarks.reactions import costs

    repeats, rows = 3 if quick else 5, list[Row]()
    if steps_python() is None:
        pass_over("events per second against STEPS", "steps")
    else:
        rows += [_events(case, repeats, seed) for seed, case in enumerate(EVENTS)]
    if find_spec("neuron") is None:
        pass_over("steps per second against NEURON's rxd", "neuron")
    else:
        rows += [*(_steps(case, repeats) for case in STEPS), _no_less_exact(repeats)]
    return [*rows, *costs.run(quick)]


# -- molecules against STEPS ------------------------------------------------------------------------------------------------


def _events(case: str, repeats: int, seed: int) -> Row:
    title, stop_ms, dt, pieces = EVENTS[case]
    seeds = iter(range(100 * seed + 1, 100 * seed + 100))
    ours, theirs = alternate(
        repeats,
        lambda: worker("benchmarks.reactions.sides", "race", OURS.get(case, case), stop_ms, dt, str(next(seeds)), **ONE_THREAD),
        lambda: by_steps("race", SAME.get(case, case), stop_ms, str(next(seeds)), pieces),
    )
    _alike(case, ours, theirs)
    details = {"ours": ours, "theirs": theirs}
    against = f"against {theirs[0]['version']}"
    if case == "cleft_of_cubes":
        mine, other = (_median(found, lambda one: one["run_s"]) for found in (ours, theirs))
        note = f"{other / mine:.1f} x as fast: {ours[0]['events']:.3g} events for {theirs[0]['events']:.3g}"
        size = f"{ours[0]['voxels']} for {theirs[0]['voxels']} voxels"
        return Row(f"{title}, {against}", size, mine, other, unit="s", repeats=repeats, note=note, details=details)
    mine, other = (_median(found, lambda one: one["events"] / one["run_s"] / 1e6) for found in (ours, theirs))
    note = f"{mine / other:.1f} x as fast, owed {OWED:g} x; {1e3 / mine:.0f} against {1e3 / other:.0f} ns an event"
    size = f"{ours[0]['voxels']} voxel{'s' * (ours[0]['voxels'] > 1)}"
    return Row(f"{title}, {against}", size, mine, other, OWED * other, "M events/s", repeats, True, note, details)


def _alike(case: str, ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    """Receptors of every state: all are there, and means of both sides are within five standard errors of each other.

    A receptor is in a state or not, so that of R receptors with the share p in a state the variance is R p (1 - p), if they were
    independent, which glutamate that others bind makes smaller still.
    """
    mine = np.array([[one["told"][state][0] for state in STATES] for one in ours])
    other = np.array([one["told"][1:] for one in theirs])
    receptors = mine[0].sum()
    if not (np.all(mine.sum(axis=1) == receptors) and np.all(other.sum(axis=1) == receptors)):
        raise AssertionError(f"{case}: receptors were lost or made: {mine.sum(axis=1)}, {other.sum(axis=1)}")
    share = (mine.mean(axis=0) + other.mean(axis=0)) / 2 / receptors
    error = np.sqrt(receptors * np.maximum(share * (1 - share), 1 / receptors) * (1 / len(mine) + 1 / len(other)))
    apart = np.abs(mine.mean(axis=0) - other.mean(axis=0)) / error
    if apart.max() > 5:
        raise AssertionError(
            f"{case}: means differ by {apart.max():.1f} standard errors: {mine.mean(axis=0)}, {other.mean(axis=0)}"
        )


# -- concentrations against NEURON ------------------------------------------------------------------------------------------


def _steps(case: str, repeats: int) -> Row:
    title, count, scheme = STEPS[case]
    ours, theirs = alternate(
        repeats,
        lambda: worker("benchmarks.reactions.sides", "steps", case, count, scheme, **ONE_THREAD),
        lambda: by_neuron("race", case, count),
    )
    for one, another in zip(ours, theirs, strict=True):
        _close(case, one, another)
    mine, other = (_median(found, lambda one: one["run_s"] / one["steps"] * 1e6) for found in (ours, theirs))
    each = [1e3 * time / ours[0]["voxels"] for time in (mine, other)]
    note = f"{other / mine:.1f} x as fast, owed {OWED:g} x; {each[0]:.3g} against {each[1]:.3g} ns per voxel and step"
    details = {"ours": ours, "theirs": theirs}
    size = f"{ours[0]['voxels']} voxels"
    return Row(
        f"{title}, against {theirs[0]['version']}", size, mine, other, other / OWED, "us/step", repeats, note=note, details=details
    )


def _no_less_exact(repeats: int) -> Row:
    """The time that tissue with receptors takes where our error is not larger; what is exact are our steps of 1 us."""
    case, scheme = "block_receptors", STEPS["block_receptors"][2]
    exact = worker("benchmarks.reactions.sides", "steps", case, "50", scheme, **ONE_THREAD)
    ours, theirs = alternate(
        repeats,
        lambda: worker("benchmarks.reactions.sides", "steps", case, "2", scheme, "25 us", **ONE_THREAD),
        lambda: by_neuron("race", case, "50"),
    )
    wanted = concentrations(exact["told"])
    mine = _error(concentrations(ours[0]["told"]), wanted)
    other = _error([in_our_order(told) for told in theirs[0]["told"]], wanted)
    if not mine < other:
        raise AssertionError(f"{case}: with steps of 25 us the error is {mine:.2g} of all receptors, and rxd's {other:.2g}")
    took, theirs_took = (1e6 * _median(found, lambda one: one["run_s"]) for found in (ours, theirs))
    note = f"{theirs_took / took:.0f} x as fast; errors {mine:.1g} and {other:.1g} of all receptors"
    title = f"50 us of the same in our steps of 25 us, against {theirs[0]['version']} in steps of 1 us"
    details = {"ours": ours, "theirs": theirs, "exact": exact}
    return Row(title, f"{ours[0]['voxels']} voxels", took, theirs_took, unit="us", repeats=repeats, note=note, details=details)


def _error(found: list[NDArray[np.float64]], exact: list[NDArray[np.float64]]) -> float:
    """The largest of receptors in any state, over all."""
    return max(float(np.abs(one - other).max()) for one, other in zip(found[1:], exact[1:], strict=True)) / RECEPTORS_MM


def _close(case: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Concentrations of every species in every voxel."""
    for name, mine, other in zip(ours["told"], concentrations(ours["told"]), theirs["told"], strict=True):
        wanted, scale = in_our_order(other), RECEPTORS_MM if name in STATES else 0.5
        apart = np.abs(mine - wanted).max() / scale
        if not (wanted.max() > 1e-6 * scale and apart < APART):
            raise AssertionError(f"{case}: concentrations of {name} differ by {apart:.2g} of {scale} mM")


def in_our_order(told: list[float]) -> NDArray[np.float64]:
    """Of a block rxd tells z first, and we x."""
    shape, values = tuple(map(int, BLOCK)), np.array(told)
    return values.reshape(shape).transpose().ravel() if values.size == np.prod(shape) else values


def concentrations(told: dict[str, list[float]], volume: float = 0.2) -> list[NDArray[np.float64]]:
    """(voxels,) mM of each species; receptors are told as molecules in voxels of that many um³."""
    in_one = AVOGADRO_PER_MM_UM3 * volume
    return [np.array(values) / (in_one if name in STATES else 1.0) for name, values in told.items()]


def _median(found: list[dict[str, Any]], what: Any) -> float:
    return float(statistics.median(map(what, found)))

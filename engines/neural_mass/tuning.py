"""Tuning: a parameter is found, region by region, with which an output has its target, as feedback inhibition control does.

``fixed_point`` finds it at rest (``rest.py``). ``iterative`` starts there, simulates with noise and delays, and moves every p_i by
dp_i/dtarget_i times what the average of y_i misses, a tenth of p_i at most, and by half as much where that overshot, until no
region misses its target by more than the tolerance. Deco et al. (2014) move the weight of inhibition in a like way. The whole
connectome is tuned, whatever part of it is simulated here, so that a brain that is cut is the whole one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Setup, format_ns
from engines.equations.dimensions import si_factor
from engines.equations.quantities import number
from engines.neural_mass.network import Network
from engines.neural_mass.params import TuneParams
from engines.neural_mass.rest import Rest, simulation_of, symbols_of
from engines.neural_mass.symbols import Symbols
from engines.neural_mass.values import unit_of, unit_of_output
from engines.neural_mass.wiring import Regions

Floats = NDArray[np.float64]
MOST_CHANGE = 0.1  # of a parameter in a round, relative


def tuned(network: Network, setup: Setup) -> Mapping[str, Floats]:
    """(replicas, regions) of the parameter that ``tune`` names, in SI units; empty without it.

    Raises
    ------
    CosimError
        No value brings a region to its target, or one beyond the parameter's bounds; or ``iterative`` does not come within the
        tolerance.
    """
    tune = network.params.tune
    if tune is None:
        return {}
    everyone = np.arange(len(network.connectome))
    whole = replace(network, regions=Regions(everyone, everyone[:0], False), extra=(tune.output,))
    rest = Rest(whole, tune, setup)
    found = rest.solved()
    _hold_bounds(whole, tune, found)
    growth = rest.growth()
    if (growth > 0).any():
        which = f" in replicas {', '.join(map(str, np.flatnonzero(growth > 0)))}" if len(growth) > 1 else ""
        setup.log.warning(
            "the state of rest with tuned %s is unstable%s: deviations grow by e^(%.3g t / s), delays left out; try a smaller G",
            tune.parameter, which, growth.max(),
        )  # fmt: skip
    if tune.method == "iterative":
        found = _iterated(whole, tune, setup, rest)
        _hold_bounds(whole, tune, found)
    factor = si_factor(unit_of(network.description, tune.parameter))
    setup.log.info(
        "tuned %s for %s: from %.4g to %.4g, %.4g on average",
        tune.parameter, tune.output, found.min() / factor, found.max() / factor, found.mean() / factor,
    )  # fmt: skip
    return {tune.parameter: found}


def _hold_bounds(network: Network, tune: TuneParams, found: Floats) -> None:
    """A CosimError for the first region whose value is beyond the bounds that the model gives the parameter."""
    parameter = network.description.parameters[tune.parameter]
    values = found / si_factor(parameter.unit)
    rounding = 0.0 if parameter.positive else 1e-9 * max(abs(parameter.default), np.abs(values).max())
    for (replica, region), value in np.ndenumerate(values):
        if (why := parameter.beyond(value)) and parameter.beyond(value - rounding) and parameter.beyond(value + rounding):
            which = f" in replica {replica}" if len(found) > 1 else ""
            needed = f"{value:.4g} {parameter.unit}".removesuffix(" 1")
            raise CosimError(
                f"{tune.parameter} cannot be tuned: region {network.connectome.space.labels[region]}{which} would need {needed}",
                why=why,
                mend="choose another target, or another G",
            )


def _iterated(network: Network, tune: TuneParams, setup: Setup, rest: Rest) -> Floats:
    """(replicas, regions) with which the simulated averages are within the tolerance."""
    unit = unit_of_output(network.description, tune.output)
    found, sensitivity = rest.solved(), rest.sensitivity()
    tolerance = _tolerance(tune, unit, rest.target)
    steps = tune.duration // network.params.dt
    share, before = np.ones_like(found), np.zeros_like(found)  # of a full correction: halved where the last one overshot
    for round_number in range(1, tune.at_most + 1):
        averages = _averages(network, symbols_of(network, {tune.parameter: found}), setup, steps)
        missed = averages - rest.target
        worst = np.abs(missed).max()
        setup.log.info(
            "tuning %s: round %d, the worst region misses %s by %.3g %s", tune.parameter, round_number, tune.output,
            worst / si_factor(unit), unit,
        )  # fmt: skip
        if worst <= tolerance:
            return found
        share = np.where(np.sign(missed) == np.sign(before), np.minimum(1.0, 1.2 * share), 0.5 * share)
        most = share * MOST_CHANGE * np.maximum(np.abs(found), np.abs(found).mean())
        found, before = found - np.clip(share * sensitivity * missed, -most, most), missed
    raise CosimError(
        f"{tune.parameter} is not tuned after {tune.at_most} rounds of {format_ns(tune.duration)}",
        why=f"the worst region still misses the target by {worst / si_factor(unit):.3g} {unit}",
        mend="give a longer duration, more rounds (at_most) or a larger tolerance",
    )


def _tolerance(tune: TuneParams, unit: str, target: Floats) -> float:
    """In SI units; a hundredth of the largest target where none is given."""
    if tune.tolerance is not None:
        return number(tune.tolerance, unit) * si_factor(unit)
    if not target.any():
        raise CosimError(
            "tune needs a tolerance", why="without one it is a hundredth of the target, which is 0", mend=f"tolerance: … {unit}"
        )
    return 0.01 * float(np.abs(target).max())


def _averages(network: Network, symbols: Symbols, setup: Setup, steps: int) -> Floats:
    """(replicas, regions): means of the tuned output over all but the first tenth of a simulation."""
    assert network.params.tune is not None
    output = list(network.wanted).index(network.params.tune.output)
    simulation = simulation_of(network, symbols, setup)
    total, counted, block = np.zeros(network.params.replicas * len(network.connectome)), 0, 10_000
    driven = np.array([symbols.of(name).reshape(1, -1) for name in symbols.driven]).reshape(len(symbols.driven), 1, len(total))
    for start in range(0, steps, block):
        count = min(block, steps - start)
        rows = simulation.advance(start, count, np.repeat(driven, count, axis=1), {})[output]
        kept = rows[max(0, steps // 10 - start) :]
        total, counted = total + kept.sum(axis=0), counted + len(kept)
    return np.asarray((total / counted).reshape(network.params.replicas, -1))

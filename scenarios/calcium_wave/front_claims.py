"""Fronts and a fast buffer against closed forms: speed, the cross-section that stops, what stands there, diffusion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cosim
from cosim.claims import Claim
from cosim.results import Run
from engines.equations.quantities import number
from scenarios.calcium_wave import theory
from scenarios.calcium_wave.measures import Wave

Floats = NDArray[np.float64]
STEM, BRANCH = 80.0, 30.0
DIFFUSION, RATE, THRESHOLD = 20.0, 10.0, 0.35
PARALLEL = ("narrow", "wide")
"""Two forks, which claims use for two variants at once."""


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    whole = run()
    yield from _speeds(whole, run)
    yield from _standing(whole)
    yield _stopping(run)
    yield from _buffered(whole)
    yield _windows(whole, run)


def wave_of(run: Run, engine: str) -> Wave:
    return Wave.of(run.samples(f"{engine}.ca"), {"stem": STEM, "left": BRANCH, "right": BRANCH})


def speed(run: Run, engine: str) -> float:
    """µm/s over 20 µm of the stem, where the front has its form and does not feel the branches."""
    return 20.0 / wave_of(run, engine).travel_s(("stem", 40.0), ("stem", 60.0))


def ratio(run: Run, engine: str) -> float:
    """Cross-section of the branches over that of the stem."""
    plan = cosim.check(run.folder / "scenario.yaml").plan
    assert plan is not None
    given = plan.engines[engine].params.space.dendrite.morphology.branches
    return float(sum(given[name].diameter[0] ** 2 for name in ("left", "right")) / given["stem"].diameter[0] ** 2)


def both(stop: str, **settings: tuple[Any, Any]) -> dict[str, Any]:
    """Settings of the two forks, by keys of their parameters with ``__`` for dots; `dyed` is kept from costing time."""
    found: dict[str, Any] = {"clock.stop": stop, "engines.dyed.params.dt": "50 ms"}
    for key, values in settings.items():
        found |= {
            f"engines.{engine}.params.{key.replace('__', '.')}": value for engine, value in zip(PARALLEL, values, strict=True)
        }
    return found


def _speeds(whole: Run, run: Callable[..., Run]) -> Iterator[Claim]:
    expected = theory.front_speed(DIFFUSION, RATE, THRESHOLD)
    voxels = both("22 s", space__dendrite__max_length=("1 um", "0.25 um"))
    coarse, fine = (speed(run(voxels), engine) for engine in PARALLEL)
    yield Claim(
        "speed of a front in an even cable, voxels of 0.25 µm",
        expected=expected,
        measured=fine,
        tolerance=1e-3 * expected,
        source="sqrt(D k / 2) (1 - 2 a); tolerance: (0.25 µm / 2 µm)² / 12, 2 µm being half its width",
        unit="µm/s",
    )
    yield Claim(
        "voxels of 1 and 0.25 µm: order of the error",
        expected=2.0,
        measured=float(np.log((coarse - expected) / (fine - expected)) / np.log(4)),
        tolerance=0.15,
        source="finite volumes are of second order",
    )
    steps = both("22 s", dt=("100 ms", "50 ms"))
    found = [speed(run(steps), engine) for engine in PARALLEL]
    exact = speed(whole, "narrow")
    finer = speed(run(both("22 s", dt=("25 ms", "25 ms"))), "narrow")
    yield Claim(
        "steps of 100, 50 and 25 ms: order in which the speed settles",
        expected=2.0,
        measured=float(np.log2((found[0] - found[1]) / (found[1] - finer))),
        tolerance=0.3,
        source="halves of diffusion around reactions are of second order",
    )
    slow = {f"engines.{engine}.params.species.Ca.diffusion": f"{DIFFUSION / 4} um**2/s" for engine in PARALLEL}
    quarter = speed(run({**both("36 s"), **slow}), "narrow")
    yield Claim(
        "speed, over that with a quarter of the diffusion coefficient",
        expected=2.0,
        measured=exact / quarter,
        tolerance=0.02,  # voxels: (0.5 µm / 1 µm)² / 12
        source="sqrt(D)",
    )


def _standing(whole: Run) -> Iterator[Claim]:
    stop, ahead = theory.stopping_ratio(THRESHOLD), ratio(whole, "narrow")
    wave = wave_of(whole, "narrow")
    delay = wave.travel_s(("stem", STEM - 15), ("left", 15.0)) - 30.0 / speed(whole, "narrow")
    yield Claim(
        f"branches with {ahead:g} times the cross-section, where {stop:.3f} times stop it: whether the front comes to their ends",
        expected=1.0,
        measured=float(wave.course("left", BRANCH - 1)[-1] > THRESHOLD),
        tolerance=0.0,
        source=f"below the ratio that stops; it is {delay:.2f} s late",
    )
    ahead, wave = ratio(whole, "wide"), wave_of(whole, "wide")
    yield Claim(
        f"branches with {ahead:.2f} times the cross-section: calcium at the branch point, where the front stands at last",
        expected=theory.standing(THRESHOLD, ahead),
        measured=float(wave.course("stem", STEM)[-1]),
        tolerance=3e-3,
        source="first integrals on both sides; tolerance: voxels, (0.5 µm / 2 µm)² / 12, of the steepest slope over 2 µm",
        unit="µM",
    )


def _stopping(run: Callable[..., Run]) -> Claim:
    """Halves between what passes and what does not, two at a time."""
    low, high, limit = 2.0, 2.6, theory.stopping_ratio(THRESHOLD)
    for _ in range(3):
        tried = low + (high - low) / 3, low + 2 * (high - low) / 3
        settings = both("75 s")
        for engine, value in zip(PARALLEL, tried, strict=True):
            branches = f"engines.{engine}.params.space.dendrite.morphology.branches"
            settings |= {f"{branches}.{name}.diameter": f"{float(np.sqrt(value / 2))} um" for name in ("left", "right")}
        found = run(settings)
        passes = [bool(wave_of(found, engine).course("left", 15.0)[-1] > THRESHOLD) for engine in PARALLEL]
        low, high = (tried[1], high) if passes[1] else (tried[0], tried[1]) if passes[0] else (low, tried[0])
    return Claim(
        f"cross-section of the branches that stops the front, between {low:.3f} and {high:.3f} times",
        expected=limit,
        measured=(low + high) / 2,
        tolerance=(high - low) / 2 + 0.005 * limit,  # and (0.5 µm / 2 µm)² / 12 for voxels
        source="sqrt(1 + (1 - 2 a) / (a³ (2 - a)))",
    )


def _buffered(whole: Run) -> Iterator[Claim]:
    plan = cosim.check(whole.folder / "scenario.yaml").plan
    assert plan is not None
    params = plan.engines["dyed"].params
    dye = params.models["indicator"].parameters
    capacity = number(params.species["dye"].initial, "uM") * number(dye["k_on"], "1/(uM*s)") / number(dye["k_off"], "1/s")
    free, bound = (whole.samples(f"dyed.{name}") for name in ("ca", "bound"))
    assert free.positions_um is not None
    x, times_s = free.positions_um[:, 0] - free.positions_um[:, 0].mean(), free.times_ms / 1e3
    early = (times_s > 0.5) & (times_s < 6.0)  # from where the puff is wide and thin to where it comes to the ends
    spread = (free.values @ x**2 / free.values.sum(axis=1))[early]
    expected = theory.buffered(1e3 * params.species["Ca"].diffusion, 1e3 * params.species["dye"].diffusion, capacity)
    yield Claim(
        f"a puff where a fast buffer binds {capacity:g} ions for each that is free: half the rate at which its variance grows",
        expected=expected,
        measured=float(np.polyfit(times_s[early], spread, 1)[0] / 2),
        tolerance=0.005 * expected,  # of the puff 0.1 µM of 25 µM are bound at first
        source=f"(D + κ D_B) / (1 + κ); without the buffer {1e3 * params.species['Ca'].diffusion:g}",
        unit="µm²/s",
    )
    last = int(np.searchsorted(times_s, 6.0))
    yield Claim(
        "the same: bound over free calcium in the middle, at 6 s",
        expected=capacity,
        measured=float(bound.values[last, len(x) // 2] / free.values[last, len(x) // 2]),
        tolerance=0.005 * capacity,  # steps: half of one's diffusion is without binding
        source="κ = [dye] / K for little calcium",
    )


def _windows(whole: Run, run: Callable[..., Run]) -> Claim:
    windows = {f"engines.{engine}.window": "100 ms" for engine in (*PARALLEL, "dyed")}
    other = run({"clock.stop": "8 s", **windows})
    names = [f"{engine}.ca" for engine in (*PARALLEL, "dyed")]
    apart = [
        np.abs(found - whole.samples(name).values[: len(found)]).max() for name in names for found in [other.samples(name).values]
    ]
    return Claim(
        "windows of 100 ms in place of 500 ms: largest difference of calcium",
        expected=0.0,
        measured=float(max(apart)),
        tolerance=0.0,
        source="the same steps",
        unit="µM",
    )

"""Spillover against the Green function of tissue, receptors against their equations, molecules against the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from cosim.claims import Claim
from cosim.results import Run
from scenarios.spillover import theory
from scenarios.spillover.theory import AMPA, NMDA, Block, Place, Release

Floats = NDArray[np.float64]
ENGINES = ("one", "two")
SILENT = {
    "near": (-0.8, 0.6, 0.0),
    "centre": (0.0, 0.0, 0.0),
    "north": (0.0, 0.8, 0.0),
    "east": (0.8, 0.0, 0.0),
    "far": (0.4, 1.6, 0.0),
}
"""Synapses in the order of the records; of the block `one` all are silent."""
WEST, EAST, NORTH, SOUTH = (-0.8, 0.0, 0.0), (0.8, 0.0, 0.0), (0.0, 0.8, 0.0), (0.0, -0.8, 0.0)
BURST_MS = (1.0, 11.0, 21.0, 31.0, 41.0)
UPTAKE = 0.2
RECEPTORS = {"ampa": (AMPA, 80.0), "nmda": (NMDA, 20.0)}
"""Schemes, and how many a synapse has."""
LATE_MS = 0.5
"""From here on a vesicle is wider than the voxels of 0.3 µm."""
SAMPLING = 4.0
"""Standard errors that a mean of random numbers may be away: 1 in 16 000."""


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    whole = run()
    yield from _point(run)
    yield from _grid(run)
    yield from _receptors(whole)
    yield from _together(whole, run)
    yield from _uptake(run)
    yield from _conserved(whole)
    yield _windows(whole, run)
    yield from _replicas(run)


# -- what is run -------------------------------------------------------------------------------------------------------------


def alone(stop: str, seen: Sequence[Place], **of_blocks: Any) -> dict[str, Any]:
    """One vesicle at 0 ms in blocks without receptors and uptake: settings; of each block by ``one__dt`` and so on."""
    settings: dict[str, Any] = {"clock.stop": stop, "engines.axons.params.spikes": [[0.0, "west"]]}
    settings |= {"links.two.from": "axons.out[west]", "links.two.to": "two.vesicle[vesicle0]"}
    for engine in ENGINES:
        key = f"engines.{engine}.params"
        settings |= {f"{key}.models": {}, f"{key}.species.glutamate.uptake": "0 /ms"}
        settings[f"{key}.record"] = {"glutamate": {"value": "glutamate", "at": [points(place) for place in seen]}}
        settings[f"{key}.release.vesicle.at"] = [points(WEST)]
        settings[f"{key}.release.vesicle.times"] = ["0 ms"]  # spikes come after the start
    for name, value in of_blocks.items():
        engine, _, key = name.partition("__")
        settings[f"engines.{engine}.params.{key.replace('__', '.')}"] = value
    return {**settings, "engines.axons.params.spikes": [], "record.streams": [f"{engine}.glutamate" for engine in ENGINES]}


def points(place: Place) -> list[str]:
    return [f"{value:g} um" for value in place]


# -- diffusion ----------------------------------------------------------------------------------------------------------------


def _point(run: Callable[..., Run]) -> Iterator[Claim]:
    """A vesicle of west, seen 1 µm away."""
    signal = run(alone("3 ms", [(0.2, 0.0, 0.0)], one__dt="20 us", two__dt="10 us")).samples("one.glutamate")
    course = CubicSpline(signal.times_ms, signal.values[:, 0])
    fine = np.linspace(0.1, 2.0, 19001)
    peak = int(np.argmax(course(fine)))
    exact = 1.0 / (6 * theory.EFFECTIVE)
    within = 0.5 * (0.2 / 1.0) ** 2
    away = "tolerance: (0.2 µm / 1 µm)² / 2 of it, for voxels of 0.2 µm"
    yield Claim(
        "a vesicle, 1 µm away: largest concentration",
        expected=float(theory.green(1.0, np.array([exact]))[0]),
        measured=float(course(fine[peak])),
        tolerance=within * 1.83363,
        source=f"Green function of tissue; {away}",
        unit="µM",
    )
    yield Claim("the same: when", exact, float(fine[peak]), within * exact, f"r² / 6 D*; {away}", "ms")


def _grid(run: Callable[..., Run]) -> Iterator[Claim]:
    """Voxels and steps: a cube of 3.9 µm, of which both blocks are made."""
    seen, size = [(0.6, 0.0, 0.0), (0.9, 0.6, 0.3)], (3.9, 3.9, 3.9)
    cube: dict[str, Any] = {}
    for engine in ENGINES:
        cube |= {f"{engine}__space__box__size": points(size), f"{engine}__regions": {}}
        cube |= {f"{engine}__release__vesicle__at": [points((0.0, 0.0, 0.0))]}
    spacings = (0.3, 0.1)
    widths = {f"{engine}__space__box__spacing": f"{h} um" for engine, h in zip(ENGINES, spacings, strict=True)}
    both = run(alone("2 ms", seen, **cube, **widths, one__dt="5 us", two__dt="5 us"))
    block, errors = Block(size), []
    for engine in ENGINES:
        signal = both.samples(f"{engine}.glutamate")
        exact = np.stack([block.concentration(place, (0, 0, 0), signal.times_ms) for place in seen], axis=1)
        late = signal.times_ms >= LATE_MS
        errors.append(float((np.abs(signal.values - exact)[late].max(axis=0) / exact[late].max(axis=0)).max()))
    yield Claim(
        f"voxels of 0.3 and 0.1 µm, 0.6 and 1.1 µm away between absorbing walls: order of the error from {LATE_MS} ms on",
        expected=2.0,
        measured=float(np.log(errors[0] / errors[1]) / np.log(spacings[0] / spacings[1])),
        tolerance=0.2,  # the next order is a tenth of it: h² / 12 D* t
        source="images of the Green function; finite volumes are of second order",
    )
    yield Claim(
        "the same: largest error of 0.1 µm, of the largest concentration",
        expected=0.0,
        measured=errors[1],
        tolerance=0.02,
        source="(0.1 µm / 0.6 µm)² / 2, and as much again",
    )
    steps = run(
        alone(
            "2 ms",
            seen,
            **cube,
            one__space__box__spacing="0.3 um",
            two__space__box__spacing="0.3 um",
            one__dt="20 us",
            two__dt="10 us",
        )
    )
    errors = []
    for engine in ENGINES:
        signal = steps.samples(f"{engine}.glutamate")
        exact = np.stack([block.on_grid(place, (0, 0, 0), signal.times_ms, 0.3) for place in seen], axis=1)
        errors.append(float(np.abs(signal.values - exact)[signal.times_ms >= LATE_MS].max() / exact.max()))
    yield Claim(
        "steps of 20 and 10 µs, voxels of 0.3 µm: order of the error",
        expected=2.0,
        measured=float(np.log2(errors[0] / errors[1])),
        tolerance=0.2,  # the next order is a tenth of it: D* dt / h² = 0.07
        source="exponentials of the voxels' own equations; SDIRK of second order",
    )


# -- receptors ----------------------------------------------------------------------------------------------------------------


def _under_recorded(run: Run, engine: str, receptor: str) -> tuple[Floats, Floats]:
    """(rows, places) open parts: of the run, and of the scheme's equations under the concentration that the run has."""
    scheme, count = RECEPTORS[receptor]
    heard, found = run.samples(f"{engine}.glutamate"), run.samples(f"{engine}.{receptor}").values / count
    times = np.concatenate([[0.0], heard.times_ms])
    course = CubicSpline(times, np.concatenate([np.zeros((1, heard.values.shape[1])), heard.values]))
    step = float(times[1])
    return found, scheme.open(course(np.arange(2 * len(heard.times_ms) + 1) * step / 2), step)


def expected_peaks(receptor: str, sources: Sequence[Place], uptake: float = UPTAKE) -> Floats:
    """(silent synapses,) largest open part under the Green function's concentration, which nothing binds."""
    scheme, _ = RECEPTORS[receptor]
    releases: list[Release] = [(source, time) for source in sources for time in BURST_MS]
    half = np.linspace(0.0, 100.0, 10001)
    courses = [Block(uptake=uptake).train(place, releases, half) for place in SILENT.values()]
    found: Floats = scheme.open(np.stack(courses, axis=1), 0.02).max(axis=0)
    return found


def _receptors(whole: Run) -> Iterator[Claim]:
    silent = list(SILENT)
    for receptor in RECEPTORS:
        found, exact = _under_recorded(whole, "one", receptor)
        apart = (np.abs(found - exact).max(axis=0) / exact.max(axis=0))[: len(silent)]
        yield Claim(
            f"open {receptor.upper()} receptors of five silent synapses: largest difference to their equations, of the peak",
            expected=0.0,
            measured=float(apart.max()),
            tolerance=0.005,
            source="Runge-Kutta, under the recorded concentration",
        )
    peaks = {receptor: whole.samples(f"one.{receptor}").values.max(axis=0) / RECEPTORS[receptor][1] for receptor in RECEPTORS}
    exact_of = {receptor: expected_peaks(receptor, [WEST]) for receptor in RECEPTORS}
    for receptor, name in (("nmda", "near"), ("nmda", "centre"), ("ampa", "centre")):
        place = silent.index(name)
        expected = float(exact_of[receptor][place]) * 1e6
        yield Claim(
            f"five spikes of west alone: open {receptor.upper()} receptors of {name} at the most, per million",
            expected=expected,
            measured=float(peaks[receptor][place]) * 1e6,
            tolerance=0.15 * expected,
            source="their equations under the Green function; voxels of 0.2 µm make 7 % more pass by at 0.6 µm, 14 % of pairs",
        )
    place = silent.index("centre")
    expected = float(exact_of["nmda"][place] / exact_of["ampa"][place])
    yield Claim(
        "NMDA over AMPA at centre: how many times the part of them opens",
        expected=expected,
        measured=float(peaks["nmda"][place] / peaks["ampa"][place]),
        tolerance=0.1 * expected,
        source="the same",
    )


def _together(whole: Run, run: Callable[..., Run]) -> Iterator[Claim]:
    """Both neighbours of centre at once against each alone, which by symmetry are alike; then all four."""
    place = list(SILENT).index("centre")
    single, double = (float(whole.samples(f"{engine}.nmda").values[:, place].max()) for engine in ENGINES)
    exact = [float(expected_peaks("nmda", sources)[place]) for sources in ([WEST], [WEST, EAST], [WEST, EAST, NORTH, SOUTH])]
    why = "two must bind, so few of them open as the square of the concentration; many less, as each binds but twice"
    yield Claim(
        "west and east at once: NMDA receptors that open at centre, over the sum of each alone",
        expected=exact[1] / (2 * exact[0]),
        measured=double / (2 * single),
        tolerance=0.03,  # as of the concentration, of which most cancels
        source=why,
    )
    spikes = [[time, name] for time in BURST_MS for name in ("west", "east", "north", "south")]
    four = run({"engines.axons.params.spikes": spikes})
    yield Claim(
        "all four at once, over the sum of each alone",
        expected=exact[2] / (4 * exact[0]),
        measured=float(four.samples("two.nmda").values[:, place].max()) / (4 * single),
        tolerance=0.1,
        source=why,
    )


# -- uptake, ledgers, windows, molecules ------------------------------------------------------------------------------------------


def _uptake(run: Callable[..., Run]) -> Iterator[Claim]:
    """What passes by 0.6 and 1.6 µm away: the ratio says how far it reaches."""
    seen = [(-0.2, 0.0, 0.0), (0.8, 0.0, 0.0)]
    rates = (0.5, 2.0)
    size = (5.1, 4.7, 3.9)
    blocks: dict[str, Any] = {}
    for engine, rate in zip(ENGINES, rates, strict=True):
        blocks |= {f"{engine}__species__glutamate__uptake": f"{rate} /ms", f"{engine}__regions": {}}
        blocks |= {f"{engine}__space__box__size": points(size), f"{engine}__space__box__spacing": "0.1 um"}
    both = run(alone("10 ms", seen, **blocks))
    for engine, rate in zip(ENGINES, rates, strict=True):
        signal = both.samples(f"{engine}.glutamate")
        passed = signal.values.sum(axis=0) * float(signal.times_ms[0])
        exact = [theory.passes_by(distance, rate) for distance in (0.6, 1.6)]
        fine = np.linspace(1e-4, 10.0, 100_000)
        walls = [Block(size, rate).concentration(place, WEST, fine).sum() * 1e-4 for place in seen]
        yield Claim(
            f"uptake of {rate:g} /ms: what passes by 1.6 µm away over that 0.6 µm away",
            expected=float(walls[1] / walls[0]),
            measured=float(passed[1] / passed[0]),
            tolerance=0.02 * float(walls[1] / walls[0]),  # voxels: (0.1 / 0.6)² / 2, and steps
            source=f"images of the Green function; in tissue without end {exact[1] / exact[0]:.4f} = 0.6/1.6 e^(-1 µm / Λ), "
            f"Λ = sqrt(D*/k) = {np.sqrt(theory.EFFECTIVE / rate):.3f} µm; without uptake 0.375",
        )


def _conserved(whole: Run) -> Iterator[Claim]:
    for engine in ENGINES:
        released, total = (whole.samples(f"{engine}.{name}").values[:, 0] for name in ("released", "total"))
        yield Claim(
            f"{engine}: free, bound, taken up and left, together; largest difference to what was released, of it",
            expected=0.0,
            measured=float(np.abs(total - released).max() / released[-1]),
            tolerance=1e-10,
            source="molecules are neither made nor lost; rounding of 5000 steps",
        )


def _windows(whole: Run, run: Callable[..., Run]) -> Claim:
    other = run({"clock.stop": "14 ms", **{f"engines.{engine}.window": "0.2 ms" for engine in ENGINES}})
    apart = [
        np.abs(found - whole.samples(name).values[: len(found)]).max()
        for name in (f"{engine}.{key}" for engine in ENGINES for key in ("glutamate", "plane", "ampa", "nmda", "total"))
        for found in [other.samples(name).values]
    ]
    return Claim(
        "windows of 0.2 ms in place of 1 ms: largest difference of all that is recorded",
        expected=0.0,
        measured=float(max(apart)),
        tolerance=0.0,
        source="the same steps",
    )


def _replicas(run: Callable[..., Run]) -> Iterator[Claim]:
    """A spike of west in single molecules, 32 times; and of the same block in concentrations."""
    ms, count = 4.0, 32
    settings: dict[str, Any] = {
        "clock.stop": f"{ms:g} ms",
        "links.two.from": "axons.out[west]",
        "links.two.to": "two.vesicle[vesicle0]",
    }
    settings |= {"engines.two.params.solver": "stochastic", "engines.two.params.replicas": count}
    settings |= {f"engines.{engine}.params.record.plane.every": "1 ms" for engine in ENGINES}
    both = run(settings)
    gone = [both.samples(f"{engine}.taken_up").values[-1] + both.samples(f"{engine}.left").values[-1] for engine in ENGINES]
    yield _mean_claim(f"{count} replicas in single molecules: mean number taken up or left by {ms:g} ms", gone[0][0], gone[1], "")
    places = len(SILENT) + 1
    for k, name in ((0, "near"), (1, "centre")):
        one = both.samples("one.glutamate").values[:, k].mean()
        each = both.samples("two.glutamate").values.mean(axis=0).reshape(count, places)[:, k]
        yield _mean_claim(f"the same: mean concentration at {name} over {ms:g} ms", float(one), each, "µM")
    bound = [both.samples(f"{engine}.bound").values[-1] for engine in ENGINES]
    yield _mean_claim(f"the same: mean number bound at {ms:g} ms", bound[0][0], bound[1], "")
    total = both.samples("two.total").values - both.samples("two.released").values
    yield Claim("the same: molecules made or lost", 0.0, float(np.abs(total).max()), 0.0, "whole numbers")


def _mean_claim(name: str, expected: float, each: Floats, unit: str) -> Claim:
    error = float(each.std(ddof=1) / np.sqrt(len(each)))
    source = f"the deterministic run; tolerance: {SAMPLING:g} standard errors of the replicas"
    return Claim(name, float(expected), float(each.mean()), SAMPLING * error, source, unit)

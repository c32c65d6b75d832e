"""A wave along a branching dendrite against SciPy and NEURON, its store against the paper's, calcium against the books."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cosim
from cosim.claims import Claim
from cosim.results import Run
from engines.equations.quantities import number
from scenarios.calcium_wave import theory
from scenarios.calcium_wave.measures import Wave, crossing

Floats = NDArray[np.float64]
HERE = Path(__file__).resolve().parent
PARAMS = "engines.dendrite.params"
PIECE_UM = 0.25
"""Of the tree in theory: half of the engine's."""
TIP_UM = 5.0
"""Of the upper branch, that calcium comes in to."""
PLACES = [("upper", 30.0), ("trunk", 30.0), ("trunk", 5.0), ("lower", 20.0), ("tail", 20.0), ("twig", 20.0)]
WAY = ("upper", 30.0), ("trunk", 20.0)
WITHOUT_DYE = {f"{PARAMS}.species.{name}.initial": "0 uM" for name in ("dye", "CaDye")}
COARSE = {f"{PARAMS}.dt": "10 ms"}
"""Steps cost 0.06 % of the speed."""
BEFORE, BEHIND = ("upper", 20.0), ("trunk", 40.0)
"""20 µm on both sides of the first branch point; the wave comes down the upper branch."""


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    whole = run()
    yield from _store(run)
    yield from _scipy(whole)
    if find_spec("neuron") is not None:
        yield from _neuron(whole)
    yield _conserved(whole)
    yield _windows(whole, run)
    yield from _orders(whole, run)
    yield _root(run)
    yield from _branch(run)
    yield _ip3(run)


# -- the scenario as theory takes it -----------------------------------------------------------------------------------------------


def params_of(run: Run) -> Any:
    plan = cosim.check(run.folder / "scenario.yaml").plan
    assert plan is not None
    return plan.engines["dendrite"].params


def branches_of(params: Any) -> dict[str, theory.Branch]:
    """The branches, as the file has them."""
    found = {}
    for name, branch in params.space.dendrite.morphology.branches.items():
        points = np.array(branch.points)
        length = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
        found[name] = theory.Branch(length, (branch.diameter[0], branch.diameter[-1]), branch.parent)
    return found


def wave_of(run: Run) -> Wave:
    lengths = {name: branch.length for name, branch in branches_of(params_of(run)).items()}
    return Wave.of(run.samples("dendrite.ca"), lengths)


def by_scipy(run: Run) -> Wave:
    """The same dendrite by the method of lines."""
    params, times_s = params_of(run), run.samples("dendrite.ca").times_ms / 1e3
    tree = theory.Tree(branches_of(params), PIECE_UM)
    dye = params.models["indicator"].parameters
    free, bound = (number(params.species[name].initial, "uM") for name in ("dye", "CaDye"))
    buffer = theory.Dye(
        free + bound, number(dye["k_on"], "1/(uM*s)"), number(dye["k_off"], "1/s"), 1e3 * params.species["dye"].diffusion
    )
    store = theory.Store(
        number(params.species["IP3"].initial, "uM"),
        **{key: _plain(value) for key, value in params.models["store"].parameters.items()},
    )
    plan = cosim.check(run.folder / "scenario.yaml").plan
    assert plan is not None
    player = plan.engines["synapse"].params
    amps, dt_s = np.array(player.values)[:, 0] * 1e-12, player.dt / 1e9
    on = np.flatnonzero(amps)
    tip = (tree.branch == "upper") & (tree.at > tree.branches["upper"].length - TIP_UM)
    rates = np.where(tip, -amps[on[0]] / (2 * theory.FARADAY_PER_UM3) / tree.volumes[tip].sum(), 0.0)
    pulse = theory.Pulse(on[0] * dt_s, (on[-1] + 1) * dt_s, rates)
    calcium = theory.wave(tree, store, 1e3 * params.species["Ca"].diffusion, buffer, pulse, times_s)
    return Wave(times_s, calcium, tree.branch, tree.at)


def _plain(value: Any) -> float:
    """In µM and s."""
    return number(value, "uM/s" if "uM" in str(value) else "1/s")


# -- claims --------------------------------------------------------------------------------------------------------------


def _store(run: Callable[..., Run]) -> Iterator[Claim]:
    """The numbers of the paper, in a few voxels that are all alike."""
    settings: dict[str, Any] = {"clock.stop": "60 s", "engines.synapse.params.values": [[0.0]], f"{PARAMS}.dt": "10 ms"}
    settings |= {f"{PARAMS}.space.dendrite.max_length": "60 um", f"{PARAMS}.regions.tip": "all"}
    settings |= {f"{PARAMS}.models.store.parameters": {}, f"{PARAMS}.models.store.initial": {"store": "1.7 uM", "h": 0.65}}
    settings |= WITHOUT_DYE
    settings |= {f"{PARAMS}.species.Ca.initial": "0.3 uM", f"{PARAMS}.record.ca.every": "10 ms"}
    for ip3 in (0.5, 0.3):
        signal = run({**settings, f"{PARAMS}.species.IP3.initial": f"{ip3} uM"}).samples("dendrite.ca")
        times, course = signal.times_ms / 1e3, signal.values[:, 0]
        late = times > 25.0
        period, low, high = theory.Store(ip3).cycle()
        if ip3 == 0.5:
            found = [
                crossing(times[first:], course[first:], 0.2) for first in _beginnings(course[late], 0.2) + int(np.argmax(late))
            ]
            source = "LSODA; Li and Rinzel's model, 0.5 µM of IP3; tolerance: what is left of the start after 25 s"
            yield Claim("well mixed, 0.5 µM of IP3: period", period, float(np.diff(found).mean()), 0.005, source, "s")
            yield Claim("the same: least calcium", low, float(course[late].min()), 2e-4, source, "µM")
            yield Claim("the same: most calcium", high, float(course[late].max()), 2e-4, source, "µM")
        else:
            rest, source = theory.Store(ip3).rest()[0], "where its equations are 0; ringing has decayed to 1e-4"
            yield Claim("0.3 µM of IP3: calcium at rest", rest, float(course[-1]), 2e-4, source, "µM")


def _beginnings(course: Floats, level: float) -> Any:
    """Rows shortly before a course comes up through a level."""
    rows = np.flatnonzero((course[1:] > level) & (course[:-1] <= level)) - 3
    return rows[rows >= 0]


def _apart(ours: Wave, theirs: Wave) -> tuple[float, float]:
    """Largest difference of arrivals, s, and of concentrations, µM, at some places."""
    arrivals = [abs(ours.arrival_s(*place) - theirs.arrival_s(*place)) for place in PLACES]
    courses = [np.abs(ours.course(*place) - theirs.course(*place)).max() for place in PLACES]
    return float(max(arrivals)), float(max(courses))


def _scipy(whole: Run) -> Iterator[Claim]:
    ours, theirs = wave_of(whole), by_scipy(whole)
    arrivals, courses = _apart(ours, theirs)
    last = theirs.arrival_s("trunk", 5.0)
    yield Claim(
        f"when the wave comes to six places, the last at {last:.2f} s: largest difference to SciPy",
        expected=0.0,
        measured=arrivals,
        tolerance=2e-3 * last,  # (0.5 µm / 5 µm)² / 12 of the speed, and as much again for steps
        source="method of lines, BDF, voxels of 0.25 µm",
        unit="s",
    )
    yield Claim(
        "calcium at these places: largest difference",
        expected=0.0,
        measured=courses,
        tolerance=2e-3 * last * 3.0,  # where a wave comes up by 3 µM/s
        source="the same; tolerance: that of the arrival times the steepest rise",
        unit="µM",
    )
    speed = 40.0 / ours.travel_s(("trunk", 45.0), ("trunk", 5.0))
    expected = 40.0 / theirs.travel_s(("trunk", 45.0), ("trunk", 5.0))
    yield Claim("speed along the trunk", expected, speed, 2e-3 * expected, "the same", "µm/s")


def _neuron(whole: Run) -> Iterator[Claim]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "neuron.npz"
        command = [sys.executable, str(HERE / "alone.py"), str(whole.folder.resolve()), str(out)]
        subprocess.run(command, check=True, cwd=folder, capture_output=True, timeout=600)
        with np.load(out) as found:
            theirs = Wave(found["times_s"], found["ca"], found["branch"], found["at"])
    arrivals, courses = _apart(wave_of(whole), theirs)
    source = "NEURON's rxd, voxels of 0.5 µm, CVODE at 1e-6; it has no voxel of its own where branches meet"
    yield Claim("the same in NEURON: arrivals", 0.0, arrivals, 5e-3, source, "s")
    yield Claim("the same in NEURON: calcium", 0.0, courses, 5e-3 * 3.0, source, "µM")


def _conserved(whole: Run) -> Claim:
    total, supplied = (whole.samples(f"dendrite.{name}").values[:, 0] for name in ("total", "supplied"))
    return Claim(
        "calcium that is free, stored and bound, less what came in: largest change, of it",
        expected=0.0,
        measured=float(np.abs(total - supplied - (total[0] - supplied[0])).max() / total[0]),
        tolerance=1e-10,
        source="molecules are neither made nor lost; rounding of 2400 steps",
    )


def _windows(whole: Run, run: Callable[..., Run]) -> Claim:
    other = run({"engines.dendrite.window": "50 ms", "clock.stop": "3 s"})
    apart = [
        np.abs(found - whole.samples(name).values[: len(found)]).max()
        for name in ("dendrite.ca", "dendrite.h", "dendrite.total")
        for found in [other.samples(name).values]
    ]
    return Claim(
        "windows of 50 ms in place of 100 ms: largest difference of all that is recorded",
        expected=0.0,
        measured=float(max(apart)),
        tolerance=0.0,
        source="the same steps",
    )


def _orders(whole: Run, run: Callable[..., Run]) -> Iterator[Claim]:
    """Of the time from the upper branch to the trunk."""
    finest = wave_of(whole).travel_s(*WAY)
    lengths = [wave_of(run({f"{PARAMS}.space.dendrite.max_length": f"{h} um"})).travel_s(*WAY) for h in (2, 1)]
    yield Claim(
        "voxels of 2, 1 and 0.5 µm: order in which the time of travel settles",
        expected=2.0,
        measured=float(np.log2((lengths[0] - lengths[1]) / (lengths[1] - finest))),
        tolerance=0.3,
        source="finite volumes are of second order; the next order is a tenth, (2 µm / 5 µm)² of it",
    )
    yield _order_of_steps(run, WITHOUT_DYE, "without the dye", 2.0, "halves of diffusion around reactions are of second order")
    why = "it binds within 0.4 ms, shorter than steps: splitting is of first order then (Sportisse 2000, J Comput Phys 161, 140)"
    yield _order_of_steps(run, {}, "with it", 1.0, why)


def _order_of_steps(run: Callable[..., Run], settings: dict[str, Any], words: str, expected: float, source: str) -> Claim:
    times = []
    for dt in (25, 12.5, 6.25):
        found = run({**settings, "clock.stop": "8 s", f"{PARAMS}.dt": f"{dt} ms"})
        times.append(wave_of(found).travel_s(*WAY))
    return Claim(
        f"steps of 25, 12.5 and 6.25 ms, {words}: order in which the time of travel settles",
        expected=expected,
        measured=float(np.log2((times[0] - times[1]) / (times[1] - times[2]))),
        tolerance=0.3,  # of the next order
        source=source,
    )


def cable(diffusion: float) -> dict[str, Any]:
    """Settings: one cable without branches, and diffusion coefficients times a factor."""
    settings: dict[str, Any] = dict(COARSE)
    straight = {"points": [["0 um", "0 um", "0 um"], ["150 um", "0 um", "0 um"]], "diameter": "1 um"}
    settings[f"{PARAMS}.space.dendrite.morphology.branches"] = {"upper": straight}
    settings[f"{PARAMS}.regions.tip"] = {"box": {"to": ["5 um", "9 um", "9 um"]}}
    values = {"Ca": 20.0, "dye": 40.0, "CaDye": 40.0}
    return settings | {f"{PARAMS}.species.{name}.diffusion": f"{value * diffusion} um**2/s" for name, value in values.items()}


def _root(run: Callable[..., Run]) -> Claim:
    speeds = []
    for factor in (1.0, 4.0):
        wave = wave_of(run(cable(factor)))
        speeds.append(60.0 / wave.travel_s(("upper", 70.0), ("upper", 130.0)))
    return Claim(
        "an even cable: speed with four times the diffusion coefficients, over the speed",
        expected=2.0,
        measured=speeds[1] / speeds[0],
        tolerance=0.02,  # of the 60 µm and what the beginning still makes there
        source="lengths go as sqrt(D) and nothing else in the equations has a length",
    )


def _branch(run: Callable[..., Run]) -> Iterator[Claim]:
    """The trunk as wide from end to end as it is said: the wave has to fill it through the upper branch."""
    for wide, passes in ((1.6, True), (2.5, True), (3.0, False)):
        found = run({**COARSE, "clock.stop": "9 s", f"{PARAMS}.space.dendrite.morphology.branches.trunk.diameter": f"{wide} um"})
        ours, theirs = wave_of(found), by_scipy(found)
        ratio = (wide**2 + 1.2**2) / 1.2**2
        if passes:
            expected = theirs.travel_s(BEFORE, BEHIND)
            yield Claim(
                f"a trunk of {wide} µm, {ratio:.1f} times the cross-section ahead: 20 µm before to 20 µm behind the branch point",
                expected=expected,
                measured=ours.travel_s(BEFORE, BEHIND),
                tolerance=0.01 * expected,  # near the stop small errors of the size of the wave count most
                source="SciPy, voxels of 0.25 µm",
                unit="s",
            )
        else:
            yield Claim(
                f"a trunk of {wide:g} µm, {ratio:.1f} times: most calcium 20 µm behind the branch point, as the wave stops",
                expected=float(theirs.course(*BEHIND).max()),
                measured=float(ours.course(*BEHIND).max()),
                tolerance=1e-3,
                source="SciPy; a wave has 0.5 µM",
                unit="µM",
            )


IP3 = {
    "engines.synapse.params": {
        "values": [*[[0.0]] * 5, *[[2.0]] * 20],
        "dt": "100 ms",
        "after": "zero",
        "unit": "1/ms",
        "quantity": "molecular_flux",
        "of": "mean",
    },
    "links": {"ip3": {"from": "synapse.out", "to": "dendrite.ip3"}},
}
"""Two molecules of IP3 a ms for 2 s, and no calcium."""


def _ip3(run: Callable[..., Run]) -> Claim:
    wave = wave_of(run({**COARSE, **IP3}))
    return Claim(
        "2 molecules of IP3 a ms at the tip for 2 s, in place of calcium: places of the six that a wave comes to",
        expected=float(len(PLACES)),
        measured=float(sum(np.isfinite(wave.arrival_s(*place)) for place in PLACES)),
        tolerance=0.0,
        source="0.76 µM of IP3, with which the store oscillates by itself, start it where they are",
    )

"""One synapse, from the vesicle to the field: every scale against what theory says of it, and every cut between two of them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cosim
from cosim.claims import Claim
from cosim.results import Run, SampledSignal
from cosim.sdk.loading import load_file

HERE = Path(__file__).resolve().parent
theory = load_file(HERE / "theory.py", "theory.py")
lines = load_file(HERE.parent / "dendrite" / "theory.py", "theory.py")

Floats = NDArray[np.float64]
Running = Callable[..., Run]
SCENARIO = cosim.load(HERE / "scenario.yaml").file
MOLECULES, DIFFUSION, RADIUS_UM, HEIGHT_UM, PERMEABILITY, UPTAKE = 3000, 0.33, 0.25, 0.02, 0.08, 0.2  # as in scenario.yaml
COUNTS, PORE_PS = {"ampa": 80, "nmda": 20}, {"ampa": 10.0, "nmda": 50.0}
VOLUME_UM3 = np.pi * RADIUS_UM**2 * HEIGHT_UM
SPIKE_MS, STEP_MS, ROW_MS, FINE_US = 2.0, 0.005, 0.025, 1
DIAMETER_UM, RESISTIVITY, LEAK, CAPACITANCE = 1.0, 150.0, 5e-5, 1.0
LENGTH_UM, TAU_MS, CONDUCTIVITY = 600.0, 1e-3 * CAPACITANCE / LEAK, 0.3
CLEFT, DENDRITE = "engines.cleft.params", "engines.dendrite.params"


def claims(run: Running) -> Iterator[Claim]:
    whole = run()
    yield from claims_of_the_cleft(run, whole)
    yield from claims_of_receptors(run, whole)
    yield from claims_of_cuts(run)
    yield from claims_of_a_transient(run)
    yield from claims_of_windows(run, whole)
    yield from claims_of_currents(whole)
    yield from claims_of_the_neighbour(run, whole)


def alone(params: dict[str, Any], *, window: str = "0.25 ms", stop: str = "6 ms", **more: Any) -> dict[str, Any]:
    """The cleft without a cell, by other parameters, and what it records."""
    cleft = {**SCENARIO.engines["cleft"].params, "inputs": {}, **params}
    axon = {"use": "player", "window": "1 ms", "params": SCENARIO.engines["axon"].params}
    engines = {"axon": axon, "cleft": {"use": "reaction_diffusion", "window": window, "params": cleft}}
    links = {"release": {"from": "axon.out", "to": "cleft.vesicle"}}
    streams = [f"cleft.{name}" for name in cleft["record"]]
    return {"engines": engines, "links": links, "clock.stop": stop, "record.streams": streams, **more}


# -- the cleft -----------------------------------------------------------------------------------------------------------------


def claims_of_the_cleft(run: Running, whole: Run) -> Iterator[Claim]:
    released, left, taken_up, bound = (_one(whole, f"cleft.{name}") for name in ("released", "left", "taken_up", "bound"))
    free = whole.samples("cleft.free")
    here = np.interp(whole.samples("cleft.released").times_ms, free.times_ms, free.values[:, 0])
    there = here * VOLUME_UM3 * theory.MOLECULES_PER_MM_UM3 + left + taken_up + bound
    for name, found in (
        ("free, bound, taken up and left, added up by hand", there),
        ("the record of all there is", _one(whole, "cleft.total")),
    ):
        yield Claim(
            f"transmitter, {name}: largest difference to what was released, of it",
            expected=0.0,
            measured=float(np.abs(found - released).max() / released.max()),
            tolerance=1e-10,
            source="molecules are neither made nor lost; tolerance: rounding",
        )
    yield from _early(run)
    yield from _late(run, whole)


def _early(run: Running) -> Iterator[Claim]:
    """Without receptors, in small voxels, before what spreads has been to the rim and back."""
    places = [[f"{x} nm", "0 nm", "0 nm"] for x in range(0, 125, 25)]
    space = {"disc": {"radius": "250 nm", "height": "20 nm", "spacing": "5 nm", "rim": "0.08 um/ms"}}
    record = {"near": {"value": "glutamate", "at": places}}
    found = run(alone({"space": space, "models": {}, "dt": "0.5 us", "record": record}, window="10 us", stop="2.02 ms")).samples(
        "cleft.near"
    )
    for after_us in (4, 8, 12):
        row = int(np.searchsorted(found.times_ms, SPIKE_MS + after_us * 1e-3 - 1e-9))
        distances = 0.025 * np.arange(len(places))
        expected = theory.spread_mm(distances, after_us * 1e-3, MOLECULES, DIFFUSION, HEIGHT_UM) * np.exp(-UPTAKE * after_us * 1e-3)
        yield Claim(
            f"concentration {after_us} us after a release, up to 100 nm from it: largest difference to the Green function",
            expected=0.0,
            measured=float(np.abs(found.values[row] / expected - 1).max()),
            tolerance=0.01,
            source="n/(4 pi D h t) e^(-r²/4Dt); relative; tolerance: voxels of 5 nm, where it falls by e in 73 nm at 4 us",
        )


def _late(run: Running, whole: Run) -> Iterator[Claim]:
    free = run(alone({"models": {}, "record": {"free": {"value": "glutamate", "over": "mean", "every": "25 us"}}})).samples(
        "cleft.free"
    )
    expected = theory.clearance_ms(DIFFUSION, RADIUS_UM, PERMEABILITY, UPTAKE)
    yield Claim(
        "without receptors: time constant of the transmitter from 1 to 4 ms after its release",
        expected=expected,
        measured=_decay_ms(free.times_ms, free.values[:, 0], 1.0, 4.0),
        tolerance=0.005 * expected,
        source="the least root of a J1(a) = (P R/D) J0(a), and uptake; tolerance: a rim of voxels",
        unit="ms",
    )
    near = whole.samples("cleft.near")
    yield Claim(
        "with receptors, in the postsynaptic density: the same from 0.2 to 2 ms",
        expected=1.2,
        measured=_decay_ms(near.times_ms, near.values[:, 0], 0.2, 2.0),
        tolerance=0.15,
        source="Clements et al. (1992), 1.2 ms; tolerance: two digits are published, and receptors hold transmitter back",
        unit="ms",
    )
    yield Claim(
        "… its mean 0.2 ms after the release",
        expected=1.1,
        measured=float(near.values[np.searchsorted(near.times_ms, SPIKE_MS + 0.2 - 1e-9), 0]),
        tolerance=0.2,
        source="Clements et al. (1992), 1.1 mM; 3000 molecules in this cleft are 1.27 mM, of which receptors take some at once",
        unit="mM",
    )


def _decay_ms(times_ms: Floats, values: Floats, begin: float, end: float) -> float:
    kept = (times_ms >= SPIKE_MS + begin - 1e-9) & (times_ms <= SPIKE_MS + end)
    return float(-1.0 / np.polyfit(times_ms[kept], np.log(values[kept]), 1)[0])


# -- receptors -----------------------------------------------------------------------------------------------------------------


def claims_of_receptors(run: Running, whole: Run) -> Iterator[Claim]:
    yield from _each_where_it_is(run, whole)
    yield from _stirred(run)


def _each_where_it_is(run: Running, whole: Run) -> Iterator[Claim]:
    """The recorded concentration in every voxel, given to the receptors there."""
    record = {"near": {"value": "glutamate", "in": "psd", "of": "mean"}}
    record |= {name: {"value": f"{name}.O", "over": "fraction"} for name in COUNTS}
    fine = run(alone({"record": record, "dt": f"{FINE_US} us"}, stop="5 ms"))
    near, weights = _by_distance(fine.samples("cleft.near"))
    for name, scheme in (("ampa", theory.AMPA), ("nmda", theory.NMDA)):
        opened, coarse = (_one(other, f"cleft.{stream}") for other, stream in ((fine, name), (whole, f"{name}_open")))
        expected = theory.Receptor(scheme).open_under(near, FINE_US * 1e-3) @ weights
        yield Claim(
            f"{name}, steps of {FINE_US} us: open fraction, largest difference to the scheme under what is in every voxel",
            expected=0.0,
            measured=float(np.abs(opened - expected).max() / expected.max()),
            tolerance=0.005,
            source="matrix exponentials of the published rates, each step with its mean concentration; of the largest",
        )
        at_rows = opened[round(ROW_MS * 1e3 / FINE_US) - 1 :: round(ROW_MS * 1e3 / FINE_US)]
        yield Claim(
            f"{name}, steps of 2.5 us as in the scenario: largest difference to steps of {FINE_US} us",
            expected=0.0,
            measured=float(np.abs(coarse[: len(at_rows)] - at_rows).max() / at_rows.max()),
            tolerance=0.005,
            source="Strang's splitting, of second order but where all molecules are in one voxel at first; of the largest",
        )


def _by_distance(near: SampledSignal) -> tuple[Floats, Floats]:
    """(rows, distances) mM, and what part of the voxels is at each distance from the middle: there all have the same."""
    places = near.positions_um
    assert places is not None
    _, first, counts = np.unique(np.hypot(places[:, 0], places[:, 1]).round(6), return_index=True, return_counts=True)
    return near.values[:, first], counts / len(places)


def _stirred(run: Running) -> Iterator[Claim]:
    """All in one volume, transporters and rim as one rate: an ordinary differential equation."""
    loss = 1.0 / theory.clearance_ms(DIFFUSION, RADIUS_UM, PERMEABILITY, UPTAKE)
    glutamate = {"uptake": f"{loss} 1/ms"}
    models = {name: {**item, "in": "all"} for name, item in SCENARIO.engines["cleft"].params["models"].items()}
    record = {"free": {"value": "glutamate", "over": "mean"}, **{f"{n}": {"value": f"{n}.O", "over": "fraction"} for n in COUNTS}}
    space = {"well_mixed": {"volume": f"{VOLUME_UM3} um**3"}}
    params = {"space": space, "regions": {}, "species": {"glutamate": glutamate}, "models": models, "record": record}
    release = {"vesicle": {"species": "glutamate", "at": "all", "molecules": MOLECULES}}
    found = run(alone({**params, "release": release}, stop="10 ms"))
    times = found.samples("cleft.free").times_ms
    after = times > SPIKE_MS + 1e-9
    exact = theory.well_mixed(MOLECULES, VOLUME_UM3, loss, COUNTS, times[after] - SPIKE_MS)
    for name in ("free", *COUNTS):
        yield Claim(
            f"well mixed, {name}: largest difference over 8 ms to Radau's method",
            expected=0.0,
            measured=float(np.abs(_one(found, f"cleft.{name}")[after] - exact[name]).max() / exact[name].max()),
            tolerance=0.005,
            source="the same equations, tolerance 1e-9; uptake beside reactions is split, of second order; of the largest",
        )


# -- what crosses from engine to engine ----------------------------------------------------------------------------------------

NO_BLOCK = {
    f"{CLEFT}.models.nmda.parameters": {"magnesium": "0 mM"},
    f"{DENDRITE}.inputs.blocked": {"kind": "drive", "to": "cell", "mechanism": "./blocked_input.yaml", "at": "head"},
    "links.nmda.to": "dendrite.blocked",
}
"""Magnesium is in the dendrite's engine: nothing that hangs on the potential crosses."""
SHORT = {"clock.stop": "10 ms"}
DELAYS_US = (400, 200, 100, 50)


def claims_of_cuts(run: Running) -> Iterator[Claim]:
    piece = run({**SHORT, **NO_BLOCK})
    v = _one(piece, "dendrite.head")
    late = [_one(run({**SHORT, **_delayed(delay)}), "dendrite.head") for delay in DELAYS_US]
    steps = [float(np.abs(a - b).mean()) for a, b in pairwise(late)]
    for k, (a, b) in enumerate(pairwise(steps)):
        yield Claim(
            f"the block hears the potential late, by {', '.join(map(str, DELAYS_US[k : k + 3]))} us: order of what it costs",
            expected=1.0,
            measured=float(np.log2(a / b)),
            tolerance=0.1,
            source="a delay that the model has not: first order; of differences from each to the next, mean over 10 ms",
        )
    limit = 2 * late[-1] - late[-2]
    yield Claim(
        "… where it goes as the delay falls to 0: largest difference to block and potential in one engine",
        expected=0.0,
        measured=float(np.abs(limit - v).max() * 1e3),
        tolerance=1.0,
        source="co-simulated is monolithic; extrapolated from the last two, tolerance: what is left is of second order",
        unit="uV",
    )
    yield from _own_receptors(run)
    if find_spec("neuron") is not None:
        yield Claim(
            "conductances of the cleft in a spine in NEURON, with NEURON's block: largest difference of its potential",
            expected=0.0,
            measured=float(np.abs(_neuron(piece) - v).max() * 1e3),
            tolerance=1.0,
            source="the same steps; tolerance: NEURON keeps points in single precision",
            unit="uV",
        )


def _own_receptors(run: Running) -> Iterator[Claim]:
    """The transmitter crosses in place of conductances: receptors are the dendrite's own mechanisms, one for each voxel."""
    fine = {
        f"{CLEFT}.dt": f"{FINE_US} us",
        f"{DENDRITE}.dt": f"{FINE_US} us",
        **{f"{CLEFT}.record.{name}.every": "5 us" for name in COUNTS},
    }
    conductances = run({"clock.stop": "6 ms", **NO_BLOCK, **fine})
    voxels = _voxels()
    share = {name: f"{COUNTS[name] * PORE_PS[name] / voxels} pS" for name in COUNTS}
    models = {"ampa": "ampa_jonas", "nmda": "nmda_lester_jahr"}
    heard = {
        name: {"kind": "drive", "to": "cell", "mechanism": models[name], "parameters": {"g": share[name]}, "each": True}
        | {"at": {"in": {"section": "head"}, "count": voxels}}
        for name in COUNTS
    }
    dendrite = {**SCENARIO.engines["dendrite"].params, "dt": f"{FINE_US} us", "inputs": heard}
    near = {"value": "glutamate", "in": "psd", "of": "mean", "every": "5 us"}
    links = {"release": {"from": "axon.out", "to": "cleft.vesicle"}}
    links |= {name: {"from": "cleft.near", "to": f"dendrite.{name}"} for name in COUNTS}
    cell = {
        "use": "compartmental_neurons",
        "window": "0.25 ms",
        "params": {**dendrite, "record": {"head": dendrite["record"]["head"]}},
    }
    whole = alone({"record": {"near": near}, "dt": f"{FINE_US} us"})
    whole["engines"]["dendrite"], whole["links"], whole["record.streams"] = cell, links, ["dendrite.head"]
    found, expected = _one(run(whole), "dendrite.head"), _one(conductances, "dendrite.head")
    yield Claim(
        f"transmitter of {voxels} voxels told to receptors of the spine's engine: largest difference of its potential",
        expected=0.0,
        measured=float(np.abs(found - expected).max()),
        tolerance=0.1,
        source="the same schemes; tolerance: backward Euler there, in steps of 1 us",
        unit="mV",
    )


def _voxels() -> int:
    """Of the postsynaptic density."""
    fields = alone({"record": {"near": {"value": "glutamate", "in": "psd"}}})
    plan = cosim.check(HERE / "scenario.yaml", fields).plan
    assert plan is not None
    return len(plan.engines["cleft"].outputs["near"].space)


def _delayed(delay_us: int) -> dict[str, Any]:
    every = f"{delay_us} us"
    return {
        "links.block.delay": every,
        "engines.cleft.window": every,
        "engines.dendrite.window": every,
        f"{CLEFT}.record.field.every": every,
    }


def _neuron(run: Run) -> Floats:
    """(steps,) the potential of the spine in NEURON, in a process and a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(HERE / "alone.py"), str(run.folder.resolve()), "alone.npz"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found: Floats = np.load(Path(folder) / "alone.npz")["v"]
        return found


# -- a transient that is shorter than a window ---------------------------------------------------------------------------------

SOON = {"disc": {**SCENARIO.engines["cleft"].params["space"]["disc"], "rim": "absorbing"}}
TOLD = {
    "means of 5 us": {"of": "mean", "every": "5 us"},
    "means of the windows": {"of": "mean", "every": "1 ms"},
    "values at the ends of the windows": {"of": "value", "every": "1 ms"},
}


def claims_of_a_transient(run: Running) -> Iterator[Claim]:
    """A rim at which all is lost: 0.1 ms of transmitter, told to AMPA receptors of the dendrite's engine in windows of 1 ms."""
    found = {name: run(_told(record, "1 ms")) for name, record in TOLD.items()}
    first = next(iter(found.values()))
    fine, receptor = first.samples("cleft.fine"), theory.Receptor(theory.AMPA)
    exact = float(receptor.open_under(fine.values, STEP_MS).max())
    tau = theory.clearance_ms(DIFFUSION, RADIUS_UM, np.inf, UPTAKE)
    yield Claim(
        "a rim that absorbs: time constant of the transmitter from 50 to 200 us after its release",
        expected=1e3 * tau,
        measured=1e3 * _decay_ms(fine.times_ms, fine.values[:, 0], 0.05, 0.2),
        tolerance=1e3 * 0.01 * tau,
        source="R²/(2.405² D): nearly all is gone within a tenth of a window; tolerance: a rim of voxels of 20 nm",
        unit="us",
    )
    for name, other in found.items():
        told = other.samples("cleft.told")
        held = np.repeat(told.values, round((told.times_ms[1] - told.times_ms[0]) / STEP_MS), axis=0)
        yield Claim(
            f"… told in {name} of 1 ms: AMPA receptors open at most, where {exact:.4f} is right"
            if name != "means of 5 us"
            else "… told in means of 5 us, windows of 1 ms: AMPA receptors open at most",
            expected=float(receptor.open_under(held, STEP_MS).max()),
            measured=float(_one(other, "dendrite.open").max()),
            tolerance=0.01 * exact,
            source="the scheme by matrix exponentials, steps of 5 us; tolerance: backward Euler in steps of 1 us",
        )
    again = _one(run(_told(TOLD["means of 5 us"], "25 us")), "dendrite.open")
    yield Claim(
        "… told in means of 5 us, windows of 25 us in place of 1 ms: largest difference of what is open",
        expected=0.0,
        measured=float(np.abs(again - _one(first, "dendrite.open")).max()),
        tolerance=0.0,
        source="what crosses is rows, whatever the windows",
    )


def _told(record: dict[str, str], window: str) -> dict[str, Any]:
    """The dendrite hears one record of the mean transmitter by receptors of its own."""
    mean = {"value": "glutamate", "in": "psd", "over": "mean"}
    records = {"told": {**mean, **record}, "fine": {**mean, "of": "mean", "every": "5 us"}}
    found = alone({"space": SOON, "dt": f"{FINE_US} us", "models": {}, "record": records}, window=window)
    own = SCENARIO.engines["dendrite"].params
    heard = {
        "glutamate": {
            "kind": "drive",
            "to": "cell",
            "mechanism": "ampa_jonas",
            "parameters": {"g": "800 pS"},
            "at": "head",
        }
    }
    kept = {"open": {"of": "cell", "value": "glutamate.O", "at": "head"}}
    params = {**own, "dt": f"{FINE_US} us", "inputs": heard, "record": kept}
    found["engines"]["dendrite"] = {"use": "compartmental_neurons", "window": window, "params": params}
    found["links"]["told"] = {"from": "cleft.told", "to": "dendrite.glutamate"}
    return {**found, "record.streams": ["cleft.told", "cleft.fine", "dendrite.open"]}


# -- windows -------------------------------------------------------------------------------------------------------------------


def claims_of_windows(run: Running, whole: Run) -> Iterator[Claim]:
    windows = {"engines.cleft.window": "50 us", "engines.dendrite.window": "0.125 ms", "engines.neighbour.window": "2 ms"}
    other = run({"clock.stop": "6 ms", **windows})
    for stream, unit in (("cleft.near", "mM"), ("dendrite.head", "mV"), ("neighbour.v", "mV")):
        found = other.samples(stream).values
        yield Claim(
            f"windows of 50 us, 125 us and 2 ms in place of 250 and 500 us: largest difference of {stream}",
            expected=0.0,
            measured=float(np.abs(found - whole.samples(stream).values[: len(found)]).max()),
            tolerance=0.0,
            source="delays are those of the links, whatever the windows",
            unit=unit,
        )


# -- the field -----------------------------------------------------------------------------------------------------------------


def claims_of_currents(whole: Run) -> Iterator[Claim]:
    membrane = whole.samples("dendrite.membrane")
    sizes = np.abs(membrane.values).sum(axis=1)
    yield Claim(
        f"currents through all of the membrane: largest sum in {len(sizes)} steps, of the largest sum of their sizes",
        expected=0.0,
        measured=float(np.abs(membrane.values.sum(axis=1)).max() / sizes.max()),
        tolerance=1e-10,
        source="what enters a cell leaves it; tolerance: rounding, of 70 mV across a soma through which a uA would flow",
    )
    plan = cosim.check(whole.folder / "scenario.yaml").plan
    assert plan is not None
    pieces = plan.engines["dendrite"].outputs["membrane"].space.segments
    rows = np.linspace(0, len(sizes) - 1, 40).astype(int)
    for link, per_uv in (("lfp", 1.0), ("field", 1e3)):
        found = whole.samples(link)
        expected = np.array([lines.field_of_lines(membrane.values[row], pieces, found.positions_um, CONDUCTIVITY) for row in rows])
        yield Claim(
            f"potential outside, {link}: largest difference to line sources, added up by hand in {len(rows)} steps",
            expected=0.0,
            measured=float(np.abs(found.values[rows] * per_uv - expected).max() / np.abs(expected).max()),
            tolerance=1e-9,
            source="Holt and Koch (1999), of the recorded currents; of the largest; tolerance: rounding",
        )


def claims_of_the_neighbour(run: Running, whole: Run) -> Iterator[Claim]:
    outside, v = whole.samples("field").values, whole.samples("neighbour.v").values + 70.0
    constant = theory.length_constant_um(DIAMETER_UM, RESISTIVITY, LEAK)
    expected = theory.polarised(outside, ROW_MS, LENGTH_UM, constant, TAU_MS)
    yield Claim(
        "the neighbour in this field: largest difference to cosines along a cable, of the largest",
        expected=0.0,
        measured=float(np.abs(v - expected).max() / np.abs(expected).max()),
        tolerance=0.03,
        source="tolerance: backward Euler in steps of 25 us, and 60 pieces of 10 um beside a source 10 um away",
    )
    yield _uniform(run, constant)


def _uniform(run: Running, constant: float) -> Claim:
    field = 1.0  # mV/mm
    cable = SCENARIO.engines["neighbour"].params
    outside = -field * 1e-3 * (np.arange(60) - 29.5) * 10.0  # mV; a field points from high to low
    played = {"values": [outside.tolist()], "dt": "1 ms", "quantity": "extracellular_potential", "unit": "mV"}
    engines = {
        "outside": {"use": "player", "window": "1 ms", "params": played},
        "neighbour": {"use": "compartmental_neurons", "window": "1 ms", "params": {**cable, "record": {"v": cable["record"]["v"]}}},
    }
    links = {"field": {"from": "outside.out", "to": "neighbour.outside"}}
    found = run({"engines": engines, "links": links, "clock.stop": "300 ms", "record.streams": ["neighbour.v"]})
    last = found.samples("neighbour.v").values[-1] + 70.0
    ends = 1.5 * last[[0, -1]] - 0.5 * last[[1, -2]]  # nodes lie half a piece inside
    return Claim(
        "the neighbour along a field of 1 mV/mm: polarisation of its ends",
        expected=theory.polarised_ends(field * 1e-3, LENGTH_UM, constant),
        measured=float((ends[1] - ends[0]) / 2),
        tolerance=2e-4,
        source="E lambda tanh(L/2 lambda); tolerance: pieces of 10 um",
        unit="mV",
    )


def _one(run: Run, stream: str) -> Floats:
    """(rows,) of a stream with one channel."""
    found: Floats = run.samples(stream).values[:, 0]
    return found

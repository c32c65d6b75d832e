"""Every fitted cell that comes with bmtk, in NEURON with bmtk's own mechanisms and here: the same course under steps of current."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.sdk import Setup, Window
from engines.compartmental_neurons import CompartmentalNeurons
from engines.compartmental_neurons.anatomy import anatomy_of
from engines.compartmental_neurons.morphology.regions import Region
from engines.compartmental_neurons.params import Neurons
from tests.peers.allen_cells import CELLS, SECTIONS, beyond, fitted, folder, in_neuron, spikes

pytest.importorskip("neuron", reason="NEURON is not installed (extra: neuron)")
if folder() is None:
    pytest.skip("bmtk is not installed", allow_module_level=True)

DT_MS, START_MS, STOP_MS, END_MS = 0.025, 50.0, 200.0, 220.0
FITS = {**CELLS, "318331342": "Rorb_325404214", "485184849": "Pvalb_470522102"}
"""Of the last two the package has no tree: their membrane is put on that of another cell."""
FIRES_NA = {
    "472363762": 0.18, "473863510": 0.35, "473863035": 0.25, "472912177": 0.35, "473862421": 0.25,
    "318331342": 3.0, "485184849": 0.6,
}  # fmt: skip
RESTS_NA = -0.1
PLACES = (("soma", 0, 0.5), ("dend", 5, 0.9))
SETTLED_MS = 40.0
"""NEURON starts cells with NaV some µV off: an equation of NaV.mod's initial state has bi3 where the scheme has b13."""
SHIFT_MS, SHIFT_MV = 2e-3, 3e-4
"""NEURON keeps points in single precision. Ours, rounded alike, move by as much as they differ from NEURON's: spikes by 0.6 µs at
most in 300 ms of the step, other courses by 0.1 µV. This is three times that."""


@pytest.fixture(scope="module")
def jobs():
    steps = {"start_ms": START_MS, "stop_ms": STOP_MS, "dt_ms": DT_MS, "steps": round(END_MS / DT_MS)}
    cases = [(name, current) for name in FITS for current in (FIRES_NA[name], RESTS_NA)]
    asked = [{**steps, "fit": name, "tree": FITS[name], "current_na": current, "places": PLACES} for name, current in cases]
    return dict(zip(cases, in_neuron(asked), strict=True))


def params_of(name, current_na):
    pulse = {"current": f"{current_na} nA", "start": f"{START_MS} ms", "stop": f"{STOP_MS} ms"}
    sites = {f"v{k}": {"section": f"{kind}[{number}]", "at": at} for k, (kind, number, at) in enumerate(PLACES)}
    return Neurons.model_validate(
        {
            "dt": f"{DT_MS} ms",
            "populations": {"cell": {"size": 1, "cell": fitted(name, FITS[name]), "pulses": {"step": pulse}}},
            "record": {key: {"of": "cell", "at": site} for key, site in sites.items()},
        },
        context={"folder": "."},
    )


def run(name, current_na):
    """(places, steps) mV."""
    stop_ns = round(END_MS * 1e6)
    engine = CompartmentalNeurons(params_of(name, current_na), Setup("cell", stop_ns, 1))
    found = engine.advance(Window(0, stop_ns), {})
    engine.close()
    return np.array([found[f"v{k}"].values[:, 0] for k in range(len(PLACES))])


def since(*courses):
    return [course[:, round(SETTLED_MS / DT_MS) :] for course in courses]


@pytest.mark.parametrize("name", FITS)
def test_a_cell_fires_as_it_does_in_neuron(name, jobs):
    theirs, ours = jobs[name, FIRES_NA[name]]["v"], run(name, FIRES_NA[name])
    assert spikes(ours[0]) == spikes(theirs[0]) > 0
    assert beyond(*since(ours, theirs), DT_MS, SHIFT_MS, SHIFT_MV) <= 0


@pytest.mark.parametrize("name", FITS)
def test_a_cell_answers_an_inward_step_as_it_does_in_neuron(name, jobs):
    theirs, ours = jobs[name, RESTS_NA]["v"], run(name, RESTS_NA)
    assert spikes(theirs[0]) == 0
    assert np.ptp(theirs[0]) > 3
    assert beyond(*since(ours, theirs), DT_MS, SHIFT_MS, SHIFT_MV) <= 0


@pytest.mark.parametrize("name", FITS)
def test_a_cell_has_the_membrane_that_neuron_gives_it(name, jobs):
    anatomy = anatomy_of(params_of(name, 0.0).populations["cell"].cell)
    areas = [1e12 * anatomy.compartments.area[anatomy.regions.mask(Region(label=kind))].sum() for kind in SECTIONS.values()]
    np.testing.assert_allclose(areas, jobs[name, RESTS_NA]["areas"], rtol=1e-5)  # 3e-5 µm at x = 400 µm, of a soma of 10 µm

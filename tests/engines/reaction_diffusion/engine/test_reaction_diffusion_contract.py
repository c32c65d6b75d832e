"""The contract of engines, for each solver, in a cleft with everything that may come in and go out."""

import numpy as np
import pytest

from cosim.sdk import Samples, Spikes
from cosim.sdk.contract import EngineContract
from engines.reaction_diffusion import ReactionDiffusion

CLEFT = {
    "dt": 10_000,
    "space": {"disc": {"radius": 0.2, "height": 0.02, "spacing": 0.05, "rim": "absorbing"}},
    "regions": {"psd": {"ball": {"centre": (0, 0, 0), "radius": 0.11}}},
    "species": {"glutamate": {"diffusion": 0.33, "uptake": 0.2}, "magnesium": {"initial": 1.0}},
    "models": {
        "ampa": {"model": "ampa_jonas", "in": "psd", "count": 20},
        "nmda": {"model": "nmda_lester_jahr", "in": "psd", "count": 10, "names": {}},
    },
    "release": {
        "vesicle": {
            "species": "glutamate",
            "at": [(0, 0, 0), (0.1, 0, 0)],
            "molecules": 60,
            "vesicles": {"places": 3, "probability": 0.5, "recovery": 3_000_000, "facilitation": 2_000_000},
            "lasting": 50_000,
        }
    },
    "inputs": {
        "v": {"kind": "value", "of": "nmda.V"},
        "entry": {"kind": "current", "species": "magnesium", "in": "psd"},
        "taken": {"kind": "flux", "species": "glutamate", "at": [(0, 0, 0)]},
    },
    "record": {
        "field": {"value": "glutamate", "of": "mean", "every": 500_000},
        "open": {"value": "ampa.O", "over": "fraction", "every": 100_000},
        "g": {"value": "nmda.conductance", "every": 1_000_000},
        "all": {"value": "total.glutamate", "every": 1_000_000},
        "gone": {"value": "left.glutamate", "rate": True, "every": 500_000},
        "here": {"value": "glutamate", "at": [(0, 0, 0)], "every": 1_000_000},
    },
}


class CleftContract(EngineContract):
    engine = ReactionDiffusion
    one_window_ms, many_windows_ms = 6, 1
    bad_params = (
        {"no_such_parameter_at_all": 1},
        {"dt": 0},
        {"solver": "guess"},
        {"epsilon": 0},
        {"models": {"ampa": {"model": "no_such_model"}}},
    )

    def make_inputs(self, port, window):
        if port.kind == "spikes":
            times = np.array([400_000, 1_000_000, 1_004_000, 3_999_999, 4_000_000, 5_500_000])
            return Spikes(window, times, np.array([0, 1, 1, 0, 0, 1], np.int32))
        rows = window.steps(port.dt_ns)
        course = np.sin(np.arange(rows) / 30)[:, None] * np.ones(len(port.space))
        return Samples(window, {"v": -60 + 20 * course, "entry": 1e-6 * course, "taken": 20 * course}[port.name])


class TestDeterministicCleft(CleftContract):
    params = ReactionDiffusion.Params(**CLEFT)


class TestStochasticCleft(CleftContract):
    params = ReactionDiffusion.Params(**CLEFT, solver="stochastic", replicas=2)


class TestLeapingCleft(CleftContract):
    params = ReactionDiffusion.Params(**CLEFT, solver="tau_leaping", replicas=2, threads=2)


@pytest.mark.parametrize("solver", ["deterministic", "stochastic", "tau_leaping"])
def test_transmitter_is_what_was_released_and_brought(solver):
    """Free, bound, left and taken up: what was released and supplied, to 1e-10."""
    test = CleftContract()
    test.params = ReactionDiffusion.Params(
        **{
            **CLEFT,
            "solver": solver,
            "record": {key: {"value": f"{key}.glutamate", "every": 1_000_000} for key in ("total", "released", "supplied")},
        }
    )
    engine = test.build(1)
    out = test.play(engine, test.windows(1))
    total, released, supplied = (np.concatenate([p.values[:, 0] for p in out[key]]) for key in ("total", "released", "supplied"))
    assert released[-1] > 60
    assert np.abs(total - released - supplied).max() < 1e-10 * np.abs(released).max()

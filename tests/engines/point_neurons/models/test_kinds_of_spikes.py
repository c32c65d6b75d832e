"""What a description may say of spikes: conditions, hazards, rates, repeats; refractoriness; what does not go together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.sdk import CosimError
from engines.point_neurons.description import read_model
from tests.engines.point_neurons.running import Run, run

LEAKY = """
title: Leaky
states: {V: {unit: mV, clamp: [CLAMP]}, w: {unit: mV}}
parameters:
  {tau: {unit: ms, default: 10}, mu: {unit: mV, default: 30}, t_ref: {unit: ms, default: 2}, V_th: {unit: mV, default: 20}}
receptors: {synapse: {weight: mV, adds: {V: weight}}, counts: {weight: "1"}}
derivatives: {V: (mu - V) / tau, w: (V - w) / tau}
"""


def written(folder: Path, spike: str, clamp: str = "null, null", scheme: str = "rk4") -> Path:
    path = folder / "mine.yaml"
    path.write_text(LEAKY.replace("CLAMP", clamp) + f"scheme: {scheme}\nspike: {spike}\n")
    return path


def alone(path: Path, stop_ms: float = 50, **given: Any) -> Run:
    neurons = {"model": str(path), "size": 1}
    return run(stop_ms, populations={"n": neurons}, record={"V": {"n": [0]}, "w": {"n": [0]}}, **given)


def test_a_refractory_neuron_that_is_not_held_moves_on_and_does_not_spike(tmp_path: Path) -> None:
    """V passes 20 of 30 mV after 10 ln 3 = 10.99 ms and stays above: a spike every 2 ms and a step."""
    found = alone(written(tmp_path, "{when: V >= V_th, refractory: t_ref}"))
    steps = np.rint(found.times_ms() / 0.1)
    assert steps[0] == 110
    assert np.all(np.diff(steps) == 21)
    v = 30.0 * (1 - np.exp(-np.arange(1, 501) * 0.01))
    assert found["V"][:, 0] == pytest.approx(v, abs=1e-9)  # (dt/tau)^5/120 a step


@pytest.mark.parametrize(
    ("scheme", "error"), [("exact", 1e-12), ("semi_exact", 1e-9), ("rk4", 1e-9), ("heun", 1e-4), ("euler", 2e-2)]
)
def test_who_listens_to_a_state_that_is_held_hears_it_stand_still(tmp_path: Path, scheme: str, error: float) -> None:
    """w' = (V - w)/tau with V = 0 for 2 ms after a spike, in every scheme to its own order: 1, 2, 4, none."""
    found = alone(written(tmp_path, "{when: V >= V_th, reset: {V: V - V}, refractory: t_ref, holds: [V]}", scheme=scheme))
    rows = np.rint(found.times_ms() / 0.1).astype(int) - 1
    assert len(rows) > 2
    for row in rows[:-1]:
        w = found["w"][row : row + 21, 0]
        assert np.all(found["V"][row : row + 21, 0] == 0.0)
        assert w == pytest.approx(w[0] * np.exp(-np.arange(21) * 0.01), abs=error)


def test_what_arrives_leaves_no_state_out_of_its_bounds(tmp_path: Path) -> None:
    path = written(tmp_path, "{when: V >= 2 * V_th}", clamp="-5, 12")
    found = alone(
        path,
        10,
        played={"x": ([2.0, 4.0], [0, 1])},
        inputs={"x": {"kind": "spikes", "size": 2}},
        projections={
            "xn": {"from": "x", "to": "n", "rule": "list", "pairs": [(0, 0), (1, 0)], "weight": -40.0, "receptor": "synapse"}
        },
    )
    assert found["V"][19, 0] == found["V"][39, 0] == -5.0
    assert found["V"].max() <= 12.0


def test_exact_integration_refuses_bounds(tmp_path: Path) -> None:
    path = written(tmp_path, "{when: V >= V_th}", clamp="-5, 12", scheme="exact")
    with pytest.raises(CosimError, match="exact integration keeps no state in bounds") as caught:
        alone(path)
    assert caught.value.where.startswith("params.populations.n")


@pytest.mark.parametrize(
    ("spike", "says"),
    [
        ("{}", "nothing says when a neuron spikes"),
        ("{when: V >= V_th, rate: mu / mu / tau}", "a spike has when and rate"),
        ("{hazard: 1 / tau, repeats: counts}", "a spike has hazard and repeats"),
        ("{rate: 1 / tau, reset: {V: mu}}", "reset goes with a spike by when or hazard"),
        ("{repeats: counts, refractory: t_ref}", "refractory goes with a spike by when or hazard"),
        ("{repeats: count}", "'count' is no receptor"),
        ("{repeats: synapse}", "'synapse' has no bare numbers to count"),
        ("{rate: mu}", "mu is in V"),
        ("{hazard: nu}", "there is no symbol 'nu'"),
        ("{when: V >= tau}", "compares V and s"),
        ("{when: V >= V_th, holds: [V]}", "nothing says for how long"),
        ("{when: V >= V_th, refractory: t_ref, holds: [v]}", "'v' is no state"),
        ("{when: V >= V_th, reset: {u: mu}}", "'u' is no state"),
        ("{when: V >= V_th, refractory: w}", "w is in V"),
    ],
)
def test_faults_are_told_with_their_line(tmp_path: Path, spike: str, says: str) -> None:
    path = written(tmp_path, spike)
    with pytest.raises(CosimError, match=says) as caught:
        read_model(path)
    assert f"mine.yaml:{len(path.read_text().splitlines())}  spike" in str(caught.value)


def test_nothing_recorded_is_a_fault() -> None:
    with pytest.raises(CosimError, match="nothing is chosen") as caught:
        run(1, populations={"n": {"model": "qif", "size": 1}}, record={"potential": {"n": []}})
    assert caught.value.where == "params.record.potential"

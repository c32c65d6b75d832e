"""A user's own description: it runs as it says, and its faults are told all at once, with their lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.integrate import solve_ivp

from cosim.sdk import CosimError
from cosim.sdk.errors import ScenarioError
from engines.point_neurons import Network, PointNeurons
from engines.point_neurons.description import read_model
from engines.point_neurons.telling import tell
from tests.engines.point_neurons.running import Run, changes, run

ADAPTING = """
title: Leaky integrate-and-fire with an adaptation current
states:
  V: {unit: mV, about: membrane potential}
  w: {unit: pA, about: adaptation current}
  i: {unit: pA, about: synaptic current}
parameters:
  C_m: {unit: pF, default: 200, positive: true}
  g_L: {unit: nS, default: 10, positive: true}
  E_L: {unit: mV, default: -65}
  V_th: {unit: mV, default: -50}
  V_reset: {unit: mV, default: -60}
  a: {unit: nS, default: 4, about: subthreshold adaptation}
  b: {unit: pA, default: 60, about: adaptation by a spike}
  tau_w: {unit: ms, default: 30, positive: true}
  tau_syn: {unit: ms, default: 3, positive: true}
  t_ref: {unit: ms, default: 4, range: [0, null]}
  q: {unit: mV, default: 1000, about: potential of a weight of 1, positive: true}
inputs:
  current: {unit: pA, quantity: current}
expressions:
  leak: g_L * (V - E_L)
  charge: C_m / tau_syn
receptors:
  synapse: {weight: mV, adds: {i: weight * C_m / tau_syn}}
  jolt: {weight: "1", adds: {V: 0.001 * weight * q}}
derivatives:
  V: (-leak - w + i + current) / C_m
  w: (a * (V - E_L) - w) / tau_w
  i: -i / tau_syn
scheme: exact
spike:
  when: V > V_th and w < 500 * b
  reset: {V: "V_reset + 0.01 * (V - V_th)", w: w + b}
  refractory: t_ref
  holds: [V]
initial: {V: E_L - b / g_L}
outputs:
  leak_current: {value: leak, unit: nA, quantity: current}
"""


@pytest.fixture
def own(tmp_path: Path) -> str:
    path = tmp_path / "adapting.yaml"
    path.write_text(ADAPTING)
    return str(path)


def network(model: str, **more: Any) -> dict[str, Any]:
    return {
        "populations": {
            "n": {"model": model, "size": 3, "parameters": {"t_ref": [0.0, 4.0, 10.0]}, **more},
            "x": {"model": "spike_generator", "size": 1, "times": [list(np.round(3.0 * np.arange(1, 60), 1))]},
        },
        "projections": {
            "s": {"from": "x", "to": "n", "weight": "1.5 mV", "delay": "0.5 ms", "receptor": "synapse"},
            "j": {"from": "x", "to": "n", "weight": -0.5, "delay": "1.2 ms", "receptor": "jolt"},
        },
        "inputs": {"current": {"kind": "drive", "to": "n"}},
        "record": {"V": {"n": "all"}, "w": {"n": "all"}, "leak_current": {"n": [0]}},
    }


CURRENT = np.repeat(np.linspace(150.0, 450.0, 20), 100)  # 200 ms


def solved(t_ref_ms: float) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """V (mV) and w (pA) at every step of 0.1 ms, and spike times: by a solver within steps, by hand at their ends."""
    v, w, i, waiting = -71.0, 0.0, 0.0, 0
    rows, times = [], []
    kicks = np.round(30.0 * np.arange(1, 60)).astype(int)
    for step in range(1, 2001):
        is_still = waiting > 0

        def slopes(_: float, y: np.ndarray, is_still: bool = is_still, current: float = float(CURRENT[step - 1])) -> list[float]:
            moving = 0.0 if is_still else (-10.0 * (y[0] + 65.0) - y[1] + y[2] + current) / 200.0
            return [moving, (4.0 * (y[0] + 65.0) - y[1]) / 30.0, -y[2] / 3.0]

        before = v
        v, w, i = solve_ivp(slopes, (0.0, 0.1), [v, w, i], "DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
        i += 1.5 * 200.0 / 3.0 * np.count_nonzero(kicks == step - 5)
        v -= 0.5 * np.count_nonzero(kicks == step - 12)
        if is_still:
            v, waiting = before, waiting - 1
        if v > -50.0:
            v, w, waiting = -60.0 + 0.01 * (v + 50.0), w + 60.0, round(t_ref_ms / 0.1)
            times.append(step * 0.1)
        rows.append((v, w))
    return *np.array(rows).T, times


def check_against_the_solver(found: Run, v_off: float) -> None:
    for k, t_ref in enumerate((0.0, 4.0, 10.0)):
        v, w, times = solved(t_ref)
        assert len(times) > 4
        assert found.times_ms(k) == pytest.approx(times)
        assert found["V"][:, k] == pytest.approx(v, abs=v_off)
        assert found["w"][:, k] == pytest.approx(w, abs=10 * v_off)
    assert found["leak_current"][:, 0] == pytest.approx(10.0 * (found["V"][:, 0] + 65.0) / 1000.0)


@pytest.mark.parametrize(("scheme", "v_off"), [(None, 1e-9), ("rk4", 1e-7), ("semi_exact", 1e-9)])
def test_a_model_of_ones_own_does_what_it_says(own: str, scheme: str | None, v_off: float) -> None:
    """A condition of two states, a reset that rests on the state, expressions, two receptors; w follows a V that stands still."""
    given = {} if scheme is None else {"integrator": scheme}
    check_against_the_solver(run(200, {"current": CURRENT}, **network(own, **given)), v_off)


def test_noise_is_the_same_whatever_else_moves_exactly(own: str) -> None:
    """0.3 mV per root of a ms on V alone. Its course through a step is the same, held, in both schemes; w and i are not."""
    text = Path(own).read_text().replace("inputs:", "  sigma: {unit: mV/ms**0.5, default: 0.3}\ninputs:")
    text = text.replace("scheme:", "noise: {V: sigma}\nscheme:")
    Path(own).write_text(text)
    found = [run(100, {"current": CURRENT[:1000]}, **network(own, integrator=scheme)) for scheme in ("rk4", "semi_exact")]
    silent = run(100, {"current": CURRENT[:1000]}, **network(own, integrator="semi_exact", parameters={"sigma": 0.0}))
    assert len(found[0].times_ms()) > 10
    assert found[0].spikes.times_ns.tolist() == found[1].spikes.times_ns.tolist()
    assert found[0]["V"] == pytest.approx(found[1]["V"], abs=1e-7)
    assert np.abs(found[0]["V"][:100] - silent["V"][:100]).max() > 0.3
    with pytest.raises(CosimError, match="takes no noise"):
        run(1, **network(own))


def test_windows_threads_and_saved_states_change_no_bit(own: str) -> None:
    assert changes(60, 0.5, {"current": CURRENT[:600]}, **network(own)) == []


def test_a_path_starts_at_the_folder_of_the_scenario(own: str) -> None:
    given = {"populations": {"n": {"model": "./adapting.yaml", "size": 2}}}
    params = Network.model_validate(given, context={"folder": Path(own).parent, "from_file": True})
    assert params.populations["n"].description.title.startswith("Leaky")  # type: ignore[union-attr]
    with pytest.raises(ValidationError, match="does not exist"):
        Network.model_validate(given, context={"folder": Path("/"), "from_file": True})


def test_it_is_told_in_words(own: str) -> None:
    told = tell(Path(own))
    assert "adapting.yaml" in told
    for part in (
        "dw/dt",
        "V > V_th and w < 500 * b",
        "for t_ref, while V stands still",
        "weight in mV",
        "E_L - b / g_L at t = 0",
        "integrated by: exact",
    ):
        assert part in told


def ports(**population: Any) -> None:
    """What a scenario's check calls."""
    given: dict[str, Any] = {"populations": {"n": {"size": 2, **population}}}
    PointNeurons.ports(Network(**given))


def test_a_mistyped_name_is_met_by_what_is_near() -> None:
    with pytest.raises(ValidationError, match="there is no model 'iaf_psc_alhpa'") as caught:
        ports(model="iaf_psc_alhpa")
    assert "did you mean 'iaf_psc_alpha'" in caught.value.errors()[0]["ctx"]["mend"]


# -- faults --------------------------------------------------------------------------------------------------------------------


def faults(tmp_path: Path, *changed: tuple[str, str]) -> dict[str, CosimError]:
    """The faults of the model above with some of its text replaced, by place: that of the file is left out."""
    text = ADAPTING
    for before, after in changed:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        read_model(path)
    lines = text.splitlines()
    found = {}
    for fault in caught.value.faults:
        place, _, key = fault.where.partition("  ")
        file, _, line = place.partition(":")
        assert file == "mine.yaml"
        assert fault.what.endswith("is missing") or any(part in lines[int(line) - 1] for part in key.split(".")[-2:])
        found[key] = fault
    return found


def test_all_faults_of_a_file_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        ("V: (-leak - w + i + current) / C_m", "V: -leak - w + i + current"),
        ("w: w + b}", "w: V, u: 0}"),
        ("holds: [V]", "holds: [V, v]"),
        ("{i: weight * C_m / tau_syn}", "{i: weight * C_m, j: weight}"),
        ("{V: 0.001 * weight * q}", "{V: 0.001 * weight**2 * q}"),
        ("initial: {V: E_L - b / g_L}", "initial: {V: E_L - w / g_L}"),
        ("refractory: t_ref", "refractory: V_th"),
        ("unit: nA, quantity", "unit: mV, quantity"),
        ("tau_w: {unit: ms, default: 30", "tau_w: {unit: ms, default: -30"),
    )
    assert list(found) == [
        "parameters.tau_w.default",
        "derivatives.V",
        "outputs.leak_current.value",
        "spike.refractory",
        "spike.reset.w",
        "spike.reset.u",
        "receptors.synapse.adds.i",
        "receptors.synapse.adds.j",
        "receptors.jolt.adds.V",
        "initial.V",
        "spike.holds",
    ]
    assert "multiple of the weight" in found["receptors.jolt.adds.V"].what
    assert "'v' is no state" in found["spike.holds"].what
    assert "w is no parameter" in found["initial.V"].what


@pytest.mark.parametrize(
    ("before", "after", "key", "what"),
    [
        ("  refractory: t_ref\n", "", "spike.holds", "nothing says for how long"),
        ("  when: V > V_th and w < 500 * b\n", "", "spike", "nothing says when a neuron spikes"),
        ("  when: V > V_th and w < 500 * b\n", "  when: V > V_th\n  hazard: 1 / tau_w\n", "spike", "a spike has when and hazard"),
        ("when: V > V_th and w < 500 * b", "when: V > E_th", "spike.when", "there is no symbol 'E_th'"),
        ("when: V > V_th and w < 500 * b", "when: V > 3", "spike.when", "bare number"),
        ("when: V > V_th and w < 500 * b", "when: V > w", "spike.when", "V"),
        ("when: V > V_th and w < 500 * b", "when: V - V_th", "spike.when", "condition"),
        ("{i: weight * C_m / tau_syn}", "{i: C_m / tau_syn * q}", "receptors.synapse.adds.i", "not a multiple of the weight"),
        ("{i: weight * C_m / tau_syn}", "{i: (weight + q) * C_m / tau_syn}", "receptors.synapse.adds.i", "not a multiple"),
        ("{i: weight * C_m / tau_syn}", "{i: weight * C_m / tau}", "receptors.synapse.adds.i", "there is no parameter 'tau'"),
        ("{i: weight * C_m / tau_syn}", "{i: weight * i / q}", "receptors.synapse.adds.i", "there is no parameter 'i'"),
        ("synapse: {weight: mV,", "synapse: {weight: mW,", "receptors.synapse.adds.i", "weight"),
        ("jolt: {weight: \"1\",", "w: {weight: \"1\",", "receptors.w", "already one of states"),
        ("b: {unit: pA, default: 60", "b: {unit: parsek, default: 60", "parameters.b.unit", "parsek"),
        ("w: w + b}", "w: w + b + a}", "spike.reset.w", "S"),
        ("refractory: t_ref", "refractory: t_ref * (1 + V / V_th)", "spike.refractory", "V is no parameter"),
    ],
)  # fmt: skip
def test_a_fault_is_told_where_it_stands(tmp_path: Path, before: str, after: str, key: str, what: str) -> None:
    found = faults(tmp_path, (before, after))
    assert key in found
    assert what in str(found[key])


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ("scheme: exact", "scheme: exactly", "scheme"),
        ("spike:\n  when", "spikes:\n  when", "spikes"),
        ("adds: {i:", "add: {i:", "receptors.synapse.add"),
        ("holds: [V]", "hold: [V]", "spike.hold"),
    ],
)
def test_unknown_keys_are_told(tmp_path: Path, before: str, after: str, key: str) -> None:
    assert key in faults(tmp_path, (before, after))


def test_what_cannot_be_integrated_exactly_is_refused_with_the_equation(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(ADAPTING.replace("w: (a * (V - E_L) - w) / tau_w", "w: (a * (V - E_L) * w / b - w) / tau_w"))
    with pytest.raises(CosimError, match="'w' cannot be integrated exactly") as caught:
        ports(model=str(path))
    assert "mine.yaml:" in str(caught.value)
    assert "rk4" in caught.value.mend
    for scheme in ("rk4", "semi_exact"):
        ports(model=str(path), integrator=scheme)


@pytest.mark.parametrize("t_ref", [0.15, [2.0, 0.25]])
def test_a_refractory_time_is_a_whole_number_of_steps(t_ref: Any) -> None:
    with pytest.raises(CosimError, match="not a whole number of 100 us steps"):
        ports(model="iaf_psc_exp", parameters={"t_ref": t_ref})


def test_refractory_times_that_are_drawn_are_rounded() -> None:
    parameters = {"t_ref": {"uniform": [1.0, 3.0]}, "I_e": 5000.0}
    found = run(50, populations={"n": {"model": "iaf_psc_exp", "size": 20, "parameters": parameters}})
    intervals = {k: np.unique(np.round(np.diff(found.times_ms(k)), 6)) for k in range(20)}
    assert all(len(values) == 1 for values in intervals.values())
    assert len({float(values[0]) for values in intervals.values()}) > 10

"""iaf_cond_exp and iaf_cond_alpha: conductances and small potentials in closed form, the rest against an independent solver."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from cosim.sdk import CosimError
from tests.engines.point_neurons.models.lif import psp
from tests.engines.point_neurons.running import Synapses, circuit, run

MODELS = ("iaf_cond_exp", "iaf_cond_alpha")
WEIGHT = {"iaf_cond_exp": 20.0, "iaf_cond_alpha": 6.0}  # nS, which make some mV
TAU = 250.0 / 16.6667  # ms


def spikes(model: str, weight: float) -> tuple[list[list[float]], list[Synapses]]:
    """Some 700 spikes a second of two excitatory trains, 350 of an inhibitory one; all on the grid of 0.1 ms."""
    rng = np.random.default_rng(1)
    trains = [np.round(np.sort(rng.uniform(0.1, 98.0, 35)), 1).tolist() for _ in range(3)]
    excitatory = [Synapses("trains", [(k, 0)], weight * (1 + 0.2 * k), 0.4 + 0.4 * k, "excitatory") for k in (0, 1)]
    return trains, [*excitatory, Synapses("trains", [(2, 0)], 5.0, 0.4, "inhibitory")]


def solved(
    model: str, stop_ms: float, trains: Sequence[Sequence[float]], synapses: Sequence[Synapses], given: Mapping[str, float]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """States at every 0.1 ms, each step by DOP853 to 1e-12, in mV, ms, nS; and the times of spikes."""
    p = {name: values[0] for name, values in circuit(model, 1, given)["populations"]["neurons"]["parameters"].items()}
    is_alpha = model == "iaf_cond_alpha"
    names = ["V", "g_ex", "dg_ex", "g_in", "dg_in"] if is_alpha else ["V", "g_ex", "g_in"]

    def slopes(_: float, y: np.ndarray) -> list[float]:
        s = dict(zip(names, y, strict=True))
        currents = p["g_L"] * (p["E_L"] - s["V"]) + s["g_ex"] * (p["E_ex"] - s["V"]) + s["g_in"] * (p["E_in"] - s["V"])
        found = [(currents + p["I_e"]) / p["C_m"]]
        for kind in ("ex", "in"):
            tau = p[f"tau_syn_{kind}"]
            found += [s[f"dg_{kind}"] - s[f"g_{kind}"] / tau, -s[f"dg_{kind}"] / tau] if is_alpha else [-s[f"g_{kind}"] / tau]
        return found

    arriving: dict[int, np.ndarray] = {}
    for item in synapses:
        kind = (item.receptor or "")[:2]
        jump = np.zeros(len(names))
        jump[names.index(f"dg_{kind}" if is_alpha else f"g_{kind}")] = item.weight * (
            math.e / p[f"tau_syn_{kind}"] if is_alpha else 1.0
        )
        for time in trains[item.pairs[0][0]]:
            step = round((time + item.delay_ms) / 0.1)
            arriving[step] = arriving.get(step, np.zeros(len(names))) + jump
    y, waiting, rows, times = np.zeros(len(names)), 0, [], []
    y[0] = p["E_L"]
    for step in range(1, round(stop_ms / 0.1) + 1):
        before = y[0]
        y = solve_ivp(slopes, (0.0, 0.1), y, "DOP853", rtol=1e-12, atol=1e-13).y[:, -1] + arriving.get(step, 0.0)
        if waiting:
            y[0], waiting = before, waiting - 1
        if y[0] >= p["V_th"]:
            y[0], waiting = p["V_reset"], round(p["t_ref"] / 0.1)
            times.append(step * 0.1)
        rows.append(y)
    return dict(zip(names, np.array(rows).T, strict=True)), np.array(times)


def errors(model: str, dt_ms: float, exact: Mapping[str, np.ndarray], weight: float, given: Mapping[str, Any], **more: Any) -> Any:
    """Largest difference of every state at the times of the solver's grid."""
    trains, synapses = spikes(model, weight)
    stop = len(exact["V"]) * 0.1
    found = run(stop, **circuit(model, 1, given, trains=trains, synapses=synapses, dt_ms=dt_ms, **more))
    every = round(0.1 / dt_ms)
    return {name: np.abs(found[name][every - 1 :: every, 0] - course).max() for name, course in exact.items()}


# -- order -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_the_potential_is_of_order_4_and_conductances_are_exact(model: str) -> None:
    """Without a threshold, which is met on a grid that changes with the step. tau_syn_ex is 0.2 ms, as NEST has it."""
    given = {"V_th": 1e3, "I_e": 100.0}
    exact, _ = solved(model, 50, *spikes(model, WEIGHT[model]), given)
    assert exact["V"].max() - exact["V"].min() > 5.0
    found = [errors(model, dt, exact, WEIGHT[model], given) for dt in (0.1, 0.05, 0.025)]
    for coarse, fine in pairwise(found):
        assert 12.0 < coarse["V"] / fine["V"] < 20.0
    assert found[0]["V"] < 2e-3  # mV
    for name in exact:
        scale = np.abs(exact[name]).max()
        # weights are kept to 2^-41 of the largest of their receptor, and the solver to 1e-12
        assert name == "V" or max(error[name] for error in found) < 5e-12 * scale


@pytest.mark.parametrize(("integrator", "order"), [("euler", 1), ("exponential_euler", 1), ("heun", 2), ("rk4", 4)])
def test_other_schemes_are_of_their_orders(integrator: str, order: int) -> None:
    given = {"V_th": 1e3, "I_e": 100.0, "tau_syn_ex": 1.0}
    exact, _ = solved("iaf_cond_exp", 50, *spikes("iaf_cond_exp", 5.0), given)
    coarse, fine = (errors("iaf_cond_exp", dt, exact, 5.0, given, integrator=integrator) for dt in (0.05, 0.025))
    for name in ["V"] if integrator == "exponential_euler" else exact:  # which is exact where a state is alone
        assert math.log2(coarse[name] / fine[name]) == pytest.approx(order, abs=0.25)


@pytest.mark.parametrize("model", MODELS)
def test_a_firing_neuron_is_that_of_the_solver_on_the_same_grid(model: str) -> None:
    """Thresholds, resets and refractoriness on the grid of 0.1 ms; potentials as near as the order allows."""
    given = {"I_e": 450.0}
    exact, times = solved(model, 100, *spikes(model, WEIGHT[model]), given)
    trains, synapses = spikes(model, WEIGHT[model])
    found = run(100, **circuit(model, 1, given, trains=trains, synapses=synapses))
    assert len(times) > 5
    assert found.times_ms(0) == pytest.approx(times)
    assert np.abs(found["V"][:, 0] - exact["V"]).max() < 2e-3
    for name in exact:
        assert name == "V" or found[name][:, 0] == pytest.approx(exact[name], abs=5e-12 * np.abs(exact[name]).max())


# -- closed forms ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_a_constant_current_gives_the_intervals_of_the_closed_form_to_a_step(model: str) -> None:
    """From rest, then from V_reset: tau ln((V_inf - V)/(V_inf - V_th)), tau = C_m/g_L."""
    currents = np.array([249.0, 252.0, 300.0, 500.0, 1000.0, 8000.0])
    found = run(500, **circuit(model, len(currents), {"I_e": currents}))
    assert not len(found.times_ms(0))  # 249/16.6667 = 14.94 mV
    for k, current in list(enumerate(currents))[1:]:
        top = -70.0 + current / 16.6667
        first, later = (0.1 * math.ceil(10 * TAU * math.log((top - v) / (top + 55.0))) for v in (-70.0, -60.0))
        times = found.times_ms(k)
        assert times[0] == pytest.approx(first)
        assert np.diff(times) == pytest.approx(np.full(len(times) - 1, 2.0 + later), abs=1e-9)
        assert len(times) > 3


def test_conductances_have_the_course_of_the_closed_form() -> None:
    synapses = [Synapses("trains", [(0, 0)], 10.0, 0.1, "excitatory"), Synapses("trains", [(0, 0)], 3.0, 0.1, "inhibitory")]
    t = 0.1 * np.arange(100)
    given = {"tau_syn_ex": 2.0, "tau_syn_in": 5.0}
    found = run(11, **circuit("iaf_cond_exp", 1, given, trains=[[0.9]], synapses=synapses))
    assert found["g_ex"][9:109, 0] == pytest.approx(10.0 * np.exp(-t / 2.0), abs=1e-11)
    assert found["g_in"][9:109, 0] == pytest.approx(3.0 * np.exp(-t / 5.0), abs=3e-12)
    found = run(11, **circuit("iaf_cond_alpha", 1, given, trains=[[0.9]], synapses=synapses))
    assert found["g_ex"][9:109, 0] == pytest.approx(10.0 * t / 2.0 * np.exp(1 - t / 2.0), abs=1e-11)
    assert found["g_in"][9:109, 0] == pytest.approx(3.0 * t / 5.0 * np.exp(1 - t / 5.0), abs=3e-12)
    assert found["g_ex"].max() == pytest.approx(10.0, abs=1e-11)  # at 2 ms


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("tau_s", [2.0, TAU])
def test_a_small_conductance_is_a_current(model: str, tau_s: float) -> None:
    """w (E_ex - E_L), whose potential has a closed form; the driving force loses w/g_L of itself, and less."""
    weight = 1e-4
    given = {"tau_syn_ex": tau_s, "E_L": 0.0, "E_ex": 70.0, "V_th": 1e3}
    network = circuit(model, 1, given, trains=[[0.9]], synapses=[Synapses("trains", [(0, 0)], weight, 0.1, "excitatory")])
    v = run(51, **network)["V"][9:, 0]
    exact = psp(f"iaf_psc_{model[9:]}", weight * 70.0, TAU, tau_s)(0.1 * np.arange(len(v)))
    assert v == pytest.approx(exact, abs=4 * math.e * weight / 16.6667 * exact.max())


@pytest.mark.parametrize("model", MODELS)
def test_synapses_pull_the_potential_to_where_they_reverse(model: str) -> None:
    """Spikes at every step hold both conductances up: V is the mean of three reversal potentials, weighted by conductances."""
    train = np.round(0.1 * np.arange(1, 400), 1).tolist()
    synapses = [Synapses("trains", [(0, 0)], weight, 0.1, kind) for kind, weight in (("excitatory", 8.0), ("inhibitory", 16.0))]
    given = {"tau_syn_ex": 2.0, "V_th": 1e3}
    found = run(40, **circuit(model, 1, given, trains=[train], synapses=synapses))
    excitation, inhibition = found["g_ex"][-1, 0], found["g_in"][-1, 0]
    assert excitation > 150.0
    total = 16.6667 + excitation + inhibition
    mean = (16.6667 * -70.0 + inhibition * -85.0) / total
    # over a step both fall by some 5 %, which moves the mean by that part of the leak's pull
    assert found["V"][-1, 0] == pytest.approx(mean, abs=0.06 * 16.6667 * abs(mean + 70.0) / total)


# -- weights -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("receptor", ["excitatory", "inhibitory", None])
def test_weights_of_conductances_are_not_negative(receptor: str | None) -> None:
    network = circuit("iaf_cond_exp", 1, trains=[[1.0]], synapses=[Synapses("trains", [(0, 0)], -1.0, 0.1, receptor)])
    with pytest.raises(CosimError) as caught:
        run(1, **network)
    assert "-1 nS is negative" in str(caught.value)
    assert "without its sign" in caught.value.mend


def test_a_weight_without_a_receptor_is_excitatory() -> None:
    synapses = [Synapses("trains", [(0, 0)], 1.0)]
    found = run(5, **circuit("iaf_cond_exp", 1, trains=[[1.0]], synapses=synapses))
    assert found["g_ex"].max() > 0.9
    assert not found["g_in"].any()

"""What a network is given: layers of connections, values by region, a past, stimuli, changes, replicas, tuned parameters."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from cosim.sdk import CosimError, Samples, Setup, Window
from cosim.sdk.contract import EngineContract
from engines.neural_mass import NeuralMass

MS, DT = 1_000_000, 100_000
CHAIN = {"weights": [[0.0, 0.0], [1.0, 0.0]], "delays": 1.0, "labels": ["a", "b"]}
SIX = {"generate": {"regions": 6, "seed": 3, "density": 0.6}}


def build(window_ms=100, inputs=(), seed=1, **params):
    given = NeuralMass.Params(**params)
    ports = {port.name: port for port in NeuralMass.ports(given)}
    connected = {name: ports[name] for name in inputs}
    delays = {name: np.zeros(len(port.space), np.int64) for name, port in connected.items()}
    return NeuralMass(given, Setup("brain", round(window_ms * MS), seed, connected, delays))


def run(duration_ms, inputs=None, seed=1, **params):
    """Samples of every port over one window."""
    window, inputs = Window(0, round(duration_ms * MS)), inputs or {}
    engine = build(duration_ms, inputs, seed, **params)
    out = engine.advance(window, {name: Samples(window, values) for name, values in inputs.items()})
    return {name: payload.values for name, payload in out.items()}


class TestReplicas(EngineContract):
    engine = NeuralMass
    params = NeuralMass.Params(
        connectome=SIX, replicas=3, sweep={"G": [0.5, 1.0, 2.0]}, parameters={"sigma_v": 0.5}, external=["l2"], threads=2
    )
    bad_params = ({"sweep": {"G": [1.0]}}, {"sweep": {"nothing": [1.0, 2.0, 3.0]}}, {"replicas": 0})


class TestEverythingAtOnce(EngineContract):
    """Stimuli, changes, noise, a varied parameter, and a monitor."""

    engine = NeuralMass
    params = NeuralMass.Params(
        connectome=SIX,
        parameters={"sigma_r": 1.0, "eta": {"default": -4.6, "left": -4.0}},
        vary=["J"],
        stimuli=[{"target": "current", "regions": {"l1": 1.0, "r*": 0.5}, "amplitude": 1.0, "shape": "sine", "period": 7 * MS}],
        changes=[{"at": 13 * MS, "parameter": "G", "to": 2.0}],
        monitors={"mean": {"kind": "average", "every": MS}},
        outputs=["rate", "v"],
    )
    bad_params = (
        {"outputs": ["nothing"]},
        {"vary": ["nothing"]},
        {"stimuli": [{"target": "nothing", "amplitude": 1.0}]},
        {"stimuli": [{"target": "current", "amplitude": 1.0, "shape": "sine"}]},
        {"stimuli": [{"target": "current", "amplitude": 1.0, "start": MS, "stop": MS}]},
        {"changes": [{"at": 0, "parameter": "nothing", "to": 1.0}]},
        {"monitors": {"mean": {"kind": "average", "every": 150_000}}},
        {"parameters": {"eta": {"default": -4.6, "nobody": 1.0}}},
        {"couplings": {"nothing": {}}},
    )


# -- values ----------------------------------------------------------------------------------------------------------------


def test_a_parameter_by_region_is_one_value_by_group_and_label():
    listed = run(20, connectome=SIX, parameters={"eta": [-4.0, -4.0, -3.0, -4.6, -4.6, -4.6]})
    mapped = run(20, connectome=SIX, parameters={"eta": {"left": -4.0, "l3": -3.0}})
    assert np.array_equal(listed["rate"], mapped["rate"])


def test_a_file_writes_units_and_python_may_leave_them_out():
    known = NeuralMass.Params(connectome=CHAIN, parameters={"tau": "0.02 s"})
    assert np.array_equal(
        run(5, connectome=CHAIN, parameters={"tau": "0.02 s"})["rate"], run(5, connectome=CHAIN, parameters={"tau": 20.0})["rate"]
    )
    assert known.parameters["tau"] == "0.02 s"
    with pytest.raises(ValidationError, match="20 has no unit"):
        NeuralMass.Params.model_validate(
            {"connectome": CHAIN | {"delays": "1 ms"}, "parameters": {"tau": 20}}, context={"from_file": True}
        )
    with pytest.raises(ValidationError, match="cannot be converted"):
        NeuralMass.Params(connectome=CHAIN, parameters={"tau": "20 mV"})


def test_all_faults_of_values_are_told_at_once():
    with pytest.raises(ValidationError) as caught:
        NeuralMass.Params(connectome=CHAIN, parameters={"tau": -1.0, "eta_": 1.0}, initial={"x": 0.0}, outputs=["rat"])
    told = str(caught.value)
    assert caught.value.error_count() == 4
    assert all(word in told for word in ("tau is -1 ms", "no parameter 'eta_'", "no state 'x'", "no output or state 'rat'"))


# -- couplings -------------------------------------------------------------------------------------------------------------


def test_layers_stand_side_by_side_with_their_own_weights_delays_and_functions():
    """A second layer with the same connections doubles the weights; one of difference vanishes between equal regions."""
    doubled = run(30, connectome=CHAIN, couplings={"network": {}, "again": {"term": "network"}})
    strong = run(30, connectome=CHAIN, G=2.0)
    assert np.allclose(doubled["rate"], strong["rate"], rtol=1e-12)  # a + a and 2 a differ in no bit, their sums may
    ring = {"weights": [[0.0, 1.0], [1.0, 0.0]], "delays": 0.0}
    gap = {"term": "network", "function": "difference", "strength": 5.0, "connectome": ring | {"labels": ["a", "b"]}}
    alone = {"weights": [[0.0, 0.0], [0.0, 0.0]], "delays": 0.0, "labels": ["a", "b"]}
    equal = run(30, connectome=alone, couplings={"network": {}, "gap": gap}, initial={"r": 10.0})
    assert np.array_equal(equal["rate"][:, 0], equal["rate"][:, 1])
    assert np.array_equal(equal["rate"], run(30, connectome=alone, initial={"r": 10.0})["rate"])
    pulled = run(30, connectome=alone, couplings={"network": {}, "gap": gap}, initial={"r": [10.0, 60.0]})
    apart = run(30, connectome=alone, initial={"r": [10.0, 60.0]})
    assert np.ptp(pulled["rate"][40]) < np.ptp(apart["rate"][40])


def test_a_layer_has_delays_of_its_own():
    late = {"term": "network", "connectome": CHAIN | {"delays": 3.0}}
    none = {**CHAIN, "weights": [[0.0, 0.0], [0.0, 0.0]]}
    found = run(10, connectome=none, couplings={"late": late}, stimuli=[{"target": "current", "regions": "a", "amplitude": 5.0}])
    quiet = run(10, connectome=none, couplings={"late": late})
    # v of a moves in step 0, r of a in its second stage, what b receives 30 steps later; so b's v moves in the step after that
    assert np.flatnonzero(found["potential"][:, 1] != quiet["potential"][:, 1])[0] == 31


def test_strength_has_the_unit_that_makes_the_term_of_what_is_sent():
    volts = {"term": "network", "sends": "v", "strength": "2 Hz"}
    rate = run(20, connectome=CHAIN, couplings={"volts": volts})["rate"]
    kilo = run(20, connectome=CHAIN, couplings={"volts": {**volts, "strength": "0.002 kHz"}})["rate"]
    assert np.array_equal(rate, kilo)
    with pytest.raises(CosimError, match="coupling 'volts'") as caught:
        build(connectome=CHAIN, couplings={"volts": {"term": "network", "sends": "v"}})
    assert "Hz" in caught.value.why
    with pytest.raises(CosimError, match="no symbol 'w'"):
        build(connectome=CHAIN, couplings={"volts": {"term": "network", "sends": "w"}})
    with pytest.raises(CosimError, match="sends drive on"):
        build(connectome=CHAIN, couplings={"volts": {"term": "network", "sends": "r + drive"}})


def test_no_symbol_of_a_model_meets_those_of_the_engine(tmp_path):
    """Parameters called as one would call what the engine adds, and as the kernel calls its own variables."""
    names = ("strength_network", "weights_network", "done", "history", "i", "step", "state", "sums", "column", "uniform")
    lines = [f"  {name}: {{default: {k + 1}}}" for k, name in enumerate(names)]
    parameters = "\n".join(lines)
    (tmp_path / "odd.yaml").write_text(
        "title: odd\nstates: {n: {initial: 1}}\nparameters:\n  T: {unit: s, default: 1}\n"
        f"{parameters}\ncoupling: {{network: {{sends: n, function: difference}}}}\n"
        f"derivatives: {{n: (network + {' + '.join(names)}) / T}}\noutputs: {{count: {{value: n}}}}\n"
    )
    one = {"weights": [[0.0]], "delays": 0.0, "labels": ["a"]}
    found = run(10, model=tmp_path / "odd.yaml", connectome=one, couplings={"network": {"strength": 0.5}}, integrator="euler")
    assert found["count"][-1, 0] == pytest.approx(1 + 0.01 * sum(range(1, len(names) + 1)), rel=1e-12)


def test_layers_name_the_same_regions():
    with pytest.raises(CosimError, match="other regions"):
        build(
            connectome=CHAIN, couplings={"network": {}, "more": {"term": "network", "connectome": CHAIN | {"labels": ["b", "a"]}}}
        )


def test_a_step_that_would_lose_delays_is_refused_and_says_which():
    brief = {**CHAIN, "delays": 0.04}
    with pytest.raises(CosimError, match="too long for 1 delays of coupling 'network'") as caught:
        build(connectome=brief)
    assert "from a to b" in caught.value.why
    assert "short_delays: round" in caught.value.mend
    rounded, undelayed = (run(10, connectome=c, short_delays="round")["rate"] for c in (brief, {**CHAIN, "delays": 0.0}))
    assert np.array_equal(rounded, undelayed)


def test_the_sum_ahead_gives_the_bits_of_the_sum_step_by_step():
    """Windows of one step cannot sum ahead; 998 regions of 35 730 connections and delays of 0 to 50 ms."""
    large = {"generate": {"regions": 998, "seed": 2, "density": 35_730 / (998 * 997)}, "speed": 4.0}
    given = {"connectome": large, "G": 0.5, "parameters": {"tau": 10.0}, "initial": {"r": 5.0}, "short_delays": "round"}
    whole = run(20, **given)["rate"]
    engine = build(0.1, **given)
    assert engine._network.block > 1
    rows = [engine.advance(Window(k * DT, (k + 1) * DT), {})["rate"].values for k in range(200)]
    assert np.array_equal(np.concatenate(rows), whole)


# -- the past --------------------------------------------------------------------------------------------------------------


def test_a_given_history_is_what_connections_bring_before_time_zero(tmp_path):
    rng = np.random.default_rng(1)
    past = {"r": rng.uniform(0, 50, (40, 2)), "v": rng.uniform(-2, 0, (40, 2))}
    np.savez(tmp_path / "past.npz", **past)
    found = run(3, connectome=CHAIN, history=tmp_path / "past.npz")
    # b alone, driven by what a sent 1 ms, 10 steps, before: in step n the rate at n - 10, of row 39 + n - 10
    sent = np.concatenate([past["r"][:, 0], found["rate"][:, 0]])[29 : 29 + 30]
    drive = np.stack([np.zeros(30), sent], axis=1)
    alone = {**CHAIN, "weights": [[0.0, 0.0], [0.0, 0.0]]}
    initial = {"r": past["r"][-1].tolist(), "v": past["v"][-1].tolist()}
    assert np.allclose(found["rate"], run(3, {"drive": drive}, connectome=alone, initial=initial)["rate"], rtol=1e-14)


@pytest.mark.parametrize(
    ("given", "told"),
    [({"r": np.zeros((40, 2))}, "lacks v"), ({"r": np.zeros((5, 2)), "v": np.zeros((5, 2))}, "at least 11 rows")],
)
def test_a_history_that_does_not_fit_is_refused(tmp_path, given, told):
    np.savez(tmp_path / "past.npz", **given)
    with pytest.raises(CosimError) as caught:
        build(connectome=CHAIN, history=tmp_path / "past.npz")
    assert told in str(caught.value)


# -- what moves during a run -----------------------------------------------------------------------------------------------


def test_a_varied_parameter_comes_in_over_a_port_and_replaces_its_value():
    eta = np.full((100, 2), -4.0)
    assert np.array_equal(
        run(10, {"eta": eta}, connectome=CHAIN, vary=["eta"])["rate"],
        run(10, connectome=CHAIN, parameters={"eta": [-4.0, -4.0]})["rate"],
    )
    unlinked = run(10, connectome=CHAIN, vary=["eta"])["rate"]
    assert np.array_equal(unlinked, run(10, connectome=CHAIN, parameters={"eta": [-4.6, -4.6]})["rate"])


def test_a_change_holds_from_the_step_that_starts_at_its_time():
    changed = run(10, connectome=CHAIN, changes=[{"at": 5 * MS, "parameter": "eta", "to": -2.0, "regions": "b"}])["potential"]
    still = run(10, connectome=CHAIN)["potential"]
    assert np.array_equal(changed[:, 0], still[:, 0])
    assert np.flatnonzero(changed[:, 1] != still[:, 1])[0] == 50


def test_stimuli_are_added_from_start_to_stop_in_their_pattern():
    expected = np.zeros((100, 2))
    expected[20:60, 0] += 2.0
    expected[:, 1] += 0.5 * np.sin(2 * np.pi * (np.arange(100) % 40) / 40) * 3
    for start in range(30, 100, 20):
        expected[start : start + 5] += 1.0
    expected[40:60, 0] += np.arange(20) / 20
    stimuli = [
        {"target": "current", "regions": "a", "amplitude": 2.0, "start": 2 * MS, "stop": 6 * MS},
        {"target": "current", "regions": {"b": 0.5}, "amplitude": 3.0, "shape": "sine", "period": 4 * MS},
        {"target": "current", "amplitude": 1.0, "shape": "pulses", "period": 2 * MS, "width": 500_000, "start": 3 * MS},
        {"target": "current", "regions": "a", "amplitude": 1.0, "shape": "ramp", "start": 4 * MS, "stop": 6 * MS},
    ]
    found = run(10, connectome=CHAIN, stimuli=stimuli)["rate"]
    assert np.allclose(found, run(10, {"current": expected}, connectome=CHAIN)["rate"], rtol=1e-12)  # sums in another order


# -- replicas --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
def test_replicas_are_brains_of_their_own_whatever_the_threads(threads):
    swept = {"G": [0.2, 0.7, 1.5], "eta": [-4.6, [-4.0, -4.6, -4.6, -4.6, -4.6, -4.6], -5.0]}
    given = {"connectome": SIX, "parameters": {"J": 14.0}, "initial": {"r": 10.0}}
    together = run(50, replicas=3, sweep=swept, threads=threads, **given)["rate"]
    for m, (strength, eta) in enumerate(zip(*swept.values(), strict=True)):
        eta = eta if isinstance(eta, list) else [eta] * 6  # a rows in the kernel, as beside a replica that has rows
        alone = run(50, **{**given, "G": strength, "parameters": {"J": 14.0, "eta": eta}})["rate"]
        assert np.array_equal(together[:, 6 * m : 6 * (m + 1)], alone)


def test_replicas_have_noise_of_their_own_and_the_first_that_of_a_brain_alone():
    given = {"connectome": SIX, "parameters": {"sigma_v": 1.0}}
    pair, alone = run(20, replicas=2, **given)["potential"], run(20, **given)["potential"]
    assert np.array_equal(pair[:, :6], alone)
    assert not np.any(pair[:, 6:] == pair[:, :6])


def test_channels_of_replicas_are_labelled_by_both():
    ports = {port.name: port for port in NeuralMass.ports(NeuralMass.Params(connectome=CHAIN, replicas=2))}
    assert ports["rate"].space.labels == ("0/a", "0/b", "1/a", "1/b")
    assert ports["rate"].space.groups["replica1"] == (2, 3)


# -- divergence ------------------------------------------------------------------------------------------------------------


def test_a_divergence_names_model_region_state_and_time():
    with pytest.raises(CosimError, match=r"montbrio_pazo_roxin diverged in region b at \d") as caught:
        run(100, connectome=CHAIN, parameters={"tau": 0.2, "eta": {"default": -5.0, "b": 900.0}}, initial={"r": [0.0, 900.0]})
    assert "v is" in caught.value.why or "r is" in caught.value.why
    assert "dt below" in caught.value.mend


# -- tuning ----------------------------------------------------------------------------------------------------------------

INHIBITION = {
    "model": "wong_wang_exc_inh",
    "connectome": SIX,
    "dt": 1 * MS,
    "integrator": "euler",
    "short_delays": "round",
    "tune": {"parameter": "J_i", "output": "x_E", "target": 125 / 310 - 0.026},
}


def closed_form(strength):
    """J_i (nA) of Deco et al. (2014): x_E is b_E / a_E - 0.026 in every region, so S_E, r_E and S_I are the same in all."""
    x = 125 / 310 - 0.026
    rate = (310 * x - 125) / (1 - np.exp(-0.16 * (310 * x - 125)))
    excited = 0.641 * rate / (1 / 0.1 + 0.641 * rate)
    inhibited = 0.04
    for _ in range(200):
        u = 615 * (0.7 * 0.382 + 0.15 * excited - inhibited) - 177
        inhibited += 0.5 * (0.01 * u / (1 - np.exp(-0.087 * u)) - inhibited)
    return rate, (0.382 + 1.4 * 0.15 * excited + 0.15 * excited * strength - x) / inhibited


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_feedback_inhibition_control_is_the_closed_form(strength):
    engine = build(1000, G=strength, **INHIBITION)
    rate, weight = closed_form(strength * engine._network.connectome.in_strength())
    assert rate == pytest.approx(3.0631, abs=5e-5)  # Deco et al. 2014: about 3 Hz
    assert np.allclose(engine._simulation.symbols.of("J_i")[0] / 1e-9, weight, rtol=1e-9)
    out = engine.advance(Window(0, 1000 * MS), {})
    for k in range(1, 5):
        out = engine.advance(Window(k * 1000 * MS, (k + 1) * 1000 * MS), {})
    assert np.abs(out["rate"].values - 3.063).max() < 0.05


def test_iterative_control_reaches_the_target_with_noise():
    """Each region's mean is within the tolerance in the simulation that control itself saw: the first seconds of the run."""
    tune = {
        **INHIBITION["tune"],
        "output": "rate",
        "target": 3.0631,
        "method": "iterative",
        "duration": 5000 * MS,
        "tolerance": 0.1,
    }
    given = {**INHIBITION, "tune": tune, "G": 0.5, "parameters": {"sigma_S_E": 0.3}}
    steady = build(5000, **given)
    rates = steady.advance(Window(0, 5000 * MS), {})["rate"].values[500:]
    assert np.abs(rates.mean(axis=0) - 3.0631).max() < 0.1
    untuned = run(5000, **{**given, "tune": {**INHIBITION["tune"]}})["rate"][500:]
    assert np.abs(untuned.mean(axis=0) - 3.0631).max() > 0.1


def test_a_cut_brain_is_tuned_as_the_whole_one():
    whole, part = build(G=0.5, **INHIBITION), build(G=0.5, **INHIBITION, external=["l2"])
    assert np.array_equal(whole._simulation.symbols.of("J_i"), part._simulation.symbols.of("J_i"))


def test_a_target_that_no_state_has_is_refused():
    tune = {"parameter": "J_i", "output": "rate", "target": -5.0}
    with pytest.raises(CosimError, match="J_i cannot be tuned"):
        build(**{**INHIBITION, "tune": tune})


def test_a_tuned_state_of_rest_that_is_unstable_is_told(caplog):
    build(G=30.0, **INHIBITION)
    assert any("unstable" in record.message for record in caplog.records)


# -- long runs, and what is told ----------------------------------------------------------------------------------------------


def test_a_million_steps_do_not_grow_memory():
    import tracemalloc

    engine = build(100, connectome=CHAIN, parameters={"sigma_v": 0.1})
    tracemalloc.start()
    held = []
    for k in range(1000):
        engine.advance(Window(k * 100 * MS, (k + 1) * 100 * MS), {})
        if k in (100, 999):
            held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert held[1] - held[0] < 20_000  # bytes; a number kept from each step would be 8 MB


def test_what_comes_in_from_outside_is_told_with_its_noise(caplog):
    caplog.set_level("INFO")
    engine = build(10, ["external"], connectome=CHAIN, external=["a"])
    for k in range(50):
        window = Window(k * 10 * MS, (k + 1) * 10 * MS)
        course = 20.0 + 10.0 * np.sin(2 * np.pi * (k * 100 + np.arange(100)) / 1250)  # four periods in all: mean 20
        values = (course + 3.0 * np.random.default_rng(k).standard_normal(100))[:, None]
        engine.advance(window, {"external": Samples(window, values)})
    engine.close()
    told = next(record.message for record in caplog.records if "came in at" in record.message)
    words = told.split()
    assert words[0] == "a"
    assert float(words[4]) == pytest.approx(20.0, abs=4.5 * 3 / np.sqrt(5000))
    assert float(words[words.index("sd") + 1]) == pytest.approx(3.0, abs=4.5 * 3 / np.sqrt(5000))

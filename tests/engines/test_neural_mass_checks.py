"""What only the whole of the parameters tells is refused before anything is built; and each promise that a review found broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cosim.sdk import CosimError, Samples, ScenarioError, Setup, Window
from engines.neural_mass import NeuralMass

MS, DT = 1_000_000, 100_000
CHAIN = {"weights": [[0.0, 0.0], [1.0, 0.0]], "delays": 1.0, "labels": ["a", "b"]}
RING = {"weights": [[0.0, 1.0], [1.0, 0.0]], "delays": 0.0, "labels": ["a", "b"]}


def told(**params) -> str:
    with pytest.raises(CosimError) as caught:
        NeuralMass.ports(NeuralMass.Params(**params))
    return str(caught.value)


def run(duration_ms, window_ms=None, **params):
    given = NeuralMass.Params(**params)
    length = round((window_ms or duration_ms) * MS)
    engine = NeuralMass(given, Setup("brain", length, 1))
    rows = [engine.advance(Window(k * length, (k + 1) * length), {}) for k in range(round(duration_ms * MS) // length)]
    return {name: np.concatenate([row[name].values for row in rows]) for name in rows[0]}


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"monitors": {"rate": {"kind": "average", "of": "v"}}}, "rate"),
        ({"monitors": {"drive": {"kind": "average"}}}, "drive"),
        ({"monitors": {"external": {"kind": "average"}}, "external": ["a"]}, "external"),
        ({"monitors": {"inflow": {"kind": "average"}}, "external": ["a"]}, "inflow"),
    ],
)
def test_no_two_ports_have_one_name(params, name):
    assert f"2 ports are called {name!r}" in told(connectome=CHAIN, **params)


@pytest.mark.parametrize("moving", [{"vary": ["G"]}, {"changes": [{"at": 5 * MS, "parameter": "G", "to": 0.0}]}])
def test_a_g_that_moves_is_refused_where_external_regions_are_told_ahead(moving):
    assert "G changes during the run" in told(connectome=CHAIN, external=["b"], **moving)
    NeuralMass.ports(NeuralMass.Params(connectome=CHAIN, external=["b"], couplings={"network": {"strength": 1.0}}, **moving))


def test_a_past_that_no_memory_holds_is_refused_with_the_connection():
    far = {"weights": [[0.0, 1.0], [1.0, 0.0]], "lengths": 1e5, "speed": 0.1, "labels": ["a", "b"]}
    text = told(connectome=far, replicas=100_000, dt=1000)
    assert "GiB" in text
    assert "units of lengths and speed" in text


def test_faults_of_regions_are_all_told_with_their_keys(tmp_path):
    np.savez(tmp_path / "past.npz", r=np.zeros((20, 3)), v=np.zeros((20, 2)))
    stimuli = [{"target": "current", "amplitude": 1.0, "regions": "nobody"}]
    changes = [{"at": 0, "parameter": "eta", "to": [1.0, 2.0, 3.0]}, {"at": 0, "parameter": "eta", "to": 1.0, "regions": "nowhere"}]
    with pytest.raises(ScenarioError) as caught:
        NeuralMass.ports(NeuralMass.Params(connectome=CHAIN, stimuli=stimuli, changes=changes, history=tmp_path / "past.npz"))
    faults = [fault.what for fault in caught.value.faults]
    assert len(faults) == 4
    assert [what.split(":")[0] for what in faults[:3]] == ["stimuli.0", "changes.0", "changes.1"]
    assert "r in history past.npz" in faults[3]


@pytest.mark.parametrize("content", [b"", b"nothing", b"PK\x03\x04 cut off"])
def test_a_damaged_history_is_told(tmp_path, content):
    (tmp_path / "past.npz").write_bytes(content)
    assert "history past.npz" in told(connectome=CHAIN, history=tmp_path / "past.npz")


def test_a_history_beside_linked_external_regions_is_refused(tmp_path):
    np.savez(tmp_path / "past.npz", r=np.zeros((20, 2)), v=np.zeros((20, 2)))
    params = NeuralMass.Params(connectome=CHAIN, external=["a"], history=tmp_path / "past.npz")
    port = next(port for port in NeuralMass.ports(params) if port.name == "external")
    with pytest.raises(CosimError, match="does not go together"):
        NeuralMass(params, Setup("brain", MS, 1, {"external": port}, {"external": np.array([MS])}))


def test_a_change_by_region_leaves_the_others_alone():
    changed = run(5, connectome=RING, G=0.0, changes=[{"at": 0, "parameter": "eta", "to": {"a": -2.0}}])
    given = run(5, connectome=RING, G=0.0, parameters={"eta": {"a": -2.0, "default": -4.6}})
    assert np.array_equal(changed["rate"], given["rate"])


def test_equal_regions_draw_each_other_nowhere_also_when_what_they_send_changes(tmp_path):
    """Both ends of a difference are of one time: what a region sent itself, not what it would send by now."""
    (tmp_path / "m.yaml").write_text(
        "title: m\nstates: {x: {initial: 1}}\nparameters: {T: {unit: ms, default: 10}, k: {default: 1}}\n"
        "coupling: {network: {sends: k * x, function: difference}}\n"
        "derivatives: {x: (network - x) / T}\noutputs: {pull: {value: network}}\n"
    )
    sine = [{"target": "k", "amplitude": 0.5, "shape": "sine", "period": 3 * MS}]
    moving = {"model": tmp_path / "m.yaml", "connectome": RING, "stimuli": sine}
    assert not run(10, changes=[{"at": 4 * MS, "parameter": "k", "to": 3.0}], **moving)["pull"].any()
    assert np.array_equal(run(10, **moving)["pull"], run(10, window_ms=0.1, **moving)["pull"])


def test_a_divergence_names_the_replica_that_diverges_and_when(tmp_path):
    (tmp_path / "m.yaml").write_text(
        "title: m\nstates: {x: {initial: 1}}\nparameters: {a: {unit: 1/s, default: 1}}\n"
        "derivatives: {x: a * x**3}\noutputs: {y: {value: x}}\n"
    )
    given = {
        "model": tmp_path / "m.yaml",
        "connectome": {"weights": [[0.0]], "delays": 0.0, "labels": ["q"]},
        "integrator": "euler",
    }
    messages = []
    for params in ({"sweep": {"a": [1000.0, 3000.0]}, "replicas": 2}, {"parameters": {"a": 3000.0}}):
        with pytest.raises(CosimError, match="diverged in region") as caught:
            run(10, **given, **params)
        messages.append(caught.value.what)
    assert "region 1/q at " in messages[0]
    assert messages[0].split(" at ")[1] == messages[1].split(" at ")[1]


def test_inflow_that_is_not_offered_is_told(caplog):
    caplog.set_level("INFO")
    given = {"connectome": RING, "external": ["a"], "couplings": {"network": {"function": "difference"}}}
    NeuralMass(NeuralMass.Params(**given), Setup("brain", MS, 1))
    assert any("over network is not offered" in record.message for record in caplog.records)


def test_names_of_outputs_are_names():
    """What a file calls its outputs becomes ports, never code."""
    params = NeuralMass.Params(connectome=CHAIN)
    engine = NeuralMass(params, Setup("brain", MS, 1))
    code = Path(engine._simulation.kernel.__file__).read_text()
    assert "potential" not in code


def test_few_steps_are_not_worth_threads_and_many_are(monkeypatch):
    params = NeuralMass.Params(connectome=RING, replicas=64, threads=2)
    engine = NeuralMass(params, Setup("brain", 1000 * MS, 1))
    calls = []
    pool = engine._simulation._pool
    submit = pool.submit
    monkeypatch.setattr(pool, "submit", lambda *given: calls.append(1) or submit(*given))
    engine.advance(Window(0, MS), {})
    assert not calls
    engine.advance(Window(MS, 1001 * MS), {})
    assert calls
    assert isinstance(engine.advance(Window(1001 * MS, 1002 * MS), {})["rate"], Samples)


def test_rows_that_somebody_holds_are_never_written_again():
    """Views, and views of views, count; what nobody holds is used again."""
    engine = NeuralMass(NeuralMass.Params(connectome=RING, initial={"r": 30.0}), Setup("brain", MS, 1))
    held, copies = [], []
    for k in range(8):
        out = engine.advance(Window(k * MS, (k + 1) * MS), {})
        if k % 2:
            held.append(out["rate"].values[2:5, 1])
            copies.append(held[-1].copy())
    assert all(np.array_equal(a, b) for a, b in zip(held, copies, strict=True))
    assert len({float(row[0]) for row in copies}) == 4
    del out
    places = set()
    for k in range(8, 14):
        out = engine.advance(Window(k * MS, (k + 1) * MS), {})
        places.add(out["rate"].values.ctypes.data)
        del out
    assert len(places) == 1

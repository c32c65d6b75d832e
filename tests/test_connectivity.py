"""Functional connectivity of a run, what engines leave in its file, and both in a picture."""

from __future__ import annotations

import json

import numpy as np
import pytest

import cosim
from cosim.connectivity import Connectivity, correlated
from cosim.matrices import draw_connectivity
from cosim.pictures import draw_run
from cosim.runtime.wire import decode_array, decode_control, encode_array, encode_control
from cosim.sdk import CosimError, Keeper, Params, Port, Samples, Space
from engines.neural_mass import NeuralMass

LABELS = ("l1", "r1", "l2", "r2", "m")
WEIGHTS = np.arange(25.0).reshape(5, 5) / 7
ROWS, STEP_NS = 200, 100_000_000


def courses():
    """(rows, channels): two pairs that go together, against each other, and one channel that never changes."""
    rng = np.random.default_rng(5)
    values = rng.normal(size=(ROWS, 5))
    values[:, 1] += 2 * values[:, 0]
    values[:, 3] -= values[:, 2]
    values[:, 4] = 3.0
    return values


class Keeps:
    """Says the courses row by row, and leaves a network and more in the run's file."""

    class Params(Params):
        quantity: str = "bold"
        replicas: int = 1
        keeps: str = "network"

    @classmethod
    def ports(cls, params):
        groups = {"left": (0, 2), "right": (1, 3)}
        labels = LABELS
        if params.replicas > 1:
            labels = tuple(f"{m}/{label}" for m in range(params.replicas) for label in LABELS)
            groups |= {f"replica{m}": tuple(range(5 * m, 5 * m + 5)) for m in range(params.replicas)}
        return [
            Port("y", "out", "samples", Space(labels, groups), params.quantity, dt_ns=STEP_NS),
            Port("x", "in", "samples", Space(labels, groups), params.quantity),
        ]

    def __init__(self, params, setup):
        self._params, self._values = params, np.tile(courses(), (1, params.replicas))

    def advance(self, window, inputs):
        return {"y": Samples(window, self._values[window.start_ns // STEP_NS : window.stop_ns // STEP_NS].copy())}

    def kept(self):
        if self._params.keeps == "object":
            return {"weights": WEIGHTS, "what": object()}
        if self._params.keeps == "failure":
            raise RuntimeError("it is gone")
        return {
            "labels": np.array(LABELS),
            "weights": WEIGHTS,
            "counts/of many": np.arange(6, dtype=np.int32).reshape(1, 2, 3),
            "flags": np.array([True, False]),
            "speed": 4.0,
            "turned": WEIGHTS.T,
            "empty": np.zeros((0, 3)),
        }

    def close(self):
        self._values = None


KEEPS = f"{__file__}:Keeps"


def scenario(**params):
    engine = {"use": KEEPS, "window": "1 s", "params": params}
    return {
        "cosim": 1,
        "about": {"name": "kept"},
        "clock": {"stop": "20 s"},
        "engines": {"brain": engine, "other": engine},
        "links": {"on": {"from": "brain.y", "to": "other.x"}},
        "record": {"streams": ["brain.y"]},
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return cosim.run(scenario(), out=tmp_path_factory.mktemp("kept"), transport="inline")


# -- what engines leave --------------------------------------------------------------------------------------------------


def hold_kept(run):
    for engine in ("brain", "other"):
        kept = run.kept(engine)
        assert kept["labels"].tolist() == list(LABELS)
        assert kept["weights"].dtype == np.float64
        assert np.array_equal(kept["weights"], WEIGHTS)
        assert np.array_equal(kept["turned"], WEIGHTS.T)
        assert kept["counts/of many"].dtype == np.int32
        assert np.array_equal(kept["counts/of many"], np.arange(6).reshape(1, 2, 3))
        assert kept["flags"].tolist() == [True, False]
        assert kept["speed"] == 4.0
        assert kept["empty"].shape == (0, 3)
        assert len(kept) == 7


def test_what_an_engine_keeps_stands_in_the_file(run):
    hold_kept(run)
    assert run.kept("nobody") == {}


def test_over_zeromq_too(tmp_path):
    hold_kept(cosim.run(scenario(), out=tmp_path / "run", transport="zeromq", processes=2))


@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [1, 2])
def test_over_mpi_too(ranks, mpirun, tmp_path):
    file, out = tmp_path / "scenario.yaml", tmp_path / "run"
    file.write_text(json.dumps(scenario()))
    answer = mpirun(ranks, "-m", "cosim.cli", "run", str(file), "--out", str(out), "--quiet")
    assert answer.returncode == 0, answer.stderr
    hold_kept(cosim.open_run(out))


@pytest.mark.parametrize(("keeps", "told"), [("object", "neither numbers nor text"), ("failure", "it is gone")])
def test_a_fault_in_what_is_kept_is_told_and_ends_nothing(keeps, told, tmp_path):
    run = cosim.run(scenario(keeps=keeps), out=tmp_path / "run", transport="inline")
    assert run.provenance["outcome"] == "done"
    assert told in (run.folder / "log.jsonl").read_text()
    assert list(run.kept("brain")) == (["weights"] if keeps == "object" else [])


@pytest.mark.parametrize(
    "array", [WEIGHTS, WEIGHTS.T, WEIGHTS.astype(">f4"), np.array("text"), np.array(["µ", "b/c"]), np.zeros((2, 0)), np.bool_(True)]
)
def test_an_array_travels_in_a_control_message(array):
    found = decode_array(decode_control(encode_control(encode_array(np.asarray(array)))))
    assert found.shape == np.shape(array)
    assert np.array_equal(found, array)


def test_a_brain_leaves_its_weights_and_delays(tmp_path):
    data = {
        "cosim": 1,
        "about": {"name": "brain"},
        "clock": {"stop": "20 ms"},
        "engines": {
            "brain": {
                "use": "neural_mass",
                "window": "10 ms",
                "params": {"connectome": {"generate": {"regions": 6, "seed": 3}}, "monitors": {"slow": {"kind": "average"}}},
            }
        },
        "record": {"streams": ["brain.slow"]},
    }
    run = cosim.run(data, out=tmp_path / "run", transport="inline")
    kept, found = run.kept("brain"), run.connectivity("brain.slow")
    assert issubclass(NeuralMass, Keeper)
    assert kept["labels"].tolist() == list(found.labels)
    assert np.array_equal(found.weights, kept["weights"])
    assert (kept["weights"] > 0).any()
    assert ((kept["delays_ms"] > 0) == (kept["weights"] > 0)).all()


# -- connectivity --------------------------------------------------------------------------------------------------------


def test_connectivity_is_pearsons_correlation(run):
    found = run.connectivity("brain.y")
    expected = np.corrcoef(courses()[:, :4].T)
    assert np.allclose(found.values[:4, :4], expected, rtol=0, atol=1e-14)
    assert (np.diag(found.values)[:4] == 1).all()
    assert found.values[0, 1] > 0.8
    assert found.values[2, 3] < -0.5
    assert np.isnan(found.values[4]).all()
    assert np.isnan(found.values[:, 4]).all()
    assert (found.labels, found.rows) == (LABELS, ROWS)


def test_rows_at_the_start_are_left_out(run):
    found = run.connectivity("brain.y", discard_ms=5000)
    assert found.rows == ROWS - 50
    assert np.allclose(found.values[:4, :4], np.corrcoef(courses()[50:, :4].T), rtol=0, atol=1e-14)


def test_a_band_keeps_what_oscillates_in_it():
    """Two channels share 0.5 Hz and have 3 Hz against each other, twice as large."""
    t = np.arange(4000) * 0.1  # 400 s: what the filter makes of the ends is little
    slow, fast = np.sin(2 * np.pi * 0.5 * t), 2 * np.sin(2 * np.pi * 3 * t)
    values = np.stack([slow + fast, slow - fast], axis=1)
    from cosim.connectivity import _filtered

    assert correlated(values)[0, 1] < -0.5
    assert correlated(_filtered("y", values, 100.0, (0.2, 1.0)))[0, 1] > 0.9
    assert correlated(_filtered("y", values, 100.0, (2.0, 4.0)))[0, 1] < -0.9


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"discard_ms": 19_900}, "has 1 rows after 19900 ms"),
        ({"band_hz": (1.0, 5.0)}, "frequencies lie between 0 and 5 Hz"),
        ({"band_hz": (2.0, 1.0)}, "no band from 2 to 1 Hz"),
        ({"discard_ms": 19_500, "band_hz": (1.0, 2.0)}, "too few for a filter"),
        ({"group": "top"}, "no group 'top'"),
    ],
)
def test_what_cannot_be_correlated_is_refused(run, given, told):
    with pytest.raises(CosimError) as caught:
        run.connectivity("brain.y", **given)
    assert told in str(caught.value)


def test_weights_stand_beside_in_the_order_of_the_channels(run):
    assert np.array_equal(run.connectivity("brain.y").weights, WEIGHTS)
    part = run.connectivity("brain.y", group="right")
    assert part.labels == ("r1", "r2")
    assert np.array_equal(part.weights, WEIGHTS[np.ix_([1, 3], [1, 3])])


def test_likeness_is_the_correlation_over_pairs():
    rng = np.random.default_rng(1)
    functional, weights = np.corrcoef(rng.normal(size=(4, 30))), rng.uniform(size=(4, 4))
    pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    both = [[functional[i, j] for i, j in pairs], [(weights[i, j] + weights[j, i]) / 2 for i, j in pairs]]
    found = Connectivity("y", functional, ("a", "b", "c", "d"), 30, weights)
    assert found.likeness() == pytest.approx(np.corrcoef(both)[0, 1], abs=1e-14)
    assert found.likeness(functional) == pytest.approx(1.0)
    assert np.isnan(Connectivity("y", functional, ("a", "b", "c", "d"), 30).likeness())


def test_replicas_have_weights_within_each_and_none_between(tmp_path):
    run = cosim.run(scenario(replicas=2), out=tmp_path / "run", transport="inline")
    whole = run.connectivity("brain.y")
    assert np.array_equal(whole.weights, np.kron(np.eye(2), WEIGHTS))
    second = run.connectivity("brain.y", group="replica1")
    assert second.labels == tuple(f"1/{label}" for label in LABELS)
    assert np.array_equal(second.weights, WEIGHTS)
    signal = run.samples("brain.y").part("replica1")
    assert {name: rows.tolist() for name, rows in signal.groups.items() if name in ("left", "right")} == {}


# -- pictures ------------------------------------------------------------------------------------------------------------


def texts(figure):
    """Titles and names that a figure shows."""
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_a_run_with_bold_is_drawn_with_both_matrices(run):
    pytest.importorskip("matplotlib")
    from cosim.pictures import overview_figure

    figure = overview_figure(run)
    shown = texts(figure)
    # a run of 20 s: a third is left out
    likeness = run.connectivity("brain.y", 20_000 / 3).likeness()
    assert f"brain.y:  r(SC, FC) = {likeness:.2f}" in shown
    assert "structural: weights" in shown
    assert "functional: correlation of 134 rows after 6.66667 s" in shown
    named = {ax.get_title(loc="left").split(":")[0]: [label.get_text() for label in ax.get_yticklabels()] for ax in figure.axes}
    assert named["structural"] == named["functional"] == ["l1", "l2", "r1", "r2", "m"]


def test_what_is_not_bold_is_drawn_on_demand(tmp_path):
    pytest.importorskip("matplotlib")
    from cosim.pictures import overview_figure

    run = cosim.run(scenario(quantity="firing_rate", replicas=2), out=tmp_path / "run", transport="inline")
    assert not any("functional" in text for text in texts(overview_figure(run)))
    assert draw_connectivity(run, "brain.y", tmp_path / "fc.png").stat().st_size > 10_000
    assert draw_run(run, tmp_path / "run.svg").exists()


def test_a_run_without_weights_is_drawn_with_one_matrix(tmp_path):
    pytest.importorskip("matplotlib")
    from cosim.pictures import overview_figure

    run = cosim.run(scenario(keeps="failure"), out=tmp_path / "run", transport="inline")
    shown = texts(overview_figure(run))
    assert any("functional" in text for text in shown)
    assert not any("structural" in text or "r(SC" in text for text in shown)

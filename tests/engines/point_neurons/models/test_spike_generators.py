"""Spikes at given times: from a scenario, a table, SONATA's file; what they bring, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cosim.sdk import CosimError
from tests.engines.point_neurons.running import MS, Run, changes, run

TIMES = [[0.5, 3.0], [], [0.52, 0.5, 9.99]]


def relayed(stop_ms: float = 12.0, **generator: Any) -> Run:
    """A generator of three neurons in front of three relays, 0.4 ms away."""
    return run(
        stop_ms,
        populations={"g": {"model": "spike_generator", "size": 3, **generator}, "p": {"model": "parrot", "size": 3}},
        projections={"gp": {"from": "g", "to": "p", "rule": "one_to_one", "weight": 1.0, "delay": 0.4}},
    )


def spikes(found: Run) -> list[tuple[float, int]]:
    return list(zip((found.spikes.times_ns / MS).tolist(), found.spikes.channels.tolist(), strict=True))


GIVEN = [(0.5, 0), (0.5, 2), (0.52, 2), (3.0, 0), (9.99, 2)]


def test_spikes_come_at_the_times_that_are_given_and_act_at_the_end_of_their_step() -> None:
    found = spikes(relayed(times=TIMES))
    assert [spike for spike in found if spike[1] < 3] == GIVEN
    assert [spike for spike in found if spike[1] >= 3] == [(0.9, 3), (0.9, 5), (1.0, 5), (3.4, 3), (10.4, 5)]


def test_the_rate_of_a_generator_is_that_of_its_spikes() -> None:
    rate = relayed(times=TIMES)["rate"]
    assert np.flatnonzero(rate[:, 0]).tolist() == [4, 5, 29, 99]
    assert rate[4, 0] == pytest.approx(2 / 3 / 1e-4)


def test_a_table_says_the_same_as_a_list(tmp_path: Path) -> None:
    rows = [f"{time}, {neuron}" for time, neuron in reversed(GIVEN)]
    (tmp_path / "spikes.csv").write_text("# ms, neuron\n" + "\n".join(rows))
    (tmp_path / "spikes.txt").write_text("\n".join(rows).replace(",", " "))
    for name in ("spikes.csv", "spikes.txt"):
        assert relayed(times=TIMES).differs(relayed(file=tmp_path / name)) == []


def written(path: Path, unit: Any = "ms", **populations: list[tuple[float, int]]) -> Path:
    with h5py.File(path, "w") as file:
        for name, rows in populations.items():
            group = file.create_group(f"spikes/{name}")
            group["timestamps"] = np.array([time for time, _ in rows], np.float64)
            group["node_ids"] = np.array([neuron for _, neuron in rows], np.uint64)
            if unit is not None:
                group["timestamps"].attrs["units"] = unit
    return path


@pytest.mark.parametrize(("unit", "factor"), [("ms", 1.0), (None, 1.0), (np.bytes_(b"ms"), 1.0), ("s", 1e-3)])
def test_a_file_in_the_form_of_sonata_says_the_same(tmp_path: Path, unit: Any, factor: float) -> None:
    path = written(tmp_path / "spikes.h5", unit, anyone=[(time * factor, neuron) for time, neuron in GIVEN])
    assert relayed(times=TIMES).differs(relayed(file=path)) == []


def test_of_several_populations_in_a_file_that_of_the_name_is_taken(tmp_path: Path) -> None:
    path = written(tmp_path / "spikes.h5", other=[(1.0, 0)], g=GIVEN)
    assert relayed(times=TIMES).differs(relayed(file=path)) == []


def test_no_spikes_are_no_fault(tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("# nothing\n")
    for given in ({"times": [[], [], []]}, {"file": tmp_path / "none.csv"}, {"file": written(tmp_path / "none.h5", g=[])}):
        assert spikes(relayed(**given)) == []


def test_spikes_after_the_end_wait_for_it() -> None:
    assert spikes(relayed(stop_ms=2.0, times=[[1.0, 2.0, 2.1], [], []])) == [(1.0, 0), (1.4, 3), (2.0, 0)]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("1.0, 3", "there is no neuron 3"),
        ("1.0, -1", "there is no neuron -1"),
        ("1.0, 0.5", "there is no neuron 0.5"),
        ("0.0, 1", "a spike at 0 ms"),
        ("-2.0, 1", "a spike at -2 ms"),
        ("nan, 1", "a spike at nan ms"),
        ("1e300, 1", "a spike at 1e[+]300 ms"),
        ("1.0, 1, 1", "spikes.csv has 3 columns"),
        ("time, neuron\n1.0, 1", "spikes.csv cannot be read"),
    ],
)
def test_a_table_with_a_fault_is_refused_with_its_place(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "spikes.csv").write_text(content)
    with pytest.raises(CosimError, match=says) as caught:
        relayed(file=tmp_path / "spikes.csv")
    assert caught.value.where == "params.populations.g.file"


def test_a_file_that_is_none_of_sonata_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no HDF5")
    with h5py.File(tmp_path / "empty.h5", "w"):
        pass
    with h5py.File(tmp_path / "numbers.h5", "w") as file:
        file["spikes"] = np.zeros(3)
    with h5py.File(tmp_path / "short.h5", "w") as file:
        file["spikes/g/timestamps"], file["spikes/g/node_ids"] = np.ones(3), np.ones(2)
    written(tmp_path / "two.h5", a=[], b=[])
    written(tmp_path / "hours.h5", "h", g=[])
    for name, says in (
        ("text", "cannot be read"),
        ("empty", "cannot be read"),
        ("numbers", "cannot be read"),
        ("short", "does not fit together"),
        ("two", "has 2 populations"),
        ("hours", "has times in 'h'"),
    ):
        with pytest.raises(CosimError, match=says):
            relayed(file=tmp_path / f"{name}.h5")


def test_times_and_sizes_have_to_fit() -> None:
    with pytest.raises(ValueError, match="2 lists for 3 neurons"):
        relayed(times=[[1.0], [2.0]])
    with pytest.raises(ValueError, match="either file or times"):
        relayed()


def test_windows_threads_and_a_saved_state_change_no_bit() -> None:
    rng = np.random.default_rng(1)
    trains = [np.sort(rng.uniform(0.001, 30, 40)).tolist() for _ in range(70)]
    network: dict[str, Any] = {
        "populations": {
            "g": {"model": "spike_generator", "size": 70, "times": trains},
            "e": {"model": "iaf_psc_exp", "size": 70},
        },
        "projections": {"ge": {"from": "g", "to": "e", "rule": "fixed_indegree", "indegree": 20, "weight": 90.0, "delay": 1.5}},
        "record": {"potential": {"e": [0, 69]}},
    }
    found = run(30, **network).spikes
    assert (found.channels >= 70).sum() > 100
    assert changes(30, 0.5, **network) == []

"""Where whole molecules are at the start, and how many."""

import numpy as np
import pytest
from reacting import alone

from cosim.sdk import CosimError, Setup, Window
from engines.reaction_diffusion import ReactionDiffusion
from engines.reaction_diffusion.check import check
from engines.reaction_diffusion.needed import needed, refuse_too_large

BOX = {"box": {"size": (1, 1, 1), "spacing": 0.1}}
PAIR = """
title: two that meet
species: {A: {unit: uM}, B: {unit: uM}, C: {unit: uM}}
reactions: {bind: "A + B -> C, 1e6 /uM/ms"}
"""
MICROMOLAR = 602.214076  # molecules in a µm³


def engine_of(params):
    return ReactionDiffusion(ReactionDiffusion.Params(**params), Setup("alone", params["dt"], 1))


def test_a_part_of_a_molecule_is_one_as_often_as_it_should():
    """0.3 molecules expected in each of 4000 replicas: within 4 standard errors."""
    params = {
        "dt": 1_000_000,
        "solver": "stochastic",
        "replicas": 4000,
        "space": {"well_mixed": {"volume": 0.01}},
        "species": {"A": {"unit": "uM", "initial": 0.3 / (0.01 * MICROMOLAR)}},
        "record": {"all": {"value": "total.A"}},
    }
    found = alone(params, 1)["all"][0]
    assert set(np.unique(found)) == {0.0, 1.0}
    assert abs(found.mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 4000)


def test_two_species_are_put_independently_of_each_other(tmp_path):
    """50 of each in 1000 voxels: some 2.5 pairs share one, and no replica is like another."""
    (tmp_path / "pair.yaml").write_text(PAIR)
    few = 50 / MICROMOLAR
    params = {
        "dt": 100_000,
        "solver": "stochastic",
        "replicas": 200,
        "space": BOX,
        "species": {name: {"unit": "uM", "initial": few} for name in "AB"},
        "models": {"m": {"model": tmp_path / "pair.yaml"}},
        "record": {"A": {"value": "A", "over": "mean", "every": 100_000}},
    }
    found = alone(params, 1)["A"][-1] * MICROMOLAR
    met = 50 - found
    assert (
        abs(met.mean() - 2.45) < 0.5
    )  # 50 molecules, each beside one of 50 with the chance of some 1/20; 4 standard errors are 0.43
    assert len(np.unique(met)) > 3


@pytest.mark.parametrize("parts", [{"C0": 0.5, "C1": 0.5}, {"C0": 0.4, "C1": 0.3, "C2": 0.3}])
def test_a_receptor_that_is_half_here_and_half_there_is_one(parts):
    params = {
        "dt": 100_000,
        "solver": "stochastic",
        "space": {"box": {"size": (1,), "spacing": 0.1}},
        "species": {"glutamate": {}},
        "models": {"ampa": {"model": "ampa_jonas", "count": 1, "initial": parts}},
    }
    engine = engine_of(params)
    assert sum(engine._state[0, engine._built.layout.own(f"ampa.{name}")[1]].sum() for name in parts) == 1


def test_a_concentration_is_held_where_a_link_brings_it_and_nowhere_else():
    params = {
        "dt": 100_000,
        "space": {"well_mixed": {"volume": 1.0}},
        "species": {"A": {"initial": 1.0}},
        "inputs": {"hold": {"kind": "concentration", "species": "A"}},
        "record": {"A": {"value": "A"}},
    }
    engine = engine_of(params)
    assert engine.advance(Window(0, 100_000), {})["A"].values[0, 0] == pytest.approx(1.0)


def test_a_net_rate_below_zero_stops_single_molecules(tmp_path):
    (tmp_path / "net.yaml").write_text(
        'title: net\nparameters: {k: {unit: 1/ms, default: 1}}\nspecies: {A: {unit: "1"}, B: {unit: "1", initial: 50}}\n'
        'reactions: {go: {equation: "A -> B", rate: k * (A - B)}}\n'
    )
    params = {
        "dt": 100_000,
        "solver": "stochastic",
        "space": {"well_mixed": {"volume": 1.0}},
        "models": {"m": {"model": tmp_path / "net.yaml", "initial": {"A": 40}}},
    }
    engine = engine_of(params)
    with pytest.raises(CosimError, match="negative"):
        engine.advance(Window(0, 100_000), {})


@pytest.mark.parametrize(
    ("species", "gib"),
    [({"unit": "1/um**3", "initial": 200.0}, 0.1), ({"initial": {"corner": 1.0}}, 0.1)],
)
def test_memory_is_counted_by_unit_and_region(species, gib):
    params = {
        "dt": 100_000,
        "solver": "stochastic",
        "space": {"box": {"size": (50, 50, 50), "spacing": 1.0}},
        "regions": {"corner": {"box": {"from": (0, 0, 0), "to": (1, 1, 1)}}},
        "species": {"A": species},
    }
    params = ReactionDiffusion.Params(**params)
    assert sum(part.bytes for part in needed(params, check(params))) < gib * 2**30 * 8


def test_what_no_machine_holds_is_refused_with_numbers():
    params = ReactionDiffusion.Params(dt=1000, space=BOX, species={"A": {}}, replicas=1000)
    with pytest.raises(CosimError, match="GiB"):
        refuse_too_large(needed(params, check(params)), available=1e6)

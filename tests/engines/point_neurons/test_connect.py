"""Projections: which synapses a rule makes, how strong and how late they are, and that nothing else decides it."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from cosim.sdk import HELD, NOT_FED, CosimError, ScenarioError
from engines.point_neurons.connections.checks import check_projections
from engines.point_neurons.connections.connect import connect
from engines.point_neurons.connections.lists import Edges, edges_of
from engines.point_neurons.connections.memory import expected_synapses, memory_needed, refuse_too_large
from engines.point_neurons.connections.positions import positions_of
from engines.point_neurons.connections.projections import neurons_of
from engines.point_neurons.connections.quanta import quanta_of, quantum_of
from engines.point_neurons.connections.synapses import NONE, MeanField, Synapses
from engines.point_neurons.connections.wiring import Listing, Wiring
from engines.point_neurons.layout import LANES, Layout
from engines.point_neurons.params import Network

LEAST_P = 1e-4  # of seeded tests: one in ten thousand right programs would fail, and this one does not
PSC, DELTA, QIF = "iaf_psc_exp", "iaf_psc_delta", "qif"
CONDUCTANCE = """
title: a conductance
states: {V: {unit: mV}, g_e: {unit: nS}, g_i: {unit: nS}}
parameters: {C: {unit: pF, default: 200}, E: {unit: mV, default: 0}, tau: {unit: ms, default: 5}}
receptors:
  fast: {weight: nS, adds: {g_e: weight}, sign: positive}
  slow: {weight: nS, adds: {g_i: weight}, sign: positive}
derivatives: {V: (g_e + g_i) * (E - V) / C, g_e: -g_e / tau, g_i: -g_i / tau}
spike: {when: V >= E}
"""


def network(a: int = 40, b: int = 30, model: str = PSC, inputs: dict[str, Any] | None = None, **projection: Any) -> Network:
    """Populations a and b, and one projection ``x``, from a to b unless it says otherwise."""
    extent = projection.pop("extent", None)
    boxes = {"extent": extent} if extent is not None else {}
    return Network(
        populations={name: {"model": model, "size": size, **boxes} for name, size in (("a", a), ("b", b))},
        projections={"x": {"from": "a", "to": "b", "weight": 1.0} | projection} if projection else {},
        inputs=inputs or {},
    )


def layout_of(net: Network, parts: int = 1, first: int = 0, own: int | None = None) -> Layout:
    neurons = neurons_of(net)
    receptors = tuple(len(p.description.receptors) for p in neurons.values())
    return Layout(
        tuple(neurons), tuple(p.size for p in neurons.values()), (1,) * len(neurons), receptors, parts, first, own or parts
    )


def joined(
    net: Network, seed: int = 1, parts: int = 1, first: int = 0, own: int | None = None, links: dict[str, np.ndarray] | None = None,
    edges: dict[str, Edges] | None = None,
) -> tuple[Synapses, MeanField, Wiring]:  # fmt: skip
    """The connections of a network that has no faults."""
    assert check_projections(net, edges) == []
    with ThreadPoolExecutor(2) as pool:
        return connect(net, seed, layout_of(net, parts, first, own), links or {}, quanta_of(net, edges), pool, edges)


def listing(net: Network, name: str = "x", **how: Any) -> Listing:
    synapses, _, wiring = joined(net, **how)
    return wiring.listing(name, synapses)


def same(first: Listing, second: Listing) -> bool:
    """Whether they have the same synapses; several of a pair stand in any order."""
    tables = []
    for each in (first, second):
        columns = each.source, each.target, each.weight, each.delay_ms
        tables.append(np.array(columns)[:, np.lexsort(columns[::-1])])
    return np.array_equal(*tables)


def alike(first: Listing, second: Listing) -> bool:
    """Whether they have the same synapses, weights but for what is kept of them: 2^-31 of the largest."""
    pairs = [(getattr(first, name), getattr(second, name)) for name in ("source", "target", "delay_ms")]
    close = np.abs(first.weight - second.weight) <= 2.0**-31 * np.abs(second.weight).max()
    return all(np.array_equal(*pair) for pair in pairs) and bool(close.all())


def degrees(found: Listing, sources: int, targets: int) -> tuple[np.ndarray, np.ndarray]:
    """Of the sources out, of the targets in."""
    return np.bincount(found.source, minlength=sources), np.bincount(found.target, minlength=targets)


def is_simple(found: Listing) -> bool:
    """Whether no pair has two synapses."""
    return len(set(zip(found.source.tolist(), found.target.tolist(), strict=True))) == len(found.source)


OWN = {"weight": {"normal": [50.0, 5.0]}, "delay": {"uniform": [0.1, 3.0]}}
RULES: dict[str, dict[str, Any]] = {
    "fixed_indegree": {"rule": "fixed_indegree", "indegree": 9},
    "fixed_indegree, distinct": {"rule": "fixed_indegree", "indegree": 9, "multapses": False},
    "fixed_outdegree": {"rule": "fixed_outdegree", "outdegree": 8},
    "fixed_outdegree, distinct": {"rule": "fixed_outdegree", "outdegree": 8, "multapses": False},
    "fixed_total_number": {"rule": "fixed_total_number", "number": 333},
    "fixed_total_number, distinct": {"rule": "fixed_total_number", "number": 333, "multapses": False},
    "bernoulli": {"rule": "bernoulli", "probability": 0.2},
    "one_to_one": {"rule": "one_to_one", "to": "a"},
    "all_to_all": {"rule": "all_to_all"},
    "distance": {"rule": "distance", "profile": "gaussian", "probability": 0.9, "length": 100.0, "extent": (300.0, 300.0)},
    "list": {
        "rule": "list",
        "pairs": [(i * 7 % 40, i * 11 % 30) for i in range(200)],
        "weight": [float(i + 1) for i in range(200)],
    },
}


# -- nothing else decides ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("is_own", [False, True])
def test_synapses_do_not_depend_on_parts_and_processes(rule: str, is_own: bool) -> None:
    given = RULES[rule] | (OWN if is_own and rule != "list" else {"delay": OWN["delay"]} if is_own or rule == "all_to_all" else {})
    net = network(a=140, b=130, **given) if rule != "list" else network(**given)
    whole = listing(net)
    assert len(whole.source) > 100
    for parts in (2, 3, 5):
        assert same(whole, listing(net, parts=parts))
    processes = [listing(net, parts=4, first=first, own=2) for first in (0, 2)]
    assert not set(processes[0].target.tolist()) & set(processes[1].target.tolist())
    columns = [np.concatenate([getattr(p, name) for p in processes]) for name in ("source", "target", "weight", "delay_ms")]
    assert same(whole, Listing(*columns))


@pytest.mark.parametrize("rule", RULES)
def test_rows_are_by_source_and_within_a_row_by_target(rule: str) -> None:
    synapses, _, wiring = joined(network(**RULES[rule] | {"delay": OWN["delay"]}), parts=3)
    for q in range(3):
        rows = synapses.rows[synapses.row_at[0, q] :][: wiring.stored[0].plan.sources + 1]
        assert np.all(np.diff(rows) >= 0)
        for begin, end in pairwise(rows):
            assert np.all(np.diff(synapses.targets[begin:end].astype(int)) >= 0)
    ends = [synapses.rows[synapses.row_at[0, q] + wiring.stored[0].plan.sources] for q in range(3)]
    assert ends[-1] == len(synapses.targets)


def test_columns_are_those_of_neuron_and_receptor() -> None:
    """Neuron i of a part stands in block i // 64, lane i % 64, of its receptor."""
    net = network(a=1, b=300, rule="fixed_indegree", indegree=1, weight=-2.0)  # the second receptor of two
    synapses, _, wiring = joined(net, parts=2)
    first = wiring.layout.first_column[1]
    local = np.arange(150)
    expected = first + local // LANES * (2 * LANES) + LANES + local % LANES
    for q in range(2):
        begin, end = synapses.rows[synapses.row_at[0, q] :][:2]
        assert np.array_equal(synapses.targets[begin:end], expected)


def test_synapses_are_a_function_of_seed_name_and_number() -> None:
    given = RULES["fixed_indegree"] | OWN
    few, more = listing(network(b=30, **given)), listing(network(b=80, **given))
    kept = more.target < 30
    assert same(few, Listing(more.source[kept], more.target[kept], more.weight[kept], more.delay_ms[kept]))
    assert not np.array_equal(few.source, listing(network(b=30, **given), seed=2).source)
    other = Network(populations=network(b=30).populations, projections={"y": {"from": "a", "to": "b", **given}})
    assert not np.array_equal(few.source, listing(other, "y").source)


def test_a_network_cut_at_an_input_has_the_same_synapses() -> None:
    """The source lives elsewhere and comes over a link that takes 0.1 ms of the delay."""
    given = RULES["fixed_indegree"] | OWN | {"delay": {"normal": [1.0, 0.4]}}
    whole = listing(network(**given))
    cut = Network(
        populations={"b": {"model": PSC, "size": 30}},
        inputs={"a": {"kind": "spikes", "size": 40}},
        projections={"x": {"from": "a", "to": "b", **given}},
    )
    synapses, _, wiring = joined(cut, links={"a": np.full(40, 100_000)})
    assert same(whole, wiring.listing("x", synapses))
    assert synapses.delays.min() == 0  # what is left of the shortest


# -- rules ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("multapses", [False, True])
def test_a_fixed_indegree_is_met_exactly_with_sources_drawn_evenly(multapses: bool) -> None:
    found = listing(network(200, 1000, rule="fixed_indegree", indegree=40, multapses=multapses))
    out, into = degrees(found, 200, 1000)
    assert np.array_equal(into, np.full(1000, 40))
    share = 40 / 200
    # counts of a source over targets: of 40 draws with replacement binomial; without it each target has it once with 40/200
    spread = math.sqrt(1000 * (40 * (1 / 200) * (199 / 200) if multapses else share * (1 - share)))
    assert out.std() == pytest.approx(spread, rel=5 / math.sqrt(2 * 200))  # the standard error of a spread of 200 numbers, 5 times
    assert is_simple(found) != multapses


@pytest.mark.parametrize("multapses", [False, True])
def test_a_fixed_outdegree_is_met_exactly_with_targets_drawn_evenly(multapses: bool) -> None:
    found = listing(network(1000, 200, rule="fixed_outdegree", outdegree=40, multapses=multapses))
    out, into = degrees(found, 1000, 200)
    assert np.array_equal(out, np.full(1000, 40))
    share = 40 / 200
    spread = math.sqrt(1000 * (40 * (1 / 200) * (199 / 200) if multapses else share * (1 - share)))
    assert into.std() == pytest.approx(spread, rel=5 / math.sqrt(2 * 200))
    assert is_simple(found) != multapses


@pytest.mark.parametrize(("rule", "key"), [("fixed_indegree", "indegree"), ("fixed_outdegree", "outdegree")])
def test_distinct_partners_are_any_set_with_the_same_chance(rule: str, key: str) -> None:
    """All 10 pairs of 5 partners, and where there are 5 to be had, all of them."""
    sizes = (5, 20_000) if key == "indegree" else (20_000, 5)
    found = listing(network(*sizes, rule=rule, multapses=False, **{key: 2}))
    by = np.lexsort((found.source, found.target) if key == "indegree" else (found.target, found.source))
    partner = (found.source if key == "indegree" else found.target)[by].reshape(-1, 2)
    sets, counts = np.unique(partner, axis=0, return_counts=True)
    assert len(sets) == 10
    assert stats.chisquare(counts).pvalue > LEAST_P
    everyone = listing(network(5, 5, rule=rule, multapses=False, **{key: 5}))
    assert is_simple(everyone)
    assert len(everyone.source) == 25


@pytest.mark.parametrize("multapses", [False, True])
@pytest.mark.parametrize("number", [300, 1100])
def test_a_total_number_is_met_exactly_with_all_pairs_as_likely(multapses: bool, number: int) -> None:
    """Beyond half of the 1200 pairs, those that are left out are drawn."""
    counts = np.zeros((40, 30))
    for seed in range(60):
        found = listing(network(rule="fixed_total_number", number=number, multapses=multapses), seed=seed)
        assert len(found.source) == number
        assert multapses or is_simple(found)
        np.add.at(counts, (found.source, found.target), 1)
    p = number / 1200
    variance = 60 * (number / 1200 * (1 - 1 / 1200) if multapses else p * (1 - p) * 1200 / 1199)
    # a sum of squares of 1199 free counts, each in units of its variance, has the standard deviation sqrt(2/1199)
    assert counts.var(ddof=1) / variance == pytest.approx(1.0, abs=5 * math.sqrt(2 / 1199))
    into = counts.sum(axis=0)
    spread = math.sqrt(60 * number * (1 / 30) * (29 / 30) * (1 if multapses else (1200 - number) / 1199))
    assert abs(into - into.mean()).max() < 5 * spread


@pytest.mark.parametrize("p", [0.0, 0.03, 0.6, 1.0])
def test_bernoulli_connects_each_pair_at_most_once_with_its_probability(p: float) -> None:
    found = listing(network(300, 400, rule="bernoulli", probability=p))
    assert is_simple(found)
    spread = math.sqrt(p * (1 - p))
    assert len(found.source) / 120_000 == pytest.approx(p, abs=5 * spread / math.sqrt(120_000) + 1e-12)
    out, into = degrees(found, 300, 400)
    for count, partners in ((into, 300), (out, 400)):
        # binomial; the standard error of a standard deviation from n degrees is 1/sqrt(2n) of it
        assert count.std() == pytest.approx(math.sqrt(partners) * spread, rel=5 / math.sqrt(2 * len(count)), abs=1e-12)


def test_all_to_all_and_one_to_one_are_what_they_say() -> None:
    found = listing(network(3, 4, rule="all_to_all", weight={"uniform": [1, 2]}))
    assert np.array_equal(found.source, np.repeat(range(3), 4))
    assert np.array_equal(found.target, np.tile(range(4), 3))
    found = listing(network(5, 5, rule="one_to_one"))
    assert np.array_equal(found.source, np.arange(5))
    assert np.array_equal(found.target, np.arange(5))


@pytest.mark.parametrize("rule", [name for name in RULES if name not in ("one_to_one", "list")])
def test_autapses_are_left_out_when_asked(rule: str) -> None:
    given = RULES[rule] | {"to": "a", "delay": OWN["delay"]}
    with_own = listing(network(**given | ({"probability": 1.0} if "probability" in given else {})))
    assert (with_own.source == with_own.target).any()
    without = listing(network(**given, autapses=False))
    assert not (without.source == without.target).any()
    assert set(without.source.tolist()) == set(without.target.tolist()) == set(range(40))
    if rule.startswith("fixed_indegree"):
        assert np.array_equal(degrees(without, 40, 40)[1], np.full(40, 9))
    if rule.startswith("fixed_outdegree"):
        assert np.array_equal(degrees(without, 40, 40)[0], np.full(40, 8))


def test_autapses_are_no_matter_between_two_populations() -> None:
    given = RULES["fixed_indegree"]
    assert same(listing(network(**given)), listing(network(**given, autapses=False)))


# -- distance ------------------------------------------------------------------------------------------------------------------


def separation(net: Network, period: tuple[float, ...] | None = None, seed: int = 1) -> np.ndarray:
    """(sources, targets) µm."""
    places = {name: positions_of(name, population, seed) for name, population in neurons_of(net).items()}
    apart = places["a"][:, None] - places["b"][None]
    if period is not None:
        apart -= np.array(period) * np.rint(apart / np.array(period))
    found: np.ndarray = np.sqrt(np.square(apart).sum(axis=-1))
    return found


def chance(profile: str, d: np.ndarray, p: float, length: float) -> np.ndarray:
    if profile == "step":
        return np.where(d <= length, p, 0.0)
    return p * (np.exp(-(d**2) / (2 * length**2)) if profile == "gaussian" else np.exp(-d / length))


@pytest.mark.parametrize("profile", ["gaussian", "exponential", "step"])
@pytest.mark.parametrize(
    ("extent", "period"), [((800.0, 600.0), None), ((800.0, 600.0), (800.0, 600.0)), ((400.0, 400.0, 300.0), None)]
)
def test_distance_decides_how_likely_a_connection_is(
    profile: str, extent: tuple[float, ...], period: tuple[float, ...] | None
) -> None:
    net = network(700, 500, rule="distance", profile=profile, probability=0.7, length=120.0, extent=extent, period=period)
    found, p = listing(net), chance(profile, separation(net, period), 0.7, 120.0)
    assert is_simple(found)
    made = np.zeros(p.shape)
    made[found.source, found.target] = 1
    assert not made[p == 0.0].any()
    edges = np.quantile(p[p > 0.0], np.linspace(0, 1, 13))
    place = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, 11)
    for k in range(12):
        here = (place == k) & (p > 0.0)
        spread = math.sqrt((p[here] * (1 - p[here])).sum())
        assert made[here].sum() == pytest.approx(p[here].sum(), abs=5 * spread + 1e-9)
    expected = expected_synapses(net)["x"]
    assert expected == pytest.approx(p.sum(), rel=0.25)  # of other positions from the same box


def test_a_step_of_certainty_connects_all_that_is_in_reach_even_just(tmp_path: Path) -> None:
    """On a grid of 10 µm many pairs are 50 µm apart exactly; the box of 100 µm closes on itself."""
    grid = np.stack(np.meshgrid(np.arange(10), np.arange(10)), axis=-1).reshape(-1, 2) * 10.0
    np.save(tmp_path / "grid.npy", grid)
    (tmp_path / "grid.csv").write_text("x,y\n" + "\n".join(f"{x},{y}" for x, y in grid))
    for period in (None, (100.0, 100.0)):
        populations = {
            name: {"model": PSC, "size": 100, "positions": tmp_path / f"grid.{form}"} for name, form in (("a", "npy"), ("b", "csv"))
        }
        rule = {"rule": "distance", "profile": "step", "probability": 1.0, "length": 50.0, "weight": 1.0, "period": period}
        net = Network(populations=populations, projections={"x": {"from": "a", "to": "b", **rule}})
        found = listing(net)
        sources, targets = np.nonzero(separation(net, period) <= 50.0)
        assert len(found.source) == len(sources)
        assert np.array_equal(found.source, sources)
        assert np.array_equal(found.target, targets)


def test_positions_at_random_fill_the_box_evenly() -> None:
    population = network(20_000, extent=(100.0, 300.0, 20.0), rule="all_to_all").populations["a"]
    places = positions_of("a", population, 3)  # type: ignore[arg-type]
    for axis, side in enumerate((100.0, 300.0, 20.0)):
        assert stats.kstest(places[:, axis], stats.uniform(-side / 2, side).cdf).pvalue > LEAST_P
    assert abs(np.corrcoef(places.T) - np.eye(3)).max() < 4 / math.sqrt(20_000)


# -- lists ---------------------------------------------------------------------------------------------------------------------


def test_lists_in_the_scenario_and_in_files_say_the_same(tmp_path: Path) -> None:
    source, target, weight, delay = [3, 0, 3, 39, 3], [7, 29, 7, 0, 1], [1.5, 2.0, 4.0, 8.0, 0.5], [0.1, 1.0, 2.04, 0.5, 25.6]
    rows = "\n".join(f"{s},{t},{w},{d}" for s, t, w, d in zip(source, target, weight, delay, strict=True))
    (tmp_path / "list.csv").write_text(f"source,target,weight,delay\n{rows}\n")
    np.savez(tmp_path / "list.npz", source=source, target=target, weight=weight, delay=delay)
    expected = Listing(*(np.array(column)[[1, 4, 0, 2, 3]] for column in (source, target, weight, [0.1, 1.0, 2.0, 0.5, 25.6])))
    for form in ("csv", "npz"):
        net = network(rule="list", file=tmp_path / f"list.{form}", weight=None)
        synapses, _, wiring = joined(net, parts=2)
        assert alike(wiring.listing("x", synapses), expected)
        assert synapses.delays.dtype == np.uint16  # 25.6 ms are 256 steps
    pairs = list(zip(source, target, strict=True))
    found = listing(network(rule="list", pairs=pairs, weight=weight, delay="1 ms"))
    assert alike(found, Listing(expected.source, expected.target, expected.weight, np.ones(5)))


def test_a_list_of_both_signs_goes_to_a_receptor_for_each() -> None:
    net = network(rule="list", pairs=[(0, 1), (2, 3), (0, 1), (4, 5)], weight=[1.0, -2.0, -4.0, 3.0])
    synapses, _, wiring = joined(net)
    assert [each.plan.receptor for each in wiring.stored] == [0, 1]
    found = wiring.listing("x", synapses)
    assert np.array_equal(found.source, [0, 0, 2, 4])
    assert sorted(found.weight.tolist()) == pytest.approx([-4.0, -2.0, 1.0, 3.0], rel=2**-30)
    delta = listing(network(model=DELTA, rule="list", pairs=[(0, 1), (2, 3)], weight=[1.0, -2.0]))
    assert delta.weight.tolist() == pytest.approx([1.0, -2.0], rel=2**-30)


def test_edges_that_somebody_else_has_read_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "edges.h5").touch()
    net = network(rule="sonata", file=tmp_path / "edges.h5", weight=None)
    edges = {"x": edges_of(np.array([5, 1], np.uint32), [2.0, 3.0], [1.0, 2.5], 0.7)}
    found = listing(net, edges=edges)
    assert alike(found, Listing(np.array([1, 5]), np.array([3, 2]), np.array([2.5, 1.0]), np.array([0.7, 0.7])))
    assert check_projections(net) == []  # its file is for its reader to look at
    with pytest.raises(CosimError, match="nobody has read its edges"):
        connect(net, 1, layout_of(net), {}, [np.ones(2), np.ones(2)])


# -- weights -------------------------------------------------------------------------------------------------------------------


def test_drawn_weights_and_delays_have_their_distributions() -> None:
    given = {
        "weight": {"normal": ["50 pA", "10 pA"], "low": "40 pA"},
        "delay": {"exponential": "2 ms", "low": "1 ms", "high": "20 ms"},
    }
    found = listing(network(200, 200, rule="fixed_indegree", indegree=100, **given))
    assert stats.kstest(found.weight, stats.truncnorm(-1, np.inf, 50, 10).cdf).pvalue > LEAST_P
    steps = np.arange(10, 201)
    truth = stats.truncexpon(9.5, 1.0, 2.0)  # 1 to 20 ms are 0 to 9.5 means above the least
    expected = np.diff(truth.cdf((np.append(steps, 201) - 0.5) / 10)) * len(found.delay_ms)
    counts = np.bincount(np.rint(found.delay_ms * 10).astype(int), minlength=201)[10:201]
    enough = expected > 10
    assert (
        stats.chisquare(
            np.append(counts[enough], counts[~enough].sum()), np.append(expected[enough], expected[~enough].sum())
        ).pvalue
        > LEAST_P
    )
    # independent of each other and of the partner
    for pair in ((found.weight, found.delay_ms), (found.weight, found.source), (found.delay_ms, found.target)):
        assert abs(stats.spearmanr(*pair).statistic) < 4 / math.sqrt(len(found.weight))


def test_weights_are_whole_quanta_as_fine_as_they_are_kept() -> None:
    net = network(rule="fixed_indegree", indegree=5, weight={"uniform": [10.0, 87.8085]}, delay=1.0)
    synapses = joined(net)[0]
    quantum = quanta_of(net)[1][0]
    assert math.frexp(quantum)[0] == 0.5  # a power of two
    assert 2.0**39 <= 87.8085e-12 / quantum < 2.0**40
    assert synapses.shift.tolist() == [9]  # 40 bits and 31
    assert synapses.weights.max() > 2**29
    one = network(rule="fixed_indegree", indegree=5, weight="87.8085 pA")
    weight = joined(one)[0].weight[0]
    assert abs(weight * quanta_of(one)[1][0] - 87.8085e-12) <= quanta_of(one)[1][0] / 2


def test_quanta_follow_the_largest_of_all_that_ends_in_a_receptor() -> None:
    populations = {
        "a": {"model": PSC, "size": 3, "poisson": {"p": {"rate": 1.0, "weight": "-700 pA"}}},
        "b": {"model": PSC, "size": 3},
    }
    net = Network(
        populations=populations,
        projections={"x": {"from": "a", "to": "a", "weight": {"normal": [10, 1]}}, "y": {"from": "b", "to": "a", "weight": -3}},
        inputs={"r": {"kind": "rate", "to": "b", "weight": 5.0}},
    )
    largest = [[10 + math.sqrt(-2 * math.log(2**-53)), 700], [5, 0]]
    for found, expected in zip(quanta_of(net), largest, strict=True):
        assert np.array_equal(found, [quantum_of(weight * 1e-12) for weight in expected])
    assert quantum_of(0.0) == 1.0


@pytest.mark.parametrize(
    ("rule", "partners"),
    [
        ({"rule": "all_to_all"}, 40),
        ({"rule": "all_to_all", "to": "a", "autapses": False}, 39),
        ({"rule": "one_to_one", "to": "a"}, 1),
        ({"rule": "fixed_indegree", "indegree": 8}, 8),
        ({"rule": "fixed_outdegree", "outdegree": 6}, 6 * 40 / 30),
        ({"rule": "fixed_total_number", "number": 90}, 3),
        ({"rule": "bernoulli", "probability": 0.25}, 10),
        ({"rule": "list", "pairs": [(0, 0)] * 15}, 0.5),
    ],
)
def test_a_total_weight_is_shared_out_among_the_partners(rule: dict[str, Any], partners: float) -> None:
    net = network(**rule, weight=None, total_weight="120 pA")
    synapses, mean_field, wiring = joined(net)
    weight = (*synapses.weight, *mean_field.weight)[0]
    quantum = (*wiring.stored, *wiring.mean)[0].quantum
    assert weight * quantum == pytest.approx(120 / partners, rel=2**-40)


def test_the_receptor_is_the_one_that_is_named_or_the_first_for_the_sign(tmp_path: Path) -> None:
    assert joined(network(rule="fixed_indegree", indegree=1, weight=-1.0))[2].stored[0].plan.receptor == 1
    (tmp_path / "g.yaml").write_text(CONDUCTANCE)
    for named, number in ((None, 0), ("fast", 0), ("slow", 1)):
        net = network(model=str(tmp_path / "g.yaml"), rule="fixed_indegree", indegree=1, weight="2 nS", receptor=named)
        assert joined(net)[2].stored[0].plan.receptor == number


# -- delays --------------------------------------------------------------------------------------------------------------------


def test_drawn_delays_are_rounded_to_steps_and_what_rounds_to_none_is_drawn_again() -> None:
    found = listing(network(200, 100, rule="fixed_indegree", indegree=50, delay={"normal": ["0.1 ms", "0.1 ms"]}))
    steps = np.rint(found.delay_ms * 10).astype(int)
    truth = stats.truncnorm(-0.5, np.inf, 1.0, 1.0)  # above half a step
    counts, expected = np.bincount(steps)[1:5], np.diff(truth.cdf([0.5, 1.5, 2.5, 3.5, 4.5])) * len(steps)
    assert steps.min() == 1
    rest = np.array([len(steps) - counts.sum(), len(steps) - expected.sum()])
    assert stats.chisquare(np.append(counts, rest[0]), np.append(expected, rest[1])).pvalue > LEAST_P


@pytest.mark.parametrize(("delay", "kind", "size"), [([0.1, 25.5], np.uint8, 1), ([0.1, 25.6], np.uint16, 2)])
def test_delays_take_a_byte_or_two(delay: list[float], kind: type, size: int) -> None:
    net = network(rule="fixed_indegree", indegree=9, delay={"uniform": delay}, weight={"normal": [9, 1]})
    synapses = joined(net)[0]
    assert synapses.delays.dtype == kind
    need = memory_needed(net)
    assert need.synapse_bytes == len(synapses.targets) * (4 + 4 + size)
    assert (
        need.synapse_bytes + need.row_bytes
        == sum(array.nbytes for array in synapses[2:4]) + synapses.weights.nbytes + synapses.delays.nbytes
    )


@pytest.mark.parametrize(("delay", "steps"), [(None, 0), ("1.5 ms", 5), ("1 ms", 0)])
def test_the_link_of_an_input_takes_its_part_of_the_delay(delay: str | None, steps: int) -> None:
    net = network(inputs={"i": {"kind": "spikes", "size": 30}}, rule="one_to_one", delay=delay, **{"from": "i"})
    links = {"i": np.where(np.arange(30) < 5, NOT_FED, 1_000_000)}
    synapses, _, wiring = joined(net, links=links)
    assert synapses.delay.tolist() == [steps]
    assert wiring.listing("x", synapses).delay_ms[0] == 1 + steps / 10
    assert joined(net)[0].delay.tolist() == [0 if delay is None else steps + 10]  # nothing is linked
    assert joined(net, links={"i": np.full(30, HELD)})[0].delay.tolist() == [0 if delay is None else steps + 10]


@pytest.mark.parametrize(
    ("delay", "link", "what"),
    [
        ("1 ms", [1_500_000], "later than they should act"),
        ({"uniform": [1, 2]}, [1_500_000], "later than they should act"),
        ("1 ms", [150_000], "what the link leaves of the delay is not a whole number"),
        ("1 ms", [100_000, 200_000], "several delays"),
        ("1 ms", [100_000, HELD], "several delays"),
    ],
)
def test_a_link_that_a_delay_cannot_hold_is_refused(delay: Any, link: list[int], what: str) -> None:
    net = network(inputs={"i": {"kind": "spikes", "size": 30}}, rule="one_to_one", delay=delay, **{"from": "i"})
    with pytest.raises(CosimError, match=what):
        joined(net, links={"i": np.resize(link, 30)})


def test_the_shortest_delay_is_that_between_populations_and_the_longest_that_of_all() -> None:
    net = Network(
        populations=network().populations,
        inputs={"i": {"kind": "spikes", "size": 3}},
        projections={
            "x": {"from": "a", "to": "b", "weight": 1.0, "delay": 1.5},
            "y": {
                "from": "b",
                "to": "a",
                "rule": "bernoulli",
                "probability": 0.5,
                "weight": 1.0,
                "delay": {"uniform": [0.46, 2.04]},
            },
            "z": {"from": "i", "to": "a", "weight": 1.0, "delay": 3},
        },
    )
    _, _, wiring = joined(net, links={"i": np.full(3, 200_000)})
    assert (wiring.shortest, wiring.longest) == (5, 28)
    alone = joined(network())[2]
    assert (alone.shortest, alone.longest) == (16, 1)  # nothing is exchanged


# -- the mean field ------------------------------------------------------------------------------------------------------------


def test_all_to_all_of_one_weight_and_delay_stores_no_synapses() -> None:
    net = Network(
        populations={
            "g": {"model": "spike_generator", "size": 5, "times": [[1.0]] * 5},
            "a": {"model": PSC, "size": 100},
            "b": {"model": QIF, "size": 10},
        },
        inputs={"i": {"kind": "spikes", "size": 4}},
        projections={
            "ia": {"from": "i", "to": "a", "weight": 1.0},
            "aa": {"from": "a", "to": "a", "weight": -2.0, "autapses": False, "delay": 1.5},
            "gb": {"from": "g", "to": "b", "weight": 4.0},
            "ab": {"from": "a", "to": "b", "rule": "bernoulli", "probability": 0.1, "weight": 1.0},
        },
    )
    synapses, mean, wiring = joined(net, parts=2)
    assert [each.plan.name for each in wiring.mean] == ["gb", "aa", "ia"]
    assert mean.of_group.tolist() == [0, 1, 2, 2, 3]  # g, a, b, i
    assert mean.place.tolist() == [2, 1, 0]  # sums: two receptors of a, then one of b
    assert mean.delay.tolist() == [1, 15, 0]
    assert mean.own_column.tolist() == [-1, LANES, -1]
    assert mean.stride.tolist() == [LANES, 2 * LANES, 2 * LANES]
    quanta = quanta_of(net)
    assert mean.weight.tolist() == [round(4 / quanta[1][0]), round(-2e-12 / quanta[0][1]), round(1e-12 / quanta[0][0])]
    assert synapses.of_group.tolist() == [0, 0, 1, 1, 1]
    assert expected_synapses(net) == {"ab": 100.0}
    with pytest.raises(CosimError, match="'aa' stores no synapses"):
        wiring.listing("aa", synapses)
    with pytest.raises(CosimError, match="there is no projection 'ac'"):
        wiring.listing("ac", synapses)


def test_a_network_without_projections_has_empty_arrays() -> None:
    synapses, mean, _ = joined(network(), parts=2)
    assert synapses.of_group.tolist() == mean.of_group.tolist() == [0, 0, 0]
    assert len(synapses.targets) == len(synapses.rows) == len(mean.place) == 0
    assert synapses.row_at.shape == (0, 2)
    drawn = joined(network(rule="fixed_indegree", indegree=0))[0]
    assert len(drawn.targets) == 0
    assert drawn.weight_at.tolist() == [[NONE]]


# -- faults --------------------------------------------------------------------------------------------------------------------


def faults_of(**projection: Any) -> Iterator[tuple[str, str]]:
    for fault in check_projections(network(**projection)):
        yield fault.where.removeprefix("params.projections.x").removeprefix("."), str(fault)


INDEGREE = {"rule": "fixed_indegree", "indegree": 3}
BOXED = {"rule": "distance", "profile": "step", "probability": 1.0, "length": 50.0}


@pytest.mark.parametrize(
    ("projection", "where", "words"),
    [
        ({"from": "c"}, "from", "'c' to come from"),
        ({"to": "aa"}, "to", "did you mean 'a'?"),
        ({"rule": "fixed_indegree"}, "", "the rule fixed_indegree needs indegree"),
        (INDEGREE | {"probability": 0.1}, "", "probability says nothing to the rule fixed_indegree"),
        ({"rule": "bernoulli"}, "", "needs probability"),
        ({"rule": "list"}, "", "needs either pairs or file"),
        ({"rule": "list", "pairs": [(0, 0)], "autapses": False}, "", "autapses says nothing to the rule list"),
        ({"rule": "fixed_indegree", "indegree": 41, "multapses": False}, "", "without multapses there are 40 partners"),
        ({"rule": "fixed_indegree", "indegree": 40, "multapses": False, "autapses": False, "to": "a"}, "", "there are 39 partners"),
        ({"rule": "fixed_outdegree", "outdegree": 31, "multapses": False}, "", "there are 30 targets of each neuron"),
        ({"rule": "fixed_total_number", "number": 1201, "multapses": False}, "", "there are 1200 pairs"),
        ({"rule": "one_to_one"}, "", "a has 40 neurons, b 30"),
        ({"rule": "one_to_one", "to": "a", "autapses": False}, "", "nothing is left to connect"),
        ({"a": 1, "to": "a", "autapses": False}, "", "nothing is left to connect"),
        (BOXED, "", "give populations.a positions"),
        (BOXED | {"extent": (9.0, 9.0), "period": (9.0, 9.0, 9.0)}, "", "period has 3 sides"),
        (BOXED | {"extent": (9.0, 9.0), "total_weight": 1.0, "weight": None}, "", "cannot be shared out"),
        ({"delay": 0.0}, "delay", "at least one step"),
        ({"delay": "0.05 ms"}, "delay", "a step 100 us"),
        ({"delay": "0.25 ms"}, "delay", "nearest: 200 us, 300 us"),
        ({"delay": 1.00001}, "delay", "not a whole number"),
        ({"delay": "3 mV"}, "delay", "is not a time"),
        ({"delay": "10 s"}, "delay", "delays reach up to 65535"),
        ({"delay": {"lognormal": ["1 ms", 2.0]}}, "delay", "add high"),
        ({"delay": {"uniform": ["-1 ms", "0.04 ms"]}}, "delay", "all that is drawn is below one step"),
        ({"delay": {"lorentzian": [1, 1]}}, "delay", "lorentzian is not for synapses"),
        ({"weight": None}, "", "nothing says how strong its synapses are"),
        ({"total_weight": 3.0}, "", "both say how strong"),
        ({"weight": "3 mV"}, "weight", "mV cannot be converted to pA"),
        ({"weight": [1.0, 2.0]}, "", "a list of weights goes with pairs alone"),
        ({"receptor": "excitator"}, "weight", "did you mean 'excitatory'?"),
        ({"receptor": "excitatory", "weight": "-3 pA"}, "weight", "receptor: inhibitory"),
        ({"weight": {"normal": [1, 1]}}, "weight", "of both signs"),
        ({"weight": {"lognormal": [1, 2]}}, "weight", "add high"),
        ({"weight": {"normal": ["1 pA", "1 mV"]}}, "weight", "mV cannot be converted to pA"),
        (
            {"rule": "list", "pairs": [(0, 0), (40, 1), (41, 2)]},
            "pairs",
            "row 1: there is no source neuron 40, and so in 1 more rows",
        ),
        ({"rule": "list", "pairs": [(0, -1)]}, "pairs", "row 0: there is no target neuron -1"),
        ({"rule": "list", "pairs": [(0, 0)], "weight": [1.0, 2.0]}, "pairs", "2 weights for 1 pairs"),
    ],
)
def test_a_fault_says_where_it_is_and_how_to_mend_it(projection: dict[str, Any], where: str, words: str) -> None:
    found = list(faults_of(**projection))
    assert [place for place, _ in found] == [where] * len(found)
    assert any(words in text for _, text in found), found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("source,target\n0,1\n1,30\n", "row 3: there is no target neuron 30"),
        ("source,target,weight\n0,1,2\n", "its list has weights, and weight says them too"),
        ("source,target,delay\n0,1,0.04\n1,1,1\n", "row 2: a delay of 0.04 ms"),
        ("source,target,delay\n0,1,0.04\n", "row 2: a delay of 0.04 ms"),
        ("source,target,dealy\n0,1,0.25\n", "did you mean 'delay'?"),
        ("target,weight\n0,1\n", "has no source"),
        ("0,1\n1,1\n", "does not begin with a header"),
        ("source,target\n0,x\n", "is not a table of numbers"),
        ("source,target\n0,1.5\n", "row 2: target is 1.5, not a whole number"),
        ("source,target,delay\n0,1,nan\n", "row 2: delay is nan, not finite"),
    ],
)
def test_a_fault_in_a_list_says_in_which_row(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(text)
    found = list(faults_of(rule="list", file=tmp_path / "list.csv"))
    assert [place for place, _ in found] == ["file"] * len(found)
    assert any(words in line for _, line in found), found


def test_an_empty_list_makes_no_synapses(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("source,target\n")
    assert len(listing(network(rule="list", file=tmp_path / "list.csv")).source) == 0


def test_a_conductance_takes_no_negative_weights(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text(CONDUCTANCE)
    (fault,) = check_projections(network(model=str(tmp_path / "g.yaml"), weight="-5 nS", delay="1 ms"))
    assert fault.what == "a weight of -5 nS is negative"
    assert "say what it does by the receptor: fast, slow" in fault.mend


def test_all_faults_of_all_projections_are_told_at_once() -> None:
    net = Network(
        populations=network().populations,
        projections={
            "x": {"from": "a", "to": "b", "weight": "1 mV", "delay": "0.01 ms"},
            "y": {"from": "c", "to": "d", "weight": 1.0, "rule": "bernoulli"},
        },
    )
    assert [fault.where.removeprefix("params.projections.") for fault in check_projections(net)] == [
        "x.delay",
        "x.weight",
        "y",
        "y.from",
        "y.to",
    ]


def test_projections_are_checked_without_numba() -> None:
    code = """
import sys
from engines.point_neurons.params import Network
from engines.point_neurons.connections.memory import memory_needed
from engines.point_neurons.connections.checks import check_projections
box = {"model": "iaf_psc_exp", "size": 30, "extent": (9.0, 9.0)}
rule = {"rule": "distance", "profile": "step", "probability": 1.0, "length": 5.0, "weight": {"normal": [9, 1]}}
network = Network(populations={"a": box}, projections={"x": {"from": "a", "to": "a", **rule}})
assert check_projections(network) == [] and memory_needed(network).synapse_bytes > 0
assert "numba" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_network_that_does_not_fit_is_refused_with_numbers() -> None:
    net = network(100_000, 100_000, rule="fixed_indegree", indegree=10_000, weight={"normal": [9, 1]}, delay={"uniform": [1, 2]})
    need = memory_needed(net, parts=4)
    assert need.synapse_bytes == 9e9
    assert need.row_bytes == 8 * 4 * 100_001
    refuse_too_large(need, available=9.4e9)
    with pytest.raises(CosimError) as caught:
        refuse_too_large(need, available=4 * 2**30)
    assert "needs 8.67 GiB (1e+09 synapses × 9 bytes + " in caught.value.what
    assert caught.value.where == "params.projections.x"
    refuse_too_large(memory_needed(network(rule="fixed_indegree", indegree=3)))  # this machine has 10 MiB


def test_a_long_delay_needs_memory_at_every_neuron() -> None:
    need = memory_needed(network(64_000, 64, rule="fixed_indegree", indegree=1, delay=1000.0))
    # 10 000 steps and the 65 until spikes are exchanged fit into 2^14; both populations have two receptors
    assert need.slots == 2**14
    assert need.ring_bytes == 8 * 2**14 * 2 * (64_000 + 64)
    with pytest.raises(CosimError, match=r"the network needs 15\.7 GiB .* of 16384 steps of what is under way") as caught:
        refuse_too_large(need, available=8 * 2**30)
    assert "shorter delays" in caught.value.mend


def test_scenario_errors_are_raised_for_several_links() -> None:
    inputs = {name: {"kind": "spikes", "size": 2} for name in ("i", "j")}
    net = Network(populations=network().populations, inputs=inputs)
    with pytest.raises(ScenarioError) as caught:
        joined(net, links={"i": np.array([0, 1]), "j": np.array([0, 1])})
    assert [fault.where for fault in caught.value.faults] == ["params.inputs.i", "params.inputs.j"]

"""The launch proof: exact in both directions, against a game played by brute force and by hand."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cosim.scenario import proof
from cosim.scenario.proof import Flow, play, prove

MS = 1_000_000


def flow(text: str, interval: int, delay: int = 0, hold: bool = False) -> Flow:
    source, target = text.split("->")
    return Flow(f"{source}_{target}", source, target, interval, delay, hold)


def test_a_loop_without_delay_is_refused_and_drawn():
    verdict = prove({"a": MS, "b": MS}, [flow("a->b", MS), flow("b->a", MS)])
    (dead,) = verdict.deadlocks
    assert dead.draw() in ("a --a_b (delay 0 ms)--> b --b_a (delay 0 ms)--> a", "b --b_a (delay 0 ms)--> a --a_b (delay 0 ms)--> b")
    assert "has 0 ms, needs 1 ms" in dead.lines()[1]
    assert "1 ms in all" in dead.mend()


def test_one_delay_of_a_window_frees_a_loop():
    assert prove({"a": MS, "b": MS}, [flow("a->b", MS), flow("b->a", MS, MS)]).is_live


def test_a_delay_just_short_of_what_is_needed_is_refused_and_the_least_is_named():
    """a: windows of 2, b: windows of 3; every phase of six counts."""
    windows = {"a": 2 * MS, "b": 3 * MS}
    verdict = prove(windows, [flow("a->b", 2 * MS), flow("b->a", 3 * MS, MS)])
    assert not verdict.is_live
    freeing = verdict.deadlocks[0].freeing
    flows = [flow("a->b", 2 * MS), flow("b->a", 3 * MS, MS)]
    freed = [freeing if f.name == freeing.name else f for f in flows]
    assert prove(windows, freed).is_live
    short = [Flow(f.name, f.source, f.target, f.interval_ns, f.delay_ns - 1) if f.name == freeing.name else f for f in freed]
    assert not prove(windows, short).is_live


def test_a_self_loop_needs_a_window_of_delay():
    assert not prove({"a": MS}, [flow("a->a", MS)]).is_live
    assert not prove({"a": MS}, [flow("a->a", MS, MS - 1)]).is_live
    assert prove({"a": MS}, [flow("a->a", MS, MS)]).is_live


def test_holding_frees_a_loop():
    assert prove({"a": MS, "b": MS}, [flow("a->b", MS), flow("b->a", MS, hold=True)]).is_live


def test_a_diamond_is_live_and_its_long_side_gets_room():
    flows = [flow("a->b", MS), flow("b->d", MS), flow("a->c", MS), flow("c->d", MS, 20 * MS)]
    verdict = prove({"a": MS, "b": MS, "c": MS, "d": MS}, flows)
    assert verdict.is_live
    assert verdict.buffers_ns["c_d"] >= 21 * MS


def test_windows_without_a_common_measure_are_decided_in_closed_form():
    """Windows of 999 983 and 1 000 003 ns (both prime): the hyper-period is 10^12 ns."""
    h, g = 999_983, 1_000_003
    for extra, live in ((-1, False), (0, True)):
        # worst: T -> ceil_g(T) adds up to g - 1, then -D must bring it below T again, by a whole window of a
        delay = g - 1 + h + extra
        verdict = prove({"a": h, "b": g}, [Flow("ab", "a", "b", h, delay), Flow("ba", "b", "a", g, 0)])
        assert verdict.method == "phases" or live
        assert verdict.is_live is live


graphs = st.integers(0, 2**32 - 1)


def draw_graph(seed: int, engines: tuple[int, int] = (2, 4), sizes: tuple[int, ...] = (1, 2, 3, 4, 6)):
    """A random graph of small integers: unequal windows, intervals, delays, holds, self-loops, parallel links."""
    rng = random.Random(seed)
    names = [f"e{i}" for i in range(rng.randint(*engines))]
    windows = {name: rng.choice(sizes) for name in names}
    flows = []
    for k in range(rng.randint(1, 2 * len(names))):
        source, target = rng.choice(names), rng.choice(names)
        interval = windows[source] if rng.random() < 0.6 else rng.choice(sizes)
        flows.append(Flow(f"l{k}", source, target, interval, rng.randint(0, 12) if rng.random() < 0.7 else 0, rng.random() < 0.2))
    return windows, flows


def brute_force_is_live(windows, flows) -> bool:
    """Rounds over all engines, each firing when it can, for many hyper-periods: written apart from the proof."""
    clocks = dict.fromkeys(windows, 0)
    goal = 3 * 12 + 13 * len(windows) + 60
    while min(clocks.values()) < goal:
        moved = False
        for engine, window in windows.items():
            if clocks[engine] > goal + 200:
                continue
            start = clocks[engine]
            for f in flows:
                if f.target != engine:
                    continue
                raw = start - f.delay_ns if f.hold else start + window - f.delay_ns
                frames = raw // f.interval_ns if f.hold else -(-raw // f.interval_ns)
                if frames > 0 and clocks[f.source] < frames * f.interval_ns:
                    break
            else:
                clocks[engine] += window
                moved = True
        if not moved:
            return False
    return True


@settings(max_examples=400, deadline=None)
@given(graphs)
def test_the_proof_agrees_with_brute_force(seed):
    windows, flows = draw_graph(seed)
    assert prove(windows, flows).is_live == brute_force_is_live(windows, flows)


@settings(max_examples=200, deadline=None)
@given(graphs)
def test_the_closed_form_agrees_with_the_game(seed):
    windows, flows = draw_graph(seed)
    for engines in proof._strong_components(windows, flows):
        inner = [f for f in flows if f.source in engines and f.target in engines]
        some = {e: windows[e] for e in engines}
        game = play(some, inner, proof._horizon(some, inner))
        assert bool(game.blocked) == bool(proof._blocked_cycle(some, inner))


@settings(max_examples=150, deadline=None)
@given(graphs)
def test_the_named_delay_frees_the_loop_and_nothing_less_does(seed):
    windows, flows = draw_graph(seed)
    for dead in prove(windows, flows).deadlocks:
        if dead.freeing is None:
            continue
        loop = [w.flow for w in dead.waits]
        engines = {f.target: windows[f.target] for f in loop}
        now = next(f.delay_ns for f in loop if f.name == dead.freeing.name)
        for delay, live in ((dead.freeing.delay_ns, True), (dead.freeing.delay_ns - 1, False)):
            assert delay >= now
            changed = [
                Flow(f.name, f.source, f.target, f.interval_ns, delay, f.hold) if f.name == dead.freeing.name else f for f in loop
            ]
            assert brute_force_is_live(engines, changed) is live


@settings(max_examples=200, deadline=None)
@given(graphs, st.integers(0, 2**32 - 1))
@example(103599, 0)  # frames of 6 beside frames of 1: what is still needed is rounded down by a whole long frame
@example(294, 294)
def test_with_the_buffers_of_the_proof_credit_never_locks_a_live_graph(seed, order_seed):
    """Engines fire in random order, each held back by the room on its out-links."""
    windows, flows = draw_graph(seed)
    verdict = prove(windows, flows)
    if not verdict.is_live:
        return
    rng, clocks = random.Random(order_seed), dict.fromkeys(windows, 0)
    into = {e: [f for f in flows if f.target == e] for e in windows}
    out = {e: [f for f in flows if f.source == e] for e in windows}
    goal = 60
    while min(clocks.values()) < goal:
        able = []
        for e, h in windows.items():
            start, stop = clocks[e], clocks[e] + h
            fed = all(f.need_ns(start, stop) <= 0 or clocks[f.source] >= f.need_ns(start, stop) for f in into[e])
            room = all(stop - f.oldest_ns(clocks[f.target]) <= verdict.buffers_ns[f.name] for f in out[e])
            if fed and room:
                able.append(e)
        assert able, "blocked by credit"
        who = rng.choice(able)
        clocks[who] += windows[who]


@pytest.mark.parametrize("hold", [False, True])
def test_needs_follow_the_rule(hold):
    """Frames of 2, delay 3: before (4, 6] the link must have said ceil(6 - 3) = 4, a holding one floor(4 - 3) = 0."""
    f = Flow("l", "a", "b", 2, 3, hold)
    assert f.need_ns(4, 6) == (0 if hold else 4)

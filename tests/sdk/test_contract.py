"""The contract classes catch what they are there to catch: a good plug-in passes, each broken promise fails its own test."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.sdk import CosimError, Params, Port, Samples, Space, Spikes, Window
from cosim.sdk.contract import EngineContract, TranslatorContract, assert_payload_fits, same_bits

STEP_NS = 1_000_000


class Nothing(Params):
    gain: float = 0.5


class Good:
    """A leaky sum of its input and noise in steps of 1 ms, which fires when it passes a limit."""

    Params = Nothing

    @classmethod
    def ports(cls, params):
        space = Space.numbered(2)
        return [
            Port("x", "in", "samples", space, dt_ns=STEP_NS),
            Port("events", "in", "spikes", space),
            Port("y", "out", "samples", space, dt_ns=STEP_NS),
            Port("spikes", "out", "spikes", space),
        ]

    def __init__(self, params, setup):
        self.params, self.seed, self.inputs = params, setup.seed, setup.inputs
        self.y = np.zeros(2)

    def step(self, k, x, events):
        noise = np.random.default_rng([self.seed, k]).normal(size=2)
        return self.params.gain * self.y + x + 0.1 * noise + np.bincount(events, minlength=2)

    def advance(self, window, inputs):
        steps = window.steps(STEP_NS)
        x = inputs["x"].values if "x" in inputs else np.zeros((steps, 2))
        values, times, channels = np.empty((steps, 2)), [], []
        for i in range(steps):
            stop = window.start_ns + (i + 1) * STEP_NS
            events = inputs["events"].cut(Window(stop - STEP_NS, stop)).channels if "events" in inputs else []
            self.y = values[i] = self.step(stop // STEP_NS, x[i], np.asarray(events, int))
            fire = np.flatnonzero(self.y > 1)
            times += [stop] * len(fire)
            channels += fire.tolist()
        return {"y": Samples(window, values), "spikes": Spikes(window, np.array(times, np.int64), np.array(channels, np.int32))}

    def save(self):
        return {"y": self.y.copy()}

    def load(self, state):
        self.y = state["y"].copy()

    def close(self):
        pass


class RemembersWindows(Good):
    def advance(self, window, inputs):
        self.y = self.y + 1e-9
        return super().advance(window, inputs)


class DrawsFreely(Good):
    def step(self, k, x, events):
        return super().step(k, x, events) + np.random.default_rng().normal()


class WritesAgain(Good):
    out = np.empty((2, 2))

    def advance(self, window, inputs):
        given = super().advance(window, inputs)
        out = self.out if len(given["y"].values) == 2 else np.empty_like(given["y"].values)
        out[:] = given["y"].values
        return {**given, "y": Samples(window, out)}


class NeedsInput(Good):
    def advance(self, window, inputs):
        return super().advance(window, {"x": inputs["x"]})


class NeedsSpikes(Good):
    def advance(self, window, inputs):
        if "events" in inputs:
            assert inputs["events"].times_ns[0] > window.start_ns
        return super().advance(window, inputs)


class AnythingGoes(Good):
    class Params(Params):
        model_config = {"extra": "ignore"}
        gain: float = 0.5


class TwoOfAName(Good):
    @classmethod
    def ports(cls, params):
        return [*super().ports(params), super().ports(params)[0]]


class NoChannels(Good):
    @classmethod
    def ports(cls, params):
        return [*super().ports(params), Port("none", "in", "spikes", Space(()))]


class ForgetsState(Good):
    count = 0

    def step(self, k, x, events):
        self.count += 1
        return super().step(k, x, events) + 0.01 * self.count


def changed(port, change):
    """An engine whose output on ``port`` is what ``change`` makes of it."""

    class Changed(Good):
        def advance(self, window, inputs):
            given = super().advance(window, inputs)
            return {**given, port: change(given[port])}

    return Changed


BROKEN = {
    "test_one_long_window_equals_many_short_ones": [
        RemembersWindows,
        changed("y", lambda p: Samples(p.window.shifted(1), p.values)),
        changed("y", lambda p: Samples(p.window, p.values[:-1])),
        changed("y", lambda p: Samples(p.window, p.values.astype(np.float32))),
        changed("y", lambda p: Samples(p.window, np.full_like(p.values, np.nan))),
        changed("y", lambda p: Spikes.empty(p.window)),
        changed("spikes", lambda p: Samples(p.window, np.zeros((1, 2)))),
        changed("spikes", lambda p: Spikes(p.window, p.times_ns, p.channels.astype(np.int64))),
        changed("spikes", lambda p: Spikes(p.window, p.times_ns.astype(np.float64), p.channels)),
        changed("spikes", lambda p: Spikes(p.window, np.full(1, p.window.start_ns), np.zeros(1, np.int32))),
        changed("spikes", lambda p: Spikes(p.window, np.full(1, p.window.stop_ns + 1), np.zeros(1, np.int32))),
        changed("spikes", lambda p: Spikes(p.window, np.full(1, p.window.stop_ns), np.full(1, 2, np.int32))),
        changed("spikes", lambda p: Spikes(p.window, np.full(2, p.window.stop_ns), np.array([1, 0], np.int32))),
    ],
    "test_same_seed_gives_the_same_output": [DrawsFreely],
    "test_outputs_are_not_written_again": [WritesAgain],
    "test_survives_unconnected_inputs": [NeedsInput],
    "test_survives_empty_spike_input": [NeedsSpikes],
    "test_bad_params_are_refused": [AnythingGoes],
    "test_ports_are_known_from_params_alone": [TwoOfAName, NoChannels],
    "test_save_and_load_are_exact_where_offered": [ForgetsState],
}


def contract_of(cls):
    class OfThis(EngineContract):
        __test__ = False
        engine = cls
        params = cls.Params()

    return OfThis()


def promises_of(contract):
    return [name for name in dir(contract) if name.startswith("test_")]


class TestGood(EngineContract):
    engine = Good
    params = Good.Params()


def test_every_promise_of_an_engine_has_an_engine_that_breaks_it():
    assert set(BROKEN) == set(promises_of(EngineContract))


@pytest.mark.parametrize(("name", "cls"), [(name, cls) for name, classes in BROKEN.items() for cls in classes])
def test_a_broken_promise_fails_its_test(name, cls):
    with pytest.raises((AssertionError, KeyError, IndexError)):
        getattr(contract_of(cls), name)()


def test_a_missing_or_unknown_output_is_told():
    for change in ({"more": None}, {"spikes": ...}):

        class Odd(Good):
            def advance(self, window, inputs, change=change):
                given = super().advance(window, inputs)
                return {**given, "more": given["y"]} if "more" in change else {"y": given["y"]}

        with pytest.raises(AssertionError, match="outputs"):
            contract_of(Odd).test_one_long_window_equals_many_short_ones()


def test_an_engine_that_cannot_be_restored_is_let_be():
    class Plain:
        Params, ports, __init__, step, advance, close = Good.Params, Good.ports, Good.__init__, Good.step, Good.advance, Good.close

    contract_of(Plain).test_save_and_load_are_exact_where_offered()


def test_same_bits_tells_zeros_apart():
    window = Window(0, 1)
    plus, minus = Samples(window, np.array([[0.0]])), Samples(window, np.array([[-0.0]]))
    assert same_bits(plus, plus)
    assert not same_bits(plus, minus)
    assert not same_bits(plus, Spikes.empty(window))
    assert not same_bits(plus, plus.shifted(1))


# -- translators -------------------------------------------------------------------------------------------------------


SOURCE = Port("spikes", "out", "spikes", Space.numbered(2), dt_ns=STEP_NS)
TARGET = Port("drive", "in", "samples", Space.numbered(2))


class Counts:
    """Spikes counted and remembered, with some noise."""

    Params = Nothing
    place = "source"

    def __init__(self, source, target, params):
        if source.kind != "spikes":
            raise CosimError("counts takes spikes")
        self.port = source.but(kind="samples", dt_ns=STEP_NS)
        self.state = {"sum": np.zeros(2)}

    def translate(self, payload, rng):
        count = np.bincount(payload.channels, minlength=2)
        self.state["sum"] = 0.5 * self.state["sum"] + count + 0.01 * rng.normal(size=2)
        return Samples(payload.window, self.state["sum"][None].copy())


class Hides(Counts):
    hidden = 0.0

    def translate(self, payload, rng):
        self.hidden += 1
        return Samples(payload.window, super().translate(payload, rng).values + self.hidden)


class DrawsItsOwn(Counts):
    def translate(self, payload, rng):
        return super().translate(payload, np.random.default_rng())


class Writes(Counts):
    def translate(self, payload, rng):
        if len(payload.channels):
            payload.channels[0] = 0
        return super().translate(payload, rng)


class NeedsEvents(Counts):
    def translate(self, payload, rng):
        assert payload.times_ns.min() > 0
        return super().translate(payload, rng)


class Narrow(Counts):
    def translate(self, payload, rng):
        return Samples(payload.window, super().translate(payload, rng).values[:, :1])


class TakesAll(Counts):
    def __init__(self, source, target, params):
        super().__init__(source.but(kind="spikes"), target, params)


class Lax(Counts):
    class Params(Params):
        model_config = {"extra": "ignore"}


BROKEN_TRANSLATORS = {
    "test_what_comes_out_fits_its_port": Narrow,
    "test_same_random_numbers_give_the_same_output": DrawsItsOwn,
    "test_state_is_all_that_lasts": Hides,
    "test_input_is_not_written": Writes,
    "test_survives_empty_frames": NeedsEvents,
    "test_unknown_params_are_refused": Lax,
    "test_refuses_what_it_cannot_translate": TakesAll,
}


def translator_contract_of(cls):
    class OfThis(TranslatorContract):
        __test__ = False
        translator, source, target, params = cls, SOURCE, TARGET, cls.Params()
        refuses = ((TARGET, TARGET),)

    return OfThis()


class TestCounts(TranslatorContract):
    translator, source, target, params = Counts, SOURCE, TARGET, Counts.Params()
    refuses = ((TARGET, TARGET),)


def test_every_promise_of_a_translator_has_one_that_breaks_it():
    assert set(BROKEN_TRANSLATORS) == set(promises_of(TranslatorContract))


@pytest.mark.parametrize("name", BROKEN_TRANSLATORS)
def test_a_translator_that_breaks_a_promise_fails_its_test(name):
    with pytest.raises((AssertionError, ValueError)):
        getattr(translator_contract_of(BROKEN_TRANSLATORS[name]), name)()


def test_a_payload_is_held_against_its_port():
    port = TARGET.but(dt_ns=STEP_NS, allow_nan=True)
    assert_payload_fits(Samples(Window(0, STEP_NS), np.full((1, 2), np.nan)), port, Window(0, STEP_NS))
    with pytest.raises(AssertionError, match="covers"):
        assert_payload_fits(Samples(Window(0, STEP_NS), np.ones((1, 2))), port, Window(0, 2 * STEP_NS))

"""Tests that the author of an engine or a translator inherits: the contract, executable.

    class TestLif(EngineContract):
        engine = LifEngine
        params = LifEngine.Params(cells=20)
        one_window_ms, many_windows_ms = 60, 2

Collected by pytest; plain asserts, so that nothing but NumPy and pydantic is imported here.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import ValidationError

from cosim.sdk.engine import Params, Restorable, Setup
from cosim.sdk.errors import CosimError
from cosim.sdk.payload import Payload, Samples, Spikes
from cosim.sdk.port import Port
from cosim.sdk.time import NS_PER_MS, Window


def assert_payload_fits(payload: Payload, port: Port, window: Window) -> None:
    """That a payload is what ``port`` promises for ``window``: kind, span, shape, dtype, order."""
    assert payload.window == window, f"{port.name} covers {payload.window}, not {window}"
    if port.kind == "spikes":
        assert isinstance(payload, Spikes), f"{port.name} gives {type(payload).__name__}, not Spikes"
        times, channels = payload.times_ns, payload.channels
        assert times.dtype == np.int64, f"{port.name}: spike times are {times.dtype}, not int64"
        assert channels.dtype == np.int32, f"{port.name}: channels are {channels.dtype}, not int32"
        assert times.shape == channels.shape == (len(times),)
        if len(times):
            assert window.start_ns < times.min(), f"{port.name}: a spike at {times.min()} ns is not after {window.start_ns}"
            assert times.max() <= window.stop_ns, f"{port.name}: a spike at {times.max()} ns is after {window.stop_ns}"
            assert 0 <= channels.min() <= channels.max() < len(port.space)
            order = np.lexsort((channels, times))
            assert np.array_equal(order, np.arange(len(times))), f"{port.name}: spikes are not sorted by (time, channel)"
    else:
        assert isinstance(payload, Samples), f"{port.name} gives {type(payload).__name__}, not Samples"
        rows = 1 if port.dt_ns is None else window.steps(port.dt_ns)
        assert payload.values.dtype == np.float64, f"{port.name}: values are {payload.values.dtype}, not float64"
        assert payload.values.shape == (rows, len(port.space)), (
            f"{port.name}: shape {payload.values.shape}, not {(rows, len(port.space))}"
        )
        assert port.allow_nan or np.isfinite(payload.values).all(), f"{port.name} gives values that are not finite"


def same_bits(a: Payload, b: Payload) -> bool:
    """Whether two payloads are equal bit for bit, windows included."""
    if type(a) is not type(b) or a.window != b.window:
        return False
    if isinstance(a, Spikes) and isinstance(b, Spikes):
        return np.array_equal(a.times_ns, b.times_ns) and np.array_equal(a.channels, b.channels)
    assert isinstance(a, Samples) and isinstance(b, Samples)
    return a.values.shape == b.values.shape and a.values.tobytes() == b.values.tobytes()


class EngineContract:
    """What every engine keeps. State the facts as class attributes; override ``make_inputs`` for inputs with meaning."""

    engine: ClassVar[Any]
    params: ClassVar[Params]
    one_window_ms: ClassVar[float] = 20
    many_windows_ms: ClassVar[float] = 2
    bad_params: ClassVar[tuple[dict[str, Any], ...]] = ({"no_such_parameter_at_all": 1},)
    """Keyword arguments, each laid over ``params``, that must be refused."""
    delay_ms: ClassVar[float] = 0
    """The delay that the engine is told its input links have."""

    # -- facts that may be overridden ------------------------------------------------------------------------------

    def make_inputs(self, port: Port, window: Window) -> Payload:
        """What is played into ``port`` over ``window``, the whole test: seeded noise, the same at every call."""
        rng = np.random.default_rng(abs(hash_name(port.name)))
        if port.kind == "spikes":
            count = int(rng.poisson(len(port.space) * 20e-9 * window.length_ns + 3))
            times = rng.integers(window.start_ns + 1, window.stop_ns + 1, count)
            return Spikes.sorted(window, times.astype(np.int64), rng.integers(0, len(port.space), count).astype(np.int32))
        assert port.dt_ns is not None
        return Samples(window, rng.uniform(0, 1, (window.steps(port.dt_ns), len(port.space))))

    # -- the machinery ---------------------------------------------------------------------------------------------

    def input_ports(self) -> dict[str, Port]:
        dt_ns = round(self.many_windows_ms * NS_PER_MS)
        ports = (p for p in self.engine.ports(self.params) if p.direction == "in")
        return {p.name: p if p.kind == "spikes" or p.dt_ns else p.but(dt_ns=dt_ns) for p in ports}

    def output_ports(self) -> dict[str, Port]:
        return {p.name: p for p in self.engine.ports(self.params) if p.direction == "out"}

    def build(self, window_ms: float, seed: int = 1, connected: bool = True) -> Any:
        ports = self.input_ports() if connected else {}
        delays = {name: np.full(len(p.space), round(self.delay_ms * NS_PER_MS), np.int64) for name, p in ports.items()}
        return self.engine(self.params, Setup("contract", round(window_ms * NS_PER_MS), seed, ports, delays))

    def total(self) -> Window:
        return Window(0, round(self.one_window_ms * NS_PER_MS))

    def windows(self, length_ms: float) -> list[Window]:
        step, stop = round(length_ms * NS_PER_MS), self.total().stop_ns
        assert stop % step == 0, "one_window_ms is a whole number of many_windows_ms"
        return [Window(t, t + step) for t in range(0, stop, step)]

    def play(self, engine: Any, windows: list[Window], connected: bool = True) -> dict[str, list[Payload]]:
        """Outputs of each window; every payload is held against its port."""
        inputs = {name: self.make_inputs(port, self.total()) for name, port in self.input_ports().items()} if connected else {}
        ports = self.output_ports()
        out: dict[str, list[Payload]] = {name: [] for name in ports}
        for window in windows:
            given = engine.advance(window, played(inputs, window))
            assert set(given) == set(ports), f"outputs {sorted(given)}, ports {sorted(ports)}"
            for name, payload in given.items():
                assert_payload_fits(payload, ports[name], window)
                out[name].append(payload)
        return out

    def run(self, window_ms: float, seed: int = 1) -> dict[str, Payload]:
        engine = self.build(window_ms, seed)
        try:
            parts = self.play(engine, self.windows(window_ms))
        finally:
            engine.close()
        return {name: (Spikes if isinstance(p[0], Spikes) else Samples).join(p) for name, p in parts.items()}  # type: ignore[arg-type]

    # -- the contract ----------------------------------------------------------------------------------------------

    def test_one_long_window_equals_many_short_ones(self) -> None:
        long, short = self.run(self.one_window_ms), self.run(self.many_windows_ms)
        for name, port in self.output_ports().items():
            if port.kind == "samples" and port.dt_ns is None:  # one row a window: only where the windows end together
                if port.of == "value":
                    assert np.array_equal(long[name].values[-1], short[name].values[-1]), name  # type: ignore[union-attr]
            else:
                assert same_bits(long[name], short[name]), f"{name} depends on how time is cut into windows"

    def test_same_seed_gives_the_same_output(self) -> None:
        first, second = self.run(self.many_windows_ms, seed=5), self.run(self.many_windows_ms, seed=5)
        for name in first:
            assert same_bits(first[name], second[name]), f"{name} differs between two equal runs"

    def test_outputs_are_not_written_again(self) -> None:
        engine = self.build(self.many_windows_ms)
        inputs = {name: self.make_inputs(port, self.total()) for name, port in self.input_ports().items()}
        kept, copies = [], []
        for window in self.windows(self.many_windows_ms):
            given = engine.advance(window, played(inputs, window))
            kept.append(dict(given))
            copies.append(copy.deepcopy(dict(given)))
        engine.close()
        for before, after in zip(copies, kept, strict=True):
            for name in before:
                assert same_bits(before[name], after[name]), f"{name} was overwritten after it had been handed over"

    def test_survives_unconnected_inputs(self) -> None:
        engine = self.build(self.many_windows_ms, connected=False)
        self.play(engine, self.windows(self.many_windows_ms), connected=False)
        engine.close()

    def test_survives_empty_spike_input(self) -> None:
        engine = self.build(self.many_windows_ms)
        for window in self.windows(self.many_windows_ms):
            inputs: dict[str, Payload] = {}
            for name, port in self.input_ports().items():
                inputs[name] = Spikes.empty(window) if port.kind == "spikes" else self.make_inputs(port, self.total()).cut(window)
            engine.advance(window, inputs)
        engine.close()

    def test_bad_params_are_refused(self) -> None:
        for bad in self.bad_params:
            try:
                params = type(self.params)(**{**self.params.model_dump(), **bad})
                self.engine.ports(params)
            except (ValidationError, CosimError):
                continue
            raise AssertionError(f"{bad} was accepted")

    def test_ports_are_known_from_params_alone(self) -> None:
        ports = self.engine.ports(self.params)
        names = [port.name for port in ports]
        assert len(names) == len(set(names)), "port names are unique"
        for port in ports:
            assert port.direction in ("in", "out") and port.kind in ("spikes", "samples")
            assert len(port.space) > 0, f"{port.name} has no channels"

    def test_save_and_load_are_exact_where_offered(self) -> None:
        if not issubclass(self.engine, Restorable):
            return
        engine = self.build(self.many_windows_ms)
        windows = self.windows(self.many_windows_ms)
        half = len(windows) // 2
        inputs = {name: self.make_inputs(port, self.total()) for name, port in self.input_ports().items()}

        def go(who: Any, part: list[Window]) -> list[Mapping[str, Payload]]:
            return [who.advance(w, played(inputs, w)) for w in part]

        go(engine, windows[:half])
        state = {key: np.array(value) for key, value in engine.save().items()}
        first = go(engine, windows[half:])
        engine.load(state)
        again = go(engine, windows[half:])
        engine.close()
        other = self.build(self.many_windows_ms)
        other.load(state)
        elsewhere = go(other, windows[half:])
        other.close()
        for a, b, c in zip(first, again, elsewhere, strict=True):
            for name in a:
                assert same_bits(a[name], b[name]), f"{name} differs after save and load in one engine"
                assert same_bits(a[name], c[name]), f"{name} differs after loading into a new engine"


class TranslatorContract:
    """What every translator keeps. State the facts as class attributes; ``make_frames`` may be overridden."""

    translator: ClassVar[Any]
    source: ClassVar[Port]
    target: ClassVar[Port]
    params: ClassVar[Params]
    interval_ms: ClassVar[float] = 1
    frames: ClassVar[int] = 20
    refuses: ClassVar[tuple[tuple[Port, Port], ...]] = ()
    """Pairs (source, target) that it must refuse with a CosimError."""

    def make_frames(self) -> list[Payload]:
        """What is translated, frame by frame: seeded noise."""
        rng, step = np.random.default_rng(3), round(self.interval_ms * NS_PER_MS)
        frames: list[Payload] = []
        for j in range(self.frames):
            window = Window(j * step, (j + 1) * step)
            if self.source.kind == "spikes":
                count = int(rng.poisson(5))
                times = rng.integers(window.start_ns + 1, window.stop_ns + 1, count).astype(np.int64)
                frames.append(Spikes.sorted(window, times, rng.integers(0, len(self.source.space), count).astype(np.int32)))
            else:
                rows = 1 if self.source.dt_ns is None else window.steps(self.source.dt_ns)
                frames.append(Samples(window, rng.uniform(0, 50, (rows, len(self.source.space)))))
        return frames

    def build(self) -> Any:
        return self.translator(self.source, self.target, self.params)

    @staticmethod
    def rng(frame: int, seed: int = 7) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(key=np.array([seed, frame], np.uint64)))

    def run(self, translator: Any, first: int = 0, seed: int = 7) -> list[Payload]:
        frames = self.make_frames()
        return [translator.translate(frame, self.rng(j, seed)) for j, frame in enumerate(frames) if j >= first]

    def test_what_comes_out_fits_its_port(self) -> None:
        translator = self.build()
        assert translator.place in ("source", "target")
        for frame, out in zip(self.make_frames(), self.run(translator), strict=True):
            assert_payload_fits(out, translator.port, frame.window)

    def test_same_random_numbers_give_the_same_output(self) -> None:
        for a, b in zip(self.run(self.build()), self.run(self.build()), strict=True):
            assert same_bits(a, b)

    def test_state_is_all_that_lasts(self) -> None:
        """A new translator with the old one's state goes on as the old one would have."""
        old, half = self.build(), self.frames // 2
        frames = self.make_frames()
        for j in range(half):
            old.translate(frames[j], self.rng(j))
        new = self.build()
        new.state = {key: np.array(value) for key, value in old.state.items()}
        for a, b in zip(self.run(old, half), self.run(new, half), strict=True):
            assert same_bits(a, b), "something lasts that is not in state"

    def test_input_is_not_written(self) -> None:
        translator = self.build()
        for j, frame in enumerate(self.make_frames()):
            for array in (frame.times_ns, frame.channels) if isinstance(frame, Spikes) else (frame.values,):
                array.flags.writeable = False
            translator.translate(frame, self.rng(j))

    def test_survives_empty_frames(self) -> None:
        translator = self.build()
        for j, frame in enumerate(self.make_frames()):
            if isinstance(frame, Spikes):
                out = translator.translate(Spikes.empty(frame.window), self.rng(j))
                assert_payload_fits(out, translator.port, frame.window)

    def test_unknown_params_are_refused(self) -> None:
        try:
            type(self.params)(**{**self.params.model_dump(), "no_such_parameter_at_all": 1})
        except ValidationError:
            return
        raise AssertionError("an unknown parameter was accepted")

    def test_refuses_what_it_cannot_translate(self) -> None:
        for source, target in self.refuses:
            try:
                self.translator(source, target, self.params)
            except CosimError:
                continue
            raise AssertionError(f"{source.describe()} to {target.describe()} was accepted")


def played(inputs: Mapping[str, Payload], window: Window) -> dict[str, Payload]:
    """What an engine gets for a window: read-only, as in a run."""
    cut = {name: payload.cut(window) for name, payload in inputs.items()}
    for payload in cut.values():
        for array in (payload.values,) if isinstance(payload, Samples) else (payload.times_ns, payload.channels):
            array.flags.writeable = False
    return cut


def hash_name(name: str) -> int:
    """A number from a name, the same in every process."""
    return int.from_bytes(name.encode()[:7].ljust(7, b"\0"), "little")

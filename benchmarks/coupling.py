"""What coupling costs: two engines that exchange n doubles each way, or spikes, every window.

Both say their window and then hear the other's of the window before, which is what the floors do too. Times are taken inside the
run, net of the engines' own work (which is to check what they hear). Start-up does not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import launch
from benchmarks.engines import pattern
from benchmarks.floors import call_ring, process_ring
from benchmarks.table import Row, alternate, median_of
from cosim.runtime import wire
from cosim.sdk import Payload, Samples, Spikes, Window

SIZES = {"1": 1, "10^3": 1_000, "10^5": 100_000, "10^6": 1_000_000}
SPIKES = 1000
ALLOWED_US, ALLOWED_RATIO = 15.0, 1.3
DEFAULTS = {"hashes": True, "check_values": True}


def run(quick: bool) -> list[Row]:
    """Inline, ZeroMQ and MPI, each against its floor; then spikes, and the wire format by itself."""
    repeats = 3 if quick else 5
    rows: list[Row] = []
    for label, doubles in SIZES.items():
        windows = _windows(doubles, quick)
        rows += _inline(label, doubles, windows, repeats)
        rows += _between_processes("zeromq", label, doubles, windows, repeats)
        if launch.has_mpi():
            rows += _between_processes("mpi", label, doubles, windows, repeats)
    rows += _spikes(_windows(SPIKES, quick), repeats)
    rows += _wire(repeats)
    return rows


def _windows(doubles: int, quick: bool) -> int:
    return max(100, min(5_000, 60_000_000 // doubles)) // (4 if quick else 1)


def _pair(transport: str, doubles: int, windows: int, flags: dict[str, bool]) -> Callable[[], dict[str, float]]:
    def measure() -> dict[str, float]:
        with launch.scratch() as folder:
            launch.run(launch.ring(2, windows, doubles, folder, run=flags), folder, transport, 2)
            return launch.times_us(folder, "e00", ("e00", "e01") if transport == "inline" else ())

    return measure


def _inline(label: str, doubles: int, windows: int, repeats: int) -> list[Row]:
    def floor() -> dict[str, float]:
        with launch.scratch() as folder:
            call_ring(2, windows, doubles, folder)
            return launch.times_us(folder, "0", ("0", "1"))

    ours = (_pair("inline", doubles, windows, flags) for flags in (launch.BARE, DEFAULTS))
    bare, default, floors = alternate(repeats, *ours, floor)
    for results in (bare, default, floors):
        for result in results:
            result.update({key: value / 2 for key, value in result.items()})  # two engine-windows a window
    least = median_of(floors, "net")
    return [
        _row("inline, per engine-window", label, bare, floors, least + ALLOWED_US, windows),
        _row("inline, per engine-window, hashes and checks", label, default, floors, None, windows),
    ]


def _between_processes(transport: str, label: str, doubles: int, windows: int, repeats: int) -> list[Row]:
    def floor() -> dict[str, float]:
        with launch.scratch() as folder:
            process_ring(transport, 2, windows, doubles, folder)
            return launch.times_us(folder, "0")

    ours = (_pair(transport, doubles, windows, flags) for flags in (launch.BARE, DEFAULTS))
    bare, default, floors = alternate(repeats, *ours, floor)
    limit = ALLOWED_RATIO * median_of(floors, "net") + ALLOWED_US
    return [
        _row(f"{transport}, per window", label, bare, floors, limit, windows),
        _row(f"{transport}, per window, hashes and checks", label, default, floors, None, windows),
    ]


def _row(
    name: str, label: str, ours: list[dict[str, float]], floors: list[dict[str, float]], limit: float | None, windows: int
) -> Row:
    details: dict[str, Any] = {"windows": windows, "ours": ours, "floor": floors}
    for key in ("median", "p95"):
        details[f"{key}_ours"], details[f"{key}_floor"] = median_of(ours, key), median_of(floors, key)
    medians, tails = (f"{details[f'{key}_ours']:.3g} (floor {details[f'{key}_floor']:.3g})" for key in ("median", "p95"))
    note = f"median {medians}, p95 {tails}"
    return Row(name, label, median_of(ours, "net"), median_of(floors, "net"), limit, "us", len(ours), note=note, details=details)


def _spikes(windows: int, repeats: int) -> list[Row]:
    """A thousand spikes each way; the floor carries as many bytes of doubles."""
    rows = []
    for transport in ("inline", "zeromq", "mpi"):
        if transport == "mpi" and not launch.has_mpi():
            continue

        def measure(transport: str = transport) -> dict[str, float]:
            with launch.scratch() as folder:
                launch.run(_spiking_pair(windows, folder), folder, transport, 2)
                return launch.times_us(folder, "a", ("a", "b") if transport == "inline" else ())

        def floor(transport: str = transport) -> dict[str, float]:
            with launch.scratch() as folder:
                if transport == "inline":
                    call_ring(2, windows, SPIKES, folder)
                    return launch.times_us(folder, "0", ("0", "1"))
                process_ring(transport, 2, windows, SPIKES * 12 // 8, folder)
                return launch.times_us(folder, "0")

        ours, floors = alternate(repeats, measure, floor)
        rows.append(_row(f"{transport}, per window, spikes", f"{SPIKES} spikes", ours, floors, None, windows))
    return rows


def _spiking_pair(windows: int, notes: Path) -> dict[str, Any]:
    engines = {
        name: {
            "use": f"{launch.ENGINES}:Spiker",
            "window": "1 ms",
            "params": {"number": i, "hears": 1 - i, "spikes": SPIKES, "windows": windows, "notes": str(notes)},
        }
        for i, name in enumerate("ab")
    }
    return launch.scenario(engines, [("a", "b"), ("b", "a")], windows, run=launch.BARE)


def _wire(repeats: int) -> list[Row]:
    """Encoding and decoding alone; the floor copies the arrays' bytes."""
    window = Window(0, launch.WINDOW_NS)
    payloads: dict[str, Payload] = {}
    for label, size in SIZES.items():
        payloads[label] = Samples(window, pattern(0, 0, size).reshape(-1, min(size, 1000)))
    times = np.arange(1, SPIKES + 1, dtype=np.int64)
    payloads[f"{SPIKES} spikes"] = Spikes(window, times, np.arange(SPIKES, dtype=np.int32))
    rows = []
    for label, payload in payloads.items():
        arrays: list[Any] = [payload.values] if isinstance(payload, Samples) else [payload.times_ns, payload.channels]
        pieces = wire.encode(3, payload)
        arrived = [bytearray(piece) for piece in pieces]
        _check_wire(payload, wire.decode(wire.read_header(arrived[0]), arrived))
        calls = 2_000 if arrays[0].nbytes < 10**6 else 50
        measures = _wire_measures(payload, arrays, arrived, calls)
        encode, decode, floor = alternate(repeats, *measures)
        for name, taken in (("wire, encode", encode), ("wire, header and decode", decode)):
            note = "floor: one copy of the arrays"
            rows.append(Row(name, label, float(np.median(taken)), float(np.median(floor)), None, "us", repeats, note=note))
    return rows


def _wire_measures(payload: Payload, arrays: list[Any], arrived: list[bytearray], calls: int) -> list[Callable[[], float]]:
    return [
        lambda: _call_us(lambda: wire.encode(3, payload), calls),
        lambda: _call_us(lambda: wire.decode(wire.read_header(arrived[0]), arrived), calls),
        lambda: _call_us(lambda: [array.tobytes() for array in arrays], calls),
    ]


def _check_wire(sent: Payload, arrived: Payload) -> None:
    names = ("values",) if isinstance(sent, Samples) else ("times_ns", "channels")
    if arrived.window != sent.window or not all(np.array_equal(getattr(sent, name), getattr(arrived, name)) for name in names):
        raise AssertionError("a payload has changed on the wire")


def _call_us(call: Callable[[], Any], calls: int) -> float:
    begin = time.perf_counter_ns()
    for _ in range(calls):
        call()
    return (time.perf_counter_ns() - begin) / calls / 1e3

"""The column in Arbor by itself: its own connections, all input known beforehand, one run. Nothing of cosim computes here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.claims import load_beside

HERE = Path(__file__)
Column, FIBRES, make_recipe = (load_beside(HERE, "column.py", name) for name in ("Column", "FIBRES", "make_recipe"))
fibre_hz = load_beside(HERE, "theory.py", "fibre_hz")

Floats = NDArray[np.float64]
DT_MS = 1 / 32
SETTLED_S = 0.3
"""Before anything is counted: the slowest conductance has 8 ms, the membrane 10 ms."""
BLOCK_S = 0.1


def simulate(
    args: Any, schedules: Sequence[Sequence[float]], stop_ms: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Times (ns) and cells of the spikes up to ``stop_ms``, sorted, and the rows of the port ``voltage``, (rows, 2)."""
    import arbor
    from arbor import units

    recipe, context = make_recipe(args, schedules), arbor.context(threads=1)
    groups = arbor.partition_load_balance(recipe, context, {arbor.cell_kind.cable: arbor.partition_hint(cpu_group_size=10)})
    simulation = arbor.simulation(recipe, context, groups)
    simulation.record(arbor.spike_recording.local)
    each = arbor.regular_schedule(0.125 * (1 + 1e-12) * units.ms)
    handles = [simulation.sample((0, tag), each) for tag in ("soma", "tuft")]
    simulation.run((stop_ms + DT_MS) * units.ms, DT_MS * units.ms)  # the step that begins at the end tells the voltage there
    told = simulation.spikes()
    times_ns, cells = np.rint(told["time"] * 1e6).astype(np.int64), told["source"]["gid"].astype(np.int64)
    order = np.lexsort((cells, times_ns))
    order = order[times_ns[order] <= round(stop_ms * 1e6)]
    return times_ns[order], cells[order], np.column_stack([simulation.samples(handle)[0][0][1:, 1] for handle in handles])


@dataclass(frozen=True)
class Answer:
    """Mean rate of the excitatory cells against a constant inflow, measured and laid through by a parabola.

    Attributes
    ----------
    inflows_hz, rates_hz
        (points,) measured.
    block_hz
        Standard deviation of the mean rate over ``BLOCK_S``.
    seconds
        For which each point was counted.
    """

    inflows_hz: Floats
    rates_hz: Floats
    block_hz: float
    seconds: float

    def __call__(self, inflow_hz: float) -> float:
        return float(self._powers(inflow_hz) @ np.linalg.lstsq(self._powers(self.inflows_hz), self.rates_hz, rcond=None)[0])

    def slope(self, inflow_hz: float) -> float:
        return self(inflow_hz + 0.5) - self(inflow_hz - 0.5)

    def error_hz(self, inflow_hz: float) -> float:
        """Standard deviation of the parabola there."""
        powers, at = self._powers(self.inflows_hz), self._powers(inflow_hz)
        return self.counting_error_hz(self.seconds) * float(np.sqrt(at @ np.linalg.inv(powers.T @ powers) @ at))

    def counting_error_hz(self, seconds: float) -> float:
        """Standard deviation of a mean over some seconds."""
        return self.block_hz * float(np.sqrt(BLOCK_S / seconds))

    def _powers(self, inflow_hz: Any) -> Floats:
        x = (np.asarray(inflow_hz, np.float64) - self.inflows_hz.mean()) / np.ptp(self.inflows_hz)
        return np.stack([np.ones_like(x), x, x * x], axis=-1)


def answer(args: Any, inflows_hz: Sequence[float], seconds: float, seed: int) -> Answer:
    """Play Poisson trains of constant rates to the column, and count."""
    rng, stop_ms, exc = np.random.default_rng(seed), (SETTLED_S + seconds) * 1e3, args.size * 4 // 5
    blocks = []
    for inflow in inflows_hz:
        counts = rng.poisson(fibre_hz(inflow) * stop_ms * 1e-3, args.size * len(FIBRES))
        times_ns, cells, _ = simulate(args, [np.sort(rng.uniform(0, stop_ms, count)).tolist() for count in counts], stop_ms)
        edges_ns = np.linspace(SETTLED_S, SETTLED_S + seconds, round(seconds / BLOCK_S) + 1) * 1e9
        blocks.append(np.histogram(times_ns[cells < exc], edges_ns)[0] / (exc * BLOCK_S))
    spread = np.sqrt(np.mean([block.var(ddof=1) for block in blocks]))
    return Answer(np.array(inflows_hz), np.mean(blocks, axis=1), float(spread), seconds)

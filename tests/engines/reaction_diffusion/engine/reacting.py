"""Runs of the engine alone."""

from __future__ import annotations

import numpy as np

from cosim.sdk import Setup, Spikes, Window
from engines.reaction_diffusion import ReactionDiffusion

MS = 1_000_000


def alone(params, stop_ms, window_ms=None, spikes=(), seed=1):
    """Records over a run: name to (rows, channels). ``spikes`` are [ms, channel] of the first release."""
    params = ReactionDiffusion.Params(**params) if isinstance(params, dict) else params
    length = round((window_ms or stop_ms) * MS)
    inputs = {port.name: port for port in ReactionDiffusion.ports(params) if port.direction == "in" and port.kind == "spikes"}
    engine = ReactionDiffusion(params, Setup("alone", length, seed, inputs))
    times = np.array([round(time * MS) for time, _ in spikes], np.int64)
    channels = np.array([channel for _, channel in spikes], np.int32)
    found = {}
    for start in range(0, round(stop_ms * MS), length):
        window = Window(start, start + length)
        inside = (times > start) & (times <= start + length)
        given = {name: Spikes(window, times[inside], channels[inside]) for name in list(inputs)[:1]}
        for name, payload in engine.advance(window, given).items():
            found.setdefault(name, []).append(payload.values)
    engine.close()
    return {name: np.concatenate(parts) for name, parts in found.items()}

"""Shipped models in the engine, in a well-mixed volume."""

from __future__ import annotations

import numpy as np

from cosim.sdk import Setup, Window
from engines.reaction_diffusion import ReactionDiffusion

NS = 10**9


def run(model, duration, dt, values, count=None, initial=None, inputs=None, replicas=1, seed=1, species=None, volume=0.1, **params):
    """Records ``values`` of the placed model ``m`` after every step: (steps, replicas) each. s and um³; 1 um² of membrane."""
    window = Window(0, round(duration * NS))
    records = {f"r{k}": {"value": value, "every": f"{round(dt * NS)} ns"} for k, value in enumerate(values)}
    given = ReactionDiffusion.Params(
        dt=f"{round(dt * NS)} ns",
        space={"well_mixed": {"volume": f"{volume} um**3", "area": "1 um**2"}},
        species=species or {},
        models={"m": {"model": model, "count": count, "initial": initial or {}, "inputs": inputs or {}}},
        record=records, replicas=replicas, **params,
    )  # fmt: skip
    engine = ReactionDiffusion(given, Setup("alone", window.length_ns, seed, {}))
    found = engine.advance(window, {})
    engine.close()
    return {value: np.asarray(found[f"r{k}"].values) for k, value in enumerate(values)}

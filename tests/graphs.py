"""Random graphs of puppet engines, as scenarios."""

from __future__ import annotations

import random

from tests.puppets import PUPPET

UNIT = 500_000
"""ns: what the small integers of a drawn graph are multiples of."""


def draw_scenario(seed: int, stop: int = 36, most_engines: int = 6) -> dict:
    """2 to 6 puppets with unequal windows, steps, leads and delays; links of samples and spikes, hold links, loops, fan-in."""
    rng = random.Random(seed)
    names = [f"e{i}" for i in range(rng.randint(2, most_engines))]
    sizes = (1, 2, 3, 4, 6)
    windows = {name: rng.choice(sizes) for name in names}
    engines = {}
    for name in names:
        dt = rng.choice([0, 1, windows[name]])
        params = {"channels": 2, "dt": f"{dt * UNIT} ns", "lead": f"{rng.choice([0, 0, 0, 1, 2]) * UNIT} ns"}
        engines[name] = {"use": PUPPET, "window": f"{windows[name] * UNIT} ns", "params": params}
    links = {}
    for k in range(rng.randint(1, 2 * len(names))):
        source, target = rng.choice(names), rng.choice(names)
        kind = rng.choice(["samples", "samples", "spikes"])
        hold = kind == "samples" and rng.random() < 0.2
        link = {
            "from": f"{source}.{'y' if kind == 'samples' else 'spikes'}",
            "to": f"{target}.{'x' if kind == 'samples' else 'events'}",
            "delay": f"{rng.choice([0, 1, 2, 3, 5, 8, 12]) * UNIT} ns",
        }
        if hold:
            link["time"] = "hold"
        if rng.random() < 0.3:
            link["interval"] = f"{windows[source] * rng.choice([1, 2, 3]) * UNIT} ns"
        if kind == "samples" and rng.random() < 0.3:
            link["initial"] = 0.25
        links[f"l{k}"] = link
    return {
        "cosim": 1,
        "about": {"name": "drawn"},
        "clock": {"stop": f"{stop * UNIT} ns", "seed": seed},
        "engines": engines,
        "links": links,
    }

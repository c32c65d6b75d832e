"""Independent Poisson spikes: the background of populations, and what rate inputs become for lif neurons."""

from __future__ import annotations

import numpy as np

from engines.equations.randoms import key_of
from engines.point_neurons.arrays import Floats, Poisson
from engines.point_neurons.params import Lif, Network, Qif, RateInput
from engines.point_neurons.randoms import bits


def jump(population: Lif | Qif) -> float:
    """What one background spike adds: pA, or J; 0 without background."""
    if population.poisson is None:
        return 0.0
    return population.poisson.weight if isinstance(population, Lif) else population.poisson.J


def poisson_sources(params: Network, seed: int, quanta: Floats) -> tuple[Poisson, list[float | str]]:
    """The sources; and for each, what its columns hold: a constant rate in Hz, or the name of the input that gives the rates.

    The spikes are a function of (seed, name of the population or input, neuron, step).
    """
    names = list(params.populations)
    rows: list[tuple[int, bool, float, tuple[str, str]]] = []
    rates: list[float | str] = []
    for p, (name, population) in enumerate(params.populations.items()):
        if population.poisson is not None:
            rows.append((p, False, jump(population), ("poisson", name)))
            rates.append(population.poisson.rate)
    for name, port in params.inputs.items():
        if isinstance(port, RateInput) and port.weight is not None:
            rows.append((names.index(port.target), port.each, port.weight, ("rate", name)))
            rates.append(name)
    sizes = [params.populations[names[p]].size for p, *_ in rows]
    widths = [size if each else 1 for size, (_, each, *_) in zip(sizes, rows, strict=True)]
    # Steps and neurons need keys of their own: were they of one family, step k and neuron i would meet i and k in the same number.
    keys = [bits(key_of(seed, *what, "neurons"), size) for (*_, what), size in zip(rows, sizes, strict=True)]
    return Poisson(
        population=np.array([p for p, *_ in rows], np.int64),
        column=_starts(widths),
        each=np.array([each for _, each, *_ in rows], np.bool_),
        weight=np.array([round(weight / quanta[p]) for p, _, weight, _ in rows], np.int64),
        key=np.array([key_of(seed, *what, "steps") for *_, what in rows], np.uint64),
        of_neuron=_starts(sizes),
        neuron_key=np.concatenate([np.empty(0, np.uint64), *keys]),
    ), rates


def _starts(widths: list[int]) -> np.ndarray:
    return np.cumsum([0, *widths], dtype=np.int64)[:-1].copy()

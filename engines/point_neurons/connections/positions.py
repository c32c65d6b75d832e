"""Where the neurons of a population are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.point_neurons.params import Population


def dimensions_of(population: Population) -> int | None:
    """2 or 3, or None where a population has no positions.

    Raises
    ------
    CosimError
        A file of positions that cannot be read; yet to be located.
    """
    if population.extent is not None:
        return len(population.extent)
    return None if population.positions is None else int(_read(population.positions).shape[1])


def positions_of(name: str, population: Population, seed: int) -> NDArray[np.float64]:
    """(neurons, 2 or 3) µm: those of the file, else each at random in a box around 0, a function of seed, name and number alone."""
    if population.positions is not None:
        return _read(population.positions)
    assert population.extent is not None
    from engines.equations.randoms import key_of  # compiles: not for checks
    from engines.point_neurons.distributions import Numbers
    from engines.point_neurons.draws import drawn
    from engines.point_neurons.params import KINDS

    key, uniform = key_of(seed, "positions", name), KINDS.index("uniform")
    axes = [drawn(Numbers(uniform, -s / 2, s / 2), population.size, key, k) for k, s in enumerate(population.extent)]
    return np.stack(axes, axis=1)


def position_faults(population: Population, where: str) -> Iterator[CosimError]:
    """What is wrong with the positions of a population, which is at ``where`` in the scenario."""
    if population.positions is not None and population.extent is not None:
        yield CosimError("positions and extent both say where neurons are", where=f"{where}.extent", mend="leave one of them out")
    if population.extent is not None:
        if len(population.extent) not in (2, 3):
            yield CosimError(f"extent has {len(population.extent)} sides", where=f"{where}.extent", mend="give 2 or 3")
        if short := [side for side in population.extent if not side > 0.0]:
            yield CosimError(f"a side of extent is {short[0]:g} um", where=f"{where}.extent", mend="sides are longer than 0")
    if population.positions is not None:
        try:
            count = len(_read(population.positions))
        except CosimError as error:
            yield error.located(f"{where}.positions")
            return
        if count != population.size:
            what = f"{population.positions.name} has {count} positions for {population.size} neurons"
            yield CosimError(what, where=f"{where}.positions", mend="give each neuron a row, in the order of their numbers")


def _read(path: Path) -> NDArray[np.float64]:
    stat = path.stat()
    return _read_file(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _read_file(path: Path, changed_ns: int, size: int) -> NDArray[np.float64]:
    try:
        table = np.load(path, allow_pickle=False) if path.suffix == ".npy" else _read_csv(path)
        table = np.asarray(table, np.float64)
    except (OSError, EOFError, ValueError, TypeError) as error:
        why, mend = str(error), "a .npy of (neurons, 2 or 3), or a line x,y or x,y,z a neuron, µm"
        raise CosimError(f"{path.name} is not a table of positions", why=why, mend=mend) from None
    if table.ndim != 2 or table.shape[1] not in (2, 3):
        raise CosimError(f"{path.name} has the shape {table.shape}", mend="(neurons, 2) or (neurons, 3), µm")
    if (broken := np.flatnonzero(~np.isfinite(table).all(axis=1))).size:
        raise CosimError(f"the position of neuron {broken[0]} in {path.name} is not finite")
    return table


def _read_csv(path: Path) -> NDArray[np.float64]:
    with path.open(encoding="utf-8-sig") as file:
        lines = [line for line in file if line.strip()]
    if lines and any(character.isalpha() for character in lines[0].lower().replace("e", "")):  # a header, such as x,y
        del lines[0]
    return np.loadtxt(lines, delimiter=",", ndmin=2) if lines else np.empty((0, 2))

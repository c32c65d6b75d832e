"""Cells in Arbor: trees of segments, potentials at places of them, in the steps of a scenario."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Place = tuple[int, float]
"""A branch, and where on it, 0 to 1."""


def arbor() -> tuple[Any, Any]:
    """Arbor and its units."""
    found = pytest.importorskip("arbor", reason="Arbor is not installed (extra: arbor)")
    return found, found.units


def location(place: Place) -> str:
    return f"(location {place[0]} {float(place[1])!r})"


def joined(expressions: Sequence[str]) -> str:
    """All of some sets of places: ``join`` takes two."""
    left = list(expressions)
    while len(left) > 1:
        pairs = [left[k : k + 2] for k in range(0, len(left), 2)]
        left = [f"(join {' '.join(pair)})" if len(pair) == 2 else pair[0] for pair in pairs]
    return left[0]


def potentials(
    morphology: Any, painted: Callable[[Any], None], policy: Any, watched: Sequence[Place], until_ms: float, dt_ms: float
) -> Floats:
    """(steps, places) mV after every step.

    Parameters
    ----------
    painted
        Puts channels and currents into a decor; its methods change it, and what they give back is a copy.
    """
    A, U = arbor()

    class Recipe(A.recipe):  # type: ignore[misc, name-defined]
        def num_cells(self) -> int:
            return 1

        def cell_kind(self, _: int) -> Any:
            return A.cell_kind.cable

        def cell_description(self, _: int) -> Any:
            decor = A.decor()
            painted(decor)
            return A.cable_cell(morphology, decor, A.label_dict(), policy)

        def probes(self, _: int) -> list[Any]:
            return [A.cable_probe_membrane_voltage(location(place), f"v{k}") for k, place in enumerate(watched)]

        def global_properties(self, _: Any) -> Any:
            return A.neuron_cable_properties()

    simulation = A.simulation(Recipe())
    schedule = A.regular_schedule(dt_ms * U.ms)
    handles = [simulation.sample((0, f"v{k}"), schedule) for k in range(len(watched))]
    simulation.run((until_ms + dt_ms / 2) * U.ms, dt_ms * U.ms)
    return np.stack([simulation.samples(handle)[0][0][1 : round(until_ms / dt_ms) + 1, 1] for handle in handles], axis=1)

"""Rows of measurements, and how they are taken: ours and the floor in turn, medians of the repetitions."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Row:
    """One measurement.

    Attributes
    ----------
    ours, floor
        Medians over ``repeats``; None where the thing has no floor.
    ratio
        ours / floor.
    limit
        What ``ours`` should stay below (or above, with ``more_is_better``); None where nothing is promised.
    details
        Whatever else was measured; kept in the JSON file only.
    """

    name: str
    size: str
    ours: float
    floor: float | None = None
    limit: float | None = None
    unit: str = "us"
    repeats: int = 1
    more_is_better: bool = False
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        return self.ours / self.floor if self.floor else None

    @property
    def ok(self) -> bool | None:
        if self.limit is None:
            return None
        return self.ours >= self.limit if self.more_is_better else self.ours <= self.limit

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio, "ok": self.ok}


def alternate(repeats: int, *measures: Callable[[], Any]) -> list[list[Any]]:
    """Results of each measure, taken in turn A B A B …, so that a machine that slows down slows all of them."""
    found: list[list[Any]] = [[] for _ in measures]
    for _ in range(repeats):
        for results, measure in zip(found, measures, strict=True):
            results.append(measure())
    return found


def median_of(results: Iterable[dict[str, float]], key: str) -> float:
    return statistics.median(result[key] for result in results)


COLUMNS = "| measurement | size | ours | floor | ratio | limit | unit | repeats | ok | note |"
HEAD = f"{COLUMNS}\n|---|---|---:|---:|---:|---:|---|---:|---|---|"


def markdown(row: Row) -> str:
    """A row of the table under ``HEAD``."""
    verdict = {None: "", True: "yes", False: "NO"}[row.ok]
    cells = [row.name, row.size, _number(row.ours), _number(row.floor), _number(row.ratio), _number(row.limit), row.unit]
    return f"| {' | '.join([*cells, str(row.repeats), verdict, row.note])} |"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"

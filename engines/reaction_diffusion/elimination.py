"""In which order to eliminate the numbers of a voxel, and what that touches: found once from which derivatives are not always 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Elimination:
    """The course of a triangular factorisation without exchange of rows.

    Attributes
    ----------
    entries
        Places in the matrix (row * count + column) of all numbers that ever are not 0, those of the diagonal among them.
    pivots
        Numbers in the order in which they are eliminated.
    rows, columns
        Of each pivot, in that order: the rows that it is taken from, and the columns of its own row, among later pivots.
    """

    count: int
    entries: tuple[int, ...]
    pivots: tuple[int, ...]
    rows: tuple[tuple[int, ...], ...]
    columns: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, count: int, places: Sequence[int]) -> Elimination:
        """Of a matrix with a diagonal and numbers at some places; the pivot that touches least comes first (Markowitz 1957)."""
        across = [{k} for k in range(count)]
        down = [{k} for k in range(count)]
        for place in places:
            row, column = divmod(place, count)
            across[row].add(column)
            down[column].add(row)
        left, pivots, rows, columns = set(range(count)), [], [], []
        while left:
            pivot = min(left, key=lambda k: ((len(across[k] & left) - 1) * (len(down[k] & left) - 1), k))
            left.remove(pivot)
            below, beside = sorted(down[pivot] & left), sorted(across[pivot] & left)
            for row in below:
                across[row].update(beside)
                for column in beside:
                    down[column].add(row)
            pivots.append(pivot)
            rows.append(tuple(below))
            columns.append(tuple(beside))
        entries = tuple(row * count + column for row in range(count) for column in sorted(across[row]))
        return cls(count, entries, tuple(pivots), tuple(rows), tuple(columns))

    def flat(self) -> list[int]:
        """As kernels read it: how many entries, entries; of each pivot where its part begins; and these, first the pivot."""
        head = [len(self.entries), *self.entries]
        starts, parts = list[int](), list[int]()
        for pivot, rows, columns in zip(self.pivots, self.rows, self.columns, strict=True):
            starts.append(len(head) + self.count + len(parts))
            parts += [pivot, len(rows), *rows, len(columns), *columns]
        return [*head, *starts, *parts]

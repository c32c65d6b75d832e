"""The threshold detectors of cells, by the numbers that Arbor's spikes carry."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError


def key(gid: int, detector: int) -> int:
    """One number for a detector of a cell: the two of 32 bits that a spike of Arbor carries, read as one."""
    return detector << 32 | gid


def keys_of(spikes: NDArray[Any]) -> NDArray[np.int64]:
    return spikes["source"].view("<i8")


def label_hash(label: str) -> int:
    """Arbor's hash of a label: FNV-1a of 64 bits."""
    found = 0xCBF29CE484222325
    for byte in label.encode():
        found = (found ^ byte) * 0x100000001B3 % 2**64
    return found


class Detectors:
    """Which detectors of a cell a label stands for."""

    def __init__(self, arbor: ModuleType, recipe: Any) -> None:
        self._arbor, self._recipe = arbor, recipe
        self._known: dict[int, dict[int, list[int]]] = {}  # by cell, by hash of the label

    def look(self, gids: Iterable[int]) -> None:
        """Learn about cells, all at once."""
        if new := sorted(set(gids) - set(self._known)):
            self._known |= find_detectors(self._arbor, self._recipe, new)

    def only(self, gid: int, label: str) -> int:
        """The one detector of that label, of a cell that has been looked at."""
        found = self._known[gid].get(label_hash(label), [])
        if len(found) == 1:
            return found[0]
        if found:
            raise CosimError(f"{label!r} of cell {gid} stands for {len(found)} detectors", mend="give each a label of its own")
        count = sum(map(len, self._known[gid].values()))
        raise CosimError(f"cell {gid} has no detector {label!r}", why=f"it has {count} under other labels")


def find_detectors(arbor: ModuleType, recipe: Any, gids: list[int]) -> dict[int, dict[int, list[int]]]:
    """The detectors of cells, by hash of their label: Arbor is asked for all connections from these cells to one more."""
    last = len(gids)

    class Probing(arbor.recipe):  # type: ignore[misc, name-defined]
        def num_cells(self) -> int:
            return last + 1

        def cell_kind(self, index: int) -> Any:
            return recipe.cell_kind(gids[index]) if index < last else arbor.cell_kind.lif

        def cell_description(self, index: int) -> Any:
            return recipe.cell_description(gids[index]) if index < last else arbor.lif_cell("source", "target")

        def network_description(self) -> Any:
            count = iter(range(1, 2**53))
            turn = arbor.network_value.custom(lambda source, target: float(next(count)))
            return arbor.network_description(f"(target-cell {last})", '(network-value "turn")', "(scalar 1)", {"turn": turn})

    probing, one = Probing(), arbor.context(threads=1)  # more threads would wait for this one for ever
    found: dict[int, dict[int, list[int]]] = {gid: {} for gid in gids}
    numbers = dict.fromkeys(gids, 0)
    connections = arbor.generate_network_connections(probing, one, arbor.partition_load_balance(probing, one))
    for each in sorted(connections, key=lambda connection: connection.weight):  # in turn: as the detectors are numbered
        if each.source.gid < last:
            gid = gids[each.source.gid]
            found[gid].setdefault(each.source.label, []).append(numbers[gid])
            numbers[gid] += 1
    return found

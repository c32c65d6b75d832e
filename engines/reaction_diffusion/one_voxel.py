"""One voxel as the direct method has it: reactions, uptake and loss as channels between a few numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from numpy import float64, int32, int64

from engines.reaction_diffusion.kernels import records as r
from engines.reaction_diffusion.system import Patch, System

MOST_CHANNELS = 64
"""Up to so many, all propensities are worked out anew after an event."""


def is_simple(system: System, patches: Sequence[Patch]) -> bool:
    """Whether the direct method can do it: one voxel, mass action of up to two molecules, not too many reactions."""
    if len(system.volumes) != 1 or any(patch.chemistry.has_laws for patch in patches):
        return False
    channels = [channel for patch in patches for channel in patch.chemistry.channels]
    return len(channels) + 2 * len(system.shared) <= MOST_CHANNELS and all(c.reactants.sum() <= 2 for c in channels)


class OneVoxel:
    """Numbers, by where they are among 1, those of ``places``, n - 1 of those of ``pairs``, and one that nobody looks at.

    Attributes
    ----------
    places
        In the state.
    pairs
        Numbers, as above, of which two react.
    rates
        (channels,) 1/s of uptake and loss; 0 of reactions, whose coefficients come first, and of channels that fill a four.
    most_changes
        How many numbers a channel changes, some by 0.
    """

    def __init__(self, system: System, patches: Sequence[Patch]) -> None:
        self.places: list[int] = []
        self.pairs: list[int] = []
        self.rates: list[float] = []
        self._factors: list[tuple[int, int]] = []  # a pair is told by a number below 0 until all are known
        self._changes: list[dict[int, float]] = []
        self._system = system
        for patch in patches:
            self._add_reactions(patch)
        for species in range(len(system.shared)):
            ledger = system.ledgers + r.LEDGER_COUNT * species
            self._add_way_out(species, system.exits[species, 0] / system.volumes[0], ledger + r.LEFT_LEDGER)
            self._add_way_out(species, system.uptake[species, 0], ledger + r.TAKEN_LEDGER)
        padding = -len(self.rates) % 4 if self.rates else 4
        self._factors += [(0, 0)] * padding
        self._changes += [{}] * padding
        self.rates += [0.0] * padding
        self._close()

    @property
    def scratch(self) -> int:
        """Numbers that the kernel works on."""
        return len(self.places) + len(self.pairs) + 2 + len(self.rates) + len(self.rates) // 4

    def tables(self) -> Mapping[int, tuple[Sequence[float], type]]:
        """What stands behind each entry of the record."""
        unseen = 1 + len(self.places) + len(self.pairs)
        filled = [[*some.items(), *[(unseen, 0.0)] * (self.most_changes - len(some))] for some in self._changes]
        return {
            r.ONE_PLACES: (self.places, int64),
            r.ONE_FEWER: (self.pairs, int32),
            r.ONE_FACTORS: ([place for pair in self._factors for place in pair], int32),
            r.ONE_RATES: (self.rates, float64),
            r.ONE_AT: ([place for some in filled for place, _ in some], int32),
            r.ONE_AMOUNTS: ([amount for some in filled for _, amount in some], float64),
        }

    # -- pieces ----------------------------------------------------------------------------------------------------

    def _number(self, place: int) -> int:
        if place not in self.places:
            self.places.append(place)
        return self.places.index(place) + 1

    def _pair(self, number: int) -> int:
        if number not in self.pairs:
            self.pairs.append(number)
        return -1 - self.pairs.index(number)

    def _add_reactions(self, patch: Patch) -> None:
        where = [int(place) for place in patch.places(0, 1)]
        for channel in patch.chemistry.channels:
            taking = [self._number(where[j]) for j, order in enumerate(channel.reactants) for _ in range(order)]
            if len(taking) == 2 and taking[0] == taking[1]:
                taking[1] = self._pair(taking[0])
            first, second = (*taking, 0, 0)[:2]
            self._factors.append((first, second))
            changed = [j for j, number in enumerate(channel.change) if number]
            self._changes.append(dict(self._change(where[j], float(channel.change[j])) for j in changed))
            self.rates.append(0.0)

    def _add_way_out(self, species: int, rate: float, ledger: int) -> None:
        if rate > 0.0:
            self._factors.append((self._number(species), 0))
            self._changes.append({self._number(ledger): 1.0} | dict([self._change(species, -1.0)]))
            self.rates.append(float(rate))

    def _change(self, place: int, amount: float) -> tuple[int, float]:
        """What changes where a number is to: where it is held, what supplies it."""
        system = self._system
        if place < len(system.shared) and system.clamped[place, 0] >= 0:
            return self._number(system.ledgers + r.LEDGER_COUNT * place + r.SUPPLIED), -amount
        return self._number(place), amount

    def _close(self) -> None:
        """Pairs stand behind all numbers, and change with theirs."""
        first = 1 + len(self.places)
        self._factors = [(a, first - 1 - b if b < 0 else b) for a, b in self._factors]
        for some in self._changes:
            some |= {first + k: some[number] for k, number in enumerate(self.pairs) if number in some}
        self.most_changes = max(len(some) for some in self._changes)

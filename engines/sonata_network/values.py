"""Parameters and states at time 0 that a circuit gives its nodes: by type, in files, and before that of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import did_you_mean
from engines.point_neurons.description import NeuronDescription
from engines.sonata_network.config import Config
from engines.sonata_network.faults import Faults
from engines.sonata_network.nodes import Nodes
from engines.sonata_network.templates import WITHOUT_EFFECT, Template

Floats = NDArray[np.float64]
Values = dict[str, float | Floats]


@dataclass(frozen=True)
class Known:
    """Names that a circuit may use for a model.

    Attributes
    ----------
    items
        A name and its value as names of single numbers.
    defaults
        Of parameters and states; None: the model's own.
    only
        Values of names that have but these.
    ignored
        Names that do nothing here.
    """

    model: str
    items: Callable[[str, Any], Iterator[tuple[str, Any]]]
    defaults: dict[str, float | None]
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()


def known_of(template: Template | None, described: NeuronDescription) -> Known:
    """NEST's names where the model stands for one of NEST's, else its own."""
    if template is None:
        return Known(
            described.title, lambda key, value: iter([(key, value)]), dict.fromkeys([*described.parameters, *described.states])
        )
    return Known(
        template.model, template.items, {**template.parameters, **template.states, "tau_minus": 20.0}, template.only, WITHOUT_EFFECT
    )


def values_of(config: Config, nodes: Nodes, rows: NDArray[np.int64], known: Known, faults: Faults) -> Values:
    """By name, one number for all nodes in ``rows``, or (rows,); defaults but for those of the model itself."""
    given = _Given(nodes, rows, known, faults)
    given.by_type(config)
    given.of_their_own()
    defaults = {key: value for key, value in known.defaults.items() if value is not None}
    return defaults | given.values()


class _Given:
    """Gathers what is given to some nodes."""

    def __init__(self, nodes: Nodes, rows: NDArray[np.int64], known: Known, faults: Faults) -> None:
        self._members, self._rows, self._known, self._faults = nodes.members, rows, known, faults
        self._found: dict[str, Floats] = {}

    def by_type(self, config: Config) -> None:
        types = self._members.type_ids[self._rows]
        for number, row in self._members.types.items():
            named = row.get("dynamics_params")
            if named is None or not (types == number).any():
                continue
            where = f"{named}, of {self._members.name}, node type {number}"
            given = self._faults.collect(where, config.parameters, "point_neuron_models_dir", str(named)) or {}
            single = [self._faults.collect(where, list, self._known.items(key, value)) or [] for key, value in given.items()]
            for key, value in (item for items in single for item in items):
                if self._is_known(key, value, where):
                    self._put(key, types == number, float(value))

    def of_their_own(self) -> None:
        place = np.full(len(self._members), -1)
        place[self._rows] = np.arange(len(self._rows))
        for group in self._members.groups:
            ours = place[group.rows] >= 0
            for key, column in group.parameters.items() if ours.any() else ():
                if self._is_known(key, column[ours], f"{self._members.path}  dynamics_params of {self._members.name}"):
                    self._put(key, place[group.rows[ours]], column[ours].astype(np.float64))

    def values(self) -> Values:
        """One number where all have the same; what some have and others not is a fault."""
        for key, values in self._found.items():
            if np.isnan(values).any():
                what = f"{key} is given to some nodes of {self._members.name} and not to others"
                self._faults.add(what, self._members.path, mend="give it to all, or to none")
        return {key: float(values[0]) if (values == values[0]).all() else values for key, values in self._found.items()}

    # -- inside ------------------------------------------------------------------------------------------------------------------

    def _put(self, key: str, to: NDArray[Any], value: float | Floats) -> None:
        default = self._known.defaults[key]
        self._found.setdefault(key, np.full(len(self._rows), np.nan if default is None else default))[to] = value

    def _is_known(self, key: str, value: Any, where: str) -> bool:
        known = self._known
        if key in known.defaults:
            if isinstance(value, bool) or not isinstance(value, (int, float, np.ndarray)):
                self._faults.add(f"{key} is {value!r}", where, mend="a number is wanted")
            elif not np.isfinite(value).all():
                self._faults.add(f"{key} is not finite", where)
            else:
                return True
            return False
        if key in known.only:
            if not all(item in known.only[key] for item in np.atleast_1d(value).tolist()):
                why = f"{known.model} has it as {known.only[key][0]} alone"
                self._faults.add(f"{key} is {value!r}", where, why, mend=f"leave {key} out")
        elif key not in known.ignored:
            self._faults.add(f"{known.model} has no {key!r}", where, mend=did_you_mean(key, known.defaults))
        return False

"""What memory cells, synapses and ports take, from the parameters alone: what cannot be held is refused before it is laid out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.sdk import CosimError
from engines.compartmental_neurons.mechanisms.description import read_mechanism
from engines.compartmental_neurons.morphology.discretisation import electrotonic_length
from engines.compartmental_neurons.morphology.sites import AnySite, Site
from engines.compartmental_neurons.params import Cell, DriveInput, FieldInput, Neurons, Population, Projection, SpikesInput
from engines.compartmental_neurons.populations import Kind

_CUT = 500  # bytes of a compartment of a shape, of which all cells of the shape have the one
_CELL, _FIELD = 1500, 24  # bytes of a cell; of a number of one, which is laid in pieces, joined and copied to its place
_FIELDS = 3  # numbers of a compartment without any mechanism: the potential, and the equations' two sides
_SYNAPSE, _SITE, _CHANNEL, _SHOWN, _OUTSIDE = 300, 60, 100, 400, 1000  # bytes
_GIB = 2.0**30
Kinds = Mapping[str, Sequence[Kind]]


@dataclass(frozen=True)
class Part:
    """Some of what is needed.

    Attributes
    ----------
    where
        The key that it comes from.
    count, what
        How many of what.
    bytes
        Of all of them.
    """

    where: str
    count: float
    what: str
    bytes: float

    def __str__(self) -> str:
        return f"{self.count:.4g} {self.what} take {_told(self.bytes)}"


def needed(params: Neurons, seed: int, kinds: Kinds | None = None) -> list[Part]:
    """All parts; without ``kinds``, the shapes of cells, no more than is sure before these are cut. Faulty parts are left out."""
    found = [part for name in params.populations for part in _population(params, name, seed, kinds)]
    found += [part for name, item in params.projections.items() for part in _synapses(params, name, item)]
    for name, item in params.inputs.items():
        if isinstance(item, SpikesInput):
            found.append(Part(f"params.inputs.{name}.size", item.size, "channels", _CHANNEL * float(item.size)))
    return found


def refuse_too_large(parts: Sequence[Part], available: float | None = None) -> None:
    """Refuse what this machine cannot hold.

    Parameters
    ----------
    available
        Bytes; else what the machine has left now.

    Raises
    ------
    CosimError
        With both numbers, at what takes the most.
    """
    from engines.point_neurons.connections.memory import available_bytes

    total = sum(part.bytes for part in parts)
    left = available_bytes() if available is None else available
    if total <= left:
        return
    largest = max(parts, key=lambda part: part.bytes)
    what = f"the cells need {_told(total)}, this machine has {_told(left)}"
    raise CosimError(what, where=largest.where, why=f"{largest}", mend=f"fewer {largest.what}, or a machine with more memory")


def refuse_too_long(steps: int, columns: int, rows: int, available: float | None = None) -> None:
    """Refuse windows whose rows this machine cannot hold; ``columns`` of all records, ``rows`` are columns of all inputs."""
    parts = [
        Part("params.record", float(steps) * columns, "numbers of a window's records", 16.0 * steps * columns),
        Part("params.inputs", float(steps) * rows, "numbers of a window's inputs", 16.0 * steps * rows),
    ]
    try:
        refuse_too_large(parts, available)
    except CosimError as error:
        error.what = error.what.replace("the cells need", f"a window of {steps} steps needs")
        error.mend = "shorter windows, records of fewer places, or inputs of fewer channels"
        raise


def compartments_at_least(cell: Cell, seed: int) -> float:
    """Of the cell of number 0, without cutting it: resistivity and capacitance are taken for the least that it has anywhere."""
    shape, rule = cell.morphology.shape(seed, 0), cell.compartments
    lengths = shape.morphology.lengths
    if rule.count is not None:
        counts = np.full(len(lengths), float(rule.count))
    elif rule.max_length is not None:
        counts = lengths / rule.max_length
    elif rule.two_per is not None:
        counts = 2 * (lengths / rule.two_per) - 1
    else:
        least = [
            min(value.values(), default=1.0) if isinstance(value, Mapping) else value
            for value in (cell.resistivity, cell.capacitance)
        ]
        in_lambdas = [electrotonic_length(section, 0.01 * least[0], 0.01 * least[1]) for section in shape.morphology.sections]
        counts = np.array(in_lambdas) / float(rule.d_lambda or 1.0) - 1
    return float(np.maximum(np.where(shape.counts > 0, shape.counts, counts), 1.0).sum())


def expected_synapses(projection: Projection, sources: int, targets: int) -> float:
    """How many a rule makes on average."""
    if projection.rule == "list":
        return float(len(projection.pairs or ()))
    if projection.rule == "one_to_one":
        return float(min(sources, targets))
    each = {"all_to_all": float(sources), "fixed_indegree": float(projection.indegree or 0)}
    return targets * each.get(projection.rule, sources * float(projection.probability or 0.0))


# -- parts ---------------------------------------------------------------------------------------------------------------------


def _population(params: Neurons, name: str, seed: int, kinds: Kinds | None) -> Iterator[Part]:
    population, where = params.populations[name], f"params.populations.{name}"
    yield Part(f"{where}.size", population.size, "cells", _CELL * float(population.size))
    if kinds is None:
        try:
            count = compartments_at_least(population.cell, seed)
        except CosimError:
            return  # is told where the cell is cut
        shapes = population.size if population.cell.morphology.varies else 1
        size = count * (float(_CUT) * shapes + 8.0 * _FIELDS * population.size)
        yield Part(f"{where}.cell", count * population.size, "compartments", size)
    else:
        shown = kinds.get(name, [])
        numbers = sum(_numbers(kind) * len(kind.numbers) for kind in shown)
        count = float(sum(kind.anatomy.compartments.count * len(kind.numbers) for kind in shown))
        yield Part(f"{where}.cell", count, "compartments", _FIELD * numbers)
        for port, item in params.inputs.items():
            if isinstance(item, FieldInput) and item.target == name:
                yield Part(f"params.inputs.{port}", count, "compartments with a potential outside", _OUTSIDE * count)
    yield from _sites(params, name, population, kinds)


def _numbers(kind: Kind) -> float:
    """Numbers that a cell has: in fields, and in columns of mechanisms."""
    try:
        columns = sum(
            len(placed.variant.columns) * float(len(placed.nodes)) for placed in kind.anatomy.membrane if placed.leak is None
        )
    except CosimError:
        columns = 0.0  # is told by the check
    return _FIELDS * float(kind.anatomy.compartments.count) + columns


def _sites(params: Neurons, name: str, population: Population, kinds: Kinds | None) -> Iterator[Part]:
    """Places of synapses, inputs and records."""
    asked: list[tuple[str, AnySite | None, float, float]] = [(f"params.populations.{name}.detector", population.detector, 1, _SITE)]
    for key, group in population.synapses.items():
        asked.append(
            (f"params.populations.{name}.synapses.{key}.at", group.at, population.size, _SITE + _of_slot(group.description))
        )
    for key, pulse in population.pulses.items():
        asked.append((f"params.populations.{name}.pulses.{key}.at", pulse.at, len(pulse.cells or range(population.size)), _SHOWN))
    for key, drive in params.inputs.items():
        if isinstance(drive, DriveInput) and drive.target == name:
            size = _SITE + _of_slot(read_mechanism(drive.mechanism)) + _SHOWN * drive.each
            asked.append((f"params.inputs.{key}.at", drive.at, population.size, size))
    for key, record in params.record.items():
        if record.of == name:
            cells = population.size if record.cells == "all" else len(record.cells)
            everywhere = (
                Site.model_validate({"all": "all"}) if record.at is None and record.value == "membrane_current" else record.at
            )
            asked.append((f"params.record.{key}.at", everywhere, cells, _SHOWN))
    for key, junction in params.gap_junctions.items():
        for side, of, site in (("source", junction.source, junction.source_at), ("target", junction.target, junction.target_at)):
            if of == name:
                asked.append((f"params.gap_junctions.{key}.{side}_at", site, population.size, _SITE))
    for where, place, several, size in asked:
        count = _places(place, kinds[name][0] if kinds and kinds.get(name) else None) * several
        yield Part(where, count, "places", count * size)


def _of_slot(described: Any) -> float:
    """Bytes of a place of a mechanism of its own."""
    from engines.compartmental_neurons.mechanisms.variant import Variant

    return float(_FIELD * len(Variant("", described, ()).columns))


def _places(site: AnySite | None, kind: Kind | None) -> float:
    """Of a site on a cell of a kind; of shapes not known yet, those that are surely there."""
    if not isinstance(site, Site):
        return 1.0
    if site.count is not None:
        return float(site.count)
    if kind is None or (site.every is None and site.everywhere is None):
        return 1.0
    regions = kind.anatomy.regions
    try:
        mask = regions.mask(site.everywhere if site.everywhere is not None else "all" if site.within is None else site.within)
    except CosimError:
        return 1.0  # is told by the check
    return float(mask.sum() if site.every is None else (kind.anatomy.compartments.length[mask] / site.every).sum())


def _synapses(params: Neurons, name: str, projection: Projection) -> Iterator[Part]:
    source = params.populations.get(projection.source) or params.inputs.get(projection.source)
    sources, target = getattr(source, "size", None), params.populations.get(projection.target)
    if sources is None or target is None:
        return  # is told by the check
    count = expected_synapses(projection, sources, target.size)
    group = target.synapses.get(projection.synapses)
    own = 0.0 if group is None or len(group.description.receptors) == 0 else _own(group.description)
    yield Part(f"params.projections.{name}", count, "synapses", count * (_SYNAPSE + own))


def _own(described: Any) -> float:
    """Bytes of the states of a connection that shares none."""
    from engines.compartmental_neurons.wiring import is_shared

    return 0.0 if is_shared(described) else _of_slot(described)


def _told(size: float) -> str:
    return f"{size / _GIB:.3g} GiB" if size >= 0.1 * _GIB else f"{size / 2**20:.3g} MiB"

"""What the types of the parameters cannot say: names that must exist, pairs that must fit. All faults are told at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cosim.sdk import CosimError, did_you_mean, format_ns
from cosim.sdk.errors import ScenarioError, raise_all
from engines.compartmental_neurons.anatomy import ions_of, membrane_faults, parameter_faults
from engines.compartmental_neurons.ions import VALENCES
from engines.compartmental_neurons.mechanisms.description import read_mechanism
from engines.compartmental_neurons.morphology.sites import AnySite, compartments_of
from engines.compartmental_neurons.needed import needed, refuse_too_large
from engines.compartmental_neurons.params import (
    ConcentrationInput,
    DriveInput,
    FieldInput,
    Neurons,
    Population,
    Projection,
    SpikesInput,
    TemperatureInput,
)
from engines.compartmental_neurons.populations import Kind, kinds_of
from engines.compartmental_neurons.recorded import QUANTITIES, described_of, nodes_of, origins_of, unit_of
from engines.equations.quantities import number

OUTPUTS = ("spikes",)
Kinds = Mapping[str, Sequence[Kind]]


def check(params: Neurons, seed: int) -> dict[str, list[Kind]]:
    """The shapes of all cells.

    Raises
    ------
    ScenarioError
        All that keeps the network from being built.
    """
    refuse_too_large(needed(params, seed))  # before any cell is cut
    faults: list[CosimError] = []
    kinds: dict[str, list[Kind]] = {}
    for name, population in params.populations.items():
        try:
            kinds[name] = kinds_of(population, seed)
        except CosimError as error:
            found = error.faults if isinstance(error, ScenarioError) else (error,)
            faults += [item.located(f"params.populations.{name}.cell") for item in found]
    refuse_too_large(needed(params, seed, kinds))
    faults += [fault for name, found in kinds.items() for fault in _population(name, params.populations[name], found)]
    raise_all([*faults, *_substeps(params), *_projections(params), *_junctions(params, kinds), *_inputs(params, kinds)])
    raise_all([*_setters(params, kinds), *_records(params, kinds, seed)])
    return kinds


def _population(name: str, population: Population, kinds: Sequence[Kind]) -> Iterator[CosimError]:
    where, anatomy = f"params.populations.{name}", kinds[0].anatomy
    yield from membrane_faults(anatomy, f"{where}.cell")
    for key in population.cell.regions:
        try:
            anatomy.regions.mask(key)
        except CosimError as error:
            yield error.located(f"{where}.cell.regions.{key}")
    yield from _one_place(population.detector, kinds, f"{where}.detector")
    taken = {item.title for item in population.cell.membrane}
    for k, item in enumerate(population.cell.membrane):
        if item.title[:1].isdigit():  # as the engine's own for pulses and gap junctions
            yield CosimError(
                f"the name {item.title!r} begins with a digit", where=f"{where}.cell.membrane.{k}", mend="choose another"
            )
    for key, group in population.synapses.items():
        at, described = f"{where}.synapses.{key}", group.description
        if described.kind != "point":
            mend = "put it under membrane"
            yield CosimError(f"{group.mechanism.stem} is of kind {described.kind}", where=f"{at}.mechanism", mend=mend)
        elif not described.receptors:
            yield CosimError(
                f"{group.mechanism.stem} has no receptor", where=f"{at}.mechanism", mend="feed it by inputs, kind: drive"
            )
        if key in taken:
            yield CosimError(f"the name {key!r} is taken by a mechanism of the membrane", where=at, mend="choose another")
        if key[:1].isdigit():  # as the engine's own for pulses and gap junctions
            yield CosimError(f"the name {key!r} begins with a digit", where=at, mend="choose another")
        yield from parameter_faults(described, group.parameters, f"{at}.parameters")
        yield from _unknown_ions(described, population, group.mechanism.stem, f"{at}.mechanism")
        yield from _site(group.at, kinds, f"{at}.at")
    for key, pulse in population.pulses.items():
        yield from _site(pulse.at, kinds, f"{where}.pulses.{key}.at")
        yield from _cells(pulse.cells or (), population.size, f"{where}.pulses.{key}.cells")
        if len(set(pulse.cells or ())) < len(pulse.cells or ()):
            yield CosimError("a cell is named twice", where=f"{where}.pulses.{key}.cells", mend="once, and twice the current")
        if pulse.stop is not None and pulse.stop <= pulse.start:
            what = f"it ends at {format_ns(pulse.stop)} and begins at {format_ns(pulse.start)}"
            yield CosimError(what, where=f"{where}.pulses.{key}.stop", mend="stop after start")
    yield from _positions(population, f"{where}.positions")


def _positions(population: Population, where: str) -> Iterator[CosimError]:
    mend = "a .csv of numbers without a heading, or a .npy of floats: [x, y, z] of each cell, um"
    try:
        found = np.asarray(origins_of(population))
    except CosimError as error:
        yield error.located(where)
    except (ValueError, TypeError, AttributeError, OSError, EOFError, UserWarning) as error:
        yield CosimError("positions cannot be read", where=where, why=str(error), mend=mend)
    else:
        if found.dtype.kind not in "fiu":
            yield CosimError(f"positions are of type {found.dtype}", where=where, why="coordinates are real numbers", mend=mend)
        elif not np.isfinite(found).all():
            cell = int(np.flatnonzero(~np.isfinite(found).all(axis=1))[0])
            yield CosimError(f"the position of cell {cell} is {found[cell].tolist()}", where=where, why="not finite", mend=mend)


def _substeps(params: Neurons) -> list[CosimError]:
    why = f"a step is {format_ns(params.dt)}, and times are whole nanoseconds"
    uneven = [(name, item.substeps) for name, item in params.populations.items() if params.dt % item.substeps]
    what, where, mend = "{} substeps do not fit into a step", "params.populations.{}.substeps", "a number that divides it"
    return [CosimError(what.format(number), where=where.format(name), why=why, mend=mend) for name, number in uneven]


def _site(site: AnySite, kinds: Sequence[Kind], where: str) -> Iterator[CosimError]:
    """A fault where some cell has no such place."""
    for kind in kinds:
        try:
            compartments_of(site, kind.anatomy.regions)
        except CosimError as error:
            yield error.located(where)
            return


def _one_place(site: AnySite, kinds: Sequence[Kind], where: str) -> Iterator[CosimError]:
    """A fault where some cell has no such place, or several."""
    for kind in kinds:
        try:
            count = len(compartments_of(site, kind.anatomy.regions))
        except CosimError as error:
            yield error.located(where)
            return
        if count > 1:
            mend = "a place, such as {section: 0, at: 0.5}, or the name of a region for its first section's middle"
            yield CosimError(f"{count} places", where=where, why="each cell has one", mend=mend)
            return


def _unknown_ions(described: Any, population: Population, title: str, where: str) -> Iterator[CosimError]:
    known = {**VALENCES, **population.cell.ions}
    for name in ions_of(described):
        if name not in known:
            mend = f"{did_you_mean(name, known)}; or say under ions of the cell what {name} is"
            yield CosimError(f"{title} is about an unknown ion {name}", where=where, mend=mend)


def _cells(cells: Iterable[int], size: int, where: str) -> Iterator[CosimError]:
    for cell in cells:
        if not 0 <= cell < size:
            yield CosimError(f"there is no cell {cell}", where=where, why=f"there are {size}, counted from 0")
            return


def _projections(params: Neurons) -> Iterator[CosimError]:
    spiking = [*params.populations, *(name for name, item in params.inputs.items() if isinstance(item, SpikesInput))]
    for name, projection in params.projections.items():
        where = f"params.projections.{name}"
        if projection.source not in spiking:
            yield _unknown("population or spike input", projection.source, spiking, f"{where}.from")
        if projection.target not in params.populations:
            yield _unknown("population", projection.target, params.populations, f"{where}.to")
            continue
        population = params.populations[projection.target]
        if projection.synapses not in population.synapses:
            yield _unknown("group of synapses", projection.synapses, population.synapses, f"{where}.synapses")
            continue
        described = population.synapses[projection.synapses].description
        if projection.receptor is not None and projection.receptor not in described.receptors:
            yield _unknown("receptor", projection.receptor, described.receptors, f"{where}.receptor")
        elif described.receptors:
            receptor = projection.receptor or next(iter(described.receptors))
            yield from _weights(projection, described.receptors[receptor].weight, where)
        if projection.source in spiking:
            yield from _pairs(params, projection, where)
        yield from _delays(params, projection, where)


def _weights(projection: Projection, unit: str, where: str) -> Iterator[CosimError]:
    given = projection.weight if isinstance(projection.weight, list) else [projection.weight]
    for value in given:
        try:
            number(value, unit)
        except CosimError as error:
            yield error.located(f"{where}.weight")
            return
    yield from _listed(projection, "weight", where)


def _listed(projection: Projection, key: str, where: str) -> Iterator[CosimError]:
    given = getattr(projection, key)
    if isinstance(given, list) and (projection.rule != "list" or len(given) != len(projection.pairs or ())):
        mend = "one for each pair of rule list, or one for all"
        what = f"{len(given)} {key}s for {len(projection.pairs or ())} pairs"
        if projection.rule != "list":
            what = f"a list of {key}s with rule {projection.rule}"
        yield CosimError(what, where=f"{where}.{key}", mend=mend)


def _delays(params: Neurons, projection: Projection, where: str) -> Iterator[CosimError]:
    yield from _listed(projection, "delay", where)
    given = projection.delay if isinstance(projection.delay, list) else [projection.delay]
    if min(given, default=0) < 0:
        what, why = f"a delay of {format_ns(min(given))}", "a spike does not act before it is there"
        yield CosimError(what, where=f"{where}.delay", why=why, mend="0 or more")
    elif projection.source in params.populations and min(given, default=params.dt) < params.dt:
        what, why = (
            f"a delay of {format_ns(min(given))}",
            f"a step is {format_ns(params.dt)}: a spike acts after the step it comes in",
        )
        yield CosimError(what, where=f"{where}.delay", why=why, mend=f"at least {format_ns(params.dt)}")


def _pairs(params: Neurons, projection: Projection, where: str) -> Iterator[CosimError]:
    source = params.populations.get(projection.source) or params.inputs[projection.source]
    sizes = getattr(source, "size", 0), params.populations[projection.target].size
    if projection.rule == "one_to_one" and sizes[0] != sizes[1]:
        what = f"{sizes[0]} and {sizes[1]} do not pair one to one"
        yield CosimError(what, where=f"{where}.rule", mend="sizes that are equal, or rule: list")
    is_alone = projection.source == projection.target and not projection.autapses and sizes[1] == 1
    if is_alone and projection.rule == "fixed_indegree" and projection.indegree:
        what, mend = "there is no other cell to draw from", "more cells, or autapses: true"
        yield CosimError(what, where=f"{where}.indegree", why=f"{projection.target} has one", mend=mend)
    for side, title in ((0, "source"), (1, "target")):
        yield from _cells((pair[side] for pair in projection.pairs or ()), sizes[side], f"{where}.pairs ({title})")
    if isinstance(source, SpikesInput) and (key := projection.source) in params.populations:
        yield CosimError(f"the name {key!r} is taken by a population", where=f"params.inputs.{key}", mend="choose another")


def _junctions(params: Neurons, kinds: Kinds) -> Iterator[CosimError]:
    for name, item in params.gap_junctions.items():
        where = f"params.gap_junctions.{name}"
        for side, key, site, at in ((0, item.source, item.source_at, "from"), (1, item.target, item.target_at, "to")):
            if key not in params.populations:
                yield _unknown("population", key, params.populations, f"{where}.{at}")
                continue
            yield from _one_place(site, kinds.get(key, ()), f"{where}.{('source', 'target')[side]}_at")
            yield from _cells((pair[side] for pair in item.pairs), params.populations[key].size, f"{where}.pairs")


def _inputs(params: Neurons, kinds: Kinds) -> Iterator[CosimError]:
    for name, item in params.inputs.items():
        where = f"params.inputs.{name}"
        if name in (*OUTPUTS, *params.record) or name in params.populations:
            what = f"the name {name!r} is taken by {'a population' if name in params.populations else 'an output'}"
            yield CosimError(what, where=where, mend="choose another")
        if isinstance(item, (SpikesInput, TemperatureInput)):
            continue
        if item.target not in params.populations:
            yield _unknown("population", item.target, params.populations, f"{where}.to")
        elif isinstance(item, DriveInput):
            yield from _drive(item, kinds, where)
            yield from _unknown_ions(
                read_mechanism(item.mechanism), params.populations[item.target], item.mechanism.stem, f"{where}.mechanism"
            )
            if name in described_of(params.populations[item.target]):
                what = f"the name {name!r} is taken by a mechanism or synapses of {item.target}"
                yield CosimError(what, where=where, mend="choose another")
        elif isinstance(item, ConcentrationInput):
            known = {symbol for group in _descriptions(params.populations[item.target]) for symbol in _symbols(group)}
            if item.symbol not in known and f"E_{item.symbol[:-2]}" not in known:
                what = f"no mechanism of {item.target} looks at {item.symbol}"
                yield CosimError(what, where=f"{where}.symbol", mend=did_you_mean(item.symbol, known))
    several = [name for name, item in params.inputs.items() if isinstance(item, TemperatureInput)]
    if len(several) > 1:
        yield CosimError("two inputs are the temperature", where=f"params.inputs.{several[1]}", mend="link both sources to one")
    fields = [item.target for item in params.inputs.values() if isinstance(item, FieldInput)]
    for name, item in params.inputs.items():
        if isinstance(item, FieldInput) and fields.count(item.target) > 1:
            yield CosimError(
                f"{item.target} has two fields", where=f"params.inputs.{name}", mend="link both sources to one: they are summed"
            )
            return


def _drive(item: DriveInput, kinds: Kinds, where: str) -> Iterator[CosimError]:
    described = read_mechanism(item.mechanism)
    if described.kind != "point":
        yield CosimError(f"{item.mechanism.stem} is of kind {described.kind}", where=f"{where}.mechanism", mend="a point mechanism")
    elif not described.inputs:
        yield CosimError(f"{item.mechanism.stem} has no input", where=f"{where}.mechanism", mend="spikes go by projections")
    elif item.input is not None and item.input not in described.inputs:
        yield _unknown("input", item.input, described.inputs, f"{where}.input")
    yield from parameter_faults(described, item.parameters, f"{where}.parameters")
    yield from _site(item.at, kinds.get(item.target, ()), f"{where}.at")


def _setters(params: Neurons, kinds: Kinds) -> Iterator[CosimError]:
    """Faults where a concentration is set by two: the later would hold, and no one would see why."""
    for name, found in kinds.items():
        inputs = [
            (port, item.symbol)
            for port, item in params.inputs.items()
            if isinstance(item, ConcentrationInput) and item.target == name
        ]
        for k, (port, symbol) in enumerate(inputs):
            if any(symbol == other for _, other in inputs[:k]):
                what, mend = f"two inputs are {symbol} of {name}", "link both sources to one: they are summed"
                yield CosimError(what, where=f"params.inputs.{port}", mend=mend)
        for kind in found:
            yield from (faults := list(_pools(name, kind, {symbol: port for port, symbol in inputs})))
            if faults:
                break


def _pools(name: str, kind: Kind, inputs: Mapping[str, str]) -> Iterator[CosimError]:
    """Faults of mechanisms that set a concentration in a place where another, or an input, sets it as well."""
    where, mend = f"params.populations.{name}.cell.membrane", "keep one, or put each in a region of its own"
    taken: dict[str, list[tuple[str, set[int]]]] = {}
    for placed in kind.anatomy.membrane:
        nodes = set(placed.nodes.tolist())
        for symbol in placed.description.concentrations:
            if symbol in inputs:
                what = f"{placed.name} sets {symbol} of {name}, and so does this input"
                yield CosimError(what, where=f"params.inputs.{inputs[symbol]}", mend="leave one of them out")
            for other, others in taken.get(symbol, []):
                if nodes & others:
                    yield CosimError(f"{other} and {placed.name} both set {symbol} in a place", where=where, mend=mend)
            taken.setdefault(symbol, []).append((placed.name, nodes))


def _descriptions(population: Population) -> Iterator[Any]:
    yield from (item.description for item in population.cell.membrane)
    yield from (group.description for group in population.synapses.values())


def _told(params: Neurons, name: str) -> set[str]:
    """Symbols of ions that cells of a population have numbers of."""
    from engines.compartmental_neurons.mechanisms.variant import Variant

    inputs = [item for item in params.inputs.values() if getattr(item, "target", None) == name]
    drives = [read_mechanism(item.mechanism) for item in inputs if isinstance(item, DriveInput)]
    described = {id(item): item for item in (*_descriptions(params.populations[name]), *drives)}
    variants = [Variant("", item, ()) for item in described.values()]
    ions = {ion for variant in variants for ion in variant.ions}
    ions |= {item.symbol[:-2] for item in inputs if isinstance(item, ConcentrationInput)}
    heard = {symbol for variant in variants for symbol in variant.read_of_ions if symbol.startswith("i_")}
    return heard | {symbol for ion in ions for symbol in (f"E_{ion}", f"{ion}_i", f"{ion}_o")}


def _symbols(described: Any) -> frozenset[str]:
    from engines.compartmental_neurons.mechanisms.variant import Variant

    return Variant("", described, ()).read_of_ions


def _records(params: Neurons, kinds: Kinds, seed: int) -> Iterator[CosimError]:
    for port, record in params.record.items():
        where = f"params.record.{port}"
        if port in OUTPUTS:
            yield CosimError(f"{port} is always given out", where=where, mend="leave it out of record")
        if record.of not in params.populations:
            yield _unknown("population", record.of, params.populations, f"{where}.of")
            continue
        population = params.populations[record.of]
        try:
            unit_of(record, params)
        except CosimError as error:
            yield error.located(f"{where}.value")
            continue
        if record.every is not None and record.every % params.dt:
            what = f"a row every {format_ns(record.every)} is between steps of {format_ns(params.dt)}"
            yield CosimError(what, where=f"{where}.every", mend="a whole number of steps")
        if record.cells != "all":
            yield from _cells(record.cells, population.size, f"{where}.cells")
        if "." not in record.value and record.value not in QUANTITIES and record.value not in (known := _told(params, record.of)):
            what = f"no mechanism of {record.of} has to do with {record.value}"
            yield CosimError(what, where=f"{where}.value", mend=did_you_mean(record.value, sorted(known)))
            continue
        yield from _shown(port, kinds[record.of], params, seed)


def refuse_broken_records(params: Neurons, window_ns: int) -> None:
    """A CosimError where a window is not a whole number of the rows of a record."""
    for name, record in params.record.items():
        if record.every is not None and window_ns % record.every:
            what = f"a row every {format_ns(record.every)} does not fit into windows of {format_ns(window_ns)}"
            raise CosimError(what, where=f"params.record.{name}.every", mend="a window that is a whole number of rows")


def _shown(port: str, kinds: Sequence[Kind], params: Neurons, seed: int) -> Iterator[CosimError]:
    """Faults of where a record looks: off the tree, or where a mechanism is not."""
    record, where = params.record[port], f"params.record.{port}"
    mechanism = record.value.rpartition(".")[0]
    for kind in kinds:
        try:
            nodes = nodes_of(record, params, kind, seed, int(kind.numbers[0]), port)
        except CosimError as error:
            yield error.located(f"{where}.at")
            return
        placed = next((item for item in kind.anatomy.membrane if item.name == mechanism), None)
        if placed is not None and (set(nodes.tolist()) - set(placed.nodes.tolist())):
            yield CosimError(
                f"{mechanism} is not in all places of the record", where=f"{where}.at", mend="name a region that has it"
            )
            return


def _unknown(what: str, name: str, known: Iterable[str], where: str) -> CosimError:
    return CosimError(f"there is no {what} {name!r}", where=where, mend=did_you_mean(name, list(known)))

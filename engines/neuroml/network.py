"""A NeuroML or LEMS model, read from all its files, and written into one with what is added to its network."""

from __future__ import annotations

import copy
import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from cosim.sdk import CosimError, Space, did_you_mean

CORE = frozenset({
    "Cells", "Channels", "Inputs", "Networks", "NeuroML2CoreTypes", "NeuroML2CoreCompTypes", "NeuroML2CoreDimensions",
    "NeuroMLCoreDimensions", "PyNN", "Simulation", "Synapses",
})  # fmt: skip
"""Files of NeuroML itself, which every simulator has."""

_CELLS = re.compile(r"^([\w*?]+)(?:\[(\d+|\d*:\d*)\])?$")


@dataclass(frozen=True)
class Cell:
    """One cell of a network: its population, the number that it has there, and how many cells that population has."""

    population: str
    number: int
    of: int

    @property
    def path(self) -> str:
        """As it is addressed: ``pyramidal[3]``."""
        return f"{self.population}[{self.number}]"

    @property
    def label(self) -> str:
        """The path, or the population's name where the cell is alone in it."""
        return self.path if self.of > 1 else self.population


class Model:
    """The elements of a file and of all files that it includes, without what says how it is simulated.

    Attributes
    ----------
    path
        Of the file.
    elements
        All that stand at the top of a file, in the order of their inclusion.
    files
        Those that were read, and when each was last changed.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.elements = path, list[Element]()
        self.files: dict[Path, int] = {}
        self._include(path)

    def _include(self, path: Path) -> None:
        self.files |= _changed([path])
        try:
            root = ElementTree.parse(path).getroot()
        except (ElementTree.ParseError, UnicodeDecodeError) as error:
            raise CosimError(f"{path.name} is not a NeuroML file", why=f"{path}: {error}") from None
        for element in root.iter():
            element.tag = str(element.tag).rpartition("}")[2]  # without its name space
        if root.tag not in ("neuroml", "Lems"):
            raise CosimError(f"{path.name} is not a NeuroML file", why=f"{path} holds <{root.tag}>, not <neuroml> or <Lems>")
        for element in root:
            if element.tag in ("include", "Include"):
                self._include_as_named(path, element.get("href") or element.get("file") or "")
            elif element.tag not in ("Simulation", "Target", "notes", "annotation") and element.get("type") != "Simulation":
                self.elements.append(element)

    def _include_as_named(self, path: Path, name: str) -> None:
        found = (path.parent / name).resolve()
        if name.endswith(".xml") and Path(name).stem in CORE:
            return
        if not found.is_file():
            raise CosimError(f"{path.name} includes {name!r}, which does not exist", why=f"looked for {found}")
        if found not in self.files:
            self._include(found)

    def network(self, name: str = "") -> Network:
        """The network of that id; without an id, the only one."""
        found = {e.get("id", ""): e for e in self.elements if e.tag in ("network", "networkWithTemperature")}
        if not name and len(found) == 1:
            name = next(iter(found))
        if name not in found and len(found) > 1 and not name:
            raise CosimError(f"{self.path.name} has {len(found)} networks", mend=f"network: one of {', '.join(found)}")
        if name not in found:
            raise CosimError(f"{self.path.name} has no network {name}".rstrip(), mend=did_you_mean(name, found))
        return Network(self, found[name])


class Network:
    """A network of a model, and its populations: name to the numbers of its cells."""

    def __init__(self, model: Model, element: Element) -> None:
        self.model, self.element, self.id = model, element, element.get("id", "")
        self.populations = {p.get("id", ""): _numbers(p) for p in element.iter("population")}

    def synapse(self, name: str) -> str:
        """The name, if there is such a component."""
        if name not in {element.get("id") for element in self.model.elements}:
            synapses = [e.get("id", "") for e in self.model.elements if e.get("type", e.tag).lower().endswith("synapse")]
            why = f"its synapses: {_some(synapses) or 'none'}"
            raise CosimError(f"{self.model.path.name} has no synapse {name!r}", why=why, mend=did_you_mean(name, synapses))
        return name

    def cells(self, selectors: str | Sequence[str]) -> list[Cell]:
        """What is named: a population, a glob of populations, one cell ``p[3]``, a slice ``p[0:10]``, or a list of these."""
        named = [selectors] if isinstance(selectors, str) else selectors
        cells = list(dict.fromkeys(cell for selector in named for cell in self._select(selector)))
        if not cells:
            raise CosimError("no cells are named", mend="a population, or a list of populations")
        return cells

    def _select(self, selector: str) -> list[Cell]:
        match = _CELLS.match(selector)
        names = fnmatch.filter(self.populations, match[1]) if match else []
        if match is None or not names:
            raise CosimError(
                f"network {self.id!r} has no population {selector!r}",
                why=f"its populations: {_some(list(self.populations))}",
                mend="a population, a glob such as p*, one cell p[3], or several p[0:10]",
            )
        cells: list[Cell] = []
        for name in names:
            numbers = self.populations[name]
            chosen = numbers[_slice(match[2])] if ":" in (match[2] or ":") else [n for n in numbers if n == int(match[2])]
            if not chosen:
                raise CosimError(f"population {name!r} has no cell {match[2]}", why=f"it has {len(numbers)}")
            cells += [Cell(name, n, len(numbers)) for n in chosen]
        return cells

    def written(self, components: Sequence[Element], added: Sequence[Element], simulation: Element) -> bytes:
        """The whole model with more components as one file, the network with what is added, to be run as ``simulation`` says."""
        network = copy.copy(self.element)
        network.extend(added)
        root = Element("neuroml", id="model")
        root.extend(network if e is self.element else e for e in self.model.elements)
        root.extend((*components, simulation))
        SubElement(root, "Target", component=simulation.get("id", ""))
        return ElementTree.tostring(root, "utf-8")


def space_of(cells: Sequence[Cell]) -> Space:
    """A channel a cell; the populations of several cells are groups."""
    rows: dict[str, list[int]] = {}
    for row, cell in enumerate(cells):
        if cell.of > 1:
            rows.setdefault(cell.population, []).append(row)
    return Space(tuple(cell.label for cell in cells), {name: tuple(found) for name, found in rows.items()})


def read(path: Path) -> Model:
    """The model of a file; read again when one of its files has changed."""
    known = _read.get(path)
    if known is None or known.files != _changed(known.files):
        known = _read[path] = Model(path)
    return known


_read: dict[Path, Model] = {}


def _changed(files: Iterable[Path]) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns if path.is_file() else 0 for path in files}


def _numbers(population: Element) -> list[int]:
    instances = [int(instance.get("id", row)) for row, instance in enumerate(population.iter("instance"))]
    return instances or list(range(int(population.get("size", 0))))


def _slice(text: str | None) -> slice:
    return slice(*(int(end) if end else None for end in (text or ":").split(":")))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:5])} … {names[-1]}"

"""Channels and models of concentrations of NeuroML 2 files as mechanisms.

A channel of NeuroML is what gates a conductance; what the conductance is, and of which law its current, is said by the cell:

    ohmic   g fopen (V - E)                                                    channelDensity         parameters g, E
    nernst  g fopen (V - E_x), E_x by Nernst of the ion x                      channelDensityNernst   g
    ghk     P fopen z F (x_i - x_o e^-u) u / (1 - e^-u), u = z F V / (R T)     channelDensityGHK      permeability
    ghk2    g fopen w (x_i / x_o e^u - 1) u / (e^u - 1), u = V / w             channelDensityGHK2     g
            with w = 12.5 mV at 20 °C, in proportion to the temperature

The file becomes the sections of a description, which is then read and checked as any other; its faults have the lines of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ValidationError

from cosim.sdk import CosimError, did_you_mean
from cosim.sdk.errors import raise_all
from engines.compartmental_neurons.ions import VALENCES
from engines.compartmental_neurons.mechanisms.description import MechanismDescription
from engines.compartmental_neurons.mechanisms.neuroml_gates import Gates, Sections
from engines.compartmental_neurons.mechanisms.neuroml_pools import BASE, POOLS, Pools
from engines.compartmental_neurons.mechanisms.neuroml_types import Component, Types, read_type
from engines.compartmental_neurons.mechanisms.neuroml_units import quantity
from engines.compartmental_neurons.mechanisms.neuroml_xml import Element, files_of
from engines.compartmental_neurons.mechanisms.symbols import NONSPECIFIC
from engines.equations.description import Checker, Text

Law = Literal["ohmic", "nernst", "ghk", "ghk2"]
CHANNELS = ("ionChannel", "ionChannelHH", "ionChannelKS", "ionChannelPassive", "ionChannelVShift")
REVERSAL_MV = {"na": 50.0, "k": -77.0, "ca": 120.0, "cl": -80.0, NONSPECIFIC: -65.0}
"""Of a channel by itself; NeuroML has it in the cell."""
_SUFFIXES = (".nml", ".xml")
_SCALINGS = ("q10ConductanceScaling", "baseConductanceScaling", "baseConductanceScalingCaDependent")


def library_of(files: Sequence[Path]) -> Library:
    """What some files define; read again only where one has changed."""
    for path in files:
        if not path.is_file():
            raise CosimError(f"file {str(path)!r} does not exist", mend="paths start at the folder of the file that names them")
    return _library(tuple((path.resolve(), path.stat().st_mtime_ns) for path in files))


@lru_cache(maxsize=1024)  # a connectome has a file for every cell
def _library(files: tuple[tuple[Path, int], ...]) -> Library:
    return Library([path for path, _ in files])


class Library:
    """All that some files and those they include define, by id."""

    def __init__(self, files: Sequence[Path]) -> None:
        roots: dict[Path, Element] = {}
        for file in files:
            roots |= files_of(file)
        self.channels: dict[str, Element] = {}
        self.pools: dict[str, Element] = {}
        found = {}
        for root in roots.values():
            for element in root.children:
                if element.tag == "ComponentType":
                    found[element.attribute("name")] = read_type(element)
        self.types = Types(found)
        for root in roots.values():
            for element in root.within():
                family = self.types.ancestry(element.type)
                if element.tag in CHANNELS or (found.get(element.tag) and any(name in CHANNELS for name in family)):
                    self.channels.setdefault(element.id, element)
                elif "id" in element.attributes and any(name in POOLS or name == BASE for name in (element.tag, *family)):
                    self.pools.setdefault(element.id, element)

    def channel(self, name: str, asked: Element | None = None) -> Element:
        """A channel by its id."""
        return _chosen(self.channels, name, "ion channel", asked)

    def pool(self, name: str, asked: Element | None = None) -> Element:
        """A model of a concentration by its id."""
        return _chosen(self.pools, name, "model of a concentration", asked)


def read_neuroml(
    path: Path, name: str | None = None, law: Law = "ohmic", ion: str | None = None, further: Sequence[Path] = ()
) -> MechanismDescription:
    """A channel or a model of a concentration of a file, or of those that it includes.

    Parameters
    ----------
    name
        Its id; may be left out where the file has one.
    law
        By which the current of a channel follows from V.
    ion
        That it carries or is of; else what the file says.
    further
        Files with types that the file uses and does not include.

    Raises
    ------
    CosimError
        The file is none, has no such thing or several, or something in it is not supported: with the line.
    """
    return described(_sections(path, name, law, ion, further))


def _sections(path: Path, name: str | None, law: Law, ion: str | None, further: Sequence[Path]) -> Sections:
    library = library_of((path, *further))
    every = {**library.channels, **library.pools}
    if name is None:
        here = [key for key, element in every.items() if element.file == path.name] or list(every)
        if len(here) != 1:
            why = f"it has {', '.join(here)}" if here else "it has none"
            raise CosimError(f"{path.name} has {len(here)} channels and models of concentrations", why=why, mend="name one")
        name = here[0]
    if name in library.channels:
        return _Channel(library, library.channels[name], law, ion).sections()
    return _of_pool(library, _chosen(every, name, "channel or model of a concentration", None, path.name), ion)


def channel_of(library: Library, element: Element, law: Law = "ohmic", ion: str | None = None) -> MechanismDescription:
    """The mechanism of a channel."""
    return described(_Channel(library, element, law, ion).sections())


def pool_of(library: Library, element: Element, ion: str | None = None) -> MechanismDescription:
    """The mechanism of a model of a concentration."""
    return described(_of_pool(library, element, ion))


def is_neuroml(path: Path) -> bool:
    """Whether a path leads into a NeuroML file: ``ca.nml``, or ``cell_C.xml/k_fast`` and ``ca.nml/ca_t.ghk`` for a thing in it."""
    return path.suffix in _SUFFIXES or (path.parent.suffix in _SUFFIXES and path.suffix not in (".yaml", ".yml"))


def file_of(path: Path) -> Path:
    """The file that such a path leads into."""
    return path if path.suffix in _SUFFIXES else path.parent


def read_path(path: Path) -> MechanismDescription:
    """What such a path leads to; behind dots the law and the ion, where they are not ohmic and the file's: ``leak.k``."""
    if path.suffix in _SUFFIXES:
        return _of_library(library_of((path,)), path, None, "ohmic", None)
    name, *words = path.name.split(".")
    laws, ions = [word for word in words if word in get_args(Law)], [word for word in words if word in (*VALENCES, NONSPECIFIC)]
    if unknown := [word for word in words if word not in (*laws, *ions)]:
        raise CosimError(f"there is no law {unknown[0]!r}", where=str(path), mend=did_you_mean(unknown[0], get_args(Law)))
    law, ion = laws[-1] if laws else "ohmic", ions[-1] if ions else None
    return _of_library(library_of((file_of(path),)), file_of(path), name, law, ion)


@lru_cache(maxsize=1024)
def _of_library(_library: Library, file: Path, name: str | None, law: Law, ion: str | None) -> MechanismDescription:
    """The same object as long as the library, so the file, is the same."""
    return read_neuroml(file, name, law, ion)


def as_yaml(path: Path, name: str | None = None, law: Law = "ohmic", ion: str | None = None, further: Sequence[Path] = ()) -> str:
    """The same as ``read_neuroml``, as the text of a mechanism's own file."""
    from ruamel.yaml import YAML

    text = StringIO()
    writer = YAML()
    writer.width = 130
    writer.dump(_sections(path, name, law, ion, further).data, text)
    return text.getvalue()


def _of_pool(library: Library, element: Element, ion: str | None) -> Sections:
    sections = Sections(element.file)
    sections.data |= {"title": f"{element.id} of {element.file}", "about": _notes(element), "kind": "ion"}
    named = ion or element.attributes.get("ion") or element.attributes.get("species")
    Pools(library.types, sections).read(element, ion_named(named, "ca"))
    return sections


def ion_named(name: str | None, otherwise: str = NONSPECIFIC) -> str:
    """An ion of ours by NeuroML's name of it; those that no mechanism could know are nonspecific."""
    found = (name or "").lower()
    return found if found in VALENCES else otherwise


def described(sections: Sections) -> MechanismDescription:
    """A description of its sections, checked.

    Raises
    ------
    CosimError
        All faults, with the lines of the file that they come from.
    """
    try:
        description = MechanismDescription.model_validate(sections.data)
    except ValidationError as error:
        faults = [
            CosimError(item["msg"], where=f"{sections.file}:1", why=".".join(map(str, item["loc"]))) for item in error.errors()
        ]
        raise_all(faults)
        raise AssertionError from error
    checker = Checker(description, _Lines(sections))
    equations = checker.equations()
    description.check(equations, checker)
    raise_all(checker.faults)
    return description


class _Lines(Text):
    """The lines of another text, for the keys of sections that were made of it."""

    def __init__(self, sections: Sections) -> None:
        self.name, self.data, self._lines = sections.file, sections.data, sections.lines


class _Channel:
    def __init__(self, library: Library, element: Element, law: Law, ion: str | None) -> None:
        if law not in get_args(Law):
            raise CosimError(f"there is no law {law!r}", mend=did_you_mean(law, get_args(Law)))
        self._library, self._element, self._law = library, element, law
        self._ion = ion_named(ion or element.attributes.get("species"))
        self._sections = Sections(element.file)
        self._sections.taken |= {"g", "E", "vShift", "permeability", "reduced", "width", "width_at_20", "degrees_20"}
        self._symbols: dict[str, Callable[[], str]] = {
            "v": lambda: "V", "temperature": lambda: "temperature", "caConc": lambda: "ca_i", "caConcExt": lambda: "ca_o",
            "vShift": self._shift,
        }  # fmt: skip
        if law != "ohmic" and self._ion == NONSPECIFIC:
            raise element.fault(f"a current by the law {law} is of an ion", why=f"channel {element.id!r} is of none that is known")

    def sections(self) -> Sections:
        element, sections = self._element, self._sections
        sections.data |= {"title": f"{element.id} of {element.file}", "about": _notes(element), "kind": "density"}
        factors = self._factors()
        before, after = self._of_law()
        sections.put("currents", self._ion, " * ".join([before, *factors, after]), element.where)
        return sections

    def _factors(self) -> list[str]:
        """Of gates and of scalings by temperature."""
        gates = Gates(self._library.types, self._sections, self._symbols)
        found: list[str] = []
        if self._element.type == "ionChannelPassive":
            return found
        for child in self._element.children:
            if child.tag in ("notes", "annotation", "property"):
                continue
            if any(name in _SCALINGS for name in self._library.types.ancestry(child.type)):
                kind = self._library.types.of(child)
                scale = Component(child, kind, self._symbols, lambda name, text, where: self._keep(name, text, where))
                found.append(self._keep("scale", scale.value("factor"), child.where))
            else:
                found.append(gates.factor(child))
        return found

    def _keep(self, name: str, text: str, where: str) -> str:
        symbol = self._sections.name(name)
        self._sections.put("rates", symbol, text, where)
        return symbol

    def _shift(self) -> str:
        own = self._element.attributes.get("vShift")  # of an ionChannelVShift; else it is the cell that says it
        shift = 0.0 if own is None else quantity(self._element, "vShift", "voltage")
        self._parameter("vShift", "mV", shift, "by which the gates are shifted")
        return "vShift"

    def _parameter(self, name: str, unit: str, default: float, about: str) -> None:
        given: dict[str, Any] = {"unit": unit, "default": default, "about": about}
        if name in ("g", "permeability"):
            given["range"] = [0.0, None]
        self._sections.put("parameters", name, given, self._element.where)

    def _of_law(self) -> tuple[str, str]:
        """What stands before and behind the gates in the current."""
        ion, put, where = self._ion, self._sections.put, self._element.where
        if self._law == "ghk":
            charge = VALENCES[ion]
            self._parameter("permeability", "cm/s", 0.0, "with all channels open")
            put("expressions", "reduced", f"{charge} * faraday * V / (gas_constant * temperature)", where)
            return "permeability", f"{charge} * faraday * ({ion}_i - {ion}_o * exp(-reduced)) / exprel(-reduced)"
        self._parameter("g", "S/cm**2", 0.0, "conductance with all channels open")
        if self._law == "ghk2":
            self._parameter("width_at_20", "mV", 12.5, "of the current's curve at 20 °C")
            self._parameter("degrees_20", "K", 293.15, "20 °C")
            put("expressions", "width", "width_at_20 * temperature / degrees_20", where)
            return "g", f"width * ({ion}_i / {ion}_o * exp(V / width) - 1) / exprel(V / width)"
        if self._law == "nernst":
            return "g", f"(V - E_{ion})"
        self._parameter("E", "mV", REVERSAL_MV.get(ion, 0.0), "reversal potential; in NeuroML it is the cell that says it")
        return "g", "(V - E)"


def _notes(element: Element) -> str:
    notes = element.first("notes")
    return " ".join(notes.text.split()) if notes is not None else ""


def _chosen(known: dict[str, Element], name: str, what: str, asked: Element | None, file: str = "") -> Element:
    if name not in known:
        where = asked.where if asked is not None else file
        raise CosimError(f"there is no {what} {name!r}", where=where, mend=did_you_mean(name, known))
    return known[name]

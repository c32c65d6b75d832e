"""XML files with the line of every element, and those that they include."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from xml.parsers import expat

from cosim.sdk import CosimError

_INCLUDES = {"include": "href", "Include": "file"}
"""Of NeuroML and of LEMS: element, and the attribute that names a file."""


@dataclass(eq=False)
class Element:
    """An element, its name without a prefix.

    Attributes
    ----------
    text
        What stands in it outside of its children.
    """

    tag: str
    attributes: Mapping[str, str]
    file: str
    line: int
    children: list[Element] = field(default_factory=list)
    text: str = ""

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def id(self) -> str:
        """As it is called in faults and files; its name where it has no id."""
        return self.attributes.get("id") or self.attributes.get("name") or self.tag

    @property
    def type(self) -> str:
        """Its type: the attribute, or else its name."""
        return self.attributes.get("type") or self.tag

    def all(self, *tags: str) -> list[Element]:
        """Children of some names."""
        return [child for child in self.children if child.tag in tags]

    def first(self, *tags: str) -> Element | None:
        """The first child of some names."""
        return next(iter(self.all(*tags)), None)

    def needed(self, *tags: str) -> Element:
        """The first child of some names; a CosimError where there is none."""
        found = self.first(*tags)
        if found is None:
            raise self.fault(f"{self.tag} {self.id!r} has no {tags[0]}")
        return found

    def attribute(self, name: str) -> str:
        """An attribute; a CosimError where there is none."""
        if name not in self.attributes:
            raise self.fault(f"{self.tag} {self.id!r} has no {name}")
        return self.attributes[name]

    def fault(self, what: str, why: str = "", mend: str = "") -> CosimError:
        return CosimError(what, where=self.where, why=why, mend=mend)

    def within(self) -> Iterator[Element]:
        """This element and all below it."""
        yield self
        for child in self.children:
            yield from child.within()


def read_xml(path: Path) -> Element:
    """The root of a file.

    Raises
    ------
    CosimError
        The file cannot be read, or is no XML.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CosimError(f"{path.name} cannot be read", why=str(error)) from None
    return _parsed(path.name, content)


@lru_cache(maxsize=256)
def _parsed(name: str, content: bytes) -> Element:
    parser = expat.ParserCreate()
    open_elements = [Element("", {}, name, 1)]

    def start(tag: str, attributes: dict[str, str]) -> None:
        own = {key.rpartition(":")[2]: value for key, value in attributes.items()}
        element = Element(tag.rpartition(":")[2], own, name, parser.CurrentLineNumber)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def text(characters: str) -> None:
        open_elements[-1].text += characters

    parser.StartElementHandler, parser.CharacterDataHandler = start, text
    parser.EndElementHandler = lambda tag: open_elements.pop()
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise CosimError(f"{name} is no XML", where=f"{name}:{error.lineno}", why=expat.ErrorString(error.code)) from None
    return open_elements[0].children[0]


def files_of(path: Path) -> dict[Path, Element]:
    """A file and all that it includes, as far as they exist: LEMS's own are named by files that lie elsewhere."""
    found: dict[Path, Element] = {}
    waiting = [path.resolve()]
    while waiting:
        here = waiting.pop(0)
        if here in found:
            continue
        found[here] = read_xml(here)
        for child in found[here].children:
            named = child.attributes.get(_INCLUDES.get(child.tag, ""))
            if named and "://" not in named and (there := (here.parent / named).resolve()).is_file():
                waiting.append(there)
    return found

"""Neurolucida's ASCII files: trees read by MorphIO, outlines of the soma as NEURON's Import3d takes them."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from cosim.sdk import CosimError, ScenarioError
from engines.compartmental_neurons.morphology.outline import soma_of
from engines.compartmental_neurons.morphology.samples import label_of, name_of
from engines.compartmental_neurons.morphology.tree import Floats, Morphology, Section

_TOKEN = re.compile(r';[^\n]*|"[^"\n]*"|[()]')
_POINT = re.compile(r"\(\s*([-+.\deE]+)[\s,]+([-+.\deE]+)[\s,]+([-+.\deE]+)[^()]*\)")
_COMMENT = re.compile(r'("[^"\n]*")|;[^\n]*')
_PROPERTY = re.compile(r"\(\s*[A-Za-z][^()]*(?:\([^()]*\)[^()]*)*\)")
_SOMATA = ('"CellBody"', '"Cell Body"', '"Soma"')


@dataclass(frozen=True)
class _Block:
    """What stands between a pair of outermost brackets."""

    start: int
    stop: int
    line: int
    text: str

    @property
    def is_soma(self) -> bool:
        return self.text[1:].lstrip().startswith(_SOMATA)

    @property
    def is_tree(self) -> bool:
        """Whether it holds branches: properties and then points, but no label of a drawing, which is a point and a text."""
        text = _bare(self.text)
        point = _POINT.search(text)
        return (
            re.match(r"\(\s*\(", self.text) is not None and point is not None and not text[point.end() :].lstrip().startswith('"')
        )


def read_asc(path: Path) -> Morphology:
    """The morphology in a Neurolucida file.

    Raises
    ------
    CosimError
        MorphIO is not installed, or does not understand the file; several somata; trees that no soma holds together.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise CosimError(f"{path.name} cannot be read", where=str(path), why=str(error)) from None
    blocks = list(_blocks(text, path.name))
    somata, drawn = [block for block in blocks if block.is_soma], [block for block in blocks if block.is_tree]
    trees = _trees(_lines(drawn), path.name) if drawn else None
    if trees is not None and len(trees.root_sections) != len(drawn):
        known = ", ".join(f"{path.name}:{block.line}" for block in drawn[:8])
        raise CosimError(
            f"{len(drawn)} trees are drawn and {len(trees.root_sections)} are understood",
            where=f"{path.name}:{drawn[0].line}",
            why=f"a tree says that it is (Axon), (Dendrite) or (Apical) before its points; trees begin at {known}",
        )
    return _joined(somata, trees, path.name)


def _joined(somata: list[_Block], trees: Any, file: str) -> Morphology:
    """The soma, if there is one, and the trees on its middle."""
    sections: list[Section] = []
    if somata:
        outlines = [_outline(block, file) for block in somata]
        _one_soma(outlines, somata, file)
        try:
            points, diameters = soma_of(outlines)
        except CosimError as error:
            raise error.located(f"{file}:{somata[0].line}") from None
        sections.append(Section(points, diameters, -1, 0.0, "soma", name_of(1, 0)))
    elif trees is None or len(trees.root_sections) != 1:
        why = f'{0 if trees is None else len(trees.root_sections)} trees, and no outline of a soma ("CellBody") that they are on'
        raise CosimError("the cell does not hang together", where=f"{file}:1", why=why)
    if trees is not None:
        sections += _branches(trees, len(sections))
    try:
        return Morphology(tuple(sections))
    except CosimError as error:
        for fault in error.faults if isinstance(error, ScenarioError) else (error,):
            fault.located(f"{file}:1")
        raise


def _branches(trees: Any, before: int) -> Iterator[Section]:
    counts: dict[int, int] = {}
    for branch in trees.iter():  # depth first, in the order of the file
        kind = int(branch.type)
        parent, at = (branch.parent.id + before, 1.0) if not branch.is_root else (0, 0.5) if before else (-1, 0.0)
        points, diameters = branch.points.astype(np.float64), branch.diameters.astype(np.float64)
        yield Section(points, diameters, parent, at, label_of(kind), name_of(kind, counts.get(kind, 0)))
        counts[kind] = counts.get(kind, 0) + 1


def _trees(lines: list[tuple[int, str]], file: str) -> Any:
    try:
        morphio = importlib.import_module("morphio")
    except ImportError:
        why = "the file is one of Neurolucida's, which MorphIO reads"
        raise CosimError(
            f"{file} needs MorphIO", where=file, why=why, mend='pip install "neuro-cosim[morphologies]", or morphio'
        ) from None
    try:
        text = "".join(f"{line}\n" for _, line in lines)
        return morphio.Morphology(text, "asc", warning_handler=morphio.WarningHandlerCollector())
    except morphio.MorphioError as error:
        told = re.sub(r"\x1b\[[\d;]*m", "", str(error)).strip()  # it colours
        place = re.match(r"[^\n]*?:(\d+):error\s*", told)
        number = lines[min(int(place[1]), len(lines)) - 1][0] if place else lines[0][0]
        why = " ".join(told[place.end() if place else 0 :].split())
        raise CosimError("MorphIO does not understand it", where=f"{file}:{number}", why=why) from None


# -- text ----------------------------------------------------------------------------------------------------------------------


def _blocks(text: str, file: str) -> Iterator[_Block]:
    depth, start = 0, 0
    for token in _TOKEN.finditer(text):
        if token.group() == "(":
            start = token.start() if depth == 0 else start
            depth += 1
        elif token.group() == ")":
            depth -= 1
            if depth < 0:
                raise CosimError("a bracket closes that was not opened", where=f"{file}:{_line(text, token.start())}")
            if depth == 0:
                yield _Block(start, token.end(), _line(text, start), text[start : token.end()])
    if depth:
        raise CosimError("a bracket is not closed", where=f"{file}:{_line(text, start)}", why="the file ends before")


def _lines(blocks: list[_Block]) -> list[tuple[int, str]]:
    """What MorphIO is to read, with the number of each line: it counts lines of comments and empty ones twice (3.5)."""
    found = []
    for block in blocks:
        for number, line in enumerate(_without_comments(block.text).splitlines(), block.line):
            if line.strip():
                found.append((number, _POINT.sub(lambda point: point.group().replace(",", " "), line)))
    return found


def _without_comments(text: str) -> str:
    return _COMMENT.sub(lambda found: found[1] or "", text)


def _bare(text: str) -> str:
    """Without comments and properties such as (Color RGB (255, 255, 128))."""
    return _PROPERTY.sub("", _without_comments(text))


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _outline(block: _Block, file: str) -> Floats:
    found = [tuple(float(value) for value in match.groups()) for match in _POINT.finditer(_bare(block.text))]
    if len(found) < 3:
        why = f"it has {len(found)} points; an outline has 3 or more"
        raise CosimError("the soma is no outline", where=f"{file}:{block.line}", why=why)
    return np.array(found)


def _one_soma(outlines: list[Floats], blocks: list[_Block], file: str) -> None:
    """That each outline lies above the one before, as those of one soma do."""
    for (below, above), block in zip(pairwise(outlines), blocks[1:], strict=True):
        apart = (below.min(axis=0) > above.max(axis=0)) | (above.min(axis=0) > below.max(axis=0))
        if apart[:2].any():
            why, mend = "its outline lies beside the one before", "make a file of each cell"
            raise CosimError("a second soma", where=f"{file}:{block.line}", why=why, mend=mend)

"""YAML that knows file and line: YAML 1.2 scalars, includes whose values keep their origin, ``--set`` overrides.

``1e-8`` is a number; ``on``, ``yes`` and ``no`` are strings; a key given twice is a fault.
"""

from __future__ import annotations

import json
import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosim.sdk import CosimError

KeyPath = tuple[str | int, ...]
MOST_DEPTH = 60

_INT = re.compile(r"^[-+]?[0-9]+$|^0o[0-7]+$|^0x[0-9a-fA-F]+$")
_FLOAT = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$")
_WORDS = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}


@dataclass(frozen=True)
class Mark:
    """Where a value was written: a file and line, or ``--set`` on the command line."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass
class Document:
    """Values, and for every key path the place where it was written."""

    data: dict[str, Any] = field(default_factory=dict)
    marks: dict[KeyPath, Mark] = field(default_factory=dict)
    folder: Path = field(default_factory=Path)
    faults: list[CosimError] = field(default_factory=list)

    def mark(self, path: KeyPath) -> Mark:
        """The place of ``path``, or of the nearest thing around it that was written."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.marks:
                return self.marks[path[:end]]
        return Mark(self.data.get("about", {}).get("name", "scenario") if isinstance(self.data.get("about"), dict) else "scenario")

    def where(self, path: KeyPath) -> str:
        """``scenario.yaml:31  links.up.delay``"""
        return f"{self.mark(path)}  {'.'.join(map(str, path))}"

    def overlay(self, other: Document) -> None:
        """Lay ``other`` over this: mappings are merged key by key, anything else is replaced."""
        _merge(self.data, other.data, (), self.marks)
        self.marks.update(other.marks)
        self.faults += other.faults


def read_file(path: Path, _including: tuple[Path, ...] = ()) -> Document:
    """A scenario file with everything it includes.

    What the file says wins over what it includes; later includes win over earlier ones.
    """
    path = path.resolve()
    chain = (*_including, path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CosimError(f"file {path.name!r} does not exist", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise CosimError("the file is not UTF-8 text", where=str(path), why=str(error)) from None
    except OSError as error:
        raise CosimError(f"file {path.name!r} cannot be read", where=str(path), why=error.strerror or str(error)) from None
    own = read_text(text, _short(path))
    result = Document(folder=path.parent)
    for i, name in enumerate(_included(own)):
        file = (path.parent / name).resolve()
        where = own.where(("include", i))
        if file in chain:
            own.faults.append(
                CosimError("files include one another", where=where, why=" -> ".join(_short(p) for p in (*chain, file)))
            )
            continue
        try:
            result.overlay(read_file(file, chain))
        except CosimError as error:
            own.faults.append(
                CosimError(error.what, where=where, why=f"{error.where or file}: {error.why}".rstrip(": "), mend=error.mend)
            )
    result.overlay(own)
    return result


def read_text(text: str, file: str) -> Document:
    """Values and marks of one YAML text."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    document = Document()
    try:
        root = YAML(typ="rt", pure=True).compose(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise CosimError(
            "the file is not YAML", where=str(Mark(file, line)), why=f"{error.context or ''} {error.problem or ''}".strip()
        ) from None
    except YAMLError as error:
        raise CosimError("the file is not YAML", where=file, why=str(error)) from None
    document.marks[()] = Mark(file, 1)
    value = _value(root, (), file, document) if root is not None else {}
    if isinstance(value, dict):
        document.data = value
    else:
        raise CosimError(
            "a scenario is a mapping of keys", where=f"{file}:1", why=f"found {type(value).__name__}", mend="start with 'cosim: 1'"
        )
    return document


def set_values(document: Document, settings: Sequence[str]) -> None:
    """Apply ``engines.brain.params.G=2.1`` to a document."""
    for setting in settings:
        keys, equals, text = setting.partition("=")
        mark = Mark(f"--set {setting.splitlines()[0] if setting else setting}")
        if not equals or not keys.strip():
            document.faults.append(CosimError("--set needs KEY=VALUE", where=str(mark), mend="for example: --set clock.seed=7"))
            continue
        path: KeyPath = tuple(int(k) if k.isdecimal() else k for k in keys.strip().split("."))
        try:
            value = _parse_value(text, document, path, mark)
            _assign(document, path, value)
        except CosimError as error:
            document.faults.append(error.located(str(mark)))


def as_yaml(item: Any) -> str:
    """A value as JSON that is YAML too: no characters that YAML forbids, and its own words for what is not finite."""
    if isinstance(item, float) and not math.isfinite(item):
        return ".nan" if item != item else ".inf" if item > 0 else "-.inf"
    text = json.dumps(item, ensure_ascii=False)
    return re.sub(r"[\x7f-\x9f\u2028\u2029\ufeff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _parse_value(text: str, document: Document, path: KeyPath, mark: Mark) -> Any:
    body = f"value: {text}" if "\n" not in text else "value:\n" + textwrap.indent(text, "  ")
    parsed = read_text(body, str(mark))
    for inner in parsed.marks:
        if inner[:1] == ("value",):
            document.marks[path + inner[1:]] = mark
    return parsed.data.get("value")


def _assign(document: Document, path: KeyPath, value: Any) -> None:
    node: Any = document.data
    for depth, key in enumerate(path[:-1]):
        if isinstance(node, list) and isinstance(key, int) and key < len(node):
            node = node[key]
        elif isinstance(node, dict):
            if node.get(str(key)) is None:
                node[str(key)] = {}
            node = node[str(key)]
        else:
            raise CosimError(
                f"{'.'.join(map(str, path[: depth + 1]))} leads nowhere", why=f"{'.'.join(map(str, path[:depth]))} holds {node!r}"
            )
    if isinstance(node, list):
        if not isinstance(path[-1], int) or path[-1] >= len(node):
            raise CosimError(f"there is no item {path[-1]!r} in a list of {len(node)}")
        node[path[-1]] = value
    elif isinstance(node, dict):
        node[str(path[-1])] = value
    else:
        raise CosimError(f"{'.'.join(map(str, path))} leads nowhere", why=f"the value above it is {node!r}")


def _value(node: Any, path: KeyPath, file: str, document: Document) -> Any:
    """A Python value of a YAML node; marks and faults go to the document."""
    document.marks.setdefault(path, Mark(file, node.start_mark.line + 1))
    if len(path) > MOST_DEPTH:
        raise CosimError(
            "the file is nested too deeply", where=f"{file}:{node.start_mark.line + 1}", why="does an alias contain itself?"
        )
    if node.id == "mapping":
        return _mapping(node, path, file, document)
    if node.id == "sequence":
        return [_value(item, (*path, i), file, document) for i, item in enumerate(node.value)]
    return _scalar(node.value) if node.style is None else node.value


def _mapping(node: Any, path: KeyPath, file: str, document: Document) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value if key_node.id == "scalar" else str(key_node.value)
        mark = Mark(file, key_node.start_mark.line + 1)
        if key in values:
            document.faults.append(
                CosimError(
                    f"key {key!r} is given twice",
                    where=f"{mark}  {'.'.join(map(str, (*path, key)))}",
                    why=f"first at {document.marks[(*path, key)]}",
                    mend="keep one",
                )
            )
            continue
        document.marks[(*path, key)] = mark
        values[key] = _value(value_node, (*path, key), file, document)
    return values


def _scalar(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.match(text):
        return float(
            text.replace(".inf", "inf")
            .replace(".Inf", "inf")
            .replace(".INF", "inf")
            .replace(".nan", "nan")
            .replace(".NaN", "nan")
            .replace(".NAN", "nan")
        )
    return text


def _merge(base: dict[str, Any], over: dict[str, Any], path: KeyPath, marks: dict[KeyPath, Mark]) -> None:
    base_use = base.get("use")
    for key, value in over.items():
        is_another = key == "params" and "use" in over and over["use"] != base_use  # parameters of another engine
        if isinstance(value, dict) and isinstance(base.get(key), dict) and not is_another:
            _merge(base[key], value, (*path, key), marks)
            continue
        for old in [p for p in marks if p[: len(path) + 1] == (*path, key)]:
            del marks[old]  # origins of what is replaced
        base[key] = value


def _included(document: Document) -> list[str]:
    include = document.data.get("include")
    if include is None:
        return []
    names = include if isinstance(include, list) else [include]
    return [name for name in names if isinstance(name, str)]


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)

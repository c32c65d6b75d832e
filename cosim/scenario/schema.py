"""The scenario file as a typed model; its JSON Schema is generated from here.

All faults of a file are collected, each with file:line, key path, and a suggestion where a name is near.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from cosim.scenario.reader import Document, KeyPath, as_yaml, read_file, set_values
from cosim.sdk import CosimError, Duration, ScenarioError, did_you_mean

NAME = r"^[A-Za-z_][A-Za-z0-9_-]*$"
Name = Annotated[str, Field(pattern=NAME)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class About(_Entry):
    """What the scenario is, for people."""

    name: Name
    description: str = ""
    authors: list[str] = []
    licence: str = ""


class Clock(_Entry):
    """Simulated time and the seed of everything random."""

    stop: Annotated[Duration, Field(gt=0, description="the run ends when every engine has passed this time")]
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


class EngineEntry(_Entry):
    """One simulator with one model."""

    use: Annotated[str, Field(description="an engine's name, package.module:Class, or ./file.py:Class beside the scenario")]
    window: Annotated[Duration, Field(gt=0, description="the span of one advance")]
    params: dict[str, Any] = {}
    ranks: Annotated[int, Field(ge=1, description="MPI ranks of its own")] = 1
    python: Annotated[str | None, Field(description="another interpreter, with dependencies of its own (zeromq)")] = None
    cost: Annotated[
        float,
        Field(gt=0, description="wall time per simulated time, relative to the other engines; decides how engines are packed"),
    ] = 1.0


class Weights(_Entry):
    """A map by a sparse table of target, source, weight."""

    weights: str


Via = Annotated[dict[str, dict[str, Any] | None], Field(min_length=1, max_length=1)]


def _as_list(value: Any) -> Any:
    """``via: {low_pass: …}`` is a chain of one, ``via: low_pass`` too."""
    items = value if isinstance(value, list) else [value]
    return [{item: {}} if isinstance(item, str) else item for item in items]


class LinkEntry(_Entry):
    """A connection of two ports."""

    source: Annotated[str, Field(alias="from", description="engine.port or engine.port[selector]")]
    target: Annotated[str, Field(alias="to", description="engine.port or engine.port[selector]")]
    delay: Annotated[Duration, Field(ge=0, description="simulated time that the link adds")] = 0
    interval: Annotated[Duration | None, Field(gt=0, description="span of one frame; the source's window unless given")] = None
    via: Annotated[list[Via], BeforeValidator(_as_list), Field(description="translators, in order")] = []
    map: Annotated[
        Literal["one_to_one", "broadcast", "sum", "mean"] | Weights | None,
        Field(description="how channels become channels, where counts don't say it"),
    ] = None
    time: Annotated[Literal["exact", "hold"], Field(description="hold: read the last value known at the window's start")] = "exact"
    initial: Annotated[str | float | list[str | float] | None, Field(description="what the link says of source time before 0")] = (
        None
    )
    record: bool = False


class Record(_Entry):
    """What is kept in run.h5."""

    streams: list[str] = []


class Run(_Entry):
    """How the scenario is run; none of it changes a result."""

    transport: Literal["auto", "inline", "zeromq", "zeromq-tcp", "mpi"] = "auto"
    processes: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    realtime: Annotated[float | None, Field(gt=0, description="pace: simulated time over wall time; 1 is real time")] = None
    stall_after: Annotated[Duration, Field(gt=0)] = 60 * 10**9
    hashes: Annotated[bool, Field(description="keep a SHA-256 of every link's stream")] = True
    check_values: Annotated[bool, Field(description="hold every payload against its port: finite, in order, in range")] = True


class ScenarioFile(_Entry):
    """A cosim scenario."""

    cosim: Annotated[Literal[1], Field(description="format version")]
    about: About
    include: Annotated[list[str], BeforeValidator(lambda v: v if isinstance(v, list) else [v])] = []
    folder: Annotated[str | None, Field(description="where relative paths start; the file's own folder unless given")] = None
    clock: Clock
    engines: Annotated[dict[Name, EngineEntry], Field(min_length=1)]
    links: dict[Name, LinkEntry] = {}
    record: Record = Record()
    run: Run = Run()


_STAND_INS: dict[Any, Any] = {"cosim": 1, "about": {"name": "scenario"}, "clock": {"stop": "1 s"}}
"""For sections that are faulty, while the rest of the file is looked at."""


class Scenario:
    """A validated scenario file: typed entries, and where each value was written."""

    def __init__(self, document: Document, file: ScenarioFile, path: Path | None, absent: frozenset[str] = frozenset()) -> None:
        self.document, self.file, self.path, self.absent = document, file, path, absent
        self.folder = document.folder / file.folder if file.folder else document.folder

    @property
    def name(self) -> str:
        return self.file.about.name

    @classmethod
    def load(cls, path: Path, settings: list[str] | None = None) -> Scenario:
        """Read, override and validate; a ScenarioError lists every fault at once."""
        document = read_file(path)
        set_values(document, settings or [])
        return cls.from_document(document, path)

    @classmethod
    def from_data(cls, data: dict[str, Any], folder: Path | str = ".") -> Scenario:
        """A scenario given as Python values, such as those of a notebook."""
        return cls.from_document(Document(data=data, folder=Path(folder).resolve()), None)

    @classmethod
    def from_document(cls, document: Document, path: Path | None) -> Scenario:
        faults = list(document.faults)
        file = validated(ScenarioFile, document.data, (), document, faults)
        if file is None or faults:
            raise ScenarioError(faults, None if document.faults else cls._sound_part(document))
        return cls(document, file, path)

    @classmethod
    def _sound_part(cls, document: Document) -> Scenario | None:
        """The scenario without the entries that are faulty in themselves, or None where nothing is left to look at."""
        data = copy.deepcopy(document.data)
        absent = set()
        try:
            ScenarioFile.model_validate(data, context={"from_file": True})
        except ValidationError as error:
            for section, *inner in {tuple(map(str, detail["loc"][:2])) for detail in error.errors(include_url=False)}:
                if section in ("engines", "links") and inner and isinstance(data.get(section), dict):
                    data[section].pop(inner[0], None)
                    absent.update(inner if section == "engines" else [])
                elif section in _STAND_INS:
                    data[section] = _STAND_INS[section]
                else:
                    data.pop(section, None)
        part = Document(data, document.marks, document.folder)
        file = validated(ScenarioFile, data, (), part, [])
        return cls(part, file, None, frozenset(absent)) if file else None

    def dump(self) -> str:
        """The resolved scenario as YAML; behind each value stands the place where it was written."""
        lines: list[str] = []
        data = {**self.document.data, "folder": str(self.folder.resolve())}
        data.pop("include", None)
        _dump(data, (), "", self.document, lines)
        return "\n".join(lines) + "\n"


def validated(model: type[Any], value: Any, path: KeyPath, document: Document, faults: list[CosimError]) -> Any | None:
    """``value`` as a ``model``, or None with its faults added to ``faults``."""
    try:
        return model.model_validate(value, context={"from_file": True, "folder": str(document.folder)})
    except ValidationError as error:
        faults += [_fault(detail, model, path, document) for detail in error.errors(include_url=False)]
        return None


def _fault(detail: ErrorDetails, model: type[BaseModel], path: KeyPath, document: Document) -> CosimError:
    inner = tuple(part for part in detail["loc"])
    full = path + inner
    where = document.where(_written(full, document))
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "cosim":
        return CosimError(str(context["what"]), where=where, why=str(context["why"]), mend=str(context["mend"]))
    if kind == "extra_forbidden":
        known = _keys_at(model, inner[:-1])
        return CosimError(f"unknown key {full[-1]!r}", where=where, mend=did_you_mean(str(full[-1]), known))
    if kind == "missing":
        return CosimError(f"key {full[-1]!r} is missing", where=where)
    if kind == "string_pattern_mismatch":
        return CosimError(
            f"{detail['input']!r} is not a name", where=where, mend="letters, digits, _ and -, starting with a letter"
        )
    message = detail["msg"][:1].lower() + detail["msg"][1:]
    return CosimError(message, where=where, why=f"found {detail['input']!r}")


def _written(path: KeyPath, document: Document) -> KeyPath:
    """The key path without the names of union branches that pydantic puts into it."""
    found: KeyPath = ()
    for i, part in enumerate(path):
        if (*found, part) in document.marks or i == len(path) - 1:
            found = (*found, part)
    return found


def _keys_at(annotation: Any, path: tuple[str | int, ...]) -> list[str]:
    """The keys known at ``path`` of a model, followed through nested models, mappings, lists and unions."""
    for part in path:
        models = _models_in(annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            named = {f.alias or name: f.annotation for name, f in annotation.model_fields.items()}
            annotation = named.get(str(part))
        elif (branch := [m for m in models if m.__name__ == part]) or (
            isinstance(part, str) and part.startswith(("function-", "tagged-"))
        ):
            annotation = branch[0] if branch else annotation  # a branch of a union, not a key
        else:
            annotation = models[0] if len(models) == 1 else None  # an item of a list or mapping
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        models = _models_in(annotation)
        annotation = models[0] if len(models) == 1 else None
    return [f.alias or name for name, f in annotation.model_fields.items()] if annotation is not None else []


def _models_in(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in _models_in(argument)]


def _dump(value: Any, path: KeyPath, indent: str, document: Document, lines: list[str]) -> None:

    for key, item in value.items():
        origin = f"  # {document.mark((*path, key))}" if (*path, key) in document.marks else ""
        if isinstance(item, dict) and item:
            lines.append(f"{indent}{_key(key)}:")
            _dump(item, (*path, key), indent + "  ", document, lines)
        else:
            lines.append(f"{indent}{_key(key)}: {as_yaml(item)}{origin}")


def _key(key: str) -> str:
    import json

    return (
        key
        if key.replace("_", "").replace("-", "").isalnum() and not key[0].isdigit() and key.lower() not in ("null", "true", "false")
        else json.dumps(key, ensure_ascii=False)
    )

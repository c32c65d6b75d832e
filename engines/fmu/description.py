"""What an FMU says of itself in its modelDescription.xml, read with the standard library alone."""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from cosim.sdk import CosimError, did_you_mean
from cosim.sdk.units import factor

# FMI's type of a variable: what its functions are called after, and the numbers that they read and write.
_REAL, _WHOLE = ("Float32", "Float64"), [f"{sort}{bits}" for sort in ("Int", "UInt") for bits in (8, 16, 32, 64)]
TYPES: dict[int, dict[str, tuple[str, Any]]] = {
    2: {
        "Real": ("Real", np.float64),
        "Integer": ("Integer", np.int32),
        "Enumeration": ("Integer", np.int32),
        "Boolean": ("Boolean", np.int32),
    },
    3: {
        **{name: (name, np.dtype(name.lower()).type) for name in (*_REAL, *_WHOLE)},
        "Enumeration": ("Int64", np.int64),
        "Boolean": ("Boolean", np.bool_),
    },
}
_EXACT = 2.0**53  # beyond it samples, which are float64, no longer tell whole numbers apart


@dataclass(frozen=True)
class Variable:
    """A variable of the model; the dimensions of an array are numbers, or names of structural parameters."""

    name: str
    reference: int
    type: str
    causality: str
    tunable: bool
    unit: str
    dimensions: tuple[int | str, ...]
    start: str
    range: tuple[float, float]


@dataclass(frozen=True)
class Description:
    """What modelDescription.xml says; ``step`` is in s, as text."""

    version: int
    identifier: str
    step: str
    restorable: bool
    platforms: tuple[str, ...]
    variables: Mapping[str, Variable]

    def labels(self, variable: Variable, start: Mapping[str, Any]) -> list[str]:
        """One a number: the name, or for an array ``name[1]``, ``name[2]``, … as FMI 2 writes them."""
        sizes = [
            size if isinstance(size, int) else int(start.get(size, self.variables[size].start)) for size in variable.dimensions
        ]
        return [f"{variable.name}[{','.join(str(i + 1) for i in at)}]" for at in np.ndindex(*sizes)] if sizes else [variable.name]

    def named(self, name: str) -> Variable:
        if name not in self.variables:
            raise CosimError(f"the FMU has no variable {name!r}", mend=did_you_mean(name, self.variables))
        return self.variables[name]


def describe(path: Path) -> Description:
    return _describe(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=32)
def _describe(path: Path, changed_ns: int) -> Description:
    try:
        with zipfile.ZipFile(path) as archive:
            root, files = ElementTree.fromstring(archive.read("modelDescription.xml")), archive.namelist()
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError) as error:
        raise CosimError(f"{path.name} is not an FMU", why=f"{type(error).__name__}: {error}") from error
    said, part = root.get("fmiVersion", ""), root.find("CoSimulation")
    version = int(said[0]) if said[:1].isdigit() else 0
    if version not in TYPES or part is None:
        offers = [kind for kind in ("CoSimulation", "ModelExchange", "ScheduledExecution") if root.find(kind) is not None]
        raise CosimError(
            f"{path.name} cannot be co-simulated: it is of FMI {said}, and offers {' and '.join(offers) or 'no CoSimulation'}",
            mend="export the model once more, for CoSimulation with FMI 2.0 or 3.0",
        )
    types = {node.get("name"): node if version == 3 else node[0] for node in root.iterfind("TypeDefinitions/*")}
    nodes = root.findall("ModelVariables/*")
    names = {node.get("valueReference", ""): node.get("name", "") for node in nodes}
    experiment = root.find("DefaultExperiment")
    state = "state" if version == 2 else "State"
    return Description(
        version,
        part.get("modelIdentifier", ""),
        (experiment.get("stepSize") if experiment is not None else None) or part.get("fixedInternalStepSize") or "",
        all(part.get(f"can{verb}FMU{state}") in ("true", "1") for verb in ("GetAndSet", "Serialize")),
        tuple(dict.fromkeys(file.split("/")[1] for file in files if file.startswith("binaries/") and file.count("/") > 1)),
        {variable.name: variable for variable in (_variable(node, version, types, names) for node in nodes)},
    )


def _variable(node: Any, version: int, types: Mapping[Any, Any], names: Mapping[str, str]) -> Variable:
    told = node if version == 3 else next(part for part in node if part.tag in (*TYPES[2], "String"))
    declared = types.get(told.get("declaredType"))

    def say(key: str) -> str:
        return told.get(key) or (declared.get(key) if declared is not None else None) or ""

    dimensions = [(part.get("start"), part.get("valueReference")) for part in node.iterfind("Dimension")]
    return Variable(
        name=node.get("name"),
        reference=int(node.get("valueReference")),
        type=told.tag,
        causality=node.get("causality", "local"),
        tunable=node.get("causality") == "parameter" and node.get("variability") == "tunable",
        unit=known_unit(say("unit")) if say("unit") else "1",
        dimensions=tuple(int(start) if start else names[reference] for start, reference in dimensions),
        start=told.get("start", ""),
        range=_range(told.tag, version, say, declared),
    )


def _range(kind: str, version: int, say: Callable[[str], str], declared: Any) -> tuple[float, float]:
    """What a sample that goes to a whole number, an enumeration or a Boolean may be; no bounds for a real."""
    if kind not in TYPES[version] or kind in ("Real", *_REAL):
        return -math.inf, math.inf
    if kind == "Boolean":
        return 0.0, 1.0
    items = [float(item.get("value", i + 1)) for i, item in enumerate(declared.iterfind("Item"))] if declared is not None else []
    limits = np.iinfo(TYPES[version][kind][1])
    low, high = min(items, default=float(say("min") or limits.min)), max(items, default=float(say("max") or limits.max))
    return max(low, -_EXACT), min(high, _EXACT)


@lru_cache(maxsize=256)
def known_unit(unit: str) -> str:
    """FMI's unit as links write it (``m/s2`` is m/s**2); "1" where it is not known to them."""
    written = re.sub(r"(?<=[A-Za-z])([-+]?\d+)", r"**\1", unit).replace(".", "*")
    try:
        factor(f"{written} ", written)  # two spellings, so that it is looked up
    except CosimError:
        return "1"
    return written

"""Where a cell's form comes from: a file of your own, a file of an installed package, branches by name, or a rule."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from cosim.sdk import CosimError, InputFile, Params, ScenarioError
from cosim.sdk.units import told
from engines.compartmental_neurons.morphology.branches import Branch, Shape, in_order, shape_of
from engines.compartmental_neurons.morphology.generators import Cable, Rall, Ring
from engines.compartmental_neurons.morphology.stub import with_stub
from engines.compartmental_neurons.morphology.swc import read_swc
from engines.compartmental_neurons.morphology.tree import Morphology

_READERS = {".swc": "SWC", ".asc": "Neurolucida ASCII", ".nml": "NeuroML2", ".xml": "NeuroML2"}


class Form(Params):
    """What a cell looks like; give one of file, branches, cable, rall and ring."""

    file: Annotated[InputFile | None, Field(description=f"{', '.join(sorted(_READERS))}; of the package, where one is given")] = (
        None
    )
    package: Annotated[str | None, Field(description="installed, of which the file is a part; it is not imported")] = None
    cell: Annotated[str | None, Field(description="id of the cell, where a NeuroML file has several")] = None
    axon: Annotated[
        Literal["stub"] | None, Field(description="of the file: replaced by 60 um of cable of 1 um, as in Allen's cells")
    ] = None
    branches: Annotated[dict[str, Branch] | None, Field(min_length=1, description="pieces of cable by name")] = None
    cable: Cable | None = None
    rall: Rall | None = None
    ring: Ring | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_package(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("package"), str) and isinstance(data.get("file"), (str, Path)):
            return {**data, "file": told(lambda: file_of_package(data["package"], Path(data["file"])))}
        return data

    @model_validator(mode="after")
    def _sound(self) -> Form:
        given = [name for name in ("file", "branches", "cable", "rall", "ring") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give one of file, branches, cable, rall, ring" + (f", not {' and '.join(given)}" if given else ""))
        idle = [name for name in ("package", "cell", "axon") if getattr(self, name) is not None]
        if self.file is None and idle:
            raise ValueError(f"{idle[0]} says something of a file, and there is none")
        if self.branches is not None:
            in_order(self.branches)
        if self.file is not None:
            told(lambda: _together(self))
        return self

    @property
    def varies(self) -> bool:
        """Whether cells of different numbers have different forms."""
        return self.ring is not None and self.ring.branch_probability != (1.0, 1.0)

    def shape(self, seed: int = 0, cell: int = 0) -> Shape:
        """The form of the cell of a number.

        Raises
        ------
        CosimError
            What is wrong with the file.
        """
        if self.file is not None:
            morphology = read(self.file, self.cell)
            morphology = with_stub(morphology) if self.axon else morphology
            return Shape(morphology, np.zeros(len(morphology.sections), np.int64))
        if self.branches is not None:
            return shape_of(self.branches)
        rule = next(rule for rule in (self.cable, self.rall, self.ring) if rule is not None)
        return rule.shape(seed, cell)


def read(path: Path, cell: str | None = None) -> Morphology:
    """The morphology in a file, by the end of its name.

    Parameters
    ----------
    cell
        Which, where a NeuroML file has several.
    """
    kind = path.suffix.lower()
    if kind not in _READERS:
        known = ", ".join(f"{end} ({name})" for end, name in _READERS.items())
        raise CosimError(f"{path.name} is of no known kind", why=f"known are {known}")
    if cell is not None and _READERS[kind] != "NeuroML2":
        raise CosimError(f"{path.name} has one cell, and {cell!r} is asked for", mend="leave cell out")
    try:
        state = path.stat()
    except OSError as error:
        raise CosimError(f"{path.name} cannot be read", why=str(error)) from None
    return _read(path, cell, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=64)
def _read(path: Path, cell: str | None, _changed_ns: int, _size: int) -> Morphology:
    kind = path.suffix.lower()
    if kind == ".swc":
        return read_swc(path)
    if kind == ".asc":
        from engines.compartmental_neurons.morphology.asc import read_asc

        return read_asc(path)
    from engines.compartmental_neurons.morphology.neuroml import read_neuroml

    return read_neuroml(path, cell)


def file_of_package(package: str, file: Path) -> Path:
    """Where a file of an installed package lies; the package is not imported."""
    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        found = None
    if found is None or not found.submodule_search_locations:
        raise CosimError(f"there is no package {package!r}", why="it is not installed", mend=f"pip install {package}")
    folders = [Path(folder) for folder in found.submodule_search_locations]
    path = next((folder / file for folder in folders if (folder / file).is_file()), None)
    if path is None:
        raise CosimError(f"package {package!r} has no file {str(file)!r}", why=f"looked in {folders[0]}")
    return path


def _together(form: Form) -> None:
    """Reads the file, and tells all its faults as one."""
    assert form.file is not None
    try:
        form.shape()
    except ScenarioError as error:
        raise CosimError("\n".join([f"{form.file.name} has faults", *map(str, error.faults)])) from None
    except CosimError as error:
        raise CosimError(f"{error.where}: {error.what}" if error.where else error.what, why=error.why, mend=error.mend) from None

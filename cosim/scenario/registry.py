"""Names become classes: the only place that loads plug-ins.

``name`` is looked up among the installed entry points, ``package.module:Class`` is imported, ``./file.py:Class`` is loaded
from beside the scenario.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import traceback
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal

from cosim.scenario.schema import did_you_mean
from cosim.sdk import CosimError

Kind = Literal["engine", "translator"]
_GROUPS: dict[Kind, str] = {"engine": "cosim.engines", "translator": "cosim.couplers"}


@lru_cache(maxsize=2)
def installed(kind: Kind) -> dict[str, EntryPoint]:
    """The plug-ins of a kind that are installed, by name."""
    return {point.name: point for point in sorted(entry_points(group=_GROUPS[kind]), key=lambda p: p.name)}


def find(kind: Kind, use: str, folder: Path) -> Any:
    """The class that ``use`` names; a CosimError that names the file and line where loading it failed."""
    module, colon, name = use.partition(":")
    if not colon:
        known = installed(kind)
        if use not in known:
            raise CosimError(f"there is no {kind} {use!r}", mend=did_you_mean(use, list(known)))
        module, _, name = known[use].value.partition(":")
    if module.endswith(".py"):
        loaded = load_file((folder / module).resolve(), use)
    else:
        loaded = _guard(use, lambda: importlib.import_module(module))
    if not hasattr(loaded, name):
        classes = [n for n, v in vars(loaded).items() if isinstance(v, type) and not n.startswith("_")]
        raise CosimError(f"{module} has no class {name!r}", mend=did_you_mean(name, classes))
    found = getattr(loaded, name)
    _check_shape(kind, use, found)
    return found


def load_file(path: Path, use: str) -> Any:
    """A Python file as a module of its own; loaded once."""
    if not path.is_file():
        raise CosimError(f"file {path.name!r} does not exist", why=f"looked for {path}", mend="'./' is the scenario's folder")
    name = f"cosim_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))  # so that it finds its neighbours
    try:
        _guard(use, lambda: spec.loader.exec_module(module))
    except CosimError:
        del sys.modules[name]
        raise
    finally:
        sys.path.remove(str(path.parent))
    return module


def _guard(use: str, load: Any) -> Any:
    """Run an import; whatever it raises becomes a fault that names the plug-in's own file and line."""
    try:
        return load()
    except Exception as error:  # a plug-in may raise anything while it is imported
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename and f.filename != __file__]
        place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        if isinstance(error, SyntaxError) and error.filename:
            place = f"{error.filename}:{error.lineno}"
        missing = isinstance(error, ModuleNotFoundError)
        mend = f"install {error.name}, or correct the name" if missing else "mend the plug-in"  # type: ignore[attr-defined]
        raise CosimError(
            f"plug-in {use!r} cannot be imported", why=f"{place + ': ' if place else ''}{type(error).__name__}: {error}", mend=mend
        ) from error


def _check_shape(kind: Kind, use: str, found: Any) -> None:
    needed = ("Params", "ports", "advance") if kind == "engine" else ("Params", "place", "translate")
    missing = [name for name in needed if not hasattr(found, name)]
    if missing:
        raise CosimError(
            f"{use!r} is not {'an engine' if kind == 'engine' else 'a translator'}", why=f"it has no {', '.join(missing)}"
        )

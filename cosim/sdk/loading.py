"""Python files of the user become modules; what goes wrong in them is told with their own file and line."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from cosim.sdk.errors import CosimError

_T = TypeVar("_T")


def load_file(path: Path, use: str) -> ModuleType:
    """A Python file as a module of its own; loaded once. ``use`` is what the user wrote to name it."""
    if not path.is_file():
        raise CosimError(f"file {path.name!r} does not exist", why=f"looked for {path}", mend="'./' is the scenario's folder")
    name = f"cosim_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    run = spec.loader.exec_module
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))  # so that it finds its neighbours
    try:
        guarded(use, lambda: run(module))
    except CosimError:
        del sys.modules[name]
        raise
    finally:
        sys.path.remove(str(path.parent))
    return module


def load_module(name: str, use: str) -> ModuleType:
    """An installed module by its dotted name."""
    return guarded(use, lambda: importlib.import_module(name))


def guarded(use: str, load: Callable[[], _T]) -> _T:
    """Run an import; whatever it raises becomes a fault that names the user's own file and line."""
    try:
        return load()
    except Exception as error:  # a file may raise anything while it is imported
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename and f.filename != __file__]
        place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        if isinstance(error, SyntaxError) and error.filename:
            place = f"{error.filename}:{error.lineno}"
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        late = (
            "; a model's file imports its simulator inside build(), not at the top" if use.partition(":")[0].endswith(".py") else ""
        )
        raise CosimError(
            f"{use!r} cannot be imported",
            why=f"{place + ': ' if place else ''}{type(error).__name__}: {error}",
            mend=f"install {missing}, or correct the name{late}" if missing else "mend the file",
        ) from error

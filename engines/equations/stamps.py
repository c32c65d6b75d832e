"""What compiled kernels rest on. Numba keeps them on disk under the content of a function's own file; what that calls from other
files is compiled into it, so a stamp here is of all files that a kernel's file imports, and of all that those import."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any


def modules_behind(*codes: str) -> dict[str, str]:
    """Code of all of our modules that some code imports, and that those import, by their names in order."""
    found, waiting = dict[str, str](), list(codes)
    while waiting:
        for name in _imported(waiting.pop()):
            origin = None if name in found else _file_of(name)
            if origin is not None:
                found[name] = Path(origin).read_text(encoding="utf-8")
                waiting.append(found[name])
    return dict(sorted(found.items()))


def _imported(code: str) -> Iterator[str]:
    """Modules of ours that a module imports at its top; what is imported from a package may be one itself."""
    for node in ast.parse(code).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("engines."):
            yield str(node.module)
            yield from (f"{node.module}.{item.name}" for item in node.names)


def _file_of(name: str) -> str | None:
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:  # a function of a module
        return None
    return None if spec is None else spec.origin


def stamp(*modules: ModuleType) -> None:
    """Let kernels of some modules, and those behind them, be taken from disk only if nothing that they rest on has changed."""
    codes = {module.__name__: Path(str(module.__file__)).read_text(encoding="utf-8") for module in modules}
    for name, code in (codes | modules_behind(*codes.values())).items():
        key = hashlib.sha256(code.encode())
        for other, text in modules_behind(code).items():
            key.update(f"\0{other}\0{text}".encode())
        for kernel in _kernels(import_module(name)):
            kernel._cache._cache_file._source_stamp = key.hexdigest()


def is_kept(kernel: Any) -> bool:
    """Whether a kernel that was stamped is on disk, compiled from the code of today."""
    return bool(kernel._cache._cache_file._load_index())


def _kernels(module: ModuleType) -> Iterator[Any]:
    """Functions of a module that Numba compiles and keeps; those it imports are another's."""
    from numba.core.registry import CPUDispatcher

    for item in vars(module).values():
        if isinstance(item, CPUDispatcher) and item.py_func.__module__ == module.__name__ and hasattr(item._cache, "_cache_file"):
            yield item

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
        for name, origin in _imported(waiting.pop()):
            if name not in found:
                found[name] = Path(origin).read_text(encoding="utf-8")
                waiting.append(found[name])
    return dict(sorted(found.items()))


def _imported(code: str) -> Iterator[tuple[str, str]]:
    """Name and file of modules of ours that a module imports at its top; what comes from a package may be one itself."""
    for node in ast.parse(code).body:
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("engines."):
            continue
        spec = find_spec(str(node.module))
        if spec is not None and spec.origin is not None:
            yield spec.name, spec.origin
        # only within a package: to look for a function as a module imports the module that has it
        for item in node.names if spec is not None and spec.submodule_search_locations else ():
            inner = find_spec(f"{node.module}.{item.name}")
            if inner is not None and inner.origin is not None:
                yield inner.name, inner.origin


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

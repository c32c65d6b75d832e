"""Modules of kernel code, written once a machine under the hash of their content, compiled by Numba and kept on disk."""

from __future__ import annotations

import hashlib
import logging
import re
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from cosim.sdk.cache import made_once, writable_cache
from engines.equations.stamps import modules_behind, stamp

FUNCTIONS = {
    "maths": "arctan cos cosh erf erfc exp expm1 exprel log log1p logistic power sin sinh softplus sqrt tan tanh",
    "primitives": "clip cube larger magnitude select sign smaller square",
    "randoms": "normal",
}
"""What code of kernels may call, by the file beside this one that has it."""


def imports_of(code: str) -> list[str]:
    """The import lines for the functions that some code calls."""
    called = set(re.findall(r"(?<![\w.])(\w+)\(", code))
    used = {file: sorted(called & set(names.split())) for file, names in FUNCTIONS.items()}
    return [f"from engines.equations.{file} import {', '.join(names)}" for file, names in used.items() if names]


def load_compiled(title: str, code: str, log: logging.Logger) -> ModuleType:
    """The module of some code, kept under the hash of it and of all files of ours that it rests on.

    Its functions carry their signatures, so they are compiled, or read from disk, when it is imported.

    Parameters
    ----------
    title
        What a user is told is being compiled.
    """
    key = hashlib.sha256()
    behind = modules_behind(code)
    for text in (version("numba"), code, *behind.values()):
        key.update(text.encode() + b"\0")
    name = key.hexdigest()[:24]
    if (known := sys.modules.get(f"cosim_kernels_{name}")) is not None:
        return known
    _find_room()
    folder = made_once("kernels", name, lambda made: _write(made / "kernel.py", code))
    compiled = any((folder / "__pycache__").glob("*.nbc"))
    if not compiled:
        log.info("compiling %s (once on this machine)", title)
    began = time.perf_counter()
    stamp(*(import_module(other) for other in behind))
    module = _import(f"cosim_kernels_{name}", folder / "kernel.py")
    if not compiled:
        log.info("compiled %s in %.1f s", title, time.perf_counter() - began)
    return module


def entry_of(kernel: Any) -> Callable[..., Any]:
    """The code of a kernel that was compiled for one kind of arguments, without looking at each call what kind they are of.

    That look takes longer than short work: 10 to 20 µs for tuples of seventy arrays. Whoever calls the entry must pass what the
    kernel was compiled for: whole numbers, numbers and contiguous arrays of the same types and axes.
    """
    (compiled,) = kernel.overloads.values()
    entry: Callable[..., Any] = compiled.entry_point
    return entry


def _find_room() -> None:
    """Numba keeps what it compiled beside the source or in the user's cache: where neither may be written to, elsewhere."""
    import numba

    cache, is_lasting = writable_cache()
    if not is_lasting and not numba.config.CACHE_DIR:
        numba.config.CACHE_DIR = str(cache / "numba")


def _write(path: Path, code: str) -> None:
    path.write_text(code, encoding="utf-8")


def _import(name: str, path: Path) -> ModuleType:
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module

"""Names become classes: the only place that loads plug-ins.

``name`` is looked up among the installed entry points, ``package.module:Class`` is imported, ``./file.py:Class`` is loaded
from beside the scenario.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal

from cosim.sdk import CosimError, did_you_mean
from cosim.sdk.loading import load_file, load_module

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
    loaded = load_file((folder / module).resolve(), use) if module.endswith(".py") else load_module(module, use)
    if not hasattr(loaded, name):
        classes = [n for n, v in vars(loaded).items() if isinstance(v, type) and not n.startswith("_")]
        raise CosimError(f"{module} has no class {name!r}", mend=did_you_mean(name, classes))
    found = getattr(loaded, name)
    _check_shape(kind, use, found)
    return found


def _check_shape(kind: Kind, use: str, found: Any) -> None:
    needed = ("Params", "ports", "advance") if kind == "engine" else ("Params", "place", "translate")
    missing = [name for name in needed if not hasattr(found, name)]
    if missing:
        raise CosimError(
            f"{use!r} is not {'an engine' if kind == 'engine' else 'a translator'}", why=f"it has no {', '.join(missing)}"
        )

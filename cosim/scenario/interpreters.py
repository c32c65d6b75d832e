"""Which Python runs an engine: ``python: ../venv/bin/python``, or ``python: nest`` where ``cosim env nest`` made one."""

from __future__ import annotations

import os
from pathlib import Path

from cosim.sdk import CosimError, did_you_mean


def environments_folder() -> Path:
    """Where ``cosim env`` keeps environments: COSIM_ENVIRONMENTS, else the user's data folder."""
    if given := os.environ.get("COSIM_ENVIRONMENTS"):
        return Path(given).expanduser().absolute()
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser().absolute() / "cosim" / "environments"


def environments() -> dict[str, Path]:
    """The interpreter of every environment that is there, by name."""
    return {folder.name: python for folder in sorted(environments_folder().glob("*")) if (python := folder / "bin/python").exists()}


def interpreter(asked: str, folder: Path) -> Path:
    """Where the interpreter is that ``python:`` names; a path starts at ``folder``, a bare word is an environment."""
    if "/" not in asked:
        return environments_folder() / asked / "bin/python"
    return (folder / Path(asked).expanduser()).absolute()  # not resolved: a venv's python is a link


def lacking(asked: str, path: Path) -> CosimError | None:
    """What to say where that interpreter is not there."""
    if path.exists():
        return None
    if "/" in asked:
        return CosimError(
            f"there is no interpreter {asked!r}", why=f"looked for {path}", mend="paths start at the scenario's folder"
        )
    near = did_you_mean(asked, environments())
    return CosimError(
        f"there is no environment {asked!r}", why=f"looked for {path}", mend=f"make it: cosim env {asked}{'; ' * bool(near)}{near}"
    )

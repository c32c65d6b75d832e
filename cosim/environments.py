"""Makes a virtual environment for an engine whose packages do not go with the others': ``cosim env nest``."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path

from cosim.scenario.interpreters import environments_folder
from cosim.sdk import CosimError, did_you_mean

PACKAGE = "neuro-cosim"


def make_environment(name: str, packages: list[str], tell: Callable[[str], None], python: str | None = None) -> Path:
    """The interpreter of a new environment with this cosim, its extra called ``name`` where there is one, and ``packages``.

    Parameters
    ----------
    tell
        Called with each line that pip prints.
    python
        The interpreter that it is made with; this one unless given.
    """
    extras = distribution(PACKAGE).metadata.get_all("Provides-Extra") or []
    if not re.fullmatch(r"[A-Za-z_][\w-]*", name):
        raise CosimError(f"{name!r} cannot be the name of an environment", mend="letters, digits, _ and -, starting with a letter")
    if name not in extras and not packages:
        raise CosimError(
            f"cosim has no extra {name!r}",
            why="an environment is named after the extra that it is for",
            mend=did_you_mean(name, extras) + "; or name what goes into it: --with PACKAGE",
        )
    folder = environments_folder() / name
    if (folder / "bin/python").exists():
        raise CosimError(
            f"environment {name!r} is there already", why=str(folder), mend=f"python: {name}; to make it anew, remove its folder"
        )
    tell(f"making {folder}")
    try:
        if python is None:
            venv.create(folder, with_pip=True, clear=True)
        else:
            subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True, text=True)
        for line in _pip(folder, [*_own(name if name in extras else None), *packages]):
            tell(line)
    except (CosimError, OSError, subprocess.CalledProcessError, KeyboardInterrupt) as error:
        shutil.rmtree(folder, ignore_errors=True)  # half an environment would look like a whole one
        if isinstance(error, (CosimError, KeyboardInterrupt)):
            raise
        raise CosimError(
            f"environment {name!r} cannot be made",
            why=getattr(error, "stderr", "") or str(error),
            mend="--python names an interpreter with the module venv" if python else "",
        ) from error
    return folder / "bin/python"


def _own(extra: str | None) -> list[str]:
    """What pip is told to install for this cosim: the same clone, or the same version."""
    wanted = f"[{extra}]" if extra else ""
    origin = json.loads(distribution(PACKAGE).read_text("direct_url.json") or "{}")
    if origin.get("url", "").startswith("file://"):
        path = origin["url"].removeprefix("file://") + wanted
        return ["--editable", path] if origin.get("dir_info", {}).get("editable") else [path]
    return [f"{PACKAGE}{wanted}=={distribution(PACKAGE).version}"]


def _pip(folder: Path, arguments: list[str]) -> Iterator[str]:
    """Run pip in the environment; each line that it prints. A CosimError with its last lines where it fails."""
    command = [str(folder / "bin/python"), "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    last: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last = [*last[-14:], line.rstrip()]
            yield line.rstrip()
    if process.returncode:
        raise CosimError(
            f"pip could not install {' '.join(a for a in arguments if not a.startswith('-'))}",
            why="\n       ".join(last),
            mend=f"python {Path(sys.executable).name} is {sys.version.split()[0]}; another one: cosim env NAME --python PYTHON",
        )

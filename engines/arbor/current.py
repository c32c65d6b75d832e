"""The point mechanism ``step_current``, compiled once a machine and version of Arbor."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

from cosim.sdk import CosimError, made_once

SOURCE = Path(__file__).parent / "mechanisms" / "step_current.mod"


def load_current(arbor: ModuleType) -> Any:
    """An ``arbor.catalogue`` with ``step_current``."""
    known = hashlib.sha256(SOURCE.read_bytes() + f"{arbor.__version__} {platform.machine()}".encode()).hexdigest()[:16]
    package = Path(str(arbor.__file__)).parent
    return arbor.load_catalogue(str(made_once("arbor", known, lambda made: compile_into(made, package)) / "cosim.so"))


def compile_into(made: Path, package: Path) -> None:
    """Make ``cosim.so`` in the folder ``made``, with the mechanism compiler and the headers in Arbor's ``package``."""
    compiler = os.environ.get("CXX") or next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
    if compiler is None:
        raise CosimError(
            "sim.catalogue() needs a C++ compiler, and none is found",
            why="Arbor's mechanisms are compiled: step_current once for every version of Arbor",
            mend="install one (apt install g++; xcode-select --install), or name it in the environment: CXX",
        )
    call([str(package / "bin" / "modcc"), "-t", "cpu", "-N", "arb", "-c", "cosim", "-o", str(made), str(SOURCE)])
    written = [f"{made}/cosim_catalogue.cpp", f"{made}/step_current_cpu.cpp"]
    flags = ["-std=c++20", "-O2", "-fPIC", "-shared", "-DSTANDALONE", f"-I{package / 'include'}", f"-I{made}"]
    call([*shlex.split(compiler), *flags, *written, "-o", f"{made}/cosim.so"])


def call(command: list[str]) -> None:
    try:
        subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "").strip() or str(error)
        raise CosimError("Arbor's mechanism step_current could not be compiled", why=f"{command[0]}: {said[-1500:]}") from error

"""The point mechanism ``step_current``, compiled once a machine and version of Arbor."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from cosim.sdk import CosimError

SOURCE = Path(__file__).parent / "mechanisms" / "step_current.mod"


def load_current(arbor: ModuleType) -> Any:
    """An ``arbor.catalogue`` with ``step_current``."""
    known = hashlib.sha256(SOURCE.read_bytes() + f"{arbor.__version__} {platform.machine()}".encode()).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cosim" / "arbor" / known
    library = folder / "cosim.so"
    if not library.exists():
        compile_into(library, Path(str(arbor.__file__)).parent)
    return arbor.load_catalogue(str(library))


def compile_into(library: Path, package: Path) -> None:
    """Make ``library`` with the mechanism compiler and the headers in Arbor's ``package``."""
    compiler = os.environ.get("CXX") or next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
    if compiler is None:
        raise CosimError(
            "sim.catalogue() needs a C++ compiler, and none is found",
            why="Arbor's mechanisms are compiled: step_current once for every version of Arbor",
            mend="install one (apt install g++; xcode-select --install), or name it in the environment: CXX",
        )
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as work:
        call([str(package / "bin" / "modcc"), "-t", "cpu", "-N", "arb", "-c", "cosim", "-o", work, str(SOURCE)])
        made = [f"{work}/cosim_catalogue.cpp", f"{work}/step_current_cpu.cpp"]
        flags = ["-std=c++20", "-O2", "-fPIC", "-shared", "-DSTANDALONE", f"-I{package / 'include'}", f"-I{work}"]
        call([*shlex.split(compiler), *flags, *made, "-o", f"{work}/cosim.so"])
        Path(work, "cosim.so").replace(library)  # at once: others may be doing the same


def call(command: list[str]) -> None:
    try:
        subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "").strip() or str(error)
        raise CosimError("Arbor's mechanism step_current could not be compiled", why=f"{command[0]}: {said[-1500:]}") from error

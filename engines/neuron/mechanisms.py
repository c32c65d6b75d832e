"""NMODL mechanisms: compiled once, kept, loaded once a process."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cosim.sdk import CosimError, Setup, made_once

_loaded: dict[str, bytes] = {}
"""The files whose mechanisms this process has, and what they hold."""


@contextlib.contextmanager
def told(what: str, mend: str = "") -> Iterator[None]:
    """What NEURON prints about an error becomes the error's reason: its exception says little, and faults in hoc raise none.

    Where NEURON says nothing, an error is somebody else's and goes on as it is, and so does what was printed.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            yield
    except RuntimeError as error:
        if "NEURON:" not in said.getvalue():
            raise
        raise CosimError(what, why=said.getvalue().strip(), mend=mend) from error
    finally:
        if "NEURON:" not in said.getvalue():
            sys.stderr.write(said.getvalue())
    if "NEURON:" in said.getvalue():
        raise CosimError(what, why=said.getvalue().strip(), mend=mend)


def load_mechanisms(h: Any, folder: Path, setup: Setup) -> None:
    """Compile the NMODL files of a folder, unless that has been done, and load them; what this process has loaded stays."""
    files = {file.name: file.read_bytes() for file in files_of(folder)}
    new = {name: held for name, held in files.items() if name.endswith(".mod") and _loaded.get(name) != held}
    if not new:
        return
    with tempfile.TemporaryDirectory() as part:
        chosen = folder
        if new.keys() != {name for name in files if name.endswith(".mod")}:
            chosen = Path(part)
            for name in files:
                if name in new or not name.endswith(".mod"):
                    shutil.copy(folder / name, part)
        library = compiled(chosen, key_of(h, chosen), setup)
    with told(f"the mechanisms of {folder} cannot be loaded", "rename the one that exists, or take a process of its own"):
        h.nrn_load_dll(str(library))
    _loaded.update(new)


def files_of(folder: Path) -> list[Path]:
    """The NMODL files of a folder, and what they may include."""
    files = sorted(file for file in folder.glob("*") if file.suffix in (".mod", ".inc", ".h", ".hpp"))
    if not any(file.suffix == ".mod" for file in files):
        raise CosimError(f"{folder} has no .mod files", mend="mechanisms: the folder in which they lie")
    return files


def key_of(h: Any, folder: Path) -> str:
    """What names a folder's compiled mechanisms: a hash of the files, NEURON's version and the machine."""
    contents = repr([(file.name, file.read_bytes()) for file in files_of(folder)])
    return hashlib.sha256(f"{h.nrnversion()} {platform.platform()} {contents}".encode()).hexdigest()[:24]


def compiled(folder: Path, key: str, setup: Setup) -> Path:
    """The library of a folder's mechanisms, from the cache."""

    def compile_into(made: Path) -> None:
        setup.log.info("compiling mechanisms of %s", folder)
        tool = shutil.which("nrnivmodl", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
        if tool is None:
            raise CosimError("nrnivmodl, which compiles NEURON's mechanisms, is not on the PATH")
        environment = {**os.environ, "PATH": f"{Path(tool).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
        run = subprocess.run([tool, str(folder)], cwd=made, env=environment, capture_output=True, text=True, check=False)
        if run.returncode:
            raise CosimError(f"the mechanisms of {folder} do not compile", why=f"{run.stdout}{run.stderr}".strip())

    kept = made_once("nmodl", key, compile_into)
    return next(found for found in kept.rglob("libnrnmech.*") if found.suffix in (".so", ".dylib"))

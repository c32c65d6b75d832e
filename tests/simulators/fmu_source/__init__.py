"""A muscle as an FMU: the same model for FMI 2 and FMI 3, compiled with gcc against the headers that FMPy brings."""

from __future__ import annotations

import subprocess
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent


def build(version: int, target: Path, description: str | None = None) -> Path:
    """Write the muscle of FMI 2 or 3 to ``target``; ``description`` may stand in for its modelDescription.xml."""
    import fmpy

    folder = fmpy.platform if version == 2 else fmpy.platform_tuple
    headers = Path(fmpy.__file__).parent / "c-code"
    with tempfile.TemporaryDirectory() as scratch:
        library = Path(scratch) / f"muscle{fmpy.sharedLibraryExtension}"
        # without contraction, so that a multiplication and an addition are never one operation: NumPy then gives the same bits
        subprocess.run(
            ["gcc", "-O2", "-ffp-contract=off", "-shared", "-fPIC", f"-I{headers}", HERE / f"fmi{version}.c", "-o", library],
            check=True,
        )
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("modelDescription.xml", description or (HERE / f"fmi{version}.xml").read_text())
            archive.write(library, f"binaries/{folder}/{library.name}")
    return target

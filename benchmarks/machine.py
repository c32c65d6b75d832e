"""What a measurement was made with: machine and versions."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("neuro-cosim", "numpy", "scipy", "numba", "h5py", "pydantic", "pyzmq", "mpi4py", "mpich", "openmpi")


def describe() -> dict[str, Any]:
    """Processor, cores, memory, system, versions, and how busy the machine is."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "versions": {"python": platform.python_version(), **_packages(), **_libraries()},
    }


def markdown(found: dict[str, Any]) -> str:
    """The same in three lines."""
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    return (
        f"{found['processor']}, {found['cores']} cores, {found['memory_gib']} GiB; {found['system']}\n"
        f"{versions}\nload (1, 5, 15 min) {found['load']}: with other work on the machine the figures are too high"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _libraries() -> dict[str, str]:
    """The MPI, ZeroMQ and HDF5 libraries; MPI's is asked in a process of its own, because asking starts it."""
    import h5py
    import zmq

    found = {"libzmq": zmq.zmq_version(), "hdf5": h5py.version.hdf5_version}
    code = "from mpi4py import MPI; print(MPI.Get_library_version().splitlines()[0])"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    if asked.returncode == 0:
        found["mpi"] = " ".join(asked.stdout.split())
    return found

"""NEST's kernel, of which there is one a process: imported, made ready for a model, and what PyNEST has no short call for."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from cosim.sdk import CosimError, Simulator


class QuietSimulator(Simulator):
    """Imported without its banner, and without what its import leaves behind."""

    def load(self) -> ModuleType:
        os.environ.setdefault("PYNEST_QUIET", "1")
        flags = sys.getdlopenflags()
        try:
            with marks_of_a_launcher_hidden():
                return super().load()
        finally:
            sys.setdlopenflags(flags)  # NEST 3.10 leaves RTLD_GLOBAL: later imports would see each other's symbols


@contextmanager
def marks_of_a_launcher_hidden() -> Iterator[None]:
    """NEST 3.10 without MPI ends a process of mpirun, at its import and at each reset: all ranks would run one model.

    Here each process has a model of its own, so it may live.
    """
    marks = {name: os.environ.pop(name) for name in ("PMI_RANK", "PMIX_RANK") if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(marks)


def reset(nest: Any, attributes: Mapping[str, Any]) -> None:
    """An empty kernel that says errors only, with ``attributes`` set."""
    with marks_of_a_launcher_hidden():
        nest.ResetKernel()
        nest.verbosity = nest.VerbosityLevel.ERROR
        nest.set(**attributes)


def install(nest: Any, module: str, folder: Path) -> None:
    """An extension module: one that stands beside the scenario by its path, any other as NEST finds it."""
    beside = (folder / module).resolve().with_suffix(".so")
    try:
        nest.Install(str(beside.with_suffix("")) if beside.exists() else module)
    except nest.NESTError as error:
        # NEST 3.10 says "file not found" also where a symbol is not found, such as in a module built for another NEST
        mend = "its path from the scenario, or its name and LD_LIBRARY_PATH; and build it for this NEST: docs/simulators/nest.md"
        raise CosimError(f"NEST cannot load the module {module!r}", why=str(error).splitlines()[1], mend=mend) from error


def check_attributes(nest: Any, attributes: Mapping[str, Any], model: str) -> None:
    """That the model left the kernel as it was set."""
    mend = "leave ResetKernel, Simulate, resolution and threads to the engine: params: {dt: …, threads: …}"
    for name, expected in attributes.items():
        if not math.isclose(found := nest.get(name), expected):
            raise CosimError(f"{model} left NEST with {name} = {found}", why=f"the engine needs {expected}", mend=mend)


def set_node(nest: Any, node: Any, values: Mapping[str, Any]) -> None:
    """As ``node.set(values)``, which reads all the node's state first and takes ten times as long."""
    nest.ll_api.nestkernel.llapi_set_nc_status(node._datum, [values])  # NEST 3.10: nothing public sets without reading


# -- ranks -----------------------------------------------------------------------------------------------------------------


def what_it_can(nest: Any) -> Mapping[str, str]:
    """Read from the build: wheels have no MPI, an own build may."""
    return {"MPI": "yes, one NEST a job" if has_mpi(nest) else "no: this build has none"}


def has_mpi(nest: Any) -> bool:
    return bool(nest.build_info["have_mpi"])


def join_ranks(nest: Any, comm: Any) -> None:
    """Make NEST run on the ranks of ``comm``; a CosimError where it cannot, because it would hang later."""
    ranks = 1 if comm is None else comm.size
    if ranks > 1 and not has_mpi(nest):
        raise CosimError(
            f"NEST {nest.__version__} cannot use {ranks} ranks: it was built without MPI",
            why="the wheels of nest-simulator have none",
            mend="params: {threads: …} instead of ranks; or build NEST with -Dwith-mpi=ON and name its python: in the scenario",
        )
    if (found := nest.num_processes) != ranks:  # NEST 3.10: set_communicator() does nothing
        raise CosimError(
            f"NEST runs on {found} MPI ranks, and the engine has {ranks}",
            why=f"NEST {nest.__version__} takes all ranks of the MPI job",
            mend=f"mpirun -n {found} with ranks: {found} and every other engine beside rank 0, or --transport zeromq",
        )

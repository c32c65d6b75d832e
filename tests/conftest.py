"""What tests share: running a scenario given as values, and hashes of its links."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import cosim
from cosim.describe import find_mpirun
from cosim.simulators import missing

ROOT = Path(__file__).parent.parent
settings.register_profile("cosim", suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault of ours
settings.load_profile("cosim")


@pytest.fixture(autouse=True, scope="module")
def _what_earlier_modules_left_is_not_looked_through():
    """Engines of simulators collect garbage, which would look at all that is alive: by the end of the tests seconds at a time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def run_hashes(tmp_path):
    """Run a scenario under a transport and return its link hashes."""
    count = 0

    def go(scenario, transport="inline", processes=None, delay_ms=0.0):
        nonlocal count
        count += 1
        old = os.environ.pop("COSIM_TEST_DELAY_MS", None)
        if delay_ms:
            os.environ["COSIM_TEST_DELAY_MS"] = str(delay_ms)
        try:
            run = cosim.run(scenario, out=tmp_path / f"run{count}", transport=transport, processes=processes)
        finally:
            os.environ.pop("COSIM_TEST_DELAY_MS", None)
            if old is not None:
                os.environ["COSIM_TEST_DELAY_MS"] = old
        return run.hashes

    return go


def skip_without_data(name):
    """Skip where the connectome or the network that a scenario reads is not installed."""
    if name == "neuroml_worm" and (find_spec("c302") is None or shutil.which("java") is None):
        pytest.skip("c302 or java is not installed")
    lacking = [fault.what for fault in cosim.check(name).faults if "not installed" in f"{fault.what} {fault.why}"]
    if lacking:
        pytest.skip(f"{lacking[0]}, which is not installed")


def skip_unless_it_runs(name):
    """Skip where the data or a simulator of a scenario are not installed; the reason names it."""
    skip_without_data(name)
    lacking = {simulator.name for simulator in missing(cosim.check(name).plan).values()}
    if lacking:
        pytest.skip(f"{', '.join(sorted(lacking))} not installed")


@pytest.fixture
def mpirun():
    """Run a command on ranks; skipped where there is no MPI."""
    pytest.importorskip("mpi4py", reason="mpi4py is not installed")
    launcher = find_mpirun()
    if launcher is None:
        pytest.skip("there is no mpirun")

    def go(ranks, *command, timeout=120, **environment):
        # a hang must fail here and leave no ranks behind
        env = {**os.environ, **environment}
        return subprocess.run(
            [launcher, "-n", str(ranks), sys.executable, *command],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=env,
            check=False,
        )

    return go

"""NEST on MPI ranks of its own, where the installed NEST was built with MPI (the wheels are not)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import cosim

if find_spec("nest") is None:
    pytest.skip("NEST is not installed (extra: nest)", allow_module_level=True)

ASK = "import nest; print('\\n', nest.build_info['have_mpi'])"
if not subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True).stdout.strip().endswith("True"):
    pytest.skip("this NEST was built without MPI", allow_module_level=True)

MODEL = f"{Path(__file__).parent / 'nest_model.py'}:build"


def scenario(ranks, threads):
    spikes = {"spikes": [[1.5, 0], [3.2, 7], [20, 12], [50.5, 3]], "channels": 40, "repeat": True, "length": "60 ms"}
    args = {"cells": 40, "inhibitory": 10, "drive": "420 pA"}
    return {
        "cosim": 1,
        "about": {"name": "ranks"},
        "clock": {"stop": "200 ms", "seed": 3},
        "engines": {
            "net": {"use": "nest", "window": "1 ms", "ranks": ranks, "params": {"model": MODEL, "threads": threads, "args": args}},
            "kicks": {"use": "player", "window": "1 ms", "params": spikes},
        },
        "links": {"k": {"from": "kicks.out", "to": "net.kicks", "delay": "1 ms"}},
        "record": {"streams": ["net.spikes", "net.v"]},
    }


@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_give_what_as_many_threads_give(ranks, tmp_path):
    """NEST draws and connects by its virtual processes, ranks times threads: of equal number, equal bits."""
    alone = cosim.run(scenario(1, 4), out=tmp_path / "alone", transport="zeromq")
    file = tmp_path / "scenario.yaml"
    file.write_text(json.dumps(scenario(ranks, 4 // ranks)))
    launcher = shutil.which("mpirun")  # the one that NEST was built with
    command = [launcher, "-n", str(ranks), sys.executable, "-m", "cosim.cli", "run", str(file), "--out", str(tmp_path / "ranks")]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stderr
    spread = cosim.open_run(tmp_path / "ranks")
    assert len(alone.spikes("net.spikes").times_ms) > 100
    assert np.array_equal(alone.spikes("net.spikes").times_ms, spread.spikes("net.spikes").times_ms)
    assert np.array_equal(alone.spikes("net.spikes").channels, spread.spikes("net.spikes").channels)
    assert np.array_equal(alone.samples("net.v").values, spread.samples("net.v").values)

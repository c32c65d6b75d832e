"""Engines with ranks of their own, more than one program under one mpirun, engines with an interpreter of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import cosim
from cosim.describe import find_mpirun
from cosim.scenario.interpreters import environments
from tests.puppets import COLLECTIVE, PUPPET


def scenario(ranks=2, python=None):
    engines = {
        "wide": {"use": COLLECTIVE, "window": "1 ms", "ranks": ranks},
        "one": {"use": PUPPET, "window": "2 ms", "params": {"channels": 4}},
    }
    if python:
        engines["one"]["python"] = python
    return {
        "cosim": 1,
        "about": {"name": "ranks"},
        "clock": {"stop": "30 ms"},
        "engines": engines,
        "links": {
            "there": {"from": "wide.y", "to": "one.x", "delay": "2 ms"},
            "back": {"from": "one.y", "to": "wide.x", "delay": "2 ms"},
        },
        "record": {"streams": ["wide.ranks"]},
    }


@pytest.mark.mpi
@pytest.mark.parametrize(("ranks", "size"), [(1, 1), (2, 2), (4, 3)])
def test_an_engine_gets_its_own_ranks_as_far_as_there_are(ranks, size, mpirun, run_hashes, tmp_path):
    file, out = tmp_path / "scenario.yaml", tmp_path / "run"
    file.write_text(json.dumps(scenario(ranks=3)))
    answer = mpirun(ranks, "-m", "cosim.cli", "run", str(file), "--out", str(out), "--quiet")
    assert answer.returncode == 0, answer.stderr
    run = cosim.open_run(out)
    assert (run.samples("wide.ranks").values == size).all()
    assert run.hashes == run_hashes(scenario(ranks=3))


@pytest.mark.mpi
def test_a_following_rank_that_fails_ends_the_run(mpirun, tmp_path):
    file, out = tmp_path / "scenario.yaml", tmp_path / "run"
    content = scenario()
    plugin = tmp_path / "engine.py"
    plugin.write_text(
        Path(__file__).parent.parent.joinpath("puppets.py").read_text()
        + "\nclass Breaks(Collective):\n    def advance(self, window, inputs):\n"
        "        if window.stop_ns > 5_000_000 and self._comm.rank:\n            raise ValueError('only the follower fails')\n"
        "        return super().advance(window, inputs)\n"
    )
    content["engines"]["wide"]["use"] = "./engine.py:Breaks"
    file.write_text(json.dumps(content))
    answer = mpirun(2, "-m", "cosim.cli", "run", str(file), "--out", str(out), timeout=60)
    assert answer.returncode != 0
    assert "only the follower fails" in answer.stderr


@pytest.fixture(scope="module")
def other_python(tmp_path_factory):
    """An interpreter of its own, which finds this one's packages: another program, as a venv of a simulator would be."""
    folder = tmp_path_factory.mktemp("venv")
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    site = next(folder.glob("lib/python*/site-packages"))
    paths = [p for p in sys.path if "site-packages" in p] + [str(Path(cosim.__file__).parent.parent)]
    (site / "here.pth").write_text("\n".join(paths))
    return str(folder / "bin" / "python")


def test_an_engine_runs_under_an_interpreter_of_its_own(other_python, run_hashes, tmp_path):
    content = scenario(python=other_python)
    run = cosim.run(content, out=tmp_path / "own")
    assert run.provenance["transport"] == "zeromq"
    assert run.hashes == run_hashes(scenario())
    with pytest.raises(cosim.CosimError, match="cannot run inline"):
        cosim.run(content, out=tmp_path / "inline", transport="inline")


def test_an_environment_is_named_by_one_word(other_python, run_hashes, tmp_path, monkeypatch):
    monkeypatch.setenv("COSIM_ENVIRONMENTS", str(tmp_path / "environments"))
    (tmp_path / "environments").mkdir()
    with pytest.raises(cosim.ScenarioError) as caught:
        cosim.run(scenario(python="mine"), out=tmp_path / "none")
    assert "no environment 'mine'" in str(caught.value)
    assert "cosim env mine" in str(caught.value)
    (tmp_path / "environments" / "mine").symlink_to(Path(other_python).parent.parent)
    run = cosim.run(scenario(python="mine"), out=tmp_path / "own")
    assert run.hashes == run_hashes(scenario())
    assert environments() == {"mine": tmp_path / "environments/mine/bin/python"}


def test_a_path_that_is_no_interpreter_is_a_fault_of_the_run(tmp_path):
    content = scenario(python="./nowhere/bin/python")
    assert cosim.check(content).ok  # where it is to run, it may be there
    with pytest.raises(cosim.ScenarioError) as caught:
        cosim.run(content, out=tmp_path / "run")
    assert "no interpreter './nowhere/bin/python'" in str(caught.value)


@pytest.mark.mpi
def test_several_programs_share_one_mpirun_and_engines_find_their_interpreter(other_python, run_hashes, tmp_path):
    pytest.importorskip("mpi4py")
    file, out = tmp_path / "scenario.yaml", tmp_path / "run"
    file.write_text(json.dumps(scenario(ranks=1, python=other_python)))
    part = ["-m", "cosim.cli", "run", str(file), "--out", str(out), "--quiet"]
    command = [find_mpirun(), "-n", "1", sys.executable, *part, ":", "-n", "1", other_python, *part]
    # an MPI from a wheel lies in this environment's lib, where the other one would not look
    library = Path(sys.prefix) / "lib" / "libmpi.so.12"
    environment = {**os.environ, "MPI4PY_LIBMPI": str(library)} if library.exists() else os.environ
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert answer.returncode == 0, answer.stderr
    run = cosim.open_run(out)
    assert run.overview["homes"] == {"one": 1, "wide": 0}
    assert run.hashes == run_hashes(scenario())

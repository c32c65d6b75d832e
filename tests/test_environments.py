"""``cosim env``: a real environment with this cosim in it, that a scenario then uses; what cannot be made leaves nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import cosim
from cosim.environments import make_environment
from cosim.scenario.interpreters import environments
from cosim.simulators import everywhere, simulators
from tests.puppets import PUPPET


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COSIM_ENVIRONMENTS", str(tmp_path / "environments"))
    return tmp_path / "environments"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_environment_is_made_and_used(folder, tmp_path):
    """With pip and the package index, as a user makes it."""
    lines = []
    python = make_environment("mine", ["colorama"], lines.append)
    assert environments() == {"mine": python}
    assert any("colorama" in line for line in lines)
    subprocess.run([str(python), "-c", "import cosim, colorama"], check=True)
    with pytest.raises(cosim.CosimError, match="there already"):
        make_environment("mine", ["colorama"], lines.append)
    puppet = {"use": PUPPET, "window": "1 ms", "python": "mine"}
    content = {"cosim": 1, "about": {"name": "own"}, "clock": {"stop": "5 ms"}, "engines": {"a": puppet}}
    run = cosim.run({**content, "record": {"streams": ["a.y"]}}, out=tmp_path / "run")
    assert run.samples("a.y").values.shape == (5, 2)


@pytest.mark.parametrize(
    ("name", "packages", "told"),
    [
        ("nets", [], "did you mean 'nest'?"),
        ("no name", ["x"], "cannot be the name"),
        ("mine", ["no-such-package-of-cosim"], "No matching"),
    ],
)
def test_what_cannot_be_made_is_told_and_leaves_nothing(folder, name, packages, told):
    with pytest.raises(cosim.CosimError) as caught:
        make_environment(name, packages, lambda line: None)
    assert told in str(caught.value)
    assert environments() == {}
    assert not list(folder.glob("*"))


def test_every_engine_around_a_simulator_says_what_it_is():
    known = simulators()
    assert {"nest", "neuron", "arbor", "brian2", "tvb", "nengo", "steps", "eden", "mujoco", "fmu", "neuroml"} <= set(known)
    for simulator in known.values():
        assert set(simulator.can) == {"threads", "MPI", "save"}, simulator.name


def test_doctor_asks_every_environment(folder):
    assert {found.where for found in everywhere()} == {"here"}
    (folder / "broken/bin").mkdir(parents=True)
    (folder / "broken/bin/python").write_text("no interpreter")
    (broken,) = [found for found in everywhere() if found.where != "here"]
    assert (broken.where, broken.version) == ("broken", None)
    assert "does not run cosim" in broken.fault


def test_verify_passes_over_what_is_not_installed(tmp_path, monkeypatch):
    """An interpreter without simulators: this one's packages, but for those that are hidden."""
    code = """
import importlib.util, sys
from cosim.cli import main
there = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in ("mujoco", "nengo") else there(name, package)
sys.argv = ["cosim", "verify", "nengo_robot", "--if-installed"]
main()
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert answer.stdout == "passed over: MuJoCo is not installed, Nengo is not installed\n"
    assert not list(tmp_path.iterdir())


def test_engines_that_share_a_kernel_share_the_word_for_it():
    """A NeuroML network runs in NEURON: beside a NEURON model it needs a process of its own."""
    known = simulators()
    assert known["neuroml"].alone == known["neuron"].alone != known["nest"].alone

"""``cosim new``: what it writes works as it is, and it never harms what is there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import cosim
from cosim.claims import verify
from cosim.new import KINDS, make_new, next_steps

ROOT = Path(__file__).parent.parent


def call(*command, folder):
    path = os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(("kind", "tests"), [("engine", 9), ("translator", 8)])
def test_the_contract_test_that_is_made_passes(kind, tests, tmp_path):
    make_new(kind, "my_model", tmp_path / "my_model")
    answer = call("pytest", "-q", "-p", "no:cacheprovider", "my_model", folder=tmp_path)
    assert answer.returncode == 0, answer.stdout
    assert f"{tests} passed" in answer.stdout


def test_the_contract_test_that_is_made_notices_an_engine_that_forgets(tmp_path):
    file = next(path for path in make_new("engine", "my_model", tmp_path) if path.name == "my_model.py")
    text = file.read_text()
    line = "        rows = "
    assert line in text
    file.write_text(text.replace(line, f"        self._x = np.zeros(2)\n{line}"))
    answer = call("pytest", "-q", "-p", "no:cacheprovider", "test_my_model.py", folder=tmp_path)
    assert answer.returncode == 1
    assert "activity depends on how time is cut into windows" in answer.stdout


def test_the_scenario_of_a_new_engine_runs(tmp_path):
    make_new("engine", "my_model", tmp_path / "my_model")
    run = cosim.run(tmp_path / "my_model", out=tmp_path / "run", transport="inline")
    activity = run.samples("model.activity")
    assert activity.labels == ("left", "right")
    assert (activity.values[activity.times_ms <= 50] == 0).all()
    # 150 ms of a drive of 1 and 2, tau 20 ms: 1 - exp(-7.5)
    assert activity.values[-1] == pytest.approx([0.999446916, 1.998893831], rel=1e-8)


def test_the_new_translator_runs_on_a_link(tmp_path):
    make_new("engine", "my_model", tmp_path)
    make_new("translator", "slow_part", tmp_path)
    via = {"links.drive.via": [{"./slow_part.py:SlowPart": {"tau": "1 ms"}}]}
    run = cosim.run(tmp_path, settings=via, out=tmp_path / "run", transport="inline")
    plain = cosim.run(tmp_path, out=tmp_path / "plain", transport="inline")
    assert run.hashes != plain.hashes


def test_the_claims_of_a_new_scenario_hold(tmp_path):
    made = make_new("scenario", "step_up", tmp_path / "step_up")
    assert {path.name for path in made} == {"scenario.yaml", "README.md", "claims.py"}
    found = list(verify(tmp_path / "step_up" / "scenario.yaml", tmp_path / "runs", transport="inline"))
    assert len(found) == 3
    assert all(claim.holds for claim in found), found


def test_nothing_is_overwritten_and_then_nothing_is_written(tmp_path):
    (tmp_path / "scenario.yaml").write_text("mine")
    with pytest.raises(cosim.CosimError, match=r"scenario\.yaml is there already"):
        make_new("engine", "my_model", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["scenario.yaml"]
    assert (tmp_path / "scenario.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("My-Model", ": my_model"),
        ("MyModel", ": my_model"),
        ("2cells", "a letter first"),
        ("", "a letter first"),
        ("a/b", ": a_b"),
        ("../up", ": up"),
        ("class", "my_class"),
        ("numpy", "my_numpy"),
        ("signal", "my_signal"),
        ("cosim", "my_cosim"),
    ],
)
def test_names_that_would_do_harm_are_refused(name, mend, tmp_path):
    with pytest.raises(cosim.CosimError, match="cannot be the name of an engine") as caught:
        make_new("engine", name, tmp_path / "out")
    assert mend in caught.value.mend
    assert not (tmp_path / "out").exists()


def test_a_folder_that_was_made_before_does_not_forbid_its_name(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_model").mkdir()
    assert make_new("translator", "my_model", tmp_path / "my_model")


def test_a_scenario_may_have_the_name_of_a_package(tmp_path):
    assert make_new("scenario", "numpy", tmp_path / "numpy")


def test_the_command_says_what_to_do_next_and_ends_with_2_where_it_refuses(tmp_path):
    answer = call("cosim.cli", "new", "engine", "my_model", folder=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "made: my_model/my_model.py" in answer.stdout
    assert all(line in answer.stdout for line in next_steps("engine", "my_model", Path("my_model")))
    again = call("cosim.cli", "new", "engine", "my_model", folder=tmp_path)
    assert again.returncode == 2
    assert "is there already" in again.stderr
    assert "known here: engine, translator, scenario" in call("cosim.cli", "new", "motor", "x", folder=tmp_path).stderr


def test_what_is_made_is_clean(tmp_path):
    pytest.importorskip("ruff", reason="ruff is not installed")
    config = ("--config", str(ROOT / "pyproject.toml"), "--no-cache")
    for kind in KINDS:
        make_new(kind, f"my_{kind}", tmp_path / kind)
        for command in (("check",), ("format", "--check")):
            answer = call("ruff", *command, *config, ".", folder=tmp_path / kind)
            assert answer.returncode == 0, answer.stdout

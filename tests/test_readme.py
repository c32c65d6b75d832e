"""What README shows works: its scenario checks, its engine runs and keeps the contract, its Python runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

import cosim

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```(\w+)(?: title=(\S+))?\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_scenario_that_is_explained_is_sound():
    (text,) = [body for kind, title, body in BLOCKS if kind == "yaml" and not title]
    report = cosim.check(YAML(typ="safe").load(text))
    assert report.ok, report.faults
    assert report.plan.links["down"].delay_ns == 6_300_000  # as the comment says


def test_an_engine_of_ones_own_keeps_the_contract(tmp_path):
    for _, title, body in BLOCKS:
        if title:
            (tmp_path / title).write_text(body)
    assert len((tmp_path / "wilson_cowan.py").read_text().splitlines()) <= 40
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert answer.returncode == 0, answer.stdout
    assert "passed" in answer.stdout


def test_it_runs_in_a_scenario(tmp_path):
    (body,) = [body for _, title, body in BLOCKS if title == "wilson_cowan.py"]
    (tmp_path / "wilson_cowan.py").write_text(body)
    engines = {"field": {"use": f"{tmp_path}/wilson_cowan.py:WilsonCowan", "window": "1 ms"}}
    scenario = {"cosim": 1, "about": {"name": "own"}, "clock": {"stop": "300 ms"}, "engines": engines, "links": {}}
    run = cosim.run({**scenario, "record": {"streams": ["field.activity"]}}, out=tmp_path / "run", transport="inline")
    assert run.samples("field.activity").values.shape == (3000, 2)


def test_the_model_that_is_shown_runs_and_settles(tmp_path):
    (body,) = [body for _, title, body in BLOCKS if title == "rate.yaml"]
    (tmp_path / "rate.yaml").write_text(body)
    connectome = {"weights": [[0, 1], [1, 0]], "delays": "2 ms"}
    params = {"model": str(tmp_path / "rate.yaml"), "connectome": connectome}
    engines = {"brain": {"use": "neural_mass", "window": "10 ms", "params": params}}
    scenario = {"cosim": 1, "about": {"name": "own"}, "clock": {"stop": "2 s"}, "engines": engines, "links": {}}
    run = cosim.run({**scenario, "record": {"streams": ["brain.rate"]}}, out=tmp_path / "run", transport="inline")
    rate = run.samples("brain.rate").values[-1]
    assert rate == pytest.approx(100 * np.tanh(rate / 30), rel=1e-6)  # its fixed point; 100 tau leave e^-100 of the start
    assert rate[0] > 90


def test_the_network_that_is_shown_fires_alike_with_threads(tmp_path):
    (body,) = [body for _, title, body in BLOCKS if title == "net.yaml"]
    (tmp_path / "net.yaml").write_text(body)
    run = cosim.run(tmp_path / "net.yaml", out=tmp_path / "run", transport="inline")
    rate = len(run.spikes("net.spikes").times_ms) / 1000 / 0.1
    assert 5 < rate < 100  # Hz, between silence and what refractoriness allows
    threads = cosim.run(
        tmp_path / "net.yaml", settings={"engines.net.params.threads": 2}, out=tmp_path / "threads", transport="inline"
    )
    assert np.array_equal(threads.spikes("net.spikes").times_ms, run.spikes("net.spikes").times_ms)


def test_the_python_that_is_shown_runs(tmp_path, monkeypatch, capsys):
    pytest.importorskip("tvb_data", reason="the main scenario reads its connectome from tvb-data")
    monkeypatch.chdir(tmp_path)
    (body,) = [body for kind, title, body in BLOCKS if kind == "python" and not title]
    exec(compile(body, "README.md", "exec"), {})
    assert "'down'" in capsys.readouterr().out

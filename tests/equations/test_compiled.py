"""Kernels on disk: compiled once a machine, anew where the code changes, by several processes at once, and without a cache."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cosim.sdk import Setup, Window
from engines.equations import compiled
from engines.equations.compiled import imports_of, load_compiled
from engines.equations.expression import FUNCTIONS
from engines.equations.stamps import modules_behind
from engines.neural_mass import NeuralMass
from engines.neural_mass.description import read_model
from engines.neural_mass.source import Source

ROOT = Path(__file__).parents[2]
CODE = """
from numba import float64, njit

@njit(float64(float64), cache=True, nogil=True, error_model="numpy")
def tripled(x):
    return 3.0 * x + 0.25
"""
PROGRAM = """
import json, logging, sys
from engines.equations.compiled import load_compiled
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
module = load_compiled("a test", sys.argv[1], logging.getLogger("test"))
stats = module.tripled.stats
print(json.dumps([module.tripled(2.0), sum(stats.cache_hits.values()), sum(stats.cache_misses.values()), module.__file__]))
"""


def start(cache, code=CODE, program=PROGRAM, **environment):
    env = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    env |= {"XDG_CACHE_HOME": str(cache), **environment}
    return subprocess.Popen(
        [sys.executable, "-c", program, code], cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def told(process):
    """What is logged, and the value, hits and misses of the cache, and file of the module."""
    out, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    *lines, last = out.splitlines()
    return lines, json.loads(last)


def test_a_second_process_starts_from_disk(tmp_path):
    lines, (value, hits, misses, file) = told(start(tmp_path))
    assert (value, hits, misses) == (6.25, 0, 1)
    assert lines[0] == "compiling a test (once on this machine)"
    assert lines[1].startswith("compiled a test in ")
    assert file.startswith(str(tmp_path / "cosim" / "kernels"))
    lines, again = told(start(tmp_path))
    assert again == [6.25, 1, 0, file]
    assert lines == []


def test_code_that_changes_gets_another_folder(tmp_path):
    (_, (_, _, _, file)), (_, (value, hits, misses, other)) = (
        told(start(tmp_path)),
        told(start(tmp_path, CODE.replace("3.0", "4.0"))),
    )
    assert (value, hits, misses) == (8.25, 0, 1)
    assert Path(other).parent != Path(file).parent
    assert len(list((tmp_path / "cosim" / "kernels").iterdir())) == 2


def test_processes_that_compile_at_once_all_succeed(tmp_path):
    found = [told(process)[1] for process in [start(tmp_path) for _ in range(3)]]
    assert [value for value, *_ in found] == [6.25] * 3
    assert len({file for *_, file in found}) == 1
    assert [path.name for path in (tmp_path / "cosim" / "kernels").iterdir()] == [
        Path(found[0][3]).parent.name
    ]  # no rest lies about
    assert told(start(tmp_path))[1][1:3] == [1, 0]


def test_a_kernel_that_is_there_is_not_loaded_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    log, code = logging.getLogger(__name__), CODE + "\n# loaded once"
    assert load_compiled("a test", code, log) is load_compiled("a test", code, log)


def test_code_that_fails_leaves_no_module_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = set(sys.modules)
    with pytest.raises(ZeroDivisionError):
        load_compiled("a test", "1 / 0", logging.getLogger(__name__))
    assert not {name for name in set(sys.modules) - before if name.startswith("cosim_kernels")}


# -- where nothing can be written --------------------------------------------------------------------------------------


@pytest.fixture(params=["a file in its place", "a folder that may only be read"])
def unwritable(request, tmp_path):
    cache = tmp_path / "cache"
    if request.param == "a file in its place":
        cache.write_text("")
        return cache
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    cache.mkdir(mode=0o500)
    return cache


def test_without_a_cache_kernels_are_compiled_into_a_temporary_folder(unwritable, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    lines, (value, hits, misses, file) = told(start(unwritable, TMPDIR=str(temporary)))
    assert (value, hits, misses) == (6.25, 0, 1)
    assert lines[0].startswith("compiling")
    assert file.startswith(str(temporary))
    assert list(temporary.iterdir()) == []  # gone with the process


ENGINE = """
import sys, numpy as np
import numba.core.caching as caching
if sys.argv[1] == "no source folder either":
    def refuse(self):
        raise OSError("read-only")
    caching.InTreeCacheLocator.ensure_cache_path = refuse
from cosim.sdk import Setup, Window
from engines.neural_mass import NeuralMass
given = NeuralMass.Params(connectome={"weights": [[0.0]], "delays": 0.0})
window = Window(0, 1_000_000)
out = NeuralMass(given, Setup("brain", window.length_ns, 1, {}, {})).advance(window, {})
assert np.isfinite(out["rate"].values).all()
"""


@pytest.mark.parametrize("where", ["in the source", "no source folder either"])
def test_an_engine_works_without_a_cache(unwritable, where):
    process = start(unwritable, where, ENGINE, PYTHONDONTWRITEBYTECODE="1")
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors


# -- a model of one's own ----------------------------------------------------------------------------------------------


def test_imports_are_those_that_the_code_calls():
    assert imports_of("x = exp(y) + cube(a.exp(2)) + my_exp(1)") == [
        "from engines.equations.maths import exp",
        "from engines.equations.primitives import cube",
    ]
    assert imports_of("x = y") == []


def test_every_function_of_expressions_has_one_of_kernels():
    known = " ".join(compiled.FUNCTIONS.values()).split()
    renamed = {"where": "select", "abs": "magnitude", "min": "smaller", "max": "larger"}
    assert {renamed.get(name, name) for name in FUNCTIONS} | {"power", "square", "cube"} <= set(known)


def test_a_model_with_every_function_agrees_with_numpy(tmp_path):
    """A region alone, one step of Euler: x' in a kernel, and by NumPy."""
    terms = []
    for name, (count, _) in FUNCTIONS.items():
        arguments = {1: "x * a + 0.3", 2: "x, a", 3: "x, -a, a"}[count]
        terms.append(f"{name}({'x > a, x, a' if name == 'where' else arguments})")
    expressions = "\n".join(f"  e{k}: {term}" for k, term in enumerate(terms))
    total = " + ".join(f"e{k}" for k in range(len(terms)))
    path = tmp_path / "mine.yaml"
    path.write_text(
        "title: every function\nstates: {x: {initial: 0.4}}\nparameters: {a: {default: 0.7}, tau: {unit: s, default: 1}}\n"
        f"expressions:\n{expressions}\nderivatives: {{x: ({total}) / tau}}\n"
        f"outputs: {{{', '.join(f'o{k}: {{value: e{k}}}' for k in range(len(terms)))}}}\n"
    )
    starts = np.linspace(0.05, 0.95, 7)
    shown = [f"o{k}" for k in range(len(terms))]
    given = NeuralMass.Params(
        model=str(path), connectome={"weights": np.zeros((7, 7)).tolist(), "delays": 0.0}, integrator="euler", dt=1_000_000,
        initial={"x": starts.tolist()}, outputs=["x", *shown],
    )  # fmt: skip
    window = Window(0, 1_000_000)
    out = NeuralMass(given, Setup("brain", window.length_ns, 1, {}, {})).advance(window, {})
    expressions = read_model(path)[1].expressions
    by_numpy = sum(expression.value({"x": starts, "a": 0.7}) for expression in expressions.values())
    assert np.allclose(out["x"].values[0], starts + 1e-3 * by_numpy, rtol=1e-15, atol=1e-15 * 1e-3 * np.abs(by_numpy).max())
    x = out["x"].values[0]
    for k, expression in enumerate(expressions.values()):
        assert np.allclose(out[f"o{k}"].values[0], expression.value({"x": x, "a": 0.7}), rtol=2e-15, atol=0), terms[k]


def test_the_code_of_a_network_is_the_same_whatever_its_description_says_beside_the_equations():
    assert not {"title", "about"} & set(Source.__dataclass_fields__)


def test_what_a_kernel_imports_from_a_package_is_behind_it():
    from engines.compartmental_neurons.kernels import steps

    code = Path(steps.__file__).read_text(encoding="utf-8")
    assert "engines.compartmental_neurons.kernels.index" in modules_behind(code)
    assert "engines.equations.maths" in modules_behind("from engines.equations import maths\n")

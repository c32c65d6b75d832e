"""Who may import whom (DESIGN 3), read from the source without importing any of it; and what a command does not load."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STANDARD = sys.stdlib_module_names
ENGINE_TOOLS = {"numpy", "scipy", "numba", "llvmlite", "h5py", "pydantic", "pydantic_core", "networkx", "ruamel"}
"""What all engines and couplers may use; a simulator is imported inside its engine's __init__."""
KERNELS = {
    *("calls", "doses", "draws", "flows", "kernels", "maths", "pointers", "primitives", "randoms", "rows", "rules", "sums"),
    "surroundings",
}
"""Files of compiled functions, imported where an engine is built; and all those in folders called kernels."""


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(file: Path, inside_functions: bool = True) -> Iterator[tuple[str, int, bool]]:
    """(module, line, whether inside a function) of every import, relative ones made absolute, those for typing left out."""

    def walk(node: ast.AST, depth: int) -> Iterator[tuple[str, int, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            inner = depth + isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            if isinstance(child, ast.Import):
                yield from ((alias.name, child.lineno, depth > 0) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                package = file.relative_to(ROOT).with_suffix("").parts[: -child.level] if child.level else ()
                module = ".".join((*package, *((child.module,) if child.module else ())))
                yield from ((f"{module}.{alias.name}", child.lineno, depth > 0) for alias in child.names)
            yield from walk(child, inner)

    yield from (found for found in walk(ast.parse(file.read_text(encoding="utf-8")), 0) if inside_functions or not found[2])


def names(found: str, package: str) -> bool:
    return found == package or found.startswith(f"{package}.")


def breaches(folder: str, allowed) -> list[str]:
    return [
        f"{file.relative_to(ROOT)}:{line} imports {module}"
        for file in files(folder)
        for module, line, is_inside in imports(file)
        if not allowed(module, is_inside, file)
    ]


def is_module(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


@pytest.mark.parametrize("folder", ["engines", "couplers"])
def test_engines_and_couplers_import_the_sdk_only(folder):
    def allowed(module: str, is_inside: bool, file: Path) -> bool:
        top = module.partition(".")[0]
        if top == "cosim":
            return names(module, "cosim.sdk")
        if top in ("numba", "llvmlite") and file.parent.name != "kernels" and file.stem not in KERNELS:
            return is_inside  # so that a scenario is checked without compiling
        return top in STANDARD or top == folder or top in ENGINE_TOOLS or is_inside

    assert breaches(folder, allowed) == []
    assert files(folder)


def test_the_sdk_imports_numpy_pydantic_and_the_standard_library_only():
    def allowed(module: str, is_inside: bool, file: Path) -> bool:
        top = module.partition(".")[0]
        if top == "pint":
            return is_inside and file.name == "units.py"
        return top in STANDARD or top in ("numpy", "pydantic", "pydantic_core") or names(module, "cosim.sdk")

    assert breaches("cosim/sdk", allowed) == []


def test_the_scenario_imports_the_sdk_only():
    def allowed(module: str, is_inside: bool, file: Path) -> bool:
        top = module.partition(".")[0]
        if top in ("networkx", "ruamel", "scipy"):
            return is_inside
        if top == "cosim":
            return names(module, "cosim.sdk") or names(module, "cosim.scenario")
        return top in STANDARD or top in ("numpy", "pydantic", "pydantic_core")

    assert breaches("cosim/scenario", allowed) == []


def test_the_runtime_imports_the_sdk_and_the_plan():
    """Only a worker process reads a scenario again: it makes the same plan for itself."""

    def allowed(module: str, is_inside: bool, file: Path) -> bool:
        top = module.partition(".")[0]
        if top == "cosim":
            own = ("cosim.sdk", "cosim.runtime", "cosim.scenario.plan", "cosim.scenario.proof")
            process = ("cosim.scenario.schema.Scenario", "cosim.scenario.planner.make_plan") if file.name == "process.py" else ()
            return any(names(module, package) for package in (*own, *process))
        if top in ("h5py", "mpi4py"):
            return is_inside
        return top in STANDARD or top == "numpy" or (top == "zmq" and file.name == "zeromq.py")

    assert breaches("cosim/runtime", allowed) == []


def test_nothing_in_cosim_imports_an_engine_or_a_coupler():
    def allowed(module: str, is_inside: bool, file: Path) -> bool:
        return module.partition(".")[0] not in ("engines", "couplers", "scenarios", "tests", "benchmarks")

    assert breaches("cosim", allowed) == []


@pytest.mark.parametrize("folder", ["cosim/sdk", "cosim/scenario", "cosim/runtime"])
def test_nothing_below_imports_the_command_line_or_results(folder):
    def allowed(module: str, is_inside: bool, file: Path) -> bool:
        return not any(names(module, f"cosim.{name}") for name in ("cli", "console", "api", "results", "pictures", "describe"))

    assert breaches(folder, allowed) == []


def test_every_import_of_our_own_exists():
    """The list above would be empty if the walk found nothing: it finds every module of cosim that another one uses."""
    found = {module for file in files("cosim") for module, _, _ in imports(file) if names(module, "cosim")}
    own = {m if is_module(m) else m.rpartition(".")[0] for m in found}
    assert all(is_module(module) for module in own)
    assert {"cosim.sdk", "cosim.scenario.plan", "cosim.runtime.worker", "cosim.results"} <= own


def loaded_by(code: str, cwd: Path) -> set[str]:
    """Top-level packages in sys.modules after ``code``, in a Python of its own."""
    program = f"import sys, json\n{code}\nprint(json.dumps(sorted({{m.partition('.')[0] for m in sys.modules}})))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=cwd)
    assert answer.returncode == 0, answer.stderr
    return set(json.loads(answer.stdout.splitlines()[-1]))


def test_the_command_line_starts_without_what_is_slow_to_import(tmp_path):
    loaded = loaded_by("import cosim.cli", tmp_path)
    assert not loaded & {"numba", "h5py", "zmq", "pint", "scipy", "matplotlib", "networkx", "numpy", "mpi4py"}


def test_import_cosim_alone_is_cheap(tmp_path):
    assert not loaded_by("import cosim", tmp_path) & {"numpy", "pydantic", "h5py", "numba"}


ROBOT = """
from cosim.sdk import Params, Port, Samples, Space

class Robot:
    Params = Params

    @classmethod
    def ports(cls, params):
        return [Port("x", "in", "samples", Space.numbered(2)), Port("y", "out", "samples", Space.numbered(2))]

    def __init__(self, params, setup):
        import no_such_simulator

    def advance(self, window, inputs):
        return {"y": Samples(window, inputs["x"].values)}

    def close(self):
        pass
"""


def test_a_check_imports_no_simulator_and_compiles_nothing(tmp_path):
    """Every installed engine in one scenario, and one whose __init__ imports a simulator that is not there."""
    (tmp_path / "robot.py").write_text(ROBOT)
    (tmp_path / "scenario.yaml").write_text(
        "cosim: 1\nabout: {name: all}\nclock: {stop: 10 ms}\nengines:\n"
        "  robot: {use: './robot.py:Robot', window: 1 ms}\n"
        "  brain: {use: neural_mass, window: 1 ms, params: {connectome: {labels: [a], weights: [[0]], delays: 0 ms}}}\n"
        "  cells: {use: point_neurons, window: 1 ms, params: {populations: {e: {model: qif, size: 10}}}}\n"
        "  tape: {use: player, window: 1 ms, params: {values: [[1, 2]], dt: 1 ms}}\n"
        "links: {l: {from: tape.out, to: robot.x}}\n"
    )
    code = f"import cosim\nreport = cosim.check({str(tmp_path / 'scenario.yaml')!r})\nassert report.ok, report.faults"
    loaded = loaded_by(code, tmp_path)
    assert {"engines", "cosim_plugin_robot"} & {name[:18] for name in loaded} == {"engines", "cosim_plugin_robot"}
    assert not loaded & {"numba", "llvmlite", "h5py", "zmq", "mpi4py", "matplotlib"}
    simulators = {"nest", "neuron", "arbor", "brian2", "tvb", "nengo", "steps", "mujoco"}
    assert not loaded & simulators

"""Peers in processes of their own, and which Python has STEPS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.simulators import worker
from cosim.scenario.interpreters import environments

HERE = Path(__file__).parent


@lru_cache(maxsize=1)
def steps_python() -> Path | None:
    """This Python if it has STEPS, else that of the environment ``steps`` (``cosim env``), else that of ``make test-steps``."""
    if find_spec("steps") is not None:
        return Path(sys.executable)
    made = HERE.parents[1] / ".venv-steps/bin/python"
    return environments().get("steps", made if made.exists() else None)


def by_steps(*arguments: str) -> dict[str, Any]:
    """What STEPS tells in its last line of JSON; the script needs nothing of ours."""
    command = [str(steps_python()), str(HERE / "in_steps.py"), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    answer = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    lines = [line for line in answer.stdout.splitlines() if line.startswith("{")]
    if answer.returncode or not lines:
        raise RuntimeError(f"{command!r} ended with {answer.returncode}:\n{(answer.stdout + answer.stderr)[-4000:]}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def by_neuron(*arguments: str) -> dict[str, Any]:
    """What rxd tells."""
    return worker("benchmarks.reactions.in_neuron", *arguments, OMP_NUM_THREADS="1", NEURON_MODULE_OPTIONS="-nogui")

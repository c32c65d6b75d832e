"""The engine ``neuroml`` with a network that c302 writes when it is first asked for."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import model_validator

from cosim.sdk import CosimError, Simulator, made_once
from cosim.sdk.units import told
from engines.neuroml import NeuroML, NeuroMLParams

SCRIPT = Path(__file__).with_name("make_network.py")
C302 = Simulator("c302", "c302", "c302", "neuroml")


def network() -> Path:
    """The NeuroML file, from the cache where script and packages are what they were."""
    if C302.version is None:
        raise CosimError("c302 is not installed", mend="pip install 'neuro-cosim[worm,plot]'")
    key = f"{SCRIPT.read_text()} {C302.version} {version('cect')}"

    def make(folder: Path) -> None:
        made = subprocess.run([sys.executable, SCRIPT, folder], capture_output=True, text=True, check=False)
        if not (folder / "worm.net.nml").is_file():
            raise CosimError("c302 has written no network", why="\n".join(f"{made.stdout}{made.stderr}".strip().splitlines()[-3:]))

    return made_once("c302", hashlib.sha256(key.encode()).hexdigest()[:24], make) / "worm.net.nml"


class WormParams(NeuroMLParams):
    @model_validator(mode="before")
    @classmethod
    def _network(cls, values: dict[str, Any]) -> dict[str, Any]:
        return values if "model" in values else {"model": told(network), **values}


class Worm(NeuroML):
    """A NeuroML network in NEURON; c302's, unless ``model`` names another file."""

    Params = WormParams  # type: ignore[assignment]

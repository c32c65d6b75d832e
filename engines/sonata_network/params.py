"""Parameters of the engine: a configuration of SONATA, and what the world outside has to do with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo

from cosim.sdk import Duration, InputFile, Params
from cosim.sdk.units import told
from engines.point_neurons.description import model_file


def _model(name: Any, info: ValidationInfo) -> Path:
    folder = Path((info.context or {}).get("folder", "."))
    found: Path = told(lambda: name if isinstance(name, Path) else model_file(str(name), folder))
    return found


NodeSet = Annotated[
    str | list[str] | dict[str, Any],
    Field(description="a population, a node set of the configuration, or attributes such as {population: cortex, ei: e}"),
]


class CurrentInto(Params):
    """A current from outside, in pA."""

    to: NodeSet
    each: bool = Field(default=False, description="one channel a node instead of one for all")


class SonataParams(Params):
    """A network of point neurons in files of SONATA."""

    config: InputFile = Field(description="a simulation's configuration; relative paths in it start at its own folder")
    dt: Annotated[Duration | None, Field(gt=0, description="integration step; else run.dt of the configuration")] = None
    threads: Annotated[int, Field(ge=1, le=256, description="results do not depend on it")] = 1
    linked: list[str] = Field(
        default=[], description="virtual populations whose spikes come over an input port of that name, in place of a file"
    )
    currents: dict[str, CurrentInto] = Field(default={}, description="input ports of current, by name")
    groups: dict[str, NodeSet] = Field(default={}, description="groups of the spikes' channels; else one for each population")
    reports: bool = Field(default=True, description="whether what the configuration's reports want is recorded, a port each")
    models: dict[str, Annotated[Path, BeforeValidator(_model)]] = Field(
        default={}, description="by model_template, a model of point_neurons or a file of your own that stands for it"
    )

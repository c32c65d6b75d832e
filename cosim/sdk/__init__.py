"""All that the author of an engine or a translator imports."""

from cosim.sdk.cache import made_once
from cosim.sdk.engine import HELD, NOT_FED, Engine, HasModels, Keeper, Params, Restorable, Setup
from cosim.sdk.errors import CosimError, ScenarioError, did_you_mean
from cosim.sdk.model import (
    InputBinding,
    ModelEngine,
    ModelParams,
    OutputBinding,
    StepInput,
    StepOutput,
    check_steps,
    spikes_from_steps,
)
from cosim.sdk.payload import Payload, Samples, Spikes
from cosim.sdk.port import Port, Segments, Space
from cosim.sdk.simulator import Simulator, numpy_seeded
from cosim.sdk.time import Window, format_ns, nearest_multiples
from cosim.sdk.translator import Translator
from cosim.sdk.units import Duration, InputFile, Unit

__all__ = [
    "HELD",
    "NOT_FED",
    "CosimError",
    "Duration",
    "Engine",
    "HasModels",
    "InputBinding",
    "InputFile",
    "Keeper",
    "ModelEngine",
    "ModelParams",
    "OutputBinding",
    "Params",
    "Payload",
    "Port",
    "Restorable",
    "Samples",
    "ScenarioError",
    "Segments",
    "Setup",
    "Simulator",
    "Space",
    "Spikes",
    "StepInput",
    "StepOutput",
    "Translator",
    "Unit",
    "Window",
    "check_steps",
    "did_you_mean",
    "format_ns",
    "made_once",
    "nearest_multiples",
    "numpy_seeded",
    "spikes_from_steps",
]

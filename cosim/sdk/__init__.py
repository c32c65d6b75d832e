"""All that the author of an engine or a translator imports."""

from cosim.sdk.engine import HELD, NOT_FED, Engine, Params, Restorable, Setup
from cosim.sdk.errors import CosimError, ScenarioError
from cosim.sdk.payload import Payload, Samples, Spikes
from cosim.sdk.port import Port, Space
from cosim.sdk.time import Window, format_ns, nearest_multiples
from cosim.sdk.translator import Translator
from cosim.sdk.units import Duration, InputFile, Unit

__all__ = [
    "HELD",
    "NOT_FED",
    "CosimError",
    "Duration",
    "Engine",
    "InputFile",
    "Params",
    "Payload",
    "Port",
    "Restorable",
    "Samples",
    "ScenarioError",
    "Setup",
    "Space",
    "Spikes",
    "Translator",
    "Unit",
    "Window",
    "format_ns",
    "nearest_multiples",
]

"""Ports made of an output: averages and forward models. A kind is one file here and one line below."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from engines.neural_mass.monitors.average import AverageParams
from engines.neural_mass.monitors.bold import BoldParams
from engines.neural_mass.monitors.gain import GainParams, ScalpParams
from engines.neural_mass.monitors.monitor import Monitor, Taken

AnyMonitor = Annotated[AverageParams | BoldParams | GainParams | ScalpParams, Field(discriminator="kind")]

__all__ = ["AnyMonitor", "Monitor", "Taken"]

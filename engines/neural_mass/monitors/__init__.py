"""Ports made of an output: averages and forward models. A kind is one file here and one line below."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from engines.neural_mass.monitors.average import AverageParams
from engines.neural_mass.monitors.monitor import Monitor

AnyMonitor = Annotated[AverageParams, Field(discriminator=None)]

__all__ = ["AnyMonitor", "Monitor"]

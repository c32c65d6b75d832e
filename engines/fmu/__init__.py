"""An FMU: a model that another tool exported for co-simulation, stepped through FMPy."""

from engines.fmu.engine import Fmu
from engines.fmu.ports import FmuParams

__all__ = ["Fmu", "FmuParams"]

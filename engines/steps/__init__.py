"""STEPS: stochastic reaction and diffusion, well mixed or on a mesh."""

from engines.steps.engine import Steps, StepsParams
from engines.steps.helper import StepsHelper

__all__ = ["Steps", "StepsHelper", "StepsParams"]

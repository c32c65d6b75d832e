"""The Virtual Brain, with regions that are simulated elsewhere."""

from engines.tvb.engine import Tvb
from engines.tvb.helper import lead_ns

__all__ = ["Tvb", "lead_ns"]

"""Arbor: networks of morphologically detailed cells, run window by window."""

from engines.arbor.engine import Arbor
from engines.arbor.helper import ArborHelper
from engines.arbor.params import ArborParams

__all__ = ["Arbor", "ArborHelper", "ArborParams"]

"""NEST: a spiking network of any of its models, stepped window by window."""

from engines.nest.engine import Nest, NestParams
from engines.nest.helper import NestHelper

__all__ = ["Nest", "NestHelper", "NestParams"]

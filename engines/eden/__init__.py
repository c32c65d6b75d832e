"""A NeuroML network run by EDEN, as a child process, with the mathematics that its wheel lacks."""

from engines.eden.engine import Eden

__all__ = ["Eden"]

"""NeuroML: networks that jNeuroML turns into NEURON models once, stepped window by window."""

from engines.neuroml.engine import NeuroML, NeuroMLParams

__all__ = ["NeuroML", "NeuroMLParams"]

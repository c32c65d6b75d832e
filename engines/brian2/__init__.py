"""Brian2: a network of neuron groups and synapses, stepped window by window."""

from engines.brian2.engine import Brian2, Brian2Params

__all__ = ["Brian2", "Brian2Params"]

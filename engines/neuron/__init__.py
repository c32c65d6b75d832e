"""NEURON: cells with their branches, stepped window by window."""

from engines.neuron.engine import Neuron, NeuronParams
from engines.neuron.helper import NeuronHelper

__all__ = ["Neuron", "NeuronHelper", "NeuronParams"]

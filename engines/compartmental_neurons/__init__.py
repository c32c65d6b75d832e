"""Neurons with branches: morphologies, channels, synapses, and the currents that they send into their surroundings."""

from engines.compartmental_neurons.engine import CompartmentalNeurons

__all__ = ["CompartmentalNeurons"]

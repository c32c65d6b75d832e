"""Whole brain of neural masses: one population a region, coupled through a connectome with delays."""

from engines.neural_mass.engine import NeuralMass
from engines.neural_mass.params import NeuralMassParams

__all__ = ["NeuralMass", "NeuralMassParams"]

"""Connectomes: regions, weights and delays, read from files and packages or made from a seed."""

from engines.connectome.connectome import Connectome, build_connectome
from engines.connectome.params import ConnectomeParams

__all__ = ["Connectome", "ConnectomeParams", "build_connectome"]

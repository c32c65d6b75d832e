"""Reactions and diffusion of molecules: synapses, calcium, transmitter between cells."""

from engines.reaction_diffusion.engine import ReactionDiffusion

__all__ = ["ReactionDiffusion"]

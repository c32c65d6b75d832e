"""Compiled code: what a model's equations become, and the loops that move neurons and bring spikes."""

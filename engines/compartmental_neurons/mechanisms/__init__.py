"""Channels, synapses and pumps: descriptions, and the kernels that are made of them."""

"""Connections: from what a scenario says of a projection to synapses as kernels read them."""

"""Plasticity of projections: rules by which weights change with the spikes of their two neurons, one file each."""

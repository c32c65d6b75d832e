"""Descriptions of models (YAML: states, parameters, equations, units) and what makes kernels of them."""

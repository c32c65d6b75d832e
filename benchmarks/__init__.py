"""Measurements of cosim, each against its floor in the same run: ``python -m benchmarks``."""

"""Shapes of neurons: trees of cable, where they come from, and how they are cut into compartments."""

"""A text file becomes a checked, frozen plan."""

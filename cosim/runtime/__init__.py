"""A plan becomes a run."""

"""Nengo: a network of ensembles and nodes, stepped window by window."""

from engines.nengo.engine import Nengo, NengoParams

__all__ = ["Nengo", "NengoParams"]

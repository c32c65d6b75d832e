"""Connectomes from GraphML files, as networkx and many graph tools write them.

A node is a region: its attribute ``label``, else its name, and ``x, y, z`` where all have them. An edge points from sender to
receiver; in an undirected graph it connects both ways.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.connectome.damage import brief, reading
from engines.connectome.params import GraphParams
from engines.connectome.text import is_number
from engines.connectome.tracts import Entries, Tracts, hemispheres_of


def read_graph(params: GraphParams) -> Tracts:
    """Regions in the order of the file, and its edges."""
    import networkx as nx

    mend = "write it anew: networkx.write_graphml(graph, path)"
    with reading(f"{params.path.name} cannot be read as GraphML", mend), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of attributes without a type, which are then text: _values looks for itself
        graph = nx.read_graphml(params.path)
    row = {node: number for number, node in enumerate(graph)}
    labels = tuple(str(told.get("label", node)) for node, told in graph.nodes(data=True))
    edges = [(row[to], row[source], told) for source, to, told in graph.edges(data=True)]
    if not graph.is_directed():
        edges += [(source, to, told) for to, source, told in edges if to != source]
    receiver, sender = (np.array([edge[side] for edge in edges], np.int64) for side in (0, 1))
    named = {"weights": params.weight, "lengths": None if params.delay else params.length, "delays": params.delay}
    entries = {
        key: Entries(len(labels), receiver, sender, values)
        for key, name in named.items()
        if name is not None and (values := _values(edges, name, labels, optional=key == "lengths")) is not None
    }
    return Tracts(
        labels, entries["weights"], entries.get("lengths"), entries.get("delays"), _positions(graph), hemispheres_of(labels)
    )


def _values(
    edges: list[tuple[int, int, dict[str, Any]]], name: str, labels: tuple[str, ...], optional: bool
) -> NDArray[np.float64] | None:
    """(edges,) an attribute that every edge must have; None where it is optional and none has it."""
    if optional and not any(name in told for _, _, told in edges):
        return None
    for receiver, sender, told in edges:
        if not is_number(str(told.get(name))):
            have = f"it is {brief(repr(told[name]))}" if name in told else f"it has {brief(', '.join(told)) or 'no attribute'}"
            raise CosimError(
                f"the edge from {labels[sender]} to {labels[receiver]} has no number {name}",
                why=have,
                mend="give every edge one, or name the attribute: graph: {path: …, weight: its name, length: its name}",
            )
    return np.array([float(str(told[name])) for _, _, told in edges])  # of an integer beyond 1e308 float alone would throw


def _positions(graph: Any) -> NDArray[np.float64] | None:
    places = [[told.get(axis) for axis in "xyz"] for _, told in graph.nodes(data=True)]
    complete = bool(places) and all(value is not None and is_number(str(value)) for place in places for value in place)
    return np.array([[float(str(value)) for value in place] for place in places]) if complete else None

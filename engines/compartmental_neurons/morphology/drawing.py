"""Pictures of cells: every compartment as wide as it is, coloured by a value of its own."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cosim.sdk import CosimError
from engines.compartmental_neurons.morphology.cable import Integers
from engines.compartmental_neurons.morphology.compartments import Compartments
from engines.compartmental_neurons.morphology.tree import Floats

_THINNEST_POINTS = 0.4
"""Line around every piece, so that a thin dendrite can be seen at any scale."""


def outlines(compartments: Compartments, axes: tuple[int, int] = (0, 1)) -> tuple[Floats, Integers]:
    """Rectangles seen along an axis, two for each compartment: from its start to its node and from there to its end.

    Parameters
    ----------
    axes
        Which of x (0), y (1) and z (2) go to the right and up.

    Returns
    -------
    tuple
        (m, 4, 2) µm, corners in order; (m,) the compartment that each is of.
    """
    owner = np.flatnonzero(compartments.area > 0)
    chosen = list(axes)
    start, middle, stop = (points[owner][:, chosen] for points in (compartments.start, compartments.middle, compartments.stop))
    starts, stops = np.concatenate([start, middle]), np.concatenate([middle, stop])
    owners = np.concatenate([owner, owner])
    along = stops - starts
    length = np.linalg.norm(along, axis=1, keepdims=True)
    ahead = np.divide(along, length, out=np.zeros_like(along), where=length > 0)  # a piece seen end on has no direction
    aside = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1) * (compartments.diameter[owners, None] / 2)
    return np.stack([starts + aside, stops + aside, stops - aside, starts - aside], axis=1), owners


def draw(ax: Any, compartments: Compartments, values: ArrayLike | None = None, axes: tuple[int, int] = (0, 1), **style: Any) -> Any:
    """Draws a cell into matplotlib axes, to scale.

    Parameters
    ----------
    values
        (n,) for each compartment, with those where sections meet; none: one colour.
    axes
        As for ``outlines``.
    style
        Of matplotlib's PolyCollection: ``cmap``, ``clim``, ``color``, …

    Returns
    -------
    PolyCollection
        For a colour bar. ``set_array(values[owners])`` of it, with the owners of ``outlines``, makes the next frame.
    """
    try:
        collections = importlib.import_module("matplotlib.collections")
    except ImportError:
        raise CosimError("a picture needs matplotlib", mend="pip install matplotlib") from None
    corners, owners = outlines(compartments, axes)
    style = {"linewidths": _THINNEST_POINTS, **style}
    if values is not None:
        shown = np.asarray(values, np.float64)
        if shown.shape != (compartments.count,):
            raise ValueError(f"values have the shape {shown.shape}, the cell has {compartments.count} compartments")
        style = {"edgecolors": "face", "array": shown[owners], **style}
    drawn = collections.PolyCollection(corners, **style)
    ax.add_collection(drawn)
    ax.set_aspect("equal")
    ax.autoscale_view()
    return drawn


def scale_bar(ax: Any, length: float, color: str = "black") -> None:
    """A bar of ``length`` µm at the lower left, in place of the axes."""
    ax.set_axis_off()
    (left, _), (low, high) = ax.get_xlim(), ax.get_ylim()
    ax.plot([left, left + length], [low, low], color=color, lw=2, solid_capstyle="butt")
    ax.text(left + length / 2, low + 0.01 * (high - low), f"{length:g} µm", ha="center", va="bottom", color=color, fontsize=8)

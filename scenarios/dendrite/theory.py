"""Fields on paper: of currents spread along straight lines, and of all of them seen from afar.

phi = sum of I / (4 pi sigma L) ln |(sqrt(h² + rho²) - h) / (sqrt(l² + rho²) - l)|

rho is the distance from a line's axis, h and l = h + L those along it from its two ends. From afar what is left of currents that
sum to 0 is the dipole p = sum of I r: phi = p R / (4 pi sigma |R|³); the next order is smaller by the size of the cell over |R|.

References
----------
Holt and Koch (1999), J Comput Neurosci 6, 169. Lindén, Pettersen and Einevoll (2010), J Comput Neurosci 29, 423.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import Segments

Floats = NDArray[np.float64]
UV_PER = 1e3
"""nA / (S/m µm) is mV."""


def field_of_lines(currents: Floats, pieces: Segments, places: Floats, conductivity: float) -> Floats:
    """(contacts,) µV of currents (pieces,) in nA; no axis is nearer than its radius."""
    found = np.zeros(len(places))
    for current, start, stop, diameter in zip(currents, pieces.start, pieces.stop, pieces.diameter, strict=True):
        length = float(np.linalg.norm(stop - start))
        ahead = (stop - start) / length
        beyond = (places - stop) @ ahead
        rho = np.linalg.norm(np.cross(places - stop, ahead), axis=1)
        rho = np.maximum(rho, diameter / 2)
        near = np.where(beyond > -length / 2, beyond, -beyond - length)  # from whichever end is nearer, so that nothing cancels
        far = near + length
        found += current / (4 * np.pi * conductivity * length) * np.log((np.hypot(far, rho) + far) / (np.hypot(near, rho) + near))
    return found * UV_PER


def field_of_dipole(currents: Floats, middles: Floats, places: Floats, conductivity: float) -> Floats:
    """(contacts,) µV, seen from the point between sinks and sources."""
    centre = np.abs(currents) @ middles / np.abs(currents).sum()
    moment = currents @ (middles - centre)  # nA µm
    away = places - centre
    found: Floats = UV_PER * (away @ moment) / (4 * np.pi * conductivity * np.linalg.norm(away, axis=1) ** 3)
    return found

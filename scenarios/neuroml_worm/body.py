"""A body that bends where its muscles pull unequally."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cosim.sdk import Duration, Params, Payload, Port, Samples, Setup, Space, Unit, Window

SEGMENTS = 24
MUSCLES = tuple(
    f"M{side}{i + 1:02d}" for side in ("DL", "DR", "VL", "VR") for i in range(SEGMENTS) if (side, i) != ("VL", 23)
)  # the 95 muscles of the body wall: the ventral left quadrant has one fewer


class BodyParams(Params):
    stiffness: Annotated[float, Unit("mm*mV"), Field(gt=0, description="pull that bends by 1/mm")] = 4.0
    tau: Annotated[Duration, Field(gt=0, description="viscosity over stiffness")] = 50_000_000
    dt: Annotated[Duration, Field(gt=0)] = 1_000_000


class Body:
    """24 segments of a visco-elastic rod: tau dk/dt = -k + (D - V) / stiffness, k the curvature, dorsally positive.

    D and V are the means over a segment's dorsal and ventral muscles of what arrives, in mV. Each segment is a Kelvin-Voigt
    element by itself: nothing is said of the medium, of inertia, or of how a worm moves. Exact for rows that are held.

    References
    ----------
    Fang-Yen et al. (2010), Proc Natl Acad Sci 107, 20323: the body as a visco-elastic rod.
    """

    Params = BodyParams

    @classmethod
    def ports(cls, params: BodyParams) -> list[Port]:
        along = Space(tuple(f"segment{i + 1:02d}" for i in range(SEGMENTS)))
        return [
            Port("muscles", "in", "samples", Space(MUSCLES), quantity="membrane_potential", unit="mV", dt_ns=params.dt),
            Port("curvature", "out", "samples", along, quantity="curvature", unit="1/mm", dt_ns=params.dt),
        ]

    def __init__(self, params: BodyParams, setup: Setup) -> None:
        self._steps = setup.window_ns // params.dt
        self._pull = pulls(MUSCLES) / params.stiffness
        self._keep = math.exp(-params.dt / params.tau)
        self._curvature = np.zeros(SEGMENTS)

    def advance(self, window: Window, inputs: Mapping[str, Payload]) -> dict[str, Payload]:
        given: Any = inputs.get("muscles")
        pull = given.values @ self._pull if given is not None else np.zeros((self._steps, SEGMENTS))
        rows = np.empty((self._steps, SEGMENTS))
        for k in range(self._steps):
            rows[k] = self._curvature = pull[k] + self._keep * (self._curvature - pull[k])
        return {"curvature": Samples(window, rows)}

    def save(self) -> dict[str, NDArray[Any]]:
        return {"curvature": self._curvature.copy()}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self._curvature = state["curvature"].copy()

    def close(self) -> None:
        """Nothing is held."""


def pulls(muscles: Sequence[str]) -> NDArray[np.float64]:
    """(muscles, segments): the mean of a segment's dorsal muscles less that of its ventral ones."""
    found = np.zeros((len(muscles), SEGMENTS))
    for row, name in enumerate(muscles):
        found[row, int(name[3:]) - 1] = 1.0 if name[1] == "D" else -1.0
    for sign in (1.0, -1.0):
        found[found == sign] /= np.repeat((found == sign).sum(axis=0)[None], len(muscles), axis=0)[found == sign]
    return found

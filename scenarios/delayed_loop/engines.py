"""Two linear engines: an integrating plant and a proportional controller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cosim.sdk import Duration, Params, Payload, Port, Samples, Setup, Space, Unit, Window

Step = Annotated[Duration, Field(gt=0, description="step of the rows")]


class PlantParams(Params):
    joints: Annotated[int, Field(ge=1)] = 1
    initial: Annotated[float, Unit("rad"), Field(description="angle of each joint at time 0")] = 1.0
    dt: Step = 1_000_000


class Plant:
    """Joints that turn at the velocity they are told: dx/dt = u, exact for a u held over the step that its row ends."""

    Params: ClassVar[type] = PlantParams

    @classmethod
    def ports(cls, params: PlantParams) -> Sequence[Port]:
        joints = Space.numbered(params.joints)
        return [_angle("out", joints, params.dt), _velocity("in", joints, params.dt)]

    def __init__(self, params: PlantParams, setup: Setup) -> None:
        self._dt_ns = params.dt
        self._angle = np.full(params.joints, params.initial)  # (joints,) rad

    def advance(self, window: Window, inputs: Mapping[str, Payload]) -> Mapping[str, Payload]:
        angles = np.tile(self._angle, (window.steps(self._dt_ns), 1))
        velocity = inputs.get("velocity")
        if isinstance(velocity, Samples):
            turns = velocity.refined(self._dt_ns).values * (self._dt_ns * 1e-9)
            for k, turn in enumerate(turns):  # row after row: how time is cut into windows changes no bit
                self._angle = angles[k] = self._angle + turn
        return {"angle": Samples(window, angles)}

    def close(self) -> None:
        """Nothing is held open."""

    def save(self) -> dict[str, NDArray[Any]]:
        return {"angle": self._angle.copy()}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self._angle = state["angle"].copy()


class ControllerParams(Params):
    gains: Annotated[list[float], Unit("1/s"), Field(min_length=1, description="one a joint")]
    dt: Step = 1_000_000


class Controller:
    """Turns every joint back towards 0: u = -k x. The names of its joints tell their gains."""

    Params: ClassVar[type] = ControllerParams

    @classmethod
    def ports(cls, params: ControllerParams) -> Sequence[Port]:
        joints = Space(tuple(f"k = {gain:.10g}/s, joint {i}" for i, gain in enumerate(params.gains)))
        return [_angle("in", joints, params.dt), _velocity("out", joints, params.dt)]

    def __init__(self, params: ControllerParams, setup: Setup) -> None:
        self._dt_ns, self._gains = params.dt, np.array(params.gains)  # (joints,) 1/s

    def advance(self, window: Window, inputs: Mapping[str, Payload]) -> Mapping[str, Payload]:
        angle = inputs.get("angle")
        if not isinstance(angle, Samples):
            return {"velocity": Samples(window, np.zeros((window.steps(self._dt_ns), len(self._gains))))}
        return {"velocity": Samples(window, -self._gains * angle.refined(self._dt_ns).values)}

    def close(self) -> None:
        """Nothing is held open."""

    def save(self) -> dict[str, NDArray[Any]]:
        return {}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        """It has no state."""


def _angle(direction: Literal["in", "out"], joints: Space, dt_ns: int) -> Port:
    return Port("angle", direction, "samples", joints, "angle", "rad", dt_ns=dt_ns)


def _velocity(direction: Literal["in", "out"], joints: Space, dt_ns: int) -> Port:
    return Port("velocity", direction, "samples", joints, "angular_velocity", "rad/s", dt_ns=dt_ns)

"""MuJoCo: a body with joints, muscles and contacts, stepped window by window."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator

from cosim.sdk import (
    CosimError,
    Duration,
    InputFile,
    ModelEngine,
    ModelParams,
    Params,
    Port,
    Setup,
    Simulator,
    Space,
    Window,
    check_steps,
    format_ns,
)
from cosim.sdk.model import ModelFunction
from engines.mujoco.camera import Camera, Eye
from engines.mujoco.names import Names, check_kinds, choose, read_names, rows_of
from engines.mujoco.rows import Force, Rows

UNITS = {
    "hinge": (("angle", "rad"), ("angular_velocity", "rad/s"), ("torque", "N*m")),
    "slide": (("position", "m"), ("velocity", "m/s"), ("force", "N")),
    "": (("", "1"), ("", "1"), ("", "1")),
}
"""Quantity and unit of what joints of one kind have: position, velocity, force; "" where both kinds are mixed."""


def kind_of(model: Any) -> str:
    return "function" if isinstance(model, ModelFunction) or ".py" in str(model) or ":" in str(model)[2:] else "file"


class MujocoParams(ModelParams):
    model: Annotated[
        Annotated[InputFile, Tag("file")] | Annotated[ModelFunction, Tag("function")],
        Discriminator(kind_of),
        Field(description="an MJCF or URDF file; or file.py:function, which returns MJCF text or a mujoco.MjSpec"),
    ]
    timestep: Annotated[Duration | None, Field(gt=0, description="the simulator's step; by default the model's own")] = None
    dt: Annotated[Duration | None, Field(gt=0, description="step of the rows that come out; by default one a window")] = None
    keyframe: Annotated[str | None, Field(description="of the model, where the run starts")] = None
    actuators: Annotated[list[str] | None, Field(description="channels of control; by default all")] = None
    sensors: Annotated[list[str] | dict[str, int] | None, Field(description="by default all; name: size where needed")] = None
    joints: Annotated[list[str] | None, Field(description="hinges and slides; by default all")] = None
    bodies: Annotated[list[str], Field(description="whose position, pushes and contacts are ports")] = []
    cameras: Annotated[dict[str, Camera], Field(description="whose images are ports")] = {}

    @cached_property
    def names(self) -> Names:
        """What ports are made of: read once, for ports, step and bindings ask for it."""
        return chosen_names(self)

    @field_validator("actuators", "sensors", "joints", "bodies")
    @classmethod
    def _once(cls, names: Any) -> Any:
        if twice := sorted({name for name in names or () if list(names).count(name) > 1}):
            raise ValueError(f"{twice[0]!r} is named twice")
        return names

    @field_validator("args", mode="after")
    @classmethod
    def _typed(cls, value: Any, info: ValidationInfo) -> Any:
        model = info.data.get("model")
        args_type = model.args_type if isinstance(model, ModelFunction) else Params
        return value if isinstance(value, args_type) else args_type.model_validate(value, context=info.context)


class Mujoco(ModelEngine):
    """A MuJoCo model from MJCF or URDF: controls in, sensors, joints, contacts and camera images out.

    A row of ``control`` (``joint_force``, ``body_force``) is in force over the step that ends at its time. A row that leaves is
    the value at its time, exactly; accelerations, forces and contacts are those of the step that ends there, for they depend on
    the control in force.

    References
    ----------
    Todorov, Erez and Tassa (2012), IROS, 5026-5033.
    """

    Params = MujocoParams
    simulator: ClassVar[Simulator] = Simulator(
        "MuJoCo", "mujoco", "mujoco", "mujoco", can={"threads": "no", "MPI": "no", "save": "yes, bit for bit"}
    )

    @classmethod
    def ports(cls, params: MujocoParams) -> Sequence[Port]:
        names = params.names
        kinds = set(names.joints.values())
        position, velocity, force = UNITS[kinds.pop() if len(kinds) == 1 else ""]
        control, joints = Space(tuple(names.actuators)), Space(tuple(names.joints))
        sensors, bodies, rows = vectors(names.sensors), params.bodies, {"dt_ns": params.dt}
        pushes = vectors(dict.fromkeys(bodies, 6), ("fx", "fy", "fz", "tx", "ty", "tz"))
        ports = [
            Port("control", "in", "samples", control),
            Port("joint_force", "in", "samples", joints, *force),
            Port("body_force", "in", "samples", pushes),
            Port("sensors", "out", "samples", sensors, **rows),
            Port("joint_position", "out", "samples", joints, *position, **rows),
            Port("joint_velocity", "out", "samples", joints, *velocity, **rows),
            Port("body_position", "out", "samples", vectors(dict.fromkeys(bodies, 3), "xyz"), "position", "m", **rows),
            Port("contact_force", "out", "samples", Space(tuple(bodies)), "force", "N", **rows),
        ]
        for name, camera in params.cameras.items():
            ports.append(Port(f"camera_{name}", "out", "samples", camera.space(), "luminance", dt_ns=camera.dt or params.dt))
        return [port for port in ports if len(port.space)]

    @classmethod
    def step_ns(cls, params: MujocoParams) -> int:
        return params.timestep or round(params.names.timestep_s * 1e9)

    def __init__(self, params: MujocoParams, setup: Setup) -> None:
        self._mj = mj = self.simulator.load()
        self._model = model = compiled(mj, params)
        self._dt_ns = whole_ns(model.opt.timestep)
        check_steps(setup.window_ns, self._dt_ns, f"the MuJoCo model {params.model}")
        mj.set_mju_user_warning(setup.log.warning)  # by default a file MUJOCO_LOG.TXT
        self._data = mj.MjData(model)
        if params.keyframe is not None:
            mj.mj_resetDataKeyframe(model, self._data, rows_of(model, "key", [params.keyframe])[0])
        kinds = mj.mjtIntegrator  # whose step is mj_step1 and mj_step2
        self._halves = model.opt.integrator in (kinds.mjINT_EULER, kinds.mjINT_IMPLICIT, kinds.mjINT_IMPLICITFAST)
        self._fatal = [
            int(kind) for kind in (mj.mjtWarning.mjWARN_BADQPOS, mj.mjtWarning.mjWARN_BADQVEL, mj.mjtWarning.mjWARN_BADQACC)
        ]
        self._eyes = {name: Eye(mj, model, self._data, name, camera) for name, camera in params.cameras.items()}
        wanted = {port.name for port in self.ports(params)}
        found = {name: binding for name, binding in self._bindings(params).items() if name in wanted}
        self.bind(params, setup, found, self._dt_ns)
        mj.mj_step1(model, self._data)
        setup.log.info("%d degrees of freedom, %d actuators, step %s", model.nv, model.nu, format_ns(self._dt_ns))

    def _bindings(self, params: MujocoParams) -> dict[str, Any]:
        model, data, names = self._model, self._data, params.names
        check_kinds(model, names)
        actuators, bodies = rows_of(model, "actuator", names.actuators), rows_of(model, "body", params.bodies)
        joints = rows_of(model, "joint", list(names.joints))
        starts = model.sensor_adr[rows_of(model, "sensor", list(names.sensors))]
        sizes = names.sensors.values()
        sensors = np.array([start + k for start, size in zip(starts, sizes, strict=True) for k in range(size or 0)], np.intp)
        places, speeds = model.jnt_qposadr[joints], model.jnt_dofadr[joints]
        values, position, velocity, place = data.sensordata, data.qpos, data.qvel, data.xpos  # views, made once
        return {
            "control": Force(data.ctrl, actuators),
            "joint_force": Force(data.qfrc_applied, speeds),
            "body_force": Force(data.xfrc_applied, bodies),
            "sensors": Rows(len(sensors), lambda: values[sensors]),
            "joint_position": Rows(len(joints), lambda: position[places]),
            "joint_velocity": Rows(len(joints), lambda: velocity[speeds]),
            "body_position": Rows(3 * len(bodies), lambda: place[bodies]),
            "contact_force": Rows(len(bodies), lambda: self._contact_forces()[bodies], early=True),
            **{f"camera_{name}": Rows(eye.size, eye.look) for name, eye in self._eyes.items()},
        }

    def step(self, window: Window) -> None:
        steps, inputs, outputs = window.steps(self._dt_ns), self.inputs.values(), self.outputs.values()
        block = math.gcd(steps, *(i.each for i in inputs), *(o.every for o in outputs))
        for k in range(0, steps, block):
            for port in inputs:
                port.apply(k)
            self._go(block)
            due = [output for output in outputs if (k + block) % output.every == 0]
            for output in due:
                output.read_if(early=True)
            self._mj.mj_step1(self._model, self._data)
            for output in due:
                output.read_if(early=False)
        self._hold_stable(window)

    def _go(self, steps: int) -> None:
        """Through ``steps`` steps, of which the first half of the first one (``mj_step1``) is done already."""
        if self._halves:
            self._mj.mj_step2(self._model, self._data)
            steps -= 1
        if steps:
            self._mj.mj_step(self._model, self._data, nstep=steps)

    def _hold_stable(self, window: Window) -> None:
        """MuJoCo puts a model that has become unstable back to its start, with a warning."""
        if self._data.warning.number[self._fatal].any():
            raise CosimError(
                f"the MuJoCo model became unstable in {window}",
                why="a position, velocity or acceleration is huge or no number",
                mend="a smaller timestep, smaller controls, more damping or armature, or integrator implicitfast",
            )

    def _contact_forces(self) -> NDArray[np.float64]:
        """(bodies of the model,) N: the sum of the normal forces of each body's contacts."""
        total, force = np.zeros(self._model.nbody), np.zeros(6)
        for i in range(self._data.ncon):
            self._mj.mj_contactForce(self._model, self._data, i, force)
            for geom in self._data.contact.geom[i][self._data.contact.geom[i] >= 0]:  # -1 is a flexible body
                total[self._model.geom_bodyid[geom]] += force[0]
        return total

    def save(self) -> dict[str, NDArray[Any]]:
        mj = self._mj
        if self._model.opt.enableflags & mj.mjtEnableBit.mjENBL_SLEEP:
            raise CosimError("a MuJoCo model whose bodies may sleep cannot be saved", mend="<flag sleep='disable'/>")
        state = np.empty(mj.mj_stateSize(self._model, mj.mjtState.mjSTATE_INTEGRATION))
        mj.mj_getState(self._model, self._data, state, mj.mjtState.mjSTATE_INTEGRATION)
        return {"state": state}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self._mj.mj_setState(self._model, self._data, state["state"], self._mj.mjtState.mjSTATE_INTEGRATION)
        self._mj.mj_step1(self._model, self._data)

    def close(self) -> None:
        for eye in self._eyes.values():
            eye.close()


def source(params: MujocoParams) -> Any:
    """The model: a file's path, MJCF text or a mujoco.MjSpec."""
    return params.model if isinstance(params.model, Path) else params.model.function(params.args)


def chosen_names(params: MujocoParams) -> Names:
    """The names that ports are made of, from the file and the parameters."""
    found = source(params)
    if isinstance(found, Path):
        names = read_names(found.read_text(encoding="utf-8"), found.parent, found.name)
    elif isinstance(found, str):
        names = read_names(found, Path(), str(params.model))
    else:
        found.compile()  # MuJoCo 4.0 writes only what it has compiled
        names = read_names(found.to_xml(), Path(), str(params.model))
    return choose(names, str(params.model), params.actuators, params.sensors, params.joints)


def compiled(mj: Any, params: MujocoParams) -> Any:
    """The compiled model; what MuJoCo has against it comes as its own error."""
    found = source(params)
    if isinstance(found, Path):
        spec = mj.MjSpec.from_file(str(found))
    else:
        spec = mj.MjSpec.from_string(found) if isinstance(found, str) else found
    if params.timestep is not None:
        spec.option.timestep = params.timestep / 1e9
    for camera in params.cameras.values():
        screen = spec.visual.global_
        screen.offwidth, screen.offheight = max(screen.offwidth, camera.width), max(screen.offheight, camera.height)
    return spec.compile()


def whole_ns(timestep_s: float) -> int:
    dt_ns = round(timestep_s * 1e9)
    if dt_ns < 1 or abs(timestep_s * 1e9 - dt_ns) > 1e-3:
        raise CosimError(
            f"the model's timestep of {timestep_s} s is not a whole number of nanoseconds",
            mend=f"timestep: {format_ns(max(dt_ns // 1000, 1) * 1000)}, or another that fills the window",
        )
    return dt_ns


def vectors(sizes: Mapping[str, int | None], parts: Sequence[str] = ()) -> Space:
    """A channel for each value: ``name``, or ``name[0]`` (``name.x`` with named parts) and so on, and a group ``name``."""
    labels: list[str] = []
    groups: dict[str, tuple[int, ...]] = {}
    for name, size in sizes.items():
        if size == 1:
            labels.append(name)
        else:
            groups[name] = tuple(range(len(labels), len(labels) + (size or 0)))
            labels += [f"{name}.{parts[k]}" if parts else f"{name}[{k}]" for k in range(size or 0)]
    return Space(tuple(labels), groups)

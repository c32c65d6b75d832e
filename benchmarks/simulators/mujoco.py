"""MuJoCo: a swimming chain of 25 links; controls of its 24 motors come in, its 24 joint angles go out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.simulators.common import Course, row_of, timed
from engines.mujoco import Mujoco

ENGINE, NAME = Mujoco, "MuJoCo, 25 links"
LINKS = 25


def params(folder: Path) -> dict[str, Any]:
    return {"model": f"{__name__}:chain", "joints": []}


def chain(args: Any = None) -> str:
    """MJCF of links in a plane, in a viscous fluid; ports come from its names."""
    joint = '<joint name="{0}" axis="0 0 1" limited="true" range="-60 60" stiffness="0.001" damping="0.0005"/>'
    free = '<joint name="x" type="slide" axis="1 0 0"/><joint name="y" type="slide" axis="0 1 0"/><joint name="turn" axis="0 0 1"/>'
    names = [f"joint{i}" for i in range(1, LINKS)]
    link = '<body pos="{0} 0 0">{1}<geom type="capsule" fromto="0 0 0 -0.04 0 0" size="0.012" density="1000"/>'
    bodies = link.format(0, free) + "".join(link.format(-0.04, joint.format(name)) for name in names) + "</body>" * LINKS
    motors = "".join(f'<position name="{name}" joint="{name}" kp="0.02" ctrlrange="-1 1"/>' for name in names)
    angles = "".join(f'<jointpos name="{name}" joint="{name}"/>' for name in names)
    return f"""<mujoco>
        <option timestep="0.001" integrator="implicitfast" density="1000" viscosity="0.1" gravity="0 0 0">
            <flag contact="disable"/>
        </option>
        <worldbody>{bodies}</worldbody><actuator>{motors}</actuator><sensor>{angles}</sensor>
    </mujoco>"""


def bare(windows: int) -> Course:
    """``mj_step1`` and ``mj_step2``, which are one ``mj_step``, cut where sensors belong to the new state."""
    import mujoco

    model = mujoco.MjModel.from_xml_string(chain())
    data = mujoco.MjData(model)
    rows = [row_of(window, model.nu) for window in range(windows)]
    mujoco.mj_step1(model, data)

    def step(window: int) -> Any:
        data.ctrl[:] = rows[window]
        mujoco.mj_step2(model, data)
        mujoco.mj_step1(model, data)
        return data.sensordata.copy()

    stamps_ns, told = timed(step, windows)
    return Course(stamps_ns, np.array(told))

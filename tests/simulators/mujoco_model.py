"""MuJoCo models that functions give."""

from pathlib import Path

from cosim.sdk import Params

ARM = Path(__file__).with_name("arm.xml")


class Gravity(Params):
    gravity: float = 9.81


def runge_kutta(args: Gravity):
    """The arm as a mujoco.MjSpec."""
    import mujoco

    spec = mujoco.MjSpec.from_file(str(ARM))
    spec.option.integrator, spec.option.gravity = mujoco.mjtIntegrator.mjINT_RK4, [0, 0, -args.gravity]
    return spec


def pendulum(args):
    """MJCF text, for which MuJoCo is not needed."""
    return """<mujoco><option timestep="0.002"/><worldbody><body><joint name="swing"/>
    <geom type="capsule" fromto="0 0 0 1 0 0" size="0.1"/></body></worldbody><actuator><motor joint="swing"/></actuator></mujoco>"""

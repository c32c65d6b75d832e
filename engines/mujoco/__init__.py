"""MuJoCo: a body with joints, muscles and contacts, stepped window by window."""

from engines.mujoco.engine import Mujoco, MujocoParams

__all__ = ["Mujoco", "MujocoParams"]

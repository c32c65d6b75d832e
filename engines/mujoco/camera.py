"""Cameras of a MuJoCo model, rendered without a screen."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cosim.sdk import CosimError, Duration, Params, Space
from engines.mujoco.names import rows_of

BRIGHTNESS = np.array([0.299, 0.587, 0.114]) / 255  # of red, green and blue from 0 to 255 (ITU-R BT.601)


class Camera(Params):
    width: Annotated[int, Field(ge=1, le=4096)] = 32
    height: Annotated[int, Field(ge=1, le=4096)] = 24
    dt: Annotated[Duration | None, Field(gt=0, description="step of the images; by default that of the other rows")] = None

    def space(self) -> Space:
        """A channel a pixel, row by row from the upper left; pixels stand 1 µm apart, as on a chip."""
        rows, columns = np.divmod(np.arange(self.width * self.height), self.width)
        labels = tuple(f"{row},{column}" for row, column in zip(rows.tolist(), columns.tolist(), strict=True))
        return Space(labels, positions=np.stack([columns, -rows, 0 * rows], axis=1).astype(np.float64))


class Eye:
    """A camera of the model, rendered without a screen."""

    def __init__(self, mj: Any, model: Any, data: Any, name: str, camera: Camera) -> None:
        self._mj, self._model, self._data, self.size = mj, model, data, camera.width * camera.height
        self._view = mj.MjvCamera()
        self._view.type, self._view.fixedcamid = mj.mjtCamera.mjCAMERA_FIXED, rows_of(model, "camera", [name])[0]
        try:
            self._context = context_type(mj)(camera.width, camera.height)
            self._context.make_current()
            self._renderer = mj.MjrContext(model, mj.mjtFontScale.mjFONTSCALE_50)
        except Exception as error:  # every back end fails in its own way
            raise CosimError(
                f"camera {name!r} cannot be rendered here",
                why=f"{type(error).__name__}: {error}",
                mend="install EGL (Debian: libegl1 libgl1-mesa-dri); or MUJOCO_GL=osmesa with libosmesa6; or leave cameras out",
            ) from error
        mj.mjr_setBuffer(mj.mjtFramebuffer.mjFB_OFFSCREEN, self._renderer)
        self._scene, self._rectangle = mj.MjvScene(model, maxgeom=10_000), mj.MjrRect(0, 0, camera.width, camera.height)
        self._image = np.empty((camera.height, camera.width, 3), np.uint8)

    def look(self) -> NDArray[np.float64]:
        """(height * width,) brightness from 0 to 1, row by row from the upper left."""
        mj = self._mj
        self._context.make_current()
        mj.mjv_updateScene(self._model, self._data, mj.MjvOption(), None, self._view, mj.mjtCatBit.mjCAT_ALL, self._scene)
        mj.mjr_render(self._rectangle, self._scene, self._renderer)
        mj.mjr_readPixels(self._image, None, self._rectangle, self._renderer)
        return (self._image[::-1] @ BRIGHTNESS).ravel()  # OpenGL's first row is the lowest

    def close(self) -> None:
        self._context.make_current()
        self._renderer.free()
        self._context.free()


def context_type(mj: Any) -> Any:
    """MuJoCo's choice of an OpenGL context where MUJOCO_GL or a screen decides; else EGL, which needs no screen."""
    if sys.platform != "linux" or os.environ.get("MUJOCO_GL") or os.environ.get("DISPLAY"):
        return mj.GLContext
    from mujoco.egl import GLContext

    return GLContext

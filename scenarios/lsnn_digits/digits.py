"""An engine that shows digits: the spikes that tell the pixels of one image after the other, and which digit it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cosim.claims import load_beside
from cosim.sdk import CosimError, Duration, Params, Payload, Port, Samples, Setup, Space, Spikes, Window

CHANNELS, GREYS, STEPS, encode, halves, package, read_digits = (
    load_beside(Path(__file__), "images.py", name)
    for name in ("CHANNELS", "GREYS", "STEPS", "encode", "halves", "package", "read_digits")
)


class DigitsParams(Params):
    images: Annotated[Literal["test", "learned"], Field(description="those that nothing was learned from, or the others")] = "test"
    step: Annotated[Duration, Field(gt=0, description="how long a pixel is shown")] = 10_000_000


class Digits:
    """Shows images from time 0 on, without a pause, and begins again after the last.

    ``spikes`` are stamped with the end of the pixel's step; ``digit`` is what the image means. It has no state: what it gives is a
    function of the window.
    """

    Params: ClassVar[type] = DigitsParams
    determinism: ClassVar[str] = "bitwise"

    @classmethod
    def ports(cls, params: DigitsParams) -> Sequence[Port]:
        if package() is None:
            raise CosimError("the package scikit-learn is not installed", mend="pip install --no-deps scikit-learn")
        groups = {"up": tuple(range(GREYS)), "down": tuple(range(GREYS, 2 * GREYS)), "cue": (2 * GREYS,)}
        spikes = Port("spikes", "out", "spikes", Space.numbered(CHANNELS, groups))
        return [spikes, Port("digit", "out", "samples", Space(("digit",)), dt_ns=params.step)]

    def __init__(self, params: DigitsParams, setup: Setup) -> None:
        learned, tested = halves()
        images, digits = (column[tested if params.images == "test" else learned] for column in read_digits())
        self._dt_ns, self._digits = params.step, digits.astype(np.float64)
        steps, channels = np.nonzero(encode(images).reshape(-1, CHANNELS))
        self._steps, self._channels = steps, channels.astype(np.int32)
        self._length = len(digits) * STEPS
        Window(0, setup.window_ns).steps(params.step)  # refuses a window that is not a whole number of steps

    def advance(self, window: Window, inputs: Mapping[str, Payload]) -> Mapping[str, Payload]:
        steps = window.start_ns // self._dt_ns + np.arange(window.steps(self._dt_ns))
        shown = steps % self._length
        first, last = np.searchsorted(self._steps, [shown, shown + 1])
        counts = last - first  # spikes in each step
        found = np.arange(counts.sum()) + np.repeat(first - np.concatenate([[0], counts.cumsum()[:-1]]), counts)
        spikes = Spikes(window, (np.repeat(steps, counts) + 1) * self._dt_ns, self._channels[found])
        return {"spikes": spikes, "digit": Samples(window, self._digits[shown // STEPS][:, None])}

    def save(self) -> dict[str, NDArray[Any]]:
        return {}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        """There is nothing to load: the window says it all."""

    def close(self) -> None:
        """Nothing is held open."""

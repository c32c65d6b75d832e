"""The translator protocol: what turns one payload into another, on a link."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from cosim.sdk.engine import Params
from cosim.sdk.payload import Payload
from cosim.sdk.port import Port


class Translator(Protocol):
    """Turns the frames of a link, one after the other, into frames of another kind, unit, grid or space.

    ``source`` is what arrives, restricted to the channels that the link selects; its ``dt_ns`` is always given: the step of its
    rows, or of spikes the interval of frames. ``target`` is what the link's end takes, restricted likewise. ``place`` says where
    it runs: where the data get smaller. All that lasts from frame to frame stands in ``state``; the runtime saves it. ``rng`` is
    counter-based, made afresh from (scenario seed, link name, place in the chain, frame start), so it holds no state. Frames of
    the link's initial value come first, at source times up to 0.
    """

    Params: ClassVar[type[Params]]
    place: Literal["source", "target"]
    port: Port
    state: dict[str, NDArray[np.generic]]

    def __init__(self, source: Port, target: Port, params: Any) -> None: ...

    def translate(self, payload: Payload, rng: np.random.Generator) -> Payload: ...

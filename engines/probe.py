"""Contacts that listen: what arrives at them can be recorded, with their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from cosim.sdk import Params, Payload, Port, Setup, Space, Unit, Window

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Triple = tuple[Finite, Finite, Finite]
ROW = ("origin", "spacing", "count")


class ProbeParams(Params):
    """Where the contacts are: in a row, or one by one; and what they hear."""

    origin: Annotated[Triple | None, Unit("um"), Field(description="[x, y, z] of the first contact of a row")] = None
    spacing: Annotated[Positive | None, Unit("um"), Field(description="from contact to contact")] = None
    count: Annotated[int | None, Field(ge=1, description="how many contacts")] = None
    direction: Annotated[Triple, Field(description="from the first contact to the last, of any length")] = (0, 0, 1)
    at: Annotated[
        Annotated[list[Triple], Field(min_length=1)] | None,
        Unit("um"),
        Field(description="contacts one by one in place of a row: [x, y, z] each"),
    ] = None
    quantity: Annotated[str, Field(description="what arrives; '' for anything")] = "extracellular_potential"
    unit: Annotated[str, Field(description="in which it is kept")] = "uV"

    @model_validator(mode="after")
    def _somewhere(self) -> ProbeParams:
        given = [name for name in ROW if getattr(self, name) is not None]
        if self.at is not None and given:
            raise ValueError(f"contacts are given one by one, at, or in a row, {', '.join(ROW)}: not both")
        if self.at is None and len(given) < len(ROW):
            missing = ", ".join(name for name in ROW if name not in given)
            raise ValueError(f"say where the contacts are: {missing}; or at: [[x, y, z], …], one by one")
        if not any(self.direction):
            raise ValueError("a direction of [0, 0, 0] points nowhere")
        return self

    @property
    def places(self) -> NDArray[np.float64]:
        """(contacts, 3) µm."""
        if self.at is not None:
            return np.array(self.at, np.float64)
        assert self.count is not None
        assert self.spacing is not None
        ahead = np.array(self.direction, np.float64)
        ahead *= self.spacing / float(np.linalg.norm(ahead))
        row: NDArray[np.float64] = np.array(self.origin, np.float64) + np.arange(self.count)[:, None] * ahead
        return row


class Probe:
    """An electrode of many contacts that only listens.

    One input port ``potential`` with a channel for each contact. It knows the places, so that a translator on the link may ask for
    them (``extracellular: {target: true}``); ``record: true`` of the link keeps what arrives, with the places.
    """

    Params: ClassVar[type[ProbeParams]] = ProbeParams
    determinism: ClassVar[str] = "bitwise"

    @classmethod
    def ports(cls, params: ProbeParams) -> Sequence[Port]:
        places = params.places
        contacts = Space(tuple(f"contact{number}" for number in range(len(places))), positions=places)
        return [Port("potential", "in", "samples", contacts, params.quantity, params.unit)]

    def __init__(self, params: ProbeParams, setup: Setup) -> None:
        """There is nothing to build."""

    def advance(self, window: Window, inputs: Mapping[str, Payload]) -> Mapping[str, Payload]:
        return {}

    def save(self) -> dict[str, NDArray[Any]]:
        return {}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        """There is nothing to load."""

    def close(self) -> None:
        """There is nothing to close."""

"""The engine protocol: one simulator with one model, moved forward window by window."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from cosim.sdk.payload import Payload
from cosim.sdk.port import Port
from cosim.sdk.time import Window

NOT_FED, HELD = -1, -2


class Params(BaseModel):
    """Typed parameters: the fields are the YAML keys, with units, defaults, ranges and help. Unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


@dataclass(frozen=True)
class Setup:
    """What an engine is told when it is built.

    Attributes
    ----------
    seed
        Of this engine: drawn from the scenario's seed and the engine's name.
    inputs
        The connected input ports as they will arrive: ``dt_ns`` is the step of the rows.
    delays_ns
        For each connected input, (channels,) int64: the whole delay of the link that feeds the channel; NOT_FED (-1) where none
        does (the channel then reads 0), HELD (-2) where the link holds, so that its delay varies.
    comm
        This engine's MPI ranks (an mpi4py communicator), or None.
    folder
        The scenario's, where relative paths start.
    """

    name: str
    window_ns: int
    seed: int
    inputs: Mapping[str, Port] = field(default_factory=dict)
    delays_ns: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    comm: Any = None
    folder: Path = Path()
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("cosim.engine"))


class Engine(Protocol):
    """One simulator with one model.

    The runtime promises: windows in order, gapless, of one length; each connected input covers exactly the window, already
    delayed, translated, merged and sorted; an unconnected input is absent. The engine promises: it stops exactly at
    ``window.stop_ns``; one payload per output port for this window, in arrays that it will not write again; one long window
    equals many short ones, bit for bit; same params, seed and inputs, same output.

    ``determinism`` (optional class attribute) says what holds when a run is repeated: ``bitwise`` (the default),
    ``layout`` (only with the same number of ranks and threads), ``none``.
    """

    Params: ClassVar[type[Params]]

    @classmethod
    def ports(cls, params: Any) -> Sequence[Port]:
        """From the parameters alone; no simulator is imported."""
        ...

    def __init__(self, params: Any, setup: Setup) -> None:
        """Import the simulator, build the model, stand at time 0."""
        ...

    def advance(self, window: Window, inputs: Mapping[str, Payload]) -> Mapping[str, Payload]: ...

    def close(self) -> None: ...


@runtime_checkable
class HasModels(Protocol):
    """Optional: an engine with models by name, each of which ``cosim describe ENGINE.MODEL`` tells."""

    @classmethod
    def models(cls) -> Mapping[str, str]:
        """Name and title of each."""
        ...

    @classmethod
    def describe_model(cls, name: str) -> str:
        """What is to be known of one, as text; ``name`` may be the path of a user's own file."""
        ...


@runtime_checkable
class Keeper(Protocol):
    """Optional: an engine that leaves arrays in the run's file, under ``/engines/<its name>``, when a run has reached its end."""

    def kept(self) -> Mapping[str, NDArray[Any]]:
        """Numbers or text by name, such as the matrix of a network; read with ``run.kept(engine)``."""
        ...


@runtime_checkable
class Restorable(Protocol):
    """Optional: an engine that can save where it stands and return there. Needed for checkpoints and iterate groups."""

    def save(self) -> dict[str, NDArray[Any]]: ...

    def load(self, state: dict[str, NDArray[Any]]) -> None: ...

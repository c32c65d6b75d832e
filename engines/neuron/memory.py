"""Where a NEURON model stands, as arrays: what NEURON saves of it, and what it leaves out."""

from __future__ import annotations

import ctypes
import importlib
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.neuron.bindings import Pointers
from engines.neuron.contents import assigned, random_streams


class Memory:
    """NEURON's SaveState (states, connections, waiting events), and what that leaves out.

    That is the ASSIGNED variables of every mechanism (what a NET_RECEIVE block counts up often is one) and the places of random
    streams.
    """

    def __init__(self, h: Any) -> None:
        self._h, self._assigned = h, Pointers(h, list(assigned(h)))
        streams, randoms = list(random_streams(h)), list(h.List("Random"))
        self._tell = [stream.get_seq for stream in streams] + [random.seq for random in randoms]
        self._move = [stream.set_seq for stream in streams] + [random.seq for random in randoms]

    def save(self) -> dict[str, NDArray[Any]]:
        state = self._h.SaveState()
        state.save()
        with tempfile.NamedTemporaryFile() as file:
            state.fwrite(self._h.File(file.name))
            saved = np.fromfile(file.name, np.uint8)
        places = np.array([tell() for tell in self._tell], np.float64)
        return {"state": saved, "assigned": self._assigned.read().copy(), "random": places}

    def load(self, state: Mapping[str, NDArray[Any]], first_model: bool) -> None:
        saved = self._h.SaveState()
        if not forget_points() and not first_model:
            raise CosimError("this NEURON restores only the first model of a process", mend="run: processes: auto")
        with tempfile.NamedTemporaryFile() as file:
            np.asarray(state["state"]).tofile(file.name)
            saved.fread(self._h.File(file.name))
        saved.restore()
        self._assigned.write(state["assigned"])
        for move, place in zip(self._move, state["random"].tolist(), strict=True):
            move(place)


def forget_points() -> bool:
    """NEURON 9.0 looks waiting events of artificial cells up in a table that it makes once a process: of cells that may be gone."""
    tables = ctypes.CDLL(importlib.import_module("neuron.hoc").__file__)
    free = getattr(tables, "_ZN9SelfEvent14savestate_freeEv", None)
    if free is not None:
        free()
    return free is not None

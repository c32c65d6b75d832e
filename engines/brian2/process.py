"""What Brian2 has one of in a process, and several models share: random numbers, messages, names, clock and device."""

from __future__ import annotations

import ctypes
import logging
import pickle
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Setup, Simulator


class Turn:
    """Random numbers and messages, which are the process's, while one engine of several is at work.

    Brian2 draws from NumPy's global generator; what cython compiled, from two buffers that are filled from there.
    """

    holder: ClassVar[Turn | None] = None

    def __init__(self, brian2: ModuleType, setup: Setup) -> None:
        self.log, self._brian2, self._seed = setup.log, brian2, setup.seed % 2**32
        self._device = brian2.all_devices["runtime"]
        self._kept: dict[str, Any] | None = None

    def take(self) -> None:
        """Go on where this engine stopped."""
        before, Turn.holder = Turn.holder, self
        if before is self:
            return
        if before is not None:
            before._kept = self._device.get_random_state()
        if self._kept is not None:
            self._device.set_random_state(self._kept)
        else:
            if before is not None:  # its buffers are not ours to free
                self._device.rand_buffer[:] = self._device.randn_buffer[:] = 0
            self._brian2.seed(self._seed)

    def end(self) -> None:
        if Turn.holder is self:
            Turn.holder = None

    def save(self) -> bytes:
        # Brian2 2.9: get_random_state() has the addresses of the buffers, and not their numbers
        numbers = {name: numbers_at(getattr(self._device, name)).copy() for name in ("rand_buffer", "randn_buffer")}
        return pickle.dumps(self._device.get_random_state() | numbers)

    def load(self, saved: bytes) -> None:
        state = pickle.loads(saved)
        for name in ("rand_buffer", "randn_buffer"):
            numbers, state[name] = np.array(state[name]), getattr(self._device, name)
            if len(numbers):
                if not state[name][0]:
                    state[name][0] = numbers.ctypes.data
                    ctypes.pythonapi.Py_IncRef(ctypes.py_object(numbers))  # compiled code frees it when it is used up
                numbers_at(state[name])[:] = numbers
        self._device.set_random_state(state)


def numbers_at(address: NDArray[np.intp]) -> NDArray[np.float64]:
    """(20000,) the numbers of a buffer; (0,) before it is filled."""
    size = 20_000 if address[0] else 0  # Brian2 2.9: _BUFFER_SIZE
    return np.ctypeslib.as_array((ctypes.c_double * size).from_address(int(address[0])))


class Messages(logging.Handler):
    """Brian2's warnings, in the log of the engine at work."""

    def emit(self, record: logging.LogRecord) -> None:
        log = Turn.holder.log if Turn.holder is not None else logging.getLogger("cosim.engine")
        log.log(record.levelno, "%s", record.getMessage())


def load_quietly(simulator: Simulator) -> ModuleType:
    """Brian2, which takes over the console, Python's warnings and uncaught exceptions when it is imported."""
    hook, show = sys.excepthook, warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Brian2 2.9 calls what pyparsing 3.3 deprecates
        brian2 = simulator.load()
        if warnings.showwarning is not show:
            logging.captureWarnings(False)
    sys.excepthook = hook
    logger = brian2.utils.logger.BrianLogger
    if not isinstance(logger.console_handler, Messages):
        logging.getLogger("brian2").removeHandler(logger.console_handler)
        logger.console_handler = Messages(logging.WARNING)
        logging.getLogger("brian2").addHandler(logger.console_handler)
    return brian2


@contextmanager
def model_of_its_own(brian2: ModuleType, dt_ns: int, codegen: str) -> Iterator[Any]:
    """A defaultclock, and names as in a process of one model: what runs first in a step, and what is saved, goes by name."""
    living, device, prefs = brian2.core.names.Nameable.__instances__(), brian2.all_devices["runtime"], brian2.prefs
    others, clock, target = set(living), device.defaultclock, prefs.codegen.target
    living.clear()
    device.defaultclock = brian2.Clock(dt_ns / 1e9 * brian2.second, name="defaultclock")
    prefs.codegen.target = codegen
    try:
        yield device.defaultclock
    finally:
        living.update(others)
        device.defaultclock, prefs.codegen.target = clock, target


def refuse_standalone(brian2: ModuleType, model: str) -> None:
    """A CosimError where ``model`` has changed the device; it is changed back."""
    if brian2.get_device() is not brian2.all_devices["runtime"]:
        brian2.device.reinit()
        brian2.set_device("runtime")
        raise CosimError(
            f"{model} calls set_device(): a standalone program cannot be stepped",
            mend="leave set_device() out; for compiled code, in the scenario: codegen: cython",
        )

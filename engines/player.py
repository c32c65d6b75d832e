"""A recording as a source: what a file or a table holds, played at its time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from cosim.sdk import CosimError, Duration, InputFile, Params, Payload, Port, Samples, Setup, Spikes, Window, format_ns
from cosim.sdk.units import parse_ns
from engines.recording import Recording, read_recording, to_ns


class PlayerParams(Params):
    file: Annotated[InputFile | None, Field(description=".csv (time_ms,channel or time_ms,label,…), .npz, or a run's .h5")] = None
    stream: Annotated[str, Field(description="of a run's .h5, such as column.spikes; may be left out where there is one")] = ""
    spikes: Annotated[
        list[tuple[float | str, int | str]] | None, Field(description="spikes given here: [time in ms, channel] each")
    ] = None
    values: Annotated[list[list[float]] | None, Field(description="samples given here: a row of channels for each step")] = None
    dt: Annotated[Duration | None, Field(gt=0, description="step of the samples, where the file does not say it")] = None
    channels: Annotated[int | list[str] | None, Field(description="how many, or their names; by default what the data name")] = None
    unit: Annotated[str, Field(description="of samples, where the file does not say it")] = ""
    quantity: Annotated[str, Field(description="of samples, where the file does not say it")] = ""
    of: Annotated[
        Literal["", "value", "mean"], Field(description="what a row is, where the file does not say it; by default value")
    ] = ""
    repeat: Annotated[bool, Field(description="start again at the end")] = False
    length: Annotated[Duration | None, Field(gt=0, description="where spikes end; needed to repeat them")] = None
    after: Annotated[
        Literal["hold", "zero", "error"],
        Field(description="outside the recording: hold the nearest row, give zeros, or stop; spikes are silent for the first two"),
    ] = "hold"

    @model_validator(mode="after")
    def _one_source(self) -> PlayerParams:
        given = [name for name in ("file", "spikes", "values") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a player needs one of file, spikes and values, and has {' and '.join(given) or 'none'}")
        if self.stream and self.file is None:
            raise ValueError("stream belongs to a file")
        if self.values is not None and self.dt is None:
            raise ValueError("values need their step, such as dt: 1 ms")
        return self


class Player:
    """Plays a recording: every spike and row at its own time, whatever the windows.

    One output port ``out``, of the kind, channels, step, unit and quantity of the recording. Times in ms become the nearest whole
    ns. In an .npz the arrays are named as in a run's .h5: ``timestamps`` (ms) and ``node_ids``, or ``values`` and ``dt_ns``, with
    ``labels``, ``t0_ns``, ``unit``, ``quantity`` and ``of`` where known. ``repeat`` goes on with the recording's length as period.
    It has no state: what it gives is a function of the window.
    """

    Params = PlayerParams
    determinism = "bitwise"

    @classmethod
    def ports(cls, params: PlayerParams) -> Sequence[Port]:
        found = _recording(params)
        return [Port("out", "out", found.kind, found.space, found.quantity, found.unit or "1", found.of or "value", found.dt_ns)]

    def __init__(self, params: PlayerParams, setup: Setup) -> None:
        self._params, self._recording = params, _recording(params)
        self._stop_ns = params.length or self._recording.stop_ns
        if self._recording.dt_ns is not None and setup.window_ns % self._recording.dt_ns:
            step = format_ns(self._recording.dt_ns)
            raise CosimError(
                f"{self._recording.name} has a step of {step}, which does not fill the window of {format_ns(setup.window_ns)}",
                mend=f"window: {step}, or a multiple of it",
            )

    def advance(self, window: Window, inputs: Mapping[str, Payload]) -> Mapping[str, Payload]:
        start_ns = 0 if self._recording.values is None else self._recording.first * (self._recording.dt_ns or 0)
        if (
            self._params.after == "error"
            and not self._params.repeat
            and not start_ns <= window.start_ns <= window.stop_ns <= self._stop_ns
        ):
            raise CosimError(
                f"{self._recording.name} covers ({format_ns(start_ns)}, {format_ns(self._stop_ns)}], and the window is {window}",
                why="after: error",
                mend="after: hold, after: zero, repeat: true, or stop the clock earlier",
            )
        return {"out": self._spikes(window) if self._recording.kind == "spikes" else self._samples(window)}

    def _spikes(self, window: Window) -> Spikes:
        times, channels = self._recording.times_ns, self._recording.channels
        assert times is not None
        assert channels is not None
        whole = Spikes(Window(0, self._stop_ns), times, channels)
        if not self._params.repeat:
            return whole.cut(window)
        length = self._stop_ns
        rounds = range(window.start_ns // length, (window.stop_ns - 1) // length + 1)
        parts = []
        for begin in (turn * length for turn in rounds):
            part = Window(max(window.start_ns, begin), min(window.stop_ns, begin + length))
            parts.append(whole.cut(part.shifted(-begin)).shifted(begin))
        return Spikes.join(parts)

    def _samples(self, window: Window) -> Samples:
        values, dt_ns = self._recording.values, self._recording.dt_ns
        assert values is not None
        assert dt_ns is not None
        steps, count = window.steps(dt_ns), len(values)
        first = window.start_ns // dt_ns - self._recording.first
        if first >= 0 and first + steps <= count:
            return Samples(window, values[first : first + steps])
        rows = np.arange(first, first + steps)
        out = values[rows % count if self._params.repeat else np.clip(rows, 0, count - 1)]
        if self._params.after == "zero" and not self._params.repeat:
            out[(rows < 0) | (rows >= count)] = 0.0
        return Samples(window, out)

    def save(self) -> dict[str, NDArray[Any]]:
        return {}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        """There is nothing to load: the window says it all."""

    def close(self) -> None:
        """There is nothing to close: the recording is in memory."""


def _recording(params: PlayerParams) -> Recording:
    if params.file is not None:
        found = read_recording(params.file, params.stream, params.channels, params.dt)
    elif params.spikes is not None:
        times = [parse_ns(time) if isinstance(time, str) else int(to_ns(time)) for time, _ in params.spikes]
        found = Recording.of_spikes("spikes", np.array(times, np.int64), [channel for _, channel in params.spikes], params.channels)
    else:
        found = Recording.of_samples("values", params.values, params.channels, params.dt)
    if found.kind == "spikes":
        if params.repeat and params.length is None:
            raise CosimError(
                f"{found.name} cannot be repeated: spikes do not say where they end", mend="add length, such as length: 1 s"
            )
        if params.length is not None and params.length < found.stop_ns:
            raise CosimError(
                f"{found.name} has a spike at {format_ns(found.stop_ns)}, after its length of {format_ns(params.length)}"
            )
    elif params.length is not None:
        raise CosimError(f"{found.name} holds samples, whose rows say where they end", mend="leave length out")
    return _stated(found, params)


def _stated(found: Recording, params: PlayerParams) -> Recording:
    """With unit, quantity and meaning of rows as the parameters say, where the file does not say otherwise."""
    said = {name: value for name in ("unit", "quantity", "of") if (value := getattr(params, name))}
    if found.kind == "spikes" and (idle := [*said, *(["dt"] if params.dt else [])]):
        raise CosimError(f"{found.name} holds spikes, which have no {' and no '.join(idle)}", mend=f"leave out {', '.join(idle)}")
    for name, value in said.items():
        if getattr(found, name) not in ("", value):
            raise CosimError(
                f"{found.name} states {name} {getattr(found, name)!r}, and the parameters say {value!r}",
                mend=f"leave {name} out; to convert or rename put scale on the link",
            )
    return replace(found, **said)

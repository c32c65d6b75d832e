"""Samples on one grid of time become samples on another."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cosim.sdk import CosimError, Duration, Params, Payload, Port, Samples, format_ns, nearest_multiples


class ResampleParams(Params):
    dt: Annotated[
        Duration | None, Field(gt=0, description="step of what comes out; by default the one that the target asks for")
    ] = None
    take: Annotated[
        Literal["mean", "last"], Field(description="mean: over the new step; last: the row in force at its end (only for values)")
    ] = "mean"


class Resample:
    """Samples of step r on a grid of step q, with r : q any ratio of whole ns.

    ``mean``: row j = (1/q) ∫ x over (t_j - q, t_j], x being each row held over the step that it ends: rows are repeated where q
    divides r, averaged in blocks where r divides q, weighted by their overlap elsewhere. The integral over a frame is kept, to
    rounding; so no bias. n independent rows in a new step leave 1/n of their variance. Group delay (q - r)/2 where r divides q
    behind rows that are values, 0 behind rows that are means; 0 where rows are repeated.
    ``last``: the row in force at t_j. Delay 0, variance kept, but the integral is not and faster changes alias.

    No sum reaches from frame to frame: a frame is a whole number of new steps, or it is refused. Source: the formula.
    """

    Params = ResampleParams
    place = "target"

    def __init__(self, source: Port, target: Port, params: ResampleParams) -> None:
        if source.kind != "samples":
            raise CosimError(
                f"resample takes samples, and {source.name!r} brings {source.describe()}",
                mend="the bins of spikes_to_rate are chosen there: via: {spikes_to_rate: {bin: 1 ms}}",
            )
        if source.dt_ns is None:
            raise CosimError(
                f"resample does not know the step of {source.name!r}",
                mend="say it in the translator before: {spikes_to_rate: {bin: 1 ms}}",
            )
        dt_ns = params.dt or target.dt_ns
        if dt_ns is None:
            raise CosimError(
                f"resample does not know which step to give {target.name!r}",
                why=f"{target.name!r} asks for none, and neither does the link",
                mend=f"say it: via: {{resample: {{dt: {format_ns(source.dt_ns)}}}}}, or leave resample out",
            )
        if params.take == "last" and source.of == "mean":
            raise CosimError(
                f"resample cannot take the last row of {source.name!r}, whose rows are means",
                why="the mean over the last part of a step is neither the step's mean nor its last value",
                mend="take: mean",
            )
        common = math.gcd(source.dt_ns, dt_ns)
        self._dt_ns, self._take = dt_ns, params.take
        self._old, self._new = source.dt_ns // common, dt_ns // common  # both steps, in ticks of their common divisor
        if self._new > self._old:
            self.place = "source"  # there the data get smaller
        averages = params.take == "mean" and self._new > 1
        self.port = source.but(dt_ns=dt_ns, of="mean" if averages else source.of)
        self.state: dict[str, NDArray[Any]] = {}

    def translate(self, payload: Payload, rng: np.random.Generator) -> Samples:
        """Values (new steps, channels).

        Raises
        ------
        CosimError
            The frame is not a whole number of new steps.
        """
        assert isinstance(payload, Samples)
        window, values = payload.window, payload.values
        if window.length_ns % self._dt_ns:
            frame, step = format_ns(window.length_ns), format_ns(self._dt_ns)
            raise CosimError(
                f"a frame of {frame} is not a whole number of {step} steps",
                why=f"resample gives {self.port.name!r} a step of {step}, and no step may reach into the next frame",
                mend=f"nearest intervals: {nearest_multiples(window.length_ns, self._dt_ns)}; or a dt that divides {frame}",
            )
        steps = window.steps(self._dt_ns)
        first = np.arange(steps) * self._new  # tick at which each new step starts
        if self._take == "last":
            return Samples(window, values[(first + self._new - 1) // self._old])
        row = first // self._old  # the first old row that each new step meets
        if self._new == 1:
            return Samples(window, values[row])
        total = np.zeros((steps, values.shape[1]))
        for k in range(-(-self._new // self._old) + 1):  # the k-th row it meets; summed in order of time
            overlap = np.minimum((row + k + 1) * self._old, first + self._new) - np.maximum((row + k) * self._old, first)
            met = np.flatnonzero(overlap > 0)
            total[met] += overlap[met, None] * values[row[met] + k]
        return Samples(window, total / self._new)

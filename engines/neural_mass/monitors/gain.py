"""EEG, MEG and whatever else a gain matrix makes of the activity of regions."""

from __future__ import annotations

import logging
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from cosim.sdk import CosimError, Duration, InputFile, Params, Port, Space, did_you_mean
from cosim.sdk.units import told
from engines.equations.dimensions import si_factor
from engines.neural_mass.monitors.leadfield import SENSORS, Gain, read_gain, read_tvb
from engines.neural_mass.monitors.monitor import Floats, Taken, mean_of, refuse_uneven_window, steps_of


class _Sensors(Params):
    of: Annotated[str, Field(description="an output or a state of the model")]
    every: Annotated[
        Duration,
        Field(gt=0, description="a whole number of steps, over which the mean is taken; a window is a whole number of them"),
    ] = 1_000_000
    unit: Annotated[
        str, Field(description="of what the sensors show: that of the gains times that of their source; 1: an arbitrary one")
    ] = "1"

    @field_validator("unit")
    @classmethod
    def _is_unit(cls, unit: str) -> str:
        told(lambda: si_factor(unit))
        return unit

    def _made(self, name: str, taken: Taken, gain: Gain, quantity: str) -> Port:
        steps_of(name, "every", self.every, taken.dt_ns)
        space = Space(gain.sensors, {}, gain.positions_um)
        return Port(name, "out", "samples", space, quantity, self.unit, of="mean", dt_ns=self.every)

    def _built(self, name: str, matrix: Floats, taken: Taken, window_ns: int) -> Projection:
        refuse_uneven_window(name, "every", self.every, window_ns)
        return Projection(matrix, steps_of(name, "every", self.every, taken.dt_ns))


class GainParams(_Sensors):
    """A gain matrix from a file: sensor = sum over regions of gain * output."""

    kind: Literal["gain"]
    matrix: Annotated[
        InputFile,
        Field(description=".csv with a header sensor,<regions>; .npz with gain, sensors, regions, positions_mm; or .npy"),
    ]
    sensors: Annotated[list[str] | None, Field(description="names of the rows; else those of the file, or numbers")] = None
    quantity: Annotated[str, Field(description="of what the sensors show")] = ""

    def port(self, name: str, taken: Taken) -> Port:
        return self._made(name, taken, self._gain(name, taken)[0], self.quantity)

    def build(self, name: str, taken: Taken, window_ns: int, log: logging.Logger) -> Projection:
        return self._built(name, self._gain(name, taken)[1], taken, window_ns)

    def _gain(self, name: str, taken: Taken) -> tuple[Gain, Floats]:
        gain = read_gain(self.matrix, self.sensors)
        return gain, gain.columns(taken.space.labels, f"monitors.{name}: {self.matrix.name}")


class ScalpParams(_Sensors):
    """EEG or MEG on the surface of tvb-data, for the regions of its connectomes."""

    kind: Literal["eeg", "meg"]
    sensors: Annotated[str | None, Field(description="eeg_65 (the default of eeg), eeg_62, meg_276 (the default of meg)")] = None
    reference: Annotated[
        str | None, Field(description="of eeg: 'average' or the name of a sensor, which is subtracted from all; else none is")
    ] = None

    @field_validator("sensors")
    @classmethod
    def _known(cls, sensors: str | None) -> str | None:
        def check() -> None:
            if sensors is not None and sensors not in SENSORS:
                raise CosimError(f"tvb-data has no gains for sensors {sensors!r}", mend=did_you_mean(sensors, SENSORS))

        told(check)
        return sensors

    def port(self, name: str, taken: Taken) -> Port:
        return self._made(name, taken, self._gain(name, taken)[0], self.kind)

    def build(self, name: str, taken: Taken, window_ns: int, log: logging.Logger) -> Projection:
        gain, matrix = self._gain(name, taken)
        for note in gain.notes:
            log.info("%s", note)
        return self._built(name, matrix, taken, window_ns)

    def _gain(self, name: str, taken: Taken) -> tuple[Gain, Floats]:
        sensors = self.sensors or {"eeg": "eeg_65", "meg": "meg_276"}[self.kind]
        if not sensors.startswith(self.kind):
            raise CosimError(f"monitors.{name}: {sensors} are no sensors of {self.kind}", mend=f"kind: {sensors.split('_')[0]}")
        try:
            gain = read_tvb(sensors, taken.space.labels)
        except CosimError as error:
            raise error.about(f"monitors.{name}") from None
        matrix = gain.columns(taken.space.labels, f"monitors.{name}: {sensors}")
        return gain, matrix - self._reference(name, gain, matrix)

    def _reference(self, name: str, gain: Gain, matrix: Floats) -> Floats | float:
        """(regions,) what is subtracted from the gains of every sensor."""
        if self.reference is None:
            return 0.0
        if self.kind == "meg":
            raise CosimError(f"monitors.{name}: magnetometers have no reference", mend="leave reference: out")
        if self.reference == "average":
            return np.asarray(matrix.mean(axis=0))
        if self.reference not in gain.sensors:
            raise CosimError(
                f"monitors.{name}: there is no sensor {self.reference!r}", mend=did_you_mean(self.reference, gain.sensors)
            )
        return np.asarray(matrix[gain.sensors.index(self.reference)])


class Projection:
    """sensor[s] = sum over regions r of gain[s, r] * (mean of output r over the stretch), replica by replica."""

    def __init__(self, matrix: Floats, steps: int) -> None:
        from engines.neural_mass.monitors.kernels import project

        self._project, self._gain, self._steps = project, np.ascontiguousarray(matrix.T), steps
        self.state: dict[str, NDArray[np.float64]] = {}

    def take(self, rows: Floats) -> Floats:
        regions, sensors = self._gain.shape
        means = mean_of(rows, self._steps)
        out = np.empty((means.size // regions, sensors))
        self._project(self._gain, means.reshape(-1, regions), out)
        return out.reshape(len(means), -1)

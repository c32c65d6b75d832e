"""Reading a finished or running run: spikes and samples as NumPy, xarray or Neo; links and their hashes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from cosim.sdk.time import NS_PER_MS

if TYPE_CHECKING:
    from cosim.connectivity import Connectivity


@dataclass(frozen=True)
class SpikeTrain:
    """Spikes of one stream: ``times_ms`` (n,), ``channels`` (n,); ``labels`` and ``groups`` say what channels are."""

    name: str
    times_ms: NDArray[np.float64]
    channels: NDArray[np.int64]
    labels: tuple[str, ...]
    groups: dict[str, NDArray[np.int64]]
    stop_ms: float

    def of(self, group: str) -> SpikeTrain:
        """The spikes of one group of channels."""
        kept = np.isin(self.channels, self.groups[group])
        return SpikeTrain(self.name, self.times_ms[kept], self.channels[kept], self.labels, self.groups, self.stop_ms)

    def to_neo(self) -> Any:
        """A list of neo.SpikeTrain, one a channel, as Elephant takes them."""
        import neo

        order = np.argsort(self.channels, kind="stable")
        trains = np.split(self.times_ms[order], np.cumsum(np.bincount(self.channels, minlength=len(self.labels)))[:-1])
        stop = max(self.stop_ms, self.times_ms.max(initial=0.0))  # an engine's last window may end after the run's stop
        return [
            neo.SpikeTrain(times, units="ms", t_start=0, t_stop=stop, name=label)
            for times, label in zip(trains, self.labels, strict=True)
        ]


@dataclass(frozen=True)
class SampledSignal:
    """Samples of one stream: ``values`` (steps, channels) at ``times_ms`` (steps,); ``groups`` are sets of channels."""

    name: str
    times_ms: NDArray[np.float64]
    values: NDArray[np.float64]
    labels: tuple[str, ...]
    unit: str
    quantity: str
    of: str
    positions_um: NDArray[np.float64] | None
    groups: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    def channel(self, label: str) -> NDArray[np.float64]:
        """The course of one channel."""
        if label not in self.labels:
            raise CosimError(f"{self.name} has no channel {label!r}", why=f"there are {', '.join(self.labels[:6])} …")
        return self.values[:, self.labels.index(label)]

    def part(self, group: str) -> SampledSignal:
        """The channels of one group."""
        if group not in self.groups:
            raise CosimError(f"{self.name} has no group {group!r}", why=f"groups: {', '.join(self.groups) or 'none'}")
        rows = self.groups[group]
        groups = {name: np.flatnonzero(np.isin(rows, members)) for name, members in self.groups.items()}
        return replace(
            self,
            values=self.values[:, rows],
            labels=tuple(self.labels[row] for row in rows),
            positions_um=None if self.positions_um is None else self.positions_um[rows],
            groups={name: members for name, members in groups.items() if len(members)},
        )

    def to_xarray(self) -> Any:
        """An xarray.DataArray with the dimensions time (ms) and channel."""
        import xarray

        attributes = {"unit": self.unit, "quantity": self.quantity, "of": self.of}
        return xarray.DataArray(
            self.values,
            coords={"time": self.times_ms, "channel": list(self.labels)},
            dims=("time", "channel"),
            name=self.name,
            attrs=attributes,
        )

    def to_neo(self) -> Any:
        """A neo.AnalogSignal."""
        import neo
        import quantities

        unit = self.unit if self.unit != "1" else "dimensionless"
        dt = (self.times_ms[1] - self.times_ms[0]) if len(self.times_ms) > 1 else 1.0
        return neo.AnalogSignal(
            self.values, units=unit, sampling_period=dt * quantities.ms, t_start=self.times_ms[0] * quantities.ms, name=self.name
        )


@dataclass(frozen=True)
class LinkRecord:
    """What is known of a link's stream: its hash, and the running hash after each frame."""

    name: str
    sha256: str
    frames: int
    bytes: int
    delay_ms: float
    interval_ms: float
    first_frame: int
    source: str
    target: str
    digests: NDArray[np.uint64]


class Run:
    """One run's results. Opens the file anew for every reading, so that a run may be looked at while it goes on."""

    def __init__(self, path: Path) -> None:
        self.folder, self.file = path, path / "run.h5"

    def _open(self) -> Any:
        import h5py

        try:
            return h5py.File(self.file, "r", libver="latest", swmr=True, locking=False)
        except OSError as error:
            raise CosimError(f"{self.file} cannot be read", why=str(error)) from None

    def streams(self) -> dict[str, str]:
        """Names of what was recorded, and whether they are spikes or samples."""
        with self._open() as file:
            found = {name: kind for kind in ("spikes", "samples") if kind in file for name in file[kind]}
            found.update(
                {
                    name: "samples" if "values" in link else "spikes"
                    for name, link in file["links"].items()
                    if "values" in link or "timestamps" in link
                }
            )
            return found

    def _group(self, file: Any, name: str, kind: str) -> Any:
        for path in (f"{kind}/{name}", f"links/{name}"):
            if path in file and ("values" if kind == "samples" else "timestamps") in file[path]:
                return file[path]
        raise CosimError(
            f"the run has no {kind} {name!r}",
            where=str(self.file),
            why=f"recorded: {', '.join(self.streams()) or 'nothing'}",
            mend="record: {streams: [engine.port]} in the scenario",
        )

    def spikes(self, name: str) -> SpikeTrain:
        """The spikes of ``engine.port``, or of a link that was recorded."""
        with self._open() as file:
            group = self._group(file, name, "spikes")
            count = len(group["node_ids"])  # written last: what stands there has its time
            groups = _groups(group)
            stop = file["provenance"].attrs["stop_ns"] / NS_PER_MS
            return SpikeTrain(
                name, group["timestamps"][:count], group["node_ids"][:].astype(np.int64), _labels(group), groups, float(stop)
            )

    def samples(self, name: str) -> SampledSignal:
        """The samples of ``engine.port``, or of a link that was recorded."""
        with self._open() as file:
            group = self._group(file, name, "samples")
            values, attrs = group["values"][:], dict(group.attrs)
            times = (attrs["t0_ns"] + attrs["dt_ns"] * np.arange(1, len(values) + 1)) / NS_PER_MS
            positions = group["positions"][:] if "positions" in group else None
            return SampledSignal(
                name, times, values, _labels(group), attrs["unit"], attrs["quantity"], attrs["of"], positions, _groups(group)
            )

    def connectivity(
        self, name: str, discard_ms: float = 0.0, band_hz: tuple[float, float] | None = None, group: str | None = None
    ) -> Connectivity:
        """The functional connectivity of a recorded stream of samples: Pearson's correlation of every two of its channels.

        Parameters
        ----------
        discard_ms
            From the start, while what is measured still settles: for BOLD some 20 s.
        band_hz
            Frequencies that are kept, such as (0.01, 0.1): a Butterworth filter of second order, forwards and backwards.
        group
            Of channels, such as replica0; else all.
        """
        from cosim.connectivity import connectivity_of

        signal = self.samples(name) if group is None else self.samples(name).part(group)
        return connectivity_of(signal, self.kept(name.split(".")[0]), discard_ms, band_hz)

    def quantities(self) -> dict[str, str]:
        """What the recorded streams of samples are of: firing_rate, bold and so on."""
        with self._open() as file:
            return {name: str(group.attrs["quantity"]) for name, group in file["samples"].items()} if "samples" in file else {}

    def kept(self, engine: str) -> dict[str, NDArray[Any]]:
        """Arrays that an engine has left in the file, such as the weights of its network; none where it leaves nothing."""
        with self._open() as file:
            if f"engines/{engine}" not in file:
                return {}
            found = {unquote(name): array[()] for name, array in file[f"engines/{engine}"].items()}
        return {name: array.astype(np.str_) if array.dtype.kind == "O" else array for name, array in found.items()}

    def links(self) -> dict[str, LinkRecord]:
        """Every link, recorded or not."""
        with self._open() as file:
            return {
                name: LinkRecord(
                    name,
                    str(g.attrs.get("sha256", "")),
                    int(g.attrs.get("frames", len(g["digests"]))),
                    int(g.attrs.get("bytes", 0)),
                    g.attrs["delay_ns"] / NS_PER_MS,
                    g.attrs["interval_ns"] / NS_PER_MS,
                    int(g.attrs["first_frame"]),
                    g.attrs["from"],
                    g.attrs["to"],
                    g["digests"][:],
                )
                for name, g in file["links"].items()
            }

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of every link's stream: two runs are compared by comparing these."""
        return {name: link.sha256 for name, link in self.links().items()}

    @property
    def provenance(self) -> dict[str, Any]:
        """How the run was made, and how it ended."""
        with self._open() as file:
            return {key: value.item() if hasattr(value, "item") else value for key, value in file["provenance"].attrs.items()}

    @property
    def overview(self) -> dict[str, Any]:
        """Wall time, compute time by engine, waiting by link, as the trace keeps them."""
        path = self.folder / "trace.json"
        return dict(json.loads(path.read_text())["overview"]) if path.exists() else {}

    @property
    def costs_s(self) -> dict[str, float]:
        """Wall time of a window of each engine, in seconds, as measured: what a forecast of another run can be made from."""
        overview = self.overview
        windows = overview.get("windows", {})
        return {name: 1e-9 * overview["compute_ns"][name] / count for name, count in windows.items() if count}

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"


def open_run(path: Path | str) -> Run:
    """A run's results, from its folder or its run.h5."""
    path = Path(path)
    folder = path.parent if path.name == "run.h5" else path
    if not (folder / "run.h5").exists():
        raise CosimError(f"{path} is not a run", why="it has no run.h5", mend="name a folder under runs/")
    return Run(folder)


def _groups(group: Any) -> dict[str, NDArray[np.int64]]:
    return {unquote(name): rows[:] for name, rows in group["groups"].items()} if "groups" in group else {}


def _labels(group: Any) -> tuple[str, ...]:
    if "labels" in group:
        return tuple(label.decode() if isinstance(label, bytes) else label for label in group["labels"][:])
    return tuple(map(str, range(int(group.attrs["channels"]))))

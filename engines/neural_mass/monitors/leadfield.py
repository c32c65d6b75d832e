"""Gains: what every sensor shows of every region. Read from files, or made of what the package tvb-data has on a surface.

A file of gains is one of

    .csv    a header ``sensor,<region>,<region>,…``, then a line a sensor: its name and its numbers
    .npz    ``gain`` (sensors, regions); where there are any, ``sensors`` and ``regions``, names, and ``positions_mm`` (sensors, 3)
    .npy    (sensors, regions)

Where regions have names they are found by them, in any order, and more may be there than are simulated; else there must be as
many as are simulated, in their order.
"""

from __future__ import annotations

import bz2
import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, did_you_mean
from engines.connectome.text import decoded, names_and_places, read_text
from engines.connectome.tvb_zip import find_tvb, read_zip

Floats = NDArray[np.float64]
Names = tuple[str, ...]
UM_PER_MM = 1000.0
SENSORS = {
    "eeg_62": ("projection_eeg_62_surface_16k.mat", "eeg_unitvector_62.txt.bz2"),
    "eeg_65": ("projection_eeg_65_surface_16k.npy", "eeg_brainstorm_65.txt"),
    "meg_276": ("projection_meg_276_surface_16k.npy", "meg_brainstorm_276.txt"),
}
"""Gains and sensors of tvb-data for its surface of 16384 vertices. The places of eeg_62 are directions, not positions."""
MAPPINGS = (76, 192)
"""Regions of the connectomes of tvb-data for which it says to which region each vertex belongs."""


@dataclass(frozen=True, eq=False)
class Gain:
    """What sensors show.

    Attributes
    ----------
    matrix
        (sensors, regions).
    regions
        Names; None where columns are in the order of those simulated.
    positions_um
        (sensors, 3), in the frame of their source, or None.
    notes
        What is worth knowing about the data.
    """

    matrix: Floats
    sensors: Names
    regions: Names | None
    positions_um: Floats | None = None
    notes: Names = ()

    def columns(self, labels: Sequence[str], where: str) -> Floats:
        """(sensors, labels): the gains of some regions, in their order."""
        if self.regions is None:
            if self.matrix.shape[1] != len(labels):
                raise CosimError(
                    f"{where}: {len(self.sensors)} sensors x {self.matrix.shape[1]} regions, and {len(labels)} are simulated",
                    mend="write it as (sensors, regions)"
                    + (": it is the other way round" if self.matrix.shape[0] == len(labels) else ", or name its regions"),
                )
            return self.matrix
        place = {name: k for k, name in enumerate(self.regions)}
        missing = [name for name in labels if name not in place]
        if missing:
            raise CosimError(
                f"{where} has no gain of region {missing[0]!r}",
                why=f"{len(missing)} of {len(labels)} regions are missing in the {len(self.regions)} that it has",
                mend=did_you_mean(missing[0], self.regions),
            )
        return np.ascontiguousarray(self.matrix[:, [place[name] for name in labels]])


# -- files ---------------------------------------------------------------------------------------------------------------


def read_gain(path: Path, sensors: Sequence[str] | None = None) -> Gain:
    """The gains of a file; ``sensors`` are names where it has none.

    Raises
    ------
    CosimError
        It cannot be read; is not a matrix of finite numbers; has another number of names than rows.
    """
    found = _read_gain(path, path.stat().st_mtime_ns)
    names = tuple(sensors) if sensors is not None else found.sensors or tuple(map(str, range(len(found.matrix))))
    if len(names) != len(found.matrix) or len(set(names)) != len(names):
        raise CosimError(
            f"{path.name} has {len(found.matrix)} sensors, and {len(set(names))} names for them",
            mend="write it as (sensors, regions), and sensors: [a name for each row]",
        )
    return Gain(found.matrix, names, found.regions, found.positions_um)


@lru_cache(maxsize=8)
def _read_gain(path: Path, changed_ns: int) -> Gain:
    reader = {".csv": _from_csv, ".npy": _from_npy, ".npz": _from_npz}.get(path.suffix)
    if reader is None:
        raise CosimError(f"{path.name} is no file of gains", mend="write .csv, .npy or .npz")
    try:
        found = reader(path)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise CosimError(f"{path.name} is no file of gains", why=str(error)) from None
    if found.matrix.ndim != 2 or not found.matrix.size or not np.isfinite(found.matrix).all():
        shape = " x ".join(map(str, found.matrix.shape))
        raise CosimError(f"{path.name} is {shape}, or has gains that are not finite", mend="write finite (sensors, regions)")
    if found.regions is not None and len(found.regions) != found.matrix.shape[1]:
        raise CosimError(f"{path.name} names {len(found.regions)} regions and has {found.matrix.shape[1]} columns")
    return found


def _from_csv(path: Path) -> Gain:
    lines = [line for line in csv.reader(io.StringIO(read_text(path))) if line]
    head, body = [cell.strip() for cell in lines[0]], lines[1:]
    uneven = next((n for n, line in enumerate(body, 2) if len(line) != len(head)), None)
    if head[0] != "sensor" or uneven is not None:
        raise CosimError(
            f"{path.name} is no table of gains",
            why=f"it starts with {head[0]!r}" if head[0] != "sensor" else f"line {uneven} has not {len(head)} cells",
            mend="write a header sensor,<region>,<region>,… and a line a sensor",
        )  # fmt: skip
    return Gain(np.array([[float(x) for x in line[1:]] for line in body]), tuple(line[0].strip() for line in body), tuple(head[1:]))


def _from_npy(path: Path) -> Gain:
    return Gain(np.asarray(np.load(path, allow_pickle=False), np.float64), (), None)


def _from_npz(path: Path) -> Gain:
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:  # NumPy leaves open what it cannot read
        names: dict[str, Any] = {key: tuple(map(str, file[key])) if key in file else None for key in ("sensors", "regions")}
        positions = np.asarray(file["positions_mm"], np.float64) * UM_PER_MM if "positions_mm" in file else None
        return Gain(np.asarray(file["gain"], np.float64), names["sensors"] or (), names["regions"], positions)


# -- tvb-data ------------------------------------------------------------------------------------------------------------


def read_tvb(sensors: str, labels: Sequence[str]) -> Gain:
    """The gains of sensors of tvb-data for the regions of whichever of its connectomes has these.

    gain[s, r] = sum over the vertices v of region r of projection[s, v], which is what TVB does where regions are simulated: all
    vertices of a region are as active as it is. Regions below the cortex have no vertices, so no gain.

    Raises
    ------
    CosimError
        The package is not installed; it has no such sensors; its surface has not these regions.
    """
    if sensors not in SENSORS:
        raise CosimError(f"tvb-data has no gains for sensors {sensors!r}", mend=did_you_mean(sensors, SENSORS))
    known = {count: _regions(count) for count in MAPPINGS}
    fitting = [count for count, names in known.items() if set(labels) <= set(names)]
    if not fitting:
        nearest = max(known, key=lambda count: len(set(labels) & set(known[count])))
        missing = [name for name in labels if name not in known[nearest]]
        raise CosimError(
            f"the gains of {sensors} are for the {' or '.join(map(str, MAPPINGS))} regions of tvb-data",
            why=f"{len(labels)} are simulated, of which {len(missing)} are not among them: {', '.join(missing[:3])} …",
            mend="use connectome: {tvb: connectivity_76} or connectivity_192, or kind: gain with a file of your own",
        )
    return _of_regions(sensors, next((count for count in fitting if count == len(labels)), fitting[0]))


@lru_cache(maxsize=4)
def _of_regions(sensors: str, count: int) -> Gain:
    projection, names, positions = _projection(sensors)
    region_of = _numbers(_folder() / "regionMapping" / f"regionMapping_16k_{count}.txt").astype(np.int64)
    vertices = projection.shape[1]
    # the mapping for 192 regions goes on behind the surface with one entry for each region below the cortex
    matrix = np.zeros((len(projection), count))
    for region in range(count):
        matrix[:, region] = projection[:, region_of[:vertices] == region].sum(axis=1)
    heard = np.asarray(np.isfinite(projection).all(axis=1))
    notes = []
    if not heard.all():
        deaf = [name for name, hears in zip(names, heard, strict=True) if not hears]
        notes.append(f"{sensors}: {len(deaf)} channels without gains are left out: {', '.join(deaf)}")
    bare = count - len(np.unique(region_of[:vertices]))
    if bare:
        notes.append(f"{sensors}: {bare} regions have no vertices on the surface, so no gain")
    return Gain(
        matrix[heard],
        tuple(name for name, hears in zip(names, heard, strict=True) if hears),
        _regions(count),
        None if positions is None else positions[heard],
        tuple(notes),
    )


def _projection(sensors: str) -> tuple[Floats, Names, Floats | None]:
    """(sensors, vertices), names, and positions in µm where they are positions."""
    matrix_file, sensor_file = SENSORS[sensors]
    path = _folder() / "projectionMatrix" / matrix_file
    if path.suffix == ".mat":
        from scipy.io import loadmat

        matrix = np.asarray(loadmat(path)["ProjectionMatrix"], np.float64)
    else:
        matrix = np.asarray(np.load(path, allow_pickle=False), np.float64)
    data = (_folder() / "sensors" / sensor_file).read_bytes()
    text = decoded(bz2.decompress(data) if sensor_file.endswith(".bz2") else data)
    names, places = names_and_places(text, sensor_file, placed=True)
    assert places is not None
    return matrix, names, None if "unitvector" in sensor_file else places * UM_PER_MM


@lru_cache(maxsize=2)
def _regions(count: int) -> Names:
    return tuple(read_zip(find_tvb(f"connectivity_{count}")).labels)


def _folder() -> Path:
    spec = find_spec("tvb_data")
    assert spec is not None
    assert spec.submodule_search_locations, "find_tvb has been asked before"
    return Path(spec.submodule_search_locations[0])


def _numbers(path: Path) -> Floats:
    return np.loadtxt(path, np.float64).ravel()

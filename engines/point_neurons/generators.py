"""Spikes at given times, from a scenario or a file."""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.point_neurons.params import Generator, Network

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
_IN_MS = {"": 1.0, "ms": 1.0, "milliseconds": 1.0, "s": 1000.0, "seconds": 1000.0}
_LATEST_MS = 9.0e12  # of what 64 bits hold in ns


def generator_spikes(network: Network) -> tuple[tuple[Integers, Integers, Integers], Integers]:
    """Step, group and neuron of all spikes of generators, and their times in ns, in the order of time.

    Raises
    ------
    CosimError
        As ``spikes_of``, with the place in the scenario.
    """
    times, groups, neurons = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for g, (name, population) in enumerate(network.populations.items()):
        if isinstance(population, Generator):
            try:
                when, who = spikes_of(population, name)
            except CosimError as error:
                raise error.located(f"params.populations.{name}.{'file' if population.times is None else 'times'}") from None
            times.append(when)
            groups.append(np.full(len(when), g, np.int64))
            neurons.append(who)
    time, group, neuron = np.concatenate(times), np.concatenate(groups), np.concatenate(neurons)
    order = np.lexsort((neuron, group, time))
    time, group, neuron = time[order], group[order], neuron[order]
    return (-(-time // network.dt), group, neuron), time


def spikes_of(generator: Generator, name: str = "") -> tuple[Integers, Integers]:
    """Times in ns and neurons of a generator's spikes.

    Parameters
    ----------
    name
        Of the generator, which says whose spikes are meant in a file of several populations.

    Raises
    ------
    CosimError
        A time that is not after 0, a neuron that it does not have, or a file that cannot be read.
    """
    if generator.times is not None:
        ms = np.array([time for train in generator.times for time in train], np.float64)
        neurons = np.repeat(np.arange(generator.size, dtype=np.float64), [len(train) for train in generator.times])
    else:
        assert generator.file is not None
        stat = generator.file.stat()
        ms, neurons = _read(generator.file, name, stat.st_mtime_ns, stat.st_size)
    if (wrong := ~((ms > 0.0) & (ms < _LATEST_MS))).any():  # nan as well
        why = "a run begins after time 0" if not ms[wrong][0] > 0.0 else "a time is a number of ms"
        raise CosimError(f"a spike at {ms[wrong][0]:g} ms", why=why, mend="times are above 0, in ms")
    if (wrong := ~((neurons >= 0) & (neurons < generator.size) & (neurons == np.floor(neurons)))).any():
        raise CosimError(f"there is no neuron {neurons[wrong][0]:g}", why=f"size is {generator.size}, counted from 0")
    times = np.rint(ms * 1e6).astype(np.int64)
    return np.maximum(times, 1), neurons.astype(np.int64)


@lru_cache(maxsize=8)
def _read(path: Path, name: str, changed_ns: int, size: int) -> tuple[Floats, Floats]:
    """Times in ms and neurons of a file: SONATA's /spikes/<population>/{timestamps, node_ids}, or text of two columns.

    Kept, as a scenario is checked before it is run; ``changed_ns`` and ``size`` tell whether the file is still the same.
    """
    if path.suffix in (".h5", ".hdf5", ".sonata"):
        return _read_hdf5(path, name)
    mend = "rows of time in ms and neuron, a comma between; lines that begin with # are left out"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a file without rows
            table = np.loadtxt(path, delimiter="," if path.suffix == ".csv" else None, comments="#", ndmin=2)
    except (ValueError, OSError) as error:
        raise CosimError(f"{path.name} cannot be read", why=str(error).splitlines()[0], mend=mend) from None
    if table.size and table.shape[1] != 2:
        raise CosimError(f"{path.name} has {table.shape[1]} columns", mend=mend)
    table = table.reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _read_hdf5(path: Path, name: str) -> tuple[Floats, Floats]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            spikes = _of_population(file["spikes"], path, name)
            times, neurons = spikes["timestamps"], spikes["node_ids"]
            unit = times.attrs.get("units", "")
            unit = unit.decode() if isinstance(unit, bytes) else str(unit)
            if unit not in _IN_MS:
                raise CosimError(f"{path.name} has times in {unit!r}", mend=f"one of {', '.join(filter(None, _IN_MS))}")
            found = np.asarray(times, np.float64) * _IN_MS[unit], np.asarray(neurons, np.float64)
    except (OSError, KeyError, TypeError, ValueError) as error:
        mend = "SONATA's form: /spikes/<name>/timestamps, node_ids"
        raise CosimError(f"{path.name} cannot be read", why=str(error), mend=mend) from None
    if found[0].shape != found[1].shape or found[0].ndim != 1:
        why = f"timestamps have shape {found[0].shape}, node_ids {found[1].shape}"
        raise CosimError(f"{path.name} does not fit together", why=why)
    return found


def _of_population(spikes: Any, path: Path, name: str) -> Any:
    """The group of a population: the one that there is, or that of this name."""
    if "timestamps" in spikes:
        return spikes
    if name in spikes:
        return spikes[name]
    if len(spikes) != 1:
        why = f"it has {', '.join(spikes) or 'none'}"
        raise CosimError(f"{path.name} has {len(spikes)} populations", why=why, mend="one, or one of this generator's name")
    return spikes[next(iter(spikes))]

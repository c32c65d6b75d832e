"""Spikes at given times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.point_neurons.params import Generator, Network

Integers = NDArray[np.int64]


def generator_spikes(network: Network) -> tuple[tuple[Integers, Integers, Integers], Integers]:
    """Step, group and neuron of all spikes of generators, and their times in ns, in the order of time."""
    times, groups, neurons = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for group, population in enumerate(network.populations.values()):
        if isinstance(population, Generator):
            when, who = spikes_of(population)
            times.append(when)
            groups.append(np.full(len(when), group, np.int64))
            neurons.append(who)
    time, group, neuron = np.concatenate(times), np.concatenate(groups), np.concatenate(neurons)
    order = np.lexsort((neuron, group, time))
    time, group, neuron = time[order], group[order], neuron[order]
    return (-(-time // network.dt), group, neuron), time


def spikes_of(generator: Generator) -> tuple[Integers, Integers]:
    """Times in ns and neurons of a generator's spikes.

    Raises
    ------
    CosimError
        A time that is not after 0, a neuron that it does not have, or a file that cannot be read.
    """
    if generator.times is not None:
        ms = np.array([time for train in generator.times for time in train], np.float64)
        neurons = np.repeat(np.arange(generator.size), [len(train) for train in generator.times])
    else:
        assert generator.file is not None
        ms, neurons = _read(Path(generator.file))
    times = np.rint(ms * 1e6).astype(np.int64)
    if (times <= 0).any():
        raise CosimError(f"a spike at {ms[times <= 0][0]:g} ms", why="a run begins after time 0", mend="times are above 0")
    wrong = (neurons < 0) | (neurons >= generator.size)
    if wrong.any():
        raise CosimError(f"there is no neuron {neurons[wrong][0]}", why=f"size is {generator.size}, counted from 0")
    return times, neurons.astype(np.int64)


def _read(path: Path) -> tuple[NDArray[np.float64], Integers]:
    """Times in ms and neurons of a file: SONATA's /spikes/<population>/{timestamps, node_ids}, or text of two columns."""
    if path.suffix in (".h5", ".hdf5"):
        return _read_hdf5(path)
    try:
        table = np.loadtxt(path, delimiter="," if path.suffix == ".csv" else None, comments="#", ndmin=2)
    except ValueError as error:
        raise CosimError(f"{path.name} cannot be read", why=str(error).splitlines()[0], mend="rows of time in ms, neuron") from None
    if table.size and table.shape[1] != 2:
        raise CosimError(f"{path.name} has {table.shape[1]} columns", mend="rows of time in ms, neuron")
    table = table.reshape(-1, 2)
    return table[:, 0], table[:, 1].astype(np.int64)


def _read_hdf5(path: Path) -> tuple[NDArray[np.float64], Integers]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            spikes = file["spikes"]
            assert isinstance(spikes, h5py.Group)
            populations = [spikes] if "timestamps" in spikes else [spikes[name] for name in spikes]
            if len(populations) != 1:
                why = f"it has {', '.join(spikes)}"
                raise CosimError(f"{path.name} has {len(populations)} populations", why=why, mend="one a file")
            return np.asarray(populations[0]["timestamps"], np.float64), np.asarray(populations[0]["node_ids"], np.int64)
    except (OSError, KeyError) as error:
        raise CosimError(
            f"{path.name} cannot be read", why=str(error), mend="SONATA's form: /spikes/<name>/timestamps, node_ids"
        ) from None

"""The past that a scenario gives: states before time 0, from a file."""

from __future__ import annotations

import zipfile
import zlib

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.equations.dimensions import si_factor
from engines.neural_mass.network import Network

Floats = NDArray[np.float64]


def read_history(network: Network, rows: int) -> Floats:
    """(states, rows given, regions) in SI units, from the file of ``history``.

    Raises
    ------
    CosimError
        A state is missing; its shape is not (steps, regions); there are fewer rows than the longest delay needs.
    """
    path, states, regions = network.params.history, network.description.states, len(network.connectome)
    assert path is not None
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:  # np.load leaves a damaged file open
            given = {name: np.asarray(file[name], np.float64) for name in file.files}
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise CosimError(f"history {path.name} cannot be read", why=str(error), mend="write it with numpy.savez") from None
    missing = [name for name in states if name not in given]
    if missing:
        raise CosimError(f"history {path.name} lacks {', '.join(missing)}", why=f"it has {', '.join(given) or 'nothing'}")
    for name, value in given.items():
        if name in states and (value.ndim != 2 or value.shape[1] != regions or len(value) < rows or not np.isfinite(value).all()):
            raise CosimError(
                f"{name} in history {path.name} is {' x '.join(map(str, value.shape)) or 'one number'}",
                why=f"it must be finite, at least {rows} rows (the longest delay and time 0) x {regions} regions",
            )
    return np.array([given[name][-rows:] * si_factor(state.unit) for name, state in states.items()])

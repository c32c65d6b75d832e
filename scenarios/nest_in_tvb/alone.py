"""NEST alone, with the spikes and the current that a coupled run has recorded: a process of its own, one ``Simulate``.

python alone.py INPUTS.npz SPIKES.npz
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

os.environ.setdefault("PYNEST_QUIET", "1")
for launcher in ("PMI_RANK", "PMIX_RANK"):  # NEST 3.10 without MPI does not start under mpirun
    os.environ.pop(launcher, None)
sys.path.insert(0, str(Path(__file__).parent))


def main(inputs: Path, outputs: Path) -> None:
    import nest
    from column import Column, network

    given = np.load(inputs)
    args = Column(size=int(given["size"]))
    nest.ResetKernel()
    nest.set(resolution=0.1, rng_seed=1 + int(given["seed"]) % (2**32 - 1), print_time=False)
    if hasattr(nest, "VerbosityLevel"):
        nest.verbosity = nest.VerbosityLevel.ERROR
    cells, fibre, current = network(args)
    count = args.size * args.fibres_per_cell
    trains = np.split(given["times_ms"], np.searchsorted(given["channels"], np.arange(1, count)))  # ordered by channel
    fibres = nest.Create("spike_generator", count, [{"spike_times": train} for train in trains])
    nest.Connect(fibres, cells, fibre.pop("conn_spec"), fibre)
    light = nest.Create("step_current_generator", 1, {"amplitude_times": given["from_ms"], "amplitude_values": given["current_pa"]})
    nest.Connect(light, cells, current.pop("conn_spec"), current)
    recorder = nest.Create("spike_recorder")
    nest.Connect(cells, recorder, syn_spec={"delay": 1.0})
    nest.Simulate(float(given["stop_ms"]))
    events = recorder.get("events")
    np.savez(outputs, times_ms=events["times"], channels=events["senders"] - cells[0].global_id)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

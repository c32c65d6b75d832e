"""Whole brains on one core: the neural mass engine against the simulators that have the same model, and what its parts cost.

Every comparison is one process on one core with one thread, the sides in turn, the same model, connectome, delays, step,
integrator, noise and outputs: every state of every region at every step. Before a time counts, its trajectories are compared with
ours. What is not installed is passed over, and said so; ``pip install tvb-library tvb-data vbjax tqdm neurolib vbi tvbk`` brings
all. tqdm is what vbjax forgets.
"""

from __future__ import annotations

from importlib.util import find_spec
from statistics import median
from typing import Any

from benchmarks.simulators import pass_over, worker
from benchmarks.table import Row

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
OWED = {("mpr_76", "tvb"): 30.0, ("oscillator_76", "tvb"): 20.0, ("mpr_998", "tvb"): 10.0}
"""Times faster than TVB; 2 times faster than the others."""
RACES = {
    "mpr_76": ("Montbrió-Pazó-Roxin, delays", ("tvb", "vbjax", "vbjax_single")),
    "oscillator_76": ("generic 2-D oscillator, delays", ("tvb",)),
    "mpr_998": ("Montbrió-Pazó-Roxin, delays", ("tvb", "vbjax", "vbjax_single")),
    "hopf_76": ("Stuart-Landau, delays, Euler", ("neurolib",)),
    "wilson_cowan_76": ("Wilson-Cowan, delays, Euler", ("neurolib",)),
    "mpr_76_no_delays": ("Montbrió-Pazó-Roxin, no delays, noise drawn", ("vbi",)),
    "mpr_76_by_8": ("Montbrió-Pazó-Roxin, delays, 8 brains at once", ("tvbk",)),
}
"""Case: what it is, and who is compared in it."""


def run(quick: bool) -> list[Row]:
    """A row for each simulator that has the model and is installed, then the costs of our own parts."""
    from benchmarks.whole_brain import costs

    if find_spec("tvb_data") is None:
        pass_over("whole brains", "tvb-data, whose connectome they have,")
        return []
    rows = []
    for case, (title, others) in RACES.items():
        rows += _race(case, title, others, 3 if quick else 7, quick)
    return rows + costs.run(quick)


def _race(case: str, title: str, others: tuple[str, ...], repeats: int, quick: bool) -> list[Row]:
    found = worker("benchmarks.whole_brain", case, ",".join(others), str(repeats), "quick" if quick else "full", **ONE_THREAD)
    for name in found["lacking"]:
        pass_over(f"{title}, against {name}", name)
    if not found["us_per_step"]:
        return []
    ours = median(found["us_per_step"]["ours"])
    return [
        _row(case, title, name, ours, found, repeats) for name in others if name in found["us_per_step"]
    ]  # fmt: skip


def _row(case: str, title: str, name: str, ours: float, found: dict[str, Any], repeats: int) -> Row:
    theirs, owed = median(found["us_per_step"][name]), OWED.get((case, name), 2.0)
    return Row(
        f"{title}, against {found['versions'][name]}",
        f"{found['regions']} / {found['connections']}",
        ours,
        theirs,
        theirs / owed,
        "us/step",
        repeats,
        note=f"{theirs / ours:.1f} x as fast, owed {owed:g} x; states differ by {found['difference'][name]:.1e}",
        details=found,
    )

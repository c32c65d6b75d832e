"""The deterministic solver: concentrations, diffusion by implicit sweeps, reactions to a tolerance in every voxel."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, format_ns
from engines.compartmental_neurons.memory import Arena, Table
from engines.reaction_diffusion.chemistry.measures import AVOGADRO, measures_of
from engines.reaction_diffusion.kernels import deterministic_records as records
from engines.reaction_diffusion.sweeps import BACKWARD_EULER, SECOND_ORDER, Sweeps
from engines.reaction_diffusion.system import LEDGERS, Additions, Floats, Flows, Integers, Patch, System, Views

FLOOR = 1e-6
"""Molecules (or, of states, SI units): a number well below this need not be right to the tolerance."""
_SCHEMES = (SECOND_ORDER, BACKWARD_EULER)
_SHRUNK, _NOT_FINITE = records.SHRUNK, records.NOT_FINITE


class Deterministic:
    """Moves states on by whole steps.

    A step: what comes in at its start, diffusion for half of it (axis by axis), reactions for all of it in every voxel, diffusion
    for the other half (axes in reverse order); so it is of second order (Strang 1968). Reactions are solved to the tolerance, with
    steps of their own that begin anew at each step of the system, so results do not depend on how many steps a call has.

    Parameters
    ----------
    tolerance
        Relative error of numbers in a step of reactions.
    scheme
        second_order, or backward_euler, of which no number is ever negative.
    threads
        That share voxels and lines; results do not depend on them.
    """

    def __init__(
        self, system: System, views: Views, flows: Flows, tolerance: float, scheme: str, threads: int, log: logging.Logger
    ) -> None:
        assert scheme in _SCHEMES
        kernels = _compile(log)
        self._system, self._dt, self._tolerance = system, system.dt, tolerance
        numbers, table = Arena(), Table(0)
        sweeps = Sweeps(system, scheme, numbers, table)
        self._half = len(sweeps.before)
        self._sweeps = np.array([*sweeps.before, *sweeps.after], np.int64).reshape(-1, records.SWEEP)
        reacting, kept = [], 0
        for patch in system.patches:
            record = _patch_record(patch, system, tolerance, numbers, table, log)
            record[records.KEPT] = kept
            kept += len(patch.voxels)
            reacting.append(record)
        self._records = np.array(reacting, np.int64).reshape(-1, records.PATCH)
        self._table, self._numbers, self._rows = table.whole(), numbers.whole(), kept
        self._kept, self._carries = np.empty((0, kept)), np.empty((0, len(LEDGERS) * len(system.shared)))
        self._parts = np.zeros(_parts(self._sweeps, self._records))
        self._work = np.zeros(_room(self._sweeps, self._records))
        self._fault = np.zeros(5, np.int64)
        self._run: Callable[..., Any] = kernels.run
        self._is_first = True
        self._fixed_first = (self._half, self._sweeps, self._records, self._table, self._numbers)
        clamps = _clamps(system)
        flowing = (flows.columns, flows.places, flows.ledgers, flows.shares)
        watched = (views.starts, views.places, views.weights, views.every, views.is_mean)
        self._sums = np.zeros(len(views.every))
        self._fixed_last = (
            *map(np.ascontiguousarray, (*flowing, *clamps, *watched)),
            bool(views.uses_outputs),
            views.has_means,
            views.grain,
            self._sums,
        )

    def advance(
        self,
        state: Floats,
        additions: Additions | Sequence[Additions],
        inputs: Floats,
        steps: int,
        out: Floats,
        first: Integers,
        stride: Integers,
    ) -> None:
        """Some steps of all replicas.

        Parameters
        ----------
        state
            (replicas, size), moved on in place.
        additions
            Of each replica, or of all alike.
        inputs
            (steps, columns) in SI units.
        out
            (replicas, total) what is watched: row r of column c goes to ``first[c] + r * stride[c]``.

        Raises
        ------
        CosimError
            Steps of reactions have shrunk to nothing, or numbers are not finite.
        """
        if len(self._kept) != len(state):
            self._kept = np.zeros((len(state), self._rows))
            self._carries = np.zeros((len(state), self._carries.shape[1]))
        for replica in range(len(state)):
            coming = additions if isinstance(additions, Additions) else additions[replica if len(additions) > 1 else 0]
            self._run(
                state[replica], inputs, steps, self._dt, self._tolerance, self._system.ledgers, *self._fixed_first,
                self._kept[replica], self._carries[replica], self._parts, self._work, self._fault,
                coming.steps, coming.places, coming.amounts, coming.ledgers,
                *self._fixed_last, first, stride, out[replica],
            )  # fmt: skip
            if self._fault[0]:
                raise self._failed()
            if self._is_first:
                from engines.equations.compiled import entry_of

                self._run, self._is_first = entry_of(self._run), False

    def _failed(self) -> CosimError:
        """What a kernel has found wrong; it can go on from another state."""
        kind, number, step, patch, row = self._fault.tolist()
        self._fault[:] = 0
        self._sums[:] = 0.0
        name, voxel = self._named(number) if patch < 0 else self._in_patch(patch, row, number)
        when = "at the end" if patch < 0 else f"{format_ns(round(step * self._dt * 1e9))} after the start"
        where = f"of {name} in voxel {voxel}"
        if kind == _NOT_FINITE:
            what, why = (
                f"the number {where} is not finite",
                f"{when} of this window; a rate or an input is not finite, or too large",
            )
        else:
            what = f"reactions cannot be solved to {self._tolerance:g}, because {where}"
            cause = "steps have shrunk to nothing" if kind == _SHRUNK else "a step takes more than a million steps of its own"
            why = f"{when} of this window {cause}; a rate jumps, grows without bound or is not a smooth function"
        return CosimError(what, why=why, mend="look at the rates of its reactions and at inputs; or a larger tolerance")

    def _in_patch(self, number: int, row: int, place: int) -> tuple[str, int]:
        patch = self._system.patches[number]
        return (*patch.chemistry.species, *patch.chemistry.states)[place], int(patch.voxels[row])

    def _named(self, place: int) -> tuple[str, int]:
        """What stands at a place of the state, and its voxel."""
        system, voxels = self._system, len(self._system.volumes)
        if place < len(system.shared) * voxels:
            return system.shared[place // voxels], place % voxels
        number = max(k for k, patch in enumerate(system.patches) if patch.width and patch.first <= place)
        row, own = divmod(place - system.patches[number].first, system.patches[number].width)
        return self._in_patch(number, row, len(system.patches[number].shared) + own)

    def save(self) -> dict[str, NDArray[Any]]:
        """Step sizes of voxels that react, and what rounding has kept from ledgers."""
        return {"kept": self._kept.copy(), "carries": self._carries.copy()}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._kept, self._carries = np.array(state["kept"], np.float64), np.array(state["carries"], np.float64)

    def close(self) -> None:
        """There is nothing to close."""


def _compile(log: logging.Logger) -> Any:
    """The kernels, which are taken from disk only if nothing that they rest on has changed."""
    from engines.equations.stamps import is_kept, stamp
    from engines.reaction_diffusion.kernels import deterministic_steps, diffusion, rosenbrock

    stamp(deterministic_steps, diffusion, rosenbrock)
    if not is_kept(deterministic_steps.run):
        log.info("compiling the deterministic solver of reactions and diffusion (once on this machine)")
    return deterministic_steps


def _patch_record(patch: Patch, system: System, tolerance: float, numbers: Arena, table: Table, log: logging.Logger) -> list[int]:
    from engines.reaction_diffusion.kernels.rosenbrock import padded

    chemistry, voxels = patch.chemistry, patch.voxels
    count = len(chemistry.species) + len(chemistry.states)
    code, record = chemistry.compiled(log), [0] * records.PATCH
    fields = patch.shared * len(system.volumes)
    supplied = system.ledgers + len(LEDGERS) * patch.shared + LEDGERS.index("supplied")
    floors = np.ones(padded(count))
    floors[:count] = tolerance * FLOOR
    held = (system.clamped[patch.shared][:, voxels] >= 0).T
    record[records.ROWS], record[records.SPECIES], record[records.STATES] = (
        len(voxels),
        len(chemistry.species),
        len(chemistry.states),
    )
    record[records.SHARED], record[records.WIDTH], record[records.FIRST] = len(patch.shared), patch.width, patch.first
    record[records.VOXELS], record[records.FIELDS] = table.add(voxels), table.add([*fields, *supplied])
    record[records.INPUTS], record[records.INPUT_COLUMNS] = len(chemistry.inputs), table.add(patch.inputs)
    record[records.PARAMETERS] = numbers.add(chemistry.values)
    record[records.MEASURES] = numbers.add(measures_of(system.volumes[voxels], system.areas[voxels]).T)
    record[records.FLOORS] = numbers.add(floors)
    record[records.SLOPES], record[records.JACOBIAN], record[records.OBSERVE] = code.slopes, code.jacobian, code.observe
    record[records.OUTPUTS], record[records.OUTPUT_AT] = len(chemistry.outputs), patch.outputs
    record[records.IS_HELD] = table.add(held) if held.any() else -1
    return record


def _clamps(system: System) -> tuple[Integers, Integers, Integers, Floats]:
    """Columns, places, ledgers, and molecules of a mol/m³, of what is prescribed."""
    species, voxels = np.nonzero(system.clamped >= 0)
    ledgers = system.ledgers + len(LEDGERS) * species + LEDGERS.index("supplied")
    return system.clamped[species, voxels], species * len(system.volumes) + voxels, ledgers, AVOGADRO * system.volumes[voxels]


def _parts(sweeps: Integers, patches: Integers) -> int:
    """Room for what units of work give to ledgers."""
    of_sweeps = [2 * int(record[records.UNITS]) for record in sweeps]
    of_patches = [int(record[records.ROWS] * record[records.SHARED]) for record in patches if record[records.IS_HELD] >= 0]
    return max([1, *of_sweeps, *of_patches])


def _room(sweeps: Integers, patches: Integers) -> int:
    """Memory to work in: the largest that any kernel needs."""
    from engines.reaction_diffusion.kernels.rosenbrock import room_for

    needs = [1]
    for record in sweeps:
        length = int(record[records.LENGTH])
        if record[records.KIND] == records.LINES:
            needs.append((records.GROUP + 2) * length * 8 + 8)
        elif record[records.KIND] == records.TREE:
            needs.append(2 * length)
    needs += [room_for(int(record[records.SPECIES] + record[records.STATES])) for record in patches]
    return max(needs)

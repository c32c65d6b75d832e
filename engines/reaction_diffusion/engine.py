"""The engine: ports, windows, checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Payload, Port, Samples, Setup, Spikes, Window
from engines.reaction_diffusion.build import Built, build
from engines.reaction_diffusion.check import check, refuse_broken_rows
from engines.reaction_diffusion.chemistry.description import model_file, read_reactions, shipped
from engines.reaction_diffusion.incoming import input_ports, sites_of
from engines.reaction_diffusion.needed import needed_by_window, refuse_too_large
from engines.reaction_diffusion.params import ReactionsAndDiffusion
from engines.reaction_diffusion.recorded import record_ports
from engines.reaction_diffusion.release import Releaser, together
from engines.reaction_diffusion.system import Additions, Floats, Integers

_NO_SPIKES = np.empty(0, np.int64)
MOST_RATIO = 4.0
"""Of the diffusion coefficient times a step and the square of the spacing, up to which the second order stays above 0."""
_NOTHING = [Additions(_NO_SPIKES, _NO_SPIKES, np.empty(0), _NO_SPIKES)]


class ReactionDiffusion:
    """Molecules that react and diffuse: in a well-mixed volume, a synaptic cleft, a dendrite, a block of tissue.

    Everything happens in steps of ``dt``. At the start of a step molecules are released (a spike acts at the start of the step
    nearest to its time); inputs hold over the step that ends at their time. The deterministic solver splits a step into diffusion
    for half of it, reactions, and diffusion for the other half (Strang 1968: second order), reactions being solved to a tolerance.
    The stochastic ones follow single molecules, with reactions and hops as they come, or in leaps.
    """

    Params: ClassVar[type[ReactionsAndDiffusion]] = ReactionsAndDiffusion
    determinism: ClassVar[str] = "bitwise"

    @classmethod
    def ports(cls, params: ReactionsAndDiffusion) -> Sequence[Port]:
        mesh = check(params)
        return [*record_ports(params, mesh), *input_ports(params, mesh)]

    @classmethod
    def models(cls) -> dict[str, str]:
        return {name: read_reactions(path).title for name, path in shipped().items()}

    @classmethod
    def describe_model(cls, name: str) -> str:
        from engines.reaction_diffusion.chemistry.telling import tell

        return tell(model_file(name, Path()))

    def __init__(self, params: ReactionsAndDiffusion, setup: Setup) -> None:
        Window(0, setup.window_ns).steps(params.dt)  # refuses a window that is not a whole number of steps
        refuse_broken_rows(params, setup.window_ns)
        mesh, seed = check(params), setup.seed if params.seed is None else params.seed
        built = build(params, mesh, seed, setup.inputs)
        columns = len(built.incoming.defaults)
        refuse_too_large(needed_by_window(params, mesh, setup.window_ns // params.dt, columns))
        self._params, self._built, self._dt_ns = params, built, params.dt
        self._solver = _solver(params, built, seed, setup)
        self._state = built.states
        is_whole = params.solver != "deterministic"
        self._releasers = {
            name: Releaser(name, item, sites_of(name, params, built.layout), params.dt, params.replicas, seed, is_whole)
            for name, item in params.release.items()
        }
        self._before = {block.name: np.zeros((params.replicas, block.columns)) for block in built.blocks if block.rate}
        self._start_rates()
        self._rows: Floats = np.empty((0, 0))
        self._known: tuple[int, tuple[Integers, Integers, int]] = (-1, (_NO_SPIKES, _NO_SPIKES, 0))
        active = int((mesh.volumes > 0).sum())
        channels = sum(len(patch.chemistry.channels) for patch in built.layout.patches)
        if params.solver == "deterministic" and params.diffusion_scheme == "second_order" and params.release:
            _warn_of_undershoot(params, built, setup)
        setup.log.info("%d voxels, %d species, %d reactions", active, len(params.species), channels)

    def advance(self, window: Window, inputs: Mapping[str, Payload]) -> Mapping[str, Payload]:
        steps = (window.stop_ns - window.start_ns) // self._dt_ns
        rows, additions = self._rows_of(steps, inputs), self._additions(window, steps, inputs)
        first, stride, total = self._places(steps)
        out = np.zeros((len(self._state), total))
        try:
            self._solver.advance(self._state, additions, rows, steps, out, first, stride)
        except CosimError as error:
            raise error.located(f"window {window}") from None
        return self._payloads(window, steps, out)

    def _rows_of(self, steps: int, inputs: Mapping[str, Payload]) -> Floats:
        """(steps, columns) in SI units."""
        incoming = self._built.incoming
        if len(self._rows) != steps or incoming.columns:
            self._rows = np.tile(incoming.defaults, (steps, 1))
        for name, (first, count, factor) in incoming.columns.items():
            payload = inputs.get(name)
            if isinstance(payload, Samples):
                if not np.isfinite(payload.values).all():
                    why = "the partner gave nan, or something infinite"
                    raise CosimError(f"what comes in by {name} is not finite", where=f"window {payload.window}", why=why)
                self._rows[:, first : first + count] = payload.refined(self._dt_ns).values * factor
        return self._rows

    def _additions(self, window: Window, steps: int, inputs: Mapping[str, Payload]) -> list[Additions]:
        """Of every replica, or of all alike."""
        begin = window.start_ns // self._dt_ns
        for name, releaser in self._releasers.items():
            payload = inputs.get(name)
            times, channels = _NO_SPIKES, _NO_SPIKES
            if isinstance(payload, Spikes):
                times, channels = payload.times_ns, payload.channels.astype(np.int64)
            releaser.hear(window, times, channels)
        releasers = [releaser for releaser in self._releasers.values() if releaser.is_due]
        if not releasers:
            return _NOTHING
        replicas = 1 if all(releaser.is_alike for releaser in releasers) else self._params.replicas
        found = [together([releaser.take(replica, begin, steps) for releaser in releasers]) for replica in range(replicas)]
        for releaser in releasers:
            releaser.forget(begin + steps)
        return found

    def _places(self, steps: int) -> tuple[Integers, Integers, int]:
        """Where columns are written: records one after the other, row by row; the same in all windows of one length."""
        if self._known[0] == steps:
            return self._known[1]
        first, stride, total = [], [], 0
        for block in self._built.blocks:
            first.append(total + np.arange(block.columns))
            stride.append(np.full(block.columns, block.columns))
            total += block.columns * (steps // block.every)
        places = np.concatenate([_NO_SPIKES, *first]), np.concatenate([_NO_SPIKES, *stride]), total
        self._known = steps, places
        return places

    def _payloads(self, window: Window, steps: int, out: Floats) -> dict[str, Payload]:
        found: dict[str, Payload] = {}
        at = 0
        for block in self._built.blocks:
            rows = steps // block.every
            values = out[:, at : at + rows * block.columns].reshape(len(out), rows, block.columns)
            at += rows * block.columns
            if block.rate:
                last = values[:, -1].copy()
                change = np.diff(values, axis=1, prepend=self._before[block.name][:, None])
                self._before[block.name], values = last, change / (block.every * self._dt_ns * 1e-6)
            found[block.name] = Samples(window, np.ascontiguousarray(values.transpose(1, 0, 2)).reshape(rows, -1))
        return found

    def _start_rates(self) -> None:
        """What is watched for its rate, at time 0."""
        views, at = self._built.views, 0
        for block in self._built.blocks:
            if block.rate:
                for k in range(block.columns):
                    terms = slice(views.starts[at + k], views.starts[at + k + 1])
                    self._before[block.name][:, k] = self._state[:, views.places[terms]] @ views.weights[terms]
            at += block.columns

    def close(self) -> None:
        self._solver.close()

    def save(self) -> dict[str, NDArray[Any]]:
        state: dict[str, NDArray[Any]] = {"state": self._state.copy()}
        state |= {f"solver.{key}": value for key, value in self._solver.save().items()}
        state |= {f"before.{key}": value.copy() for key, value in self._before.items()}
        for name, releaser in self._releasers.items():
            state |= {f"release.{name}.{key}": value for key, value in releaser.save().items()}
        return state

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self._state[:] = state["state"]
        self._solver.load(_under("solver", state))
        self._before = {key: np.array(value) for key, value in _under("before", state).items()}
        for name, releaser in self._releasers.items():
            releaser.load(_under(f"release.{name}", state))


def _warn_of_undershoot(params: ReactionsAndDiffusion, built: Built, setup: Setup) -> None:
    """Say where what is released in a voxel spreads over so many in a step that concentrations about it fall below 0."""
    system, layout = built.system, built.layout
    for name, item in params.release.items():
        species = layout.shared.index(item.species)
        voxels = sites_of(name, params, layout).places - species * layout.voxels
        ratio = system.dt * float((system.faces[species][:, voxels] / system.volumes[voxels]).max(initial=0.0))  # D dt / spacing²
        if ratio > MOST_RATIO:
            setup.log.warning(
                "D dt / spacing² where %s puts %s is %.3g: just after a release concentrations about it may be below 0; "
                "dt of %.2g us, or diffusion_scheme: backward_euler, would not let them",
                *(name, item.species, ratio, system.dt * 1e6 * MOST_RATIO / ratio),
            )


def _under(prefix: str, state: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {key[len(prefix) + 1 :]: value for key, value in state.items() if key.startswith(f"{prefix}.")}


def _solver(params: ReactionsAndDiffusion, built: Any, seed: int, setup: Setup) -> Any:
    system, views, flows = built.system, built.views, built.incoming.flows
    if params.solver == "deterministic":
        from engines.reaction_diffusion.deterministic import Deterministic

        return Deterministic(system, views, flows, params.tolerance, params.diffusion_scheme, params.threads, setup.log)
    from engines.equations.randoms import key_of
    from engines.reaction_diffusion.stochastic import Stochastic

    method, key = "exact" if params.solver == "stochastic" else "tau_leaping", key_of(seed, "events")
    return Stochastic(system, views, flows, key, method, params.epsilon, params.threads, params.replicas, setup.log)

"""What a model's build function makes its simulation and its ports with."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError, Setup, StepOutput, did_you_mean
from engines.steps.bindings import Adder, EventsOut, ExtentOut, FluxIn, ReleaseIn, SetIn


class Target(NamedTuple):
    """What a call of the solver is about: ``getCompSpecCount("cleft", "Glu")``. ``part`` is Comp, Patch, ROI, Tet or Tri."""

    part: str
    place: str | int
    species: str


class StepsHelper:
    """What a model's ``build`` makes its simulation and its ports with.

    ``where`` is ``"cleft.Glu"`` (a compartment, patch or ROI, and a species), ``(tetrahedra or triangles, "Glu")``, or a list of
    these: a channel each. Reactions are ``"psd.bind.fwd"`` or ``"cleft.decay"``.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._made: Any = None

    @property
    def made(self) -> Any:
        """The simulation; a CosimError before ``simulation`` has been called."""
        if self._made is None:
            raise CosimError("the model has no simulation", mend='simulation = sim.simulation("Wmdirect", model, geometry)')
        return self._made

    def simulation(self, solver: str, model: Any, geometry: Any, **keywords: Any) -> Any:
        """The steps.sim.Simulation, with the engine's seed, at time 0: set the first counts on it."""
        steps_rng, steps_sim = importlib.import_module("steps.rng"), importlib.import_module("steps.sim")
        rng = steps_rng.RNG("mt19937", 512, self._setup.seed % 2**31)
        self._made = steps_sim.Simulation(solver, model, geometry, rng, check=False, **keywords)
        _, errors, warnings = importlib.import_module("steps.simcheck").Check(self._made, False)
        for said in (*errors, *warnings):
            self._setup.log.warning("STEPS: %s", said)
        self._made.newRun(reset=solver != "TetODE")
        return self._made

    # -- in ------------------------------------------------------------------------------------------------------------

    def count_in(self, where: Any) -> SetIn:
        """Molecules, set at the start of every step."""
        return set_each(self._calls("set", where, "Count"))

    def concentration_in(self, where: Any) -> SetIn:
        """mol/L, set at the start of every step."""
        return set_each(self._calls("set", where, "Conc"))

    def constant_in(self, reactions: str | Sequence[str]) -> SetIn:
        """Rate constants, in STEPS' units, set at the start of every step."""
        return set_each(self._reactions("set", reactions, "K"))

    def flux_in(self, where: Any) -> FluxIn:
        """Molecules per s, added at the start of every step in whole numbers; what is left over is added later."""
        return FluxIn(self._adders(where))

    def release_in(self, where: Any, molecules: int) -> ReleaseIn:
        """Spikes: each adds ``molecules`` at the end of the step in which it falls."""
        return ReleaseIn(self._adders(where), molecules)

    def samples_in(self, function: Callable[[NDArray[np.float64]], Any], channels: int = 1) -> SetIn:
        """Anything else: ``function`` is called with the row in force, (channels,), at the start of every step."""
        return SetIn(channels, function)

    # -- out -----------------------------------------------------------------------------------------------------------

    def count_out(self, where: Any) -> StepOutput:
        """Molecules, channels in a state, …"""
        return self._read_out(where, "Count")

    def concentration_out(self, where: Any) -> StepOutput:
        """mol/L."""
        return self._read_out(where, "Conc")

    def extent_out(self, reactions: str | Sequence[str]) -> ExtentOut:
        """How often each reaction happened, since the row before."""
        return ExtentOut(self._reactions("get", reactions, "Extent"), per_second=False)

    def flux_out(self, reactions: str | Sequence[str]) -> ExtentOut:
        """How often each reaction happened, per s since the row before."""
        return ExtentOut(self._reactions("get", reactions, "Extent"), per_second=True)

    def events_out(self, reactions: str | Sequence[str]) -> EventsOut:
        """A spike whenever a reaction happens, at the end of its step."""
        return EventsOut(self._reactions("get", reactions, "Extent"))

    def samples_out(self, function: Callable[[], Any], channels: int = 1) -> StepOutput:
        """Anything else: what ``function`` returns at the end of every step."""
        return StepOutput(channels, function)

    # -- names to calls of the solver, which are some 50 times cheaper than the same by STEPS' named interface -----------

    def _read_out(self, where: Any, what: str) -> StepOutput:
        targets = list(self._targets(where))
        part, _, species = targets[0]
        batch = getattr(self.made.solver, f"getBatch{part}SpecCountsNP", None)  # one call for many tetrahedra or triangles
        if batch and what == "Count" and len(targets) > 1 and all((t.part, t.species) == (part, species) for t in targets):
            indices, counts = np.array([target.place for target in targets], np.uint32), np.zeros(len(targets))
            return StepOutput(len(targets), lambda: batch(indices, species, counts) or counts)
        getters = self._calls("get", where, what)
        return StepOutput(len(getters), lambda: [get() for get in getters])

    def _calls(self, verb: str, where: Any, what: str) -> list[Callable[..., Any]]:
        return [self._call(verb, target, what) for target in self._targets(where)]

    def _call(self, verb: str, target: Target, what: str) -> Callable[..., Any]:
        """``solver.getCompSpecCount("cleft", "Glu")``, without its last argument where that is a value."""
        function = getattr(self.made.solver, f"{verb}{target.part}Spec{what}", None)
        if function is None:
            raise CosimError(
                f"{target.place} has no {'concentration' if what == 'Conc' else what} of {target.species}",
                why=f"the solver {self.made.solver.getSolverName()} has no {verb}{target.part}Spec{what}",
                mend="sim.count_out or sim.count_in" if what == "Conc" else "",
            )
        try:
            getattr(self.made.solver, f"get{target.part}SpecCount")(target.place, target.species)
        except RuntimeError as error:
            mend = "a species is where a reaction or a diffusion of the place's systems has it"
            raise CosimError(f"{target.place} has no {target.species}", why=f"STEPS: {error}", mend=mend) from error
        return partial(function, target.place, target.species)

    def _adders(self, where: Any) -> list[Adder]:
        targets = list(self._targets(where))
        for target in targets:
            if self._meshed and target.part in ("Comp", "Patch", "ROI"):
                raise CosimError(
                    f"molecules cannot be added to {target.place} as a whole",
                    why="on a mesh STEPS would scatter all that is in it anew",
                    mend=f'name where on the mesh: (mesh.tets[0, 0, 0], "{target.species}"), or (tetrahedra, "{target.species}")',
                )
        return [Adder(self._call("get", target, "Count"), self._call("set", target, "Count")) for target in targets]

    @property
    def _meshed(self) -> bool:
        return hasattr(self.made.geom, "tets")

    def _targets(self, where: Any) -> Iterator[Target]:
        if isinstance(where, list):
            for part in where:
                yield from self._targets(part)
        elif isinstance(where, str):
            place, _, species = where.partition(".")
            yield Target(self._part(place), place, self._species(species))
        else:
            elements, species = where
            geometry = importlib.import_module("steps.geom")
            kind = "Tri" if isinstance(elements, geometry.TriList | geometry.TriReference) else "Tet"
            indices = elements.indices if hasattr(elements, "indices") else [elements.idx]
            for index in indices:
                yield Target(kind, int(index), self._species(species))

    def _part(self, place: str) -> str:
        """Comp, Patch or ROI: what the solver's calls about ``place`` are named after."""
        geometry = importlib.import_module("steps.geom")
        kinds = {"Comp": geometry.Compartment, "Patch": geometry.Patch, **({"ROI": geometry.ROI} if self._meshed else {})}
        known = {found.name: part for part, kind in kinds.items() for found in self.made.geom.ALL(kind)}
        if place not in known:
            raise CosimError(f"the geometry has no compartment and no patch {place!r}", mend=did_you_mean(place, known))
        return known[place]

    def _species(self, name: str) -> str:
        known = [found.name for found in self.made.model.ALL(importlib.import_module("steps.model").Species)]
        if name not in known:
            raise CosimError(f"the model has no species {name!r}", mend=did_you_mean(name, known))
        return name

    def _reactions(self, verb: str, reactions: str | Sequence[str], what: str) -> list[Callable[..., Any]]:
        return [self._reaction(verb, name, what) for name in ([reactions] if isinstance(reactions, str) else reactions)]

    def _reaction(self, verb: str, text: str, what: str) -> Callable[..., Any]:
        place, name, direction = (*text.split("."), "fwd", "fwd")[:3]
        part, model = self._part(place), importlib.import_module("steps.model")
        systems = self.made.model.ALL(model.VolumeSystem, model.SurfaceSystem)
        known = {reaction.name: reaction for system in systems for reaction in system.ALL(model.Reaction)}
        if name not in known:
            raise CosimError(f"the model has no reaction {name!r}", why=f"{text!r} is asked for", mend=did_you_mean(name, known))
        elements = known[name][direction] if direction in ("fwd", "bkw") else None
        if elements is None or len(elements) != 1:
            raise CosimError(f"{text!r} is no single reaction", mend="write 'psd.bind.fwd' or 'psd.bind.bkw'")
        kind = elements[0]._solverStr()  # STEPS 5.1: Reac, SReac, VDepSReac, …; nothing public says it
        name = f"{part}{kind}{what}"
        try:
            getattr(self.made.solver, f"get{name}")(place, elements[0].name)
            return partial(getattr(self.made.solver, f"{verb}{name}"), place, elements[0].name)
        except (AttributeError, RuntimeError) as error:
            raise CosimError(
                f"the {'extent' if what == 'Extent' else 'constant'} of {text} cannot be {'read' if verb == 'get' else 'set'}",
                why=f"of the solver {self.made.solver.getSolverName()}: {verb}{name}: {error}",
            ) from error


def set_each(setters: Sequence[Callable[[float], Any]]) -> SetIn:
    """A channel for each setter."""

    def put(row: NDArray[np.float64]) -> None:
        for setter, value in zip(setters, row.tolist(), strict=True):
            setter(value)

    return SetIn(len(setters), put)

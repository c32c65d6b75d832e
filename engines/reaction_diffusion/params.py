"""What a reaction-diffusion system is made of: a space, species, models in regions of it, releases, inputs, records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from cosim.sdk import Duration, Params, Unit
from engines.equations.files import model_file_by
from engines.equations.quantities import Quantity
from engines.reaction_diffusion.chemistry.description import ReactionDescription, model_file, read_reactions
from engines.reaction_diffusion.geometry.barriers import Barrier
from engines.reaction_diffusion.geometry.diffusion import Diffusion
from engines.reaction_diffusion.geometry.regions import AnyRegion
from engines.reaction_diffusion.geometry.source import Space

Micrometres = Annotated[float, Unit("um")]
Point = Annotated[tuple[Micrometres, Micrometres, Micrometres], Field(description="[x, y, z]; a dendrite: of the nearest voxel")]

ModelFile = Annotated[
    Path,
    model_file_by(model_file, read_reactions),
    Field(description="a model that comes with the engine, or a file of your own such as ./mine.yaml; SBML: .xml, .sbml"),
]


class Species(Params):
    """A substance that may be in every voxel."""

    diffusion: Annotated[Diffusion, Field(description="one for all axes, one each, or how it differs from place to place")] = 0.0
    initial: Annotated[
        Quantity | dict[str, Quantity], Field(description="concentration; or by region, the last that fits; text with a unit")
    ] = 0.0
    uptake: Annotated[float, Unit("1/ms"), Field(ge=0, description="taken up everywhere, at first order")] = 0.0
    unit: Annotated[str, Field(description="of records")] = "mM"


class Placed(Params):
    """A model in a region."""

    model_config = ConfigDict(populate_by_name=True)

    model: ModelFile
    region: Annotated[AnyRegion, Field(alias="in")] = "all"
    count: Annotated[
        float | None,
        Field(
            ge=0, description="of molecules, spread over the region by the volumes of its voxels: multiplies their initial numbers"
        ),
    ] = None
    initial: Annotated[dict[str, Quantity], Field(description="of species and states, in place of the model's own")] = {}
    parameters: dict[str, Quantity] = {}
    names: Annotated[dict[str, str], Field(description="shared species that the model calls by another name: theirs to ours")] = {}
    inputs: Annotated[dict[str, Quantity], Field(description="what an input is where no link brings it")] = {}

    @property
    def description(self) -> ReactionDescription:
        return read_reactions(self.model)


class Vesicles(Params):
    """Places from which vesicles are released, of which spikes empty some and time fills them again (Tsodyks and Markram 1997).

    A spike empties each filled place with the probability u; afterwards places fill at 1/recovery. With facilitation u jumps by
    probability (1 - u) at a spike and decays to 0 between. Deterministic solvers release the mean.
    """

    places: Annotated[int, Field(ge=1, description="where a vesicle may be docked, at each site")] = 1
    probability: Annotated[float, Field(ge=0, le=1, description="that a docked vesicle is released by a spike")] = 1.0
    recovery: Annotated[Duration | None, Field(gt=0, description="mean time until a place is filled again; else at once")] = None
    facilitation: Annotated[Duration | None, Field(gt=0, description="time constant in which u decays; else it does not move")] = (
        None
    )


class Release(Params):
    """Molecules that appear at sites when spikes come: a port of spikes, a channel for each site."""

    species: str
    at: Annotated[
        list[Point] | AnyRegion,
        Field(description="places of the sites; or a region over which one site spreads", union_mode="left_to_right"),
    ]
    molecules: Annotated[float, Field(gt=0, description="in a vesicle")]
    vesicles: Vesicles | None = None
    lasting: Annotated[Duration | None, Field(gt=0, description="time constant in which a vesicle empties; else at once")] = None
    times: Annotated[list[Duration] | None, Field(description="of releases at all sites, beside or without spikes")] = None


class ValueInput(Params):
    """An input of a model, such as a potential: a channel for all voxels, or for each."""

    kind: Literal["value"]
    of: Annotated[str, Field(description="placed model and its input, such as nmda.V")]
    each: Annotated[bool, Field(description="a channel for every voxel of the model's region")] = False


class CurrentInput(Params):
    """An electric current through the membrane; outward is positive and takes the ion out: flow -I / (valence F)."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["current"]
    species: str
    valence: Annotated[int, Field(description="charge of the ion")] = 2
    region: Annotated[AnyRegion, Field(alias="in", description="over which one current spreads, by volume")] = "all"
    at: Annotated[list[Point] | None, Field(min_length=1, description="a channel for each place, in place of the region")] = None
    each: Annotated[bool, Field(description="a channel for every voxel of the region")] = False


class FluxInput(Params):
    """Molecules per time that a partner brings, or, where negative, has taken out."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["flux"]
    species: str
    region: Annotated[AnyRegion, Field(alias="in", description="over which one flux spreads, by volume")] = "all"
    at: Annotated[list[Point] | None, Field(min_length=1, description="a channel for each place, in place of the region")] = None
    each: Annotated[bool, Field(description="a channel for every voxel of the region")] = False


class ConcentrationInput(Params):
    """A concentration that is held: neither reactions nor diffusion change it; what they take is in the ledger ``supplied``.

    Without a link nothing is held.
    """

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["concentration"]
    species: str
    region: Annotated[AnyRegion, Field(alias="in")] = "all"
    each: Annotated[bool, Field(description="a channel for every voxel of the region")] = False


InputPort = Annotated[ValueInput | CurrentInput | FluxInput | ConcentrationInput, Field(discriminator="kind")]


class Record(Params):
    """What a port offers."""

    model_config = ConfigDict(populate_by_name=True)

    value: Annotated[
        str,
        Field(
            description="glutamate: concentration of a shared species; ampa.O: a species or state of a placed model; "
            "ampa.conductance: an output; released.X, left.X, taken_up.X, supplied.X: ledgers of a shared species, molecules; "
            "bound.X: molecules of it in complexes; total.X: all of it that is here, has left or was taken up"
        ),
    ]
    region: Annotated[AnyRegion | None, Field(alias="in", description="else where the value is")] = None
    at: Annotated[list[Point] | None, Field(min_length=1, description="places: the voxels that they lie in, a channel each")] = None
    over: Annotated[
        Literal["each", "mean", "sum", "fraction"] | None,
        Field(
            description="a channel for each voxel; the mean by volume; the sum; the sum over the placed model's count. "
            "Else: at places and of concentrations each, of numbers and outputs the sum, of states the mean"
        ),
    ] = None
    of: Annotated[Literal["value", "mean"], Field(description="at the end of a row, or the mean over it")] = "value"
    every: Annotated[Duration | None, Field(gt=0, description="a row each; else a row each step")] = None
    rate: Annotated[bool, Field(description="of a ledger: molecules per ms over the row in place of the total")] = False


class ReactionsAndDiffusion(Params):
    """Reactions and diffusion of molecules in a space."""

    dt: Duration = Field(gt=0, description="step; windows are whole numbers of it")
    solver: Annotated[
        Literal["deterministic", "stochastic", "tau_leaping"],
        Field(description="concentrations; single molecules, exact; single molecules, in leaps of many reactions"),
    ] = "deterministic"
    tolerance: Annotated[
        float, Field(gt=0, le=1e-2, description="relative, of reactions in a step of the deterministic solver")
    ] = 1e-6
    diffusion_scheme: Annotated[
        Literal["second_order", "backward_euler"], Field(description="of the deterministic solver; the latter is never negative")
    ] = "second_order"
    epsilon: Annotated[
        float, Field(gt=0, lt=1, description="of tau_leaping: largest relative change of a propensity in a leap")
    ] = 0.03
    replicas: Annotated[int, Field(ge=1, description="independent copies, each with its own random numbers")] = 1
    threads: Annotated[int, Field(ge=1, le=256, description="that share the work; results do not depend on it")] = 1
    space: Space
    regions: dict[str, AnyRegion] = {}
    barriers: dict[str, Barrier] = {}
    species: dict[str, Species] = {}
    models: dict[str, Placed] = {}
    release: dict[str, Release] = {}
    inputs: dict[str, InputPort] = {}
    record: dict[str, Record] = {}
    seed: Annotated[int | None, Field(description="of random numbers; else the engine's own")] = None

    @model_validator(mode="after")
    def _something(self) -> ReactionsAndDiffusion:
        if not self.species and not self.models:
            raise ValueError("there is nothing in it: name species or models")
        return self

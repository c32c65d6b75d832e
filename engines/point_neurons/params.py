"""What a network of point neurons is made of: populations, projections, inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from cosim.sdk import Duration, InputFile, Params, Unit
from engines.equations.files import model_file_by
from engines.equations.quantities import Quantity
from engines.point_neurons.description import NeuronDescription, Scheme, model_file, read_model
from engines.point_neurons.plasticity.params import AnyRule, WeightRecord

Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Unit("Hz"), Field(ge=0)]


class Distribution(Params):
    """Independent draws, one for each neuron or synapse, in the unit of what is drawn; give one of the kinds."""

    model_config = ConfigDict(allow_inf_nan=False)

    uniform: Annotated[tuple[Quantity, Quantity] | None, Field(description="[low, high]")] = None
    normal: Annotated[tuple[Quantity, Quantity] | None, Field(description="[mean, standard deviation]")] = None
    lognormal: Annotated[tuple[Quantity, float] | None, Field(description="[median, standard deviation of the logarithm]")] = None
    exponential: Annotated[Quantity | None, Field(description="mean")] = None
    lorentzian: Annotated[
        tuple[Quantity, Quantity] | None,
        Field(description="[centre, half width]: no draws but the quantiles, in the order of the neurons; not for synapses"),
    ] = None
    shuffled: Annotated[bool, Field(description="the quantiles of a lorentzian in random order")] = False
    low: Annotated[Quantity | None, Field(description="what is below is drawn again")] = None
    high: Annotated[Quantity | None, Field(description="what is above is drawn again")] = None

    @model_validator(mode="after")
    def _one(self) -> Distribution:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(KINDS)}" + (f", not {' and '.join(given)}" if given else ""))
        return self

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if getattr(self, kind) is not None)


KINDS = ("uniform", "normal", "lognormal", "exponential", "lorentzian")
Value = Annotated[
    Annotated[Distribution, Tag("draws")] | Annotated[list[Quantity], Tag("list")] | Annotated[Quantity, Tag("one")],
    Discriminator(
        lambda value: "draws" if isinstance(value, (dict, Distribution)) else "list" if isinstance(value, list) else "one"
    ),
]
"""One number; one for each neuron; or a distribution."""
Draw = Annotated[
    Annotated[Distribution, Tag("draws")] | Annotated[Quantity, Tag("one")],
    Discriminator(lambda value: "draws" if isinstance(value, (dict, Distribution)) else "one"),
]
"""One number for all synapses, or a distribution."""


class Background(Params):
    """Independent Poisson spikes into every neuron of a population."""

    rate: Rate = Field(description="of the spikes into one neuron, all sources together")
    weight: Annotated[Quantity, Field(description="of each, in the unit of the receptor")]
    receptor: Annotated[str | None, Field(description="else the first that takes the weight's sign")] = None


class Population(Params):
    """Neurons of one model."""

    model_config = ConfigDict(allow_inf_nan=False)

    model: Annotated[
        Path,
        model_file_by(model_file, read_model),
        Field(description="a model that comes with the engine, or a file of your own such as ./mine.yaml"),
    ]
    size: Count
    parameters: Annotated[dict[str, Value], Field(description="of the model: one value, one a neuron, or a distribution")] = {}
    initial: Annotated[dict[str, Value], Field(description="states at time 0, as for parameters")] = {}
    integrator: Annotated[Scheme | None, Field(description="else what the model says")] = None
    poisson: Annotated[dict[str, Background], Field(description="background spikes, by name")] = {}
    initial_rate: Rate = Field(
        default=0.0, description="at which it fired before time 0, as far as delays reach; projections with synapses do not hear it"
    )
    positions: Annotated[InputFile | None, Field(description=".csv or .npy, (neurons, 2 or 3), µm")] = None
    extent: Annotated[
        tuple[Annotated[float, Unit("um")], ...] | None,
        Field(description="in place of positions: neurons at random in a box of these sides around 0, in 2 or 3 dimensions"),
    ] = None

    @property
    def description(self) -> NeuronDescription:
        """The model, read."""
        return read_model(self.model)[0]

    @property
    def scheme(self) -> Scheme:
        return self.integrator or self.description.scheme


class Generator(Params):
    """Spikes at given times; ``from`` of a projection may name it."""

    model: Literal["spike_generator"]
    size: Count
    file: Annotated[
        InputFile | None, Field(description=".h5 in SONATA's form, or .csv of times in ms and neurons, counted from 0")
    ] = None
    times: Annotated[list[list[Annotated[float, Unit("ms")]]] | None, Field(description="of each neuron")] = None

    @model_validator(mode="after")
    def _one(self) -> Generator:
        if (self.file is None) == (self.times is None):
            raise ValueError("give either file or times")
        if self.times is not None and len(self.times) != self.size:
            raise ValueError(f"times has {len(self.times)} lists for {self.size} neurons")
        return self


AnyPopulation = Annotated[
    Annotated[Generator, Tag("generator")] | Annotated[Population, Tag("neurons")],
    Discriminator(
        lambda value: (
            "generator"
            if (value.get("model") if isinstance(value, dict) else getattr(value, "model", None)) == "spike_generator"
            else "neurons"
        )
    ),
]

Rule = Literal[
    "all_to_all", "one_to_one", "fixed_indegree", "fixed_outdegree", "fixed_total_number", "bernoulli", "distance", "list", "sonata"
]


class Projection(Params):
    """Connections from one population (or spike input) to another."""

    model_config = ConfigDict(populate_by_name=True)

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    rule: Rule = Field(
        default="all_to_all",
        description="fixed_indegree, fixed_outdegree and fixed_total_number draw with replacement unless multapses is false; "
        "all_to_all of one weight and delay stores no synapses",
    )
    indegree: Annotated[int, Field(ge=0)] | None = Field(default=None, description="of fixed_indegree")
    outdegree: Annotated[int, Field(ge=0)] | None = Field(default=None, description="of fixed_outdegree")
    number: Annotated[int, Field(ge=0)] | None = Field(default=None, description="of fixed_total_number")
    probability: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="of bernoulli; of distance: that at distance 0"
    )
    profile: Literal["gaussian", "exponential", "step"] | None = Field(
        default=None,
        description="of distance d: p exp(-d²/(2 length²)), p exp(-d/length), or p up to length",
    )
    length: Annotated[float, Unit("um"), Field(gt=0)] | None = Field(default=None, description="of distance")
    period: tuple[Annotated[float, Unit("um"), Field(gt=0)], ...] | None = Field(
        default=None, description="of distance: sides of a box that closes on itself"
    )
    pairs: list[tuple[int, int]] | None = Field(default=None, description="of list: [source, target] of each synapse, from 0 on")
    file: InputFile | None = Field(
        default=None,
        description="of list: .csv or .npz with source, target and, where they differ, weight, delay (ms); of sonata: edges .h5",
    )
    autapses: bool = Field(default=True, description="whether a neuron may be its own partner")
    multapses: bool = Field(default=True, description="whether a pair may have several synapses")
    receptor: str | None = Field(default=None, description="of the target's model; else the first that takes the weight's sign")
    weight: Value | None = Field(
        default=None, description="of a synapse, in the unit of the receptor: one, a distribution, or of pairs one for each"
    )
    total_weight: Quantity | None = Field(
        default=None,
        description="in place of weight: of all partners of a neuron together, shared out among as many as it has on average",
    )
    delay: Draw | None = Field(
        default=None,
        description="whole steps, drawn ones rounded, at least one; from an input it includes the delay of the link. "
        "Left out: one step, or for an input the link's",
    )
    plasticity: AnyRule | None = Field(default=None, description="by which weights change with the spikes of both neurons")


class SpikesInput(Params):
    """Spikes of neurons that live elsewhere; ``from`` of a projection may name it."""

    kind: Literal["spikes"]
    size: Count
    initial_rate: Rate = Field(default=0.0, description="at which they fired before time 0, for all_to_all of one weight")


class RateInput(Params):
    """A firing rate, of which every neuron gets Poisson spikes of its own."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["rate"]
    target: str = Field(alias="to")
    each: bool = Field(default=False, description="one channel a neuron instead of one for all")
    weight: Annotated[Quantity, Field(description="of a spike, in the unit of the receptor")]
    receptor: str | None = None


class DriveInput(Params):
    """An input of the model, such as a current, held over the steps of its rows."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["drive"]
    target: str = Field(alias="to")
    input: str = Field(default="current", description="which input of the model")
    each: bool = Field(default=False, description="one channel a neuron instead of one for all")


class ModulatorInput(Params):
    """A number that holds over the steps of its rows, such as a reward: the third factor of modulated plasticity."""

    kind: Literal["modulator"]


InputPort = Annotated[SpikesInput | RateInput | DriveInput | ModulatorInput, Field(discriminator="kind")]


class Network(Params):
    """A network of point neurons."""

    model_config = ConfigDict(allow_inf_nan=False)

    dt: Duration = Field(default=100_000, gt=0, description="integration step; windows and delays are whole numbers of it")
    threads: Annotated[int, Field(ge=1, le=256, description="that share the neurons of a process; results do not depend on it")] = 1
    populations: dict[str, AnyPopulation] = Field(min_length=1)
    projections: dict[str, Projection] = {}
    inputs: dict[str, InputPort] = {}
    record: dict[str, dict[str, list[Annotated[int, Field(ge=0)]] | Literal["all"]]] = Field(
        {}, description="port: an output or state of the models; of which neurons of which populations"
    )
    weights: dict[str, WeightRecord] = Field({}, description="port: weights, or other states, of a plastic projection")
    seed: int | None = Field(
        default=None,
        description="of connections, starts and random spikes; the engine's own when left out. Parts of one network share it",
    )

"""What compartmental neurons are made of: cells, populations, projections, inputs, records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

from cosim.sdk import Duration, InputFile, Params, Unit
from cosim.sdk.units import told
from engines.compartmental_neurons.mechanisms.description import MechanismDescription, mechanism_file, read_mechanism
from engines.compartmental_neurons.morphology.discretisation import Discretisation
from engines.compartmental_neurons.morphology.regions import AnyRegion, Region
from engines.compartmental_neurons.morphology.sites import AnySite, Site
from engines.compartmental_neurons.morphology.source import Form
from engines.equations.files import model_file_by
from engines.equations.quantities import Quantity

Count = Annotated[int, Field(ge=1)]
ROOT = Site(section=0)
"""The middle of the section that all others come from: the soma, where there is one."""


MechanismFile = Annotated[
    Path,
    model_file_by(mechanism_file, read_mechanism),
    Field(description="a mechanism that comes with the engine, or a file of your own such as ./mine.yaml"),
]


class Profile(Params):
    """A parameter that differs along a cell."""

    along: Annotated[
        str,
        Field(
            description="an expression of 'distance' (um from the soma's centre) and 'diameter' (um), in the unit of the parameter"
        ),
    ]


Value = Annotated[Quantity | Profile, Field(union_mode="left_to_right")]


class Membrane(Params):
    """A mechanism in a region of the membrane."""

    model_config = ConfigDict(populate_by_name=True)

    mechanism: MechanismFile
    region: Annotated[AnyRegion, Field(alias="in")] = "all"
    parameters: dict[str, Value] = {}
    name: Annotated[str | None, Field(description="by which records refer to it; else the mechanism's")] = None

    @property
    def title(self) -> str:
        return self.name or self.mechanism.stem

    @property
    def description(self) -> MechanismDescription:
        return read_mechanism(self.mechanism)


class IonParams(Params):
    """An ion on both sides of the membrane. Without ``reversal`` its potential follows from the concentrations, by Nernst."""

    reversal: Annotated[float, Unit("mV")] | None = None
    inside: Annotated[float, Unit("mM"), Field(gt=0)] | None = None
    outside: Annotated[float, Unit("mM"), Field(gt=0)] | None = None
    valence: int | None = None


Resistivity = Annotated[float, Unit("ohm*cm"), Field(gt=0)]
Capacitance = Annotated[float, Unit("uF/cm**2"), Field(gt=0)]


class Cell(Params):
    """One kind of cell: its shape, how finely it is cut, and its membrane."""

    morphology: Form
    regions: Annotated[dict[str, AnyRegion], Field(description="further parts of the cell, by name")] = {}
    compartments: Annotated[Discretisation, Field(description="how finely sections are cut")] = Discretisation(d_lambda=0.1)
    resistivity: Annotated[Resistivity | dict[str, Resistivity], Field(description="axial; or by region, the last that fits")] = (
        100.0
    )
    capacitance: Annotated[Capacitance | dict[str, Capacitance], Field(description="of the membrane; or by region")] = 1.0
    membrane: Annotated[list[Membrane], Field(description="channels, pumps and pools of ions, each in a region")] = []
    ions: dict[str, IonParams] = {}
    potential: Annotated[float, Unit("mV"), Field(description="at time 0; gates start at rest for it")] = -65.0
    temperature: Annotated[float, Field(gt=-273.15, description="°C")] = 6.3


class Synapses(Params):
    """Places of one point mechanism on every cell; spikes of projections are dealt out over them in turn."""

    mechanism: MechanismFile
    at: AnySite
    parameters: dict[str, Quantity] = {}

    @property
    def description(self) -> MechanismDescription:
        return read_mechanism(self.mechanism)


class Pulse(Params):
    """A current that is on for a while."""

    at: AnySite = ROOT
    current: Annotated[float, Unit("nA"), Field(description="inward, so that the cell is depolarised")]
    start: Duration = 0
    stop: Duration | None = None
    cells: Annotated[list[int] | None, Field(min_length=1, description="else all")] = None


class Population(Params):
    """Cells of one kind."""

    size: Count = 1
    cell: Annotated[Cell, BeforeValidator(lambda value, info: _cell(value, info)), Field(description="here, or a .yaml file of it")]
    synapses: dict[str, Synapses] = {}
    pulses: dict[str, Pulse] = {}
    threshold: Annotated[float, Unit("mV"), Field(description="that a spike comes up through")] = -20.0
    detector: Annotated[AnySite, Field(description="where spikes are seen")] = ROOT
    substeps: Annotated[int, Field(ge=1, le=1000, description="steps of these cells in one of the engine")] = 1
    positions: Annotated[
        list[tuple[Annotated[float, Unit("um")], Annotated[float, Unit("um")], Annotated[float, Unit("um")]]] | InputFile | None,
        Field(description="of the cells' origins: [x, y, z] each, or .csv/.npy (cells, 3) um; else all at the morphology's own"),
    ] = None


def _cell(value: Any, info: ValidationInfo) -> Any:
    """A cell's own file, read; anything else as it is."""
    if not isinstance(value, str):
        return value
    from engines.compartmental_neurons.cell_file import read_cell_file

    folder = Path((info.context or {}).get("folder", "."))
    return told(lambda: read_cell_file(value, folder, info.context))


Rule = Literal["all_to_all", "one_to_one", "fixed_indegree", "bernoulli", "list"]


class Projection(Params):
    """Connections from a population, or a spike input, to synapses of a population."""

    model_config = ConfigDict(populate_by_name=True)

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    synapses: str = Field(description="of the target population")
    receptor: Annotated[str | None, Field(description="of the mechanism, where it has several")] = None
    rule: Rule = "all_to_all"
    indegree: Annotated[int, Field(ge=0)] | None = Field(None, description="of fixed_indegree")
    probability: Annotated[float, Field(ge=0, le=1)] | None = Field(None, description="of bernoulli")
    pairs: list[tuple[int, int]] | None = Field(None, description="of list: [source, target] of each")
    weight: Annotated[Quantity | list[Quantity], Field(description="of a spike; of list one for each pair")]
    delay: Annotated[Duration | list[Duration], Field(description="at least a step; from an input it includes the link's")]
    autapses: bool = True

    @model_validator(mode="after")
    def _complete(self) -> Projection:
        needed = {"fixed_indegree": "indegree", "bernoulli": "probability", "list": "pairs"}
        for rule, key in needed.items():
            if (self.rule == rule) != (getattr(self, key) is not None):
                raise ValueError(f"rule {rule} and {key} go together")
        return self


class GapJunctions(Params):
    """Ohmic connections within the engine, each side seeing the potential of the other at the start of a step."""

    model_config = ConfigDict(populate_by_name=True)

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    source_at: AnySite = ROOT
    target_at: AnySite = ROOT
    pairs: Annotated[list[tuple[int, int]], Field(min_length=1, description="[cell, cell] of each")]
    conductance: Annotated[float, Unit("nS"), Field(ge=0)]


class SpikesInput(Params):
    """Spikes of neurons that live elsewhere; ``from`` of a projection may name it."""

    kind: Literal["spikes"]
    size: Count


class DriveInput(Params):
    """An input of a point mechanism, such as the current of ``current_clamp``, at one site of each cell, held over its rows."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["drive"]
    target: str = Field(alias="to")
    mechanism: MechanismFile = Field(default="current_clamp", validate_default=True)
    parameters: dict[str, Quantity] = {}
    input: Annotated[str | None, Field(description="of the mechanism, where it has several")] = None
    at: AnySite = ROOT
    each: Annotated[bool, Field(description="a channel for every cell and place instead of one for all")] = False


class ConcentrationInput(Params):
    """A concentration of an ion, such as ``k_o``, over all membrane, one channel a cell or one for all."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["concentration"]
    target: str = Field(alias="to")
    symbol: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*_[io]$", description="such as k_o or ca_i")]
    each: bool = False


class FieldInput(Params):
    """The potential outside every compartment of every cell of a population."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["field"]
    target: str = Field(alias="to")


class TemperatureInput(Params):
    """The temperature of all cells, °C."""

    kind: Literal["temperature"]


InputPort = Annotated[SpikesInput | DriveInput | ConcentrationInput | FieldInput | TemperatureInput, Field(discriminator="kind")]


class Record(Params):
    """What a port offers: a number at places of cells."""

    of: str = Field(description="population")
    value: Annotated[
        str,
        Field(description="V; membrane_current; hh.m: a gate or state of a mechanism; E_ca, ca_i: of an ion; input.g: of synapses"),
    ] = "V"
    at: Annotated[
        AnySite | None, Field(description="else the middle of the first section, the soma; of membrane_current every compartment")
    ] = None
    cells: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | Literal["all"] = "all"
    every: Annotated[Duration | None, Field(gt=0, description="a row each; else every step")] = None


class Neurons(Params):
    """Populations of neurons with branches, and what connects them."""

    model_config = ConfigDict(allow_inf_nan=False)

    dt: Duration = Field(default=25_000, gt=0, description="step; windows are whole numbers of it")
    solver: Annotated[
        Literal["backward_euler", "crank_nicolson"], Field(description="first order, or second with gates half a step ahead")
    ] = "backward_euler"
    spike_times: Annotated[Literal["interpolated", "grid"], Field(description="within a step, or its end")] = "interpolated"
    threads: Annotated[int, Field(ge=1, le=256, description="that share the cells; results do not depend on it")] = 1
    populations: dict[str, Population] = Field(min_length=1)
    projections: dict[str, Projection] = {}
    gap_junctions: dict[str, GapJunctions] = {}
    inputs: dict[str, InputPort] = {}
    record: dict[str, Record] = {}
    seed: Annotated[
        int | None, Field(description="of random sites and shapes, else 0, and of connections, else the engine's own")
    ] = None


__all__ = ["Cell", "Neurons", "Population", "Region"]

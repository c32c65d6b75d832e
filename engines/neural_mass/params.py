"""Parameters of the neural mass engine: the YAML keys, their units, ranges and defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from cosim.sdk import Duration, InputFile, Params, Unit

Matrix = list[list[float]]


class GenerateParams(Params):
    """A made connectome: regions on two half ellipsoids, weights that fall with distance (see ``generator.py``)."""

    regions: Annotated[int, Field(ge=2, le=5000, description="number of regions; the left hemisphere has the odd one")] = 8
    seed: Annotated[int, Field(ge=0, description="the same seed gives the same connectome")] = 1
    density: Annotated[float, Field(gt=0, le=1, description="share of the ordered pairs of regions that are connected")] = 0.3
    decay_length: Annotated[float, Field(gt=0), Unit("mm"), Field(description="distance over which weights fall by e")] = 40.0
    spread: Annotated[float, Field(ge=0, description="standard deviation of the logarithm of a weight at a given distance")] = 1.0
    tortuosity: Annotated[float, Field(ge=1, description="tract length over straight distance")] = 1.3


class ConnectomeParams(Params):
    """Weights, tract lengths and region names: one of ``tvb``, ``file``, ``generate`` or ``weights``."""

    model_config = ConfigDict(allow_inf_nan=False)

    tvb: Annotated[str | None, Field(description="a connectome of the package tvb-data, such as connectivity_76")] = None
    file: Annotated[InputFile | None, Field(description="a zip file in the TVB layout: weights, tract_lengths, centres")] = None
    generate: Annotated[GenerateParams | None, Field(description="make one, from a seed")] = None
    weights: Annotated[Matrix | None, Field(description="row = receiver, column = sender")] = None
    lengths: Annotated[float | Matrix | None, Unit("mm"), Field(description="tract lengths, with weights: one or a matrix")] = None
    delays: Annotated[float | Matrix | None, Unit("ms"), Field(description="delays in place of lengths: one or a matrix")] = None
    labels: Annotated[list[str] | None, Field(description="region names, with weights; else r0, r1, …")] = None
    positions: Annotated[Matrix | None, Unit("mm"), Field(description="x, y, z of each region, with weights")] = None
    speed: Annotated[float, Field(gt=0), Unit("mm/ms"), Field(description="conduction speed: delay = length / speed")] = 4.0
    zero_diagonal: Annotated[bool, Field(description="drop the connections of a region to itself")] = True
    normalise: Annotated[
        Literal["none", "max", "row_sum", "spectral"],
        Field(description="scale weights: largest is 1; each row sums to 1; spectral radius is 1. none keeps what the source says"),
    ] = "none"


class InitialParams(Params):
    """State at time 0, and all along before it; one value, or one for each region of the connectome."""

    model_config = ConfigDict(allow_inf_nan=False)

    rate: Annotated[float | list[float], Unit("Hz"), Field(description="firing rate")] = 0.0
    v: Annotated[float | list[float], Field(description="mean potential, dimensionless")] = -2.0


class NeuralMassParams(Params):
    """Regions of Montbrió, Pazó and Roxin (2015), coupled by their rates. Defaults: both a low and a high state are stable."""

    model_config = ConfigDict(allow_inf_nan=False)

    model: Annotated[
        Literal["montbrio_pazo_roxin"],
        Field(description="what a region is; this one is the mean field of quadratic integrate-and-fire cells"),
    ] = "montbrio_pazo_roxin"
    connectome: ConnectomeParams
    G: Annotated[float, Field(description="global coupling: factor of every weight")] = 1.0
    tau: Annotated[float, Field(gt=0), Unit("ms"), Field(description="membrane time constant; keep it 10 dt or more")] = 10.0
    eta: Annotated[float, Field(description="centre of the Lorentzian distribution of excitabilities")] = -4.6
    J: Annotated[float, Field(description="synaptic weight within a region")] = 14.5
    delta: Annotated[float, Field(ge=0, description="half width of the distribution of excitabilities")] = 0.7
    current: Annotated[float, Field(description="constant current into every region, dimensionless")] = 0.0
    initial: InitialParams = InitialParams()
    external: Annotated[
        list[str | int], Field(description="regions simulated elsewhere; their rates come in, their input goes out")
    ] = []
    only: Annotated[list[str | int], Field(description="regions simulated here; all others that project to them are external")] = []
    dt: Annotated[Duration, Field(gt=0, description="integration step")] = 100_000
    integrator: Annotated[Literal["heun", "rk4"], Field(description="the network term is held over the stages of a step")] = "heun"

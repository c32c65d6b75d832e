"""Parameters of the neural mass engine: the YAML keys, their units, ranges and defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from cosim.sdk import Duration, Params, Unit
from engines.connectome import ConnectomeParams


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

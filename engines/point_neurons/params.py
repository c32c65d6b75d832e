"""What a network of point neurons is made of: populations, projections, inputs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from cosim.sdk import Duration, Params, Unit

Count = Annotated[int, Field(ge=1)]
Plain = Annotated[float, Unit("1")]
Rate = Annotated[float, Unit("Hz"), Field(ge=0)]
Ms = Annotated[float, Unit("ms"), Field(gt=0)]
Mv = Annotated[float, Unit("mV")]
Pa = Annotated[float, Unit("pA")]


class LifStart(Params):
    """Potentials at time 0, one independent draw a neuron."""

    distribution: Literal["value", "uniform", "normal"] = "value"
    mean: Mv | None = Field(default=None, description="centre; E_L when left out")
    spread: Annotated[float, Unit("mV"), Field(ge=0)] = Field(
        default=0.0, description="half width of the uniform, or standard deviation of the normal"
    )


class QifStart(Params):
    """Potentials at time 0.

    ``lorentzian`` puts them on the quantiles of a Lorentzian, in a random order so that they do not go with eta. With centre v
    and half width pi tau r it fires at r and has the mean potential v (Montbrió, Pazó and Roxin 2015, Lorentzian ansatz).
    """

    distribution: Literal["lorentzian", "value", "uniform", "normal"] = "lorentzian"
    mean: Plain = Field(default=-2.0, description="centre")
    spread: Annotated[float, Unit("1"), Field(ge=0)] | None = Field(
        default=None, description="half width or standard deviation; pi tau initial_rate when left out"
    )


class LifBackground(Params):
    """Independent Poisson spikes into every neuron."""

    rate: Rate = Field(description="of the spikes into one neuron")
    weight: Pa = Field(description="jump of the synaptic current; below zero it is inhibitory")


class QifBackground(Params):
    """Independent Poisson spikes into every neuron."""

    rate: Rate = Field(description="of the spikes into one neuron")
    J: Plain = Field(description="each spike moves V by J at V = 0")


class Lif(Params):
    """Leaky integrate-and-fire neurons with exponential synaptic currents.

    C dV/dt = -C (V - E_L)/tau_m + i_ex + i_in + I_e + I(t),   di/dt = -i/tau_syn + weight * spikes;
    V >= V_th: spike, V = V_reset for t_ref. Integrated exactly from step to step (Rotter and Diesmann 1999).
    """

    model: Literal["lif"]
    size: Count
    C_m: Annotated[float, Unit("pF"), Field(gt=0)] = 250.0
    tau_m: Ms = 10.0
    tau_syn_ex: Ms = 2.0
    tau_syn_in: Ms = 2.0
    E_L: Mv = -70.0
    V_th: Mv = -55.0
    V_reset: Mv = -70.0
    t_ref: Duration = Field(default=2_000_000, ge=0, description="whole steps")
    I_e: Pa = Field(default=0.0, description="constant current")
    initial: LifStart = LifStart()
    initial_rate: Rate = Field(
        0.0, description="at which it fired before time 0, as qif populations that listen to its mean rate hear it"
    )
    poisson: LifBackground | None = None


class Qif(Params):
    """Quadratic integrate-and-fire neurons with Lorentzian excitability: the twin of the Montbrió-Pazó-Roxin mean field.

    tau dV/dt = V² + eta_j + tau sum_p J_p s_p + I(t);   V reaches peak: spike, 2 tau/peak of silence, V = -peak;
    eta_j = eta + delta tan(pi/2 (2j - N - 1)/(N + 1)), j = 1..N. s_p is the rate of the partners in projection p (spikes per
    second and partner), low-passed with tau_s. Integrated exactly from step to step, the input held over each; spike times are
    not bound to the steps.
    """

    model: Literal["qif"]
    size: Count
    tau: Ms = 10.0
    eta: Plain = Field(default=-5.0, description="centre of the excitabilities")
    delta: Annotated[float, Unit("1"), Field(ge=0)] = Field(default=1.0, description="their half width")
    tau_s: Annotated[float, Unit("ms"), Field(ge=0)] = Field(default=0.0, description="low-pass of what arrives; 0: none")
    peak: Annotated[float, Unit("1"), Field(gt=0)] = 100.0
    initial: QifStart = QifStart()
    initial_rate: Rate = Field(default=0.0, description="at which it fired before time 0")
    poisson: QifBackground | None = None


Population = Annotated[Lif | Qif, Field(discriminator="model")]


class Projection(Params):
    """Connections from one population (or spike input) to another."""

    model_config = ConfigDict(populate_by_name=True)

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    rule: Literal["all_to_all", "one_to_one", "fixed_indegree", "bernoulli"] = Field(
        default="all_to_all",
        description="fixed_indegree draws with replacement; all_to_all onto qif goes through the mean rate and stores no synapses",
    )
    indegree: Count | None = Field(default=None, description="of fixed_indegree")
    probability: Annotated[float, Field(gt=0, le=1)] | None = Field(default=None, description="of bernoulli")
    autapses: bool = Field(default=True, description="whether a neuron may be its own partner")
    weight: Pa | None = Field(default=None, description="onto lif: jump of the synaptic current; the sign chooses the receptor")
    J: Plain | None = Field(default=None, description="onto qif: the current is J tau s, s the rate of the partners in Hz")
    delay: Duration | None = Field(
        default=None,
        ge=0,
        description="whole steps; from an input it includes the delay of the link. Left out: one step, or for an input the link's",
    )


class SpikesInput(Params):
    """Spikes of neurons that live elsewhere; ``from`` of a projection may name it."""

    kind: Literal["spikes"]
    size: Count
    initial_rate: Rate = Field(default=0.0, description="at which they fired before time 0")


class RateInput(Params):
    """A firing rate: tau J rate is added to a qif population; a lif neuron gets Poisson spikes of that rate, each its own."""

    kind: Literal["rate"]
    target: str = Field(alias="to")
    each: bool = Field(default=False, description="one channel a neuron instead of one for all")
    weight: Pa | None = Field(default=None, description="of a spike, onto lif")
    J: Plain | None = Field(default=None, description="onto qif; 1 when left out")

    model_config = ConfigDict(populate_by_name=True)


class CurrentInput(Params):
    """A current: in pA for lif, dimensionless (added to V²) for qif."""

    kind: Literal["current"]
    target: str = Field(alias="to")
    each: bool = Field(default=False, description="one channel a neuron instead of one for all")

    model_config = ConfigDict(populate_by_name=True)


InputPort = Annotated[SpikesInput | RateInput | CurrentInput, Field(discriminator="kind")]


class Network(Params):
    """A network of point neurons."""

    dt: Duration = Field(default=100_000, gt=0, description="integration step; windows and delays are whole numbers of it")
    populations: dict[str, Population] = Field(min_length=1)
    projections: dict[str, Projection] = {}
    inputs: dict[str, InputPort] = {}
    record_potential: dict[str, list[Annotated[int, Field(ge=0)]]] = Field(
        {}, description="neurons of each population whose potential is given out"
    )
    seed: int | None = Field(
        default=None,
        description="of connections, start and Poisson spikes; the engine's own when left out. Parts of one network share it",
    )

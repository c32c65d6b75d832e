"""What a scenario says of plasticity. A rule is a file of this folder, and named in ``AnyRule``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cosim.sdk import Duration, Params
from engines.point_neurons.plasticity.calcium import CalciumThreshold
from engines.point_neurons.plasticity.reward import RewardStdp
from engines.point_neurons.plasticity.stdp import Stdp
from engines.point_neurons.plasticity.triplet import TripletStdp
from engines.point_neurons.plasticity.tsodyks_markram import TsodyksMarkram

AnyRule = Annotated[Stdp | TripletStdp | TsodyksMarkram | RewardStdp | CalciumThreshold, Field(discriminator="rule")]


class WeightRecord(Params):
    """What is given out of a plastic projection: its weights, or states of its synapses or source neurons."""

    projection: str
    of: str = Field(default="weight", description="weight, or a state: eligibility of stdp_reward, u or x of tsodyks_markram")
    synapses: Literal["mean", "all"] | list[tuple[int, int]] = Field(
        default="mean",
        description="one channel for all; one for each, by target and then by source; or one for each [source, target], the sum "
        "where a pair has several synapses",
    )
    sources: Literal["all"] | list[Annotated[int, Field(ge=0)]] = Field(
        default="all", description="neurons, where it is a state of theirs"
    )
    every: Annotated[Duration, Field(gt=0)] | None = Field(
        default=None, description="a row, and windows are whole numbers of it; one a window where left out"
    )

"""What a scenario says of plasticity. A rule is a file of this folder, and named in ``Shipped``; or it is the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, SerializeAsAny, Tag, ValidationInfo

from cosim.sdk import CosimError, Duration, Params
from cosim.sdk.loading import load_file, load_module
from cosim.sdk.units import told
from engines.point_neurons.plasticity.calcium import CalciumThreshold
from engines.point_neurons.plasticity.reward import RewardStdp
from engines.point_neurons.plasticity.rule import PlasticityRule
from engines.point_neurons.plasticity.stdp import Stdp
from engines.point_neurons.plasticity.triplet import TripletStdp
from engines.point_neurons.plasticity.tsodyks_markram import TsodyksMarkram

Shipped = Annotated[Stdp | TripletStdp | TsodyksMarkram | RewardStdp | CalciumThreshold, Field(discriminator="rule")]


def _own(value: Any, info: ValidationInfo) -> Any:
    """The parameters of a rule of the user's own."""
    if isinstance(value, PlasticityRule):
        return value
    use = value["rule"]
    module, _, name = use.partition(":")

    def load() -> type[PlasticityRule]:
        folder = Path((info.context or {}).get("folder", "."))
        loaded = load_file((folder / module).resolve(), use) if module.endswith(".py") else load_module(module, use)
        found = getattr(loaded, name, None)
        if not (isinstance(found, type) and issubclass(found, PlasticityRule)):
            raise CosimError(f"{module} has no rule {name!r}", mend=f"class {name}(BoundedRule): …")
        return found

    return told(load).model_validate(value, context=info.context)


def _tag(value: Any) -> str:
    rule = value.get("rule") if isinstance(value, dict) else getattr(value, "rule", "")
    return "own" if ":" in str(rule) else "shipped"


OwnRule = Annotated[SerializeAsAny[PlasticityRule], BeforeValidator(_own)]
AnyRule = Annotated[Annotated[OwnRule, Tag("own")] | Annotated[Shipped, Tag("shipped")], Discriminator(_tag)]
"""A rule that comes with the engine, by name, or ./file.py:Class."""


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

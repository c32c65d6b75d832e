"""Which receptor of a model the spikes of a projection, of a background or of a rate input act on."""

from __future__ import annotations

from collections.abc import Callable

from cosim.sdk import CosimError, did_you_mean
from engines.point_neurons.description import NeuronDescription, Receptor

Bounds = tuple[float, float]


def receptor_of(model: NeuronDescription, named: str | None, bounds_in: Callable[[str], Bounds]) -> int:
    """Number of the receptor: the one that is named, else the first whose sign takes all the weights.

    Parameters
    ----------
    bounds_in
        The least and the largest weight in a unit; a CosimError where they are not of that unit.

    Raises
    ------
    CosimError
        There is none, the weights are of another unit, or one of them may be of the wrong sign; yet to be located.
    """
    if not model.receptors:
        raise CosimError("its neurons take no spikes", why=f"the model, {model.title!r}, has no receptors")
    if named is not None and named not in model.receptors:
        raise CosimError(f"there is no receptor {named!r}", mend=did_you_mean(named, model.receptors))
    candidates = [named] if named is not None else list(model.receptors)
    refused: list[CosimError] = []
    for name in candidates:
        try:
            if _takes(model.receptors[name], bounds_in(model.receptors[name].weight)):
                return list(model.receptors).index(name)
        except CosimError as error:
            refused.append(error)
    raise refused[0] if len(refused) == len(candidates) else _wrong_sign(model, candidates, bounds_in)


def _takes(receptor: Receptor, bounds: Bounds) -> bool:
    return receptor.sign == "any" or (bounds[0] >= 0.0 if receptor.sign == "positive" else bounds[1] <= 0.0)


def _wrong_sign(model: NeuronDescription, candidates: list[str], bounds_in: Callable[[str], Bounds]) -> CosimError:
    receptors = {name: model.receptors[name] for name in candidates}
    first = next(iter(receptors.values()))
    least, largest = bounds_in(first.weight)
    unit = "" if first.weight == "1" else f" {first.weight}"
    taken = ", ".join(f"{name} {receptor.sign} ones" for name, receptor in receptors.items())
    why = f"of weights, {taken}"
    if least < 0.0 < largest:
        mend = f"add low: 0{unit}, or high: 0{unit}, to the distribution; or draw from one of one sign"
        return CosimError(f"weights from {least:.6g} to {largest:.6g}{unit} are of both signs", why=why, mend=mend)
    sign, what = ("negative", largest) if largest <= 0.0 else ("positive", least)
    others = [name for name, receptor in model.receptors.items() if name not in candidates and _takes(receptor, (least, largest))]
    if others:
        mend = f"receptor: {others[0]}"
    elif sign == "negative":
        mend = f"write the weight without its sign, and say what it does by the receptor: {', '.join(model.receptors)}"
    else:
        mend = "write the weight with a minus"
    return CosimError(f"a weight of {what:.6g}{unit} is {sign}", why=why, mend=mend)

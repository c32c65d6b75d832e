"""A model of reactions in words: what ``cosim describe reaction_diffusion.<model>`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from engines.equations.telling import equations, parameters, section, states, unit
from engines.reaction_diffusion.chemistry.conservation import laws_of, rank_of
from engines.reaction_diffusion.chemistry.description import Reaction, ReactionDescription, read_reactions, shipped
from engines.reaction_diffusion.chemistry.equation import read_equation


def tell(path: Path) -> str:
    """Species, reactions, what they conserve, units, defaults, sources and references of a model's file."""
    model = read_reactions(path)
    name = path.stem if path in shipped().values() else path.name
    parts = [f"{model.title}  (model: {name})", model.about]
    parts += [section("species", _species(model)), section("states", states(model))]
    parts += [section("reactions", [_reaction(key, item) for key, item in model.reactions.items()])]
    parts += [section("conserved by all reactions", _laws(model)), section("equations", equations(model))]
    parts += [section("inputs", [_input(model, key) for key in model.inputs]), section("parameters", parameters(model))]
    parts += [section("outputs", [_output(model, key) for key in model.outputs])]
    parts += [section("references", [(text,) for text in model.references])]
    return "\n\n".join(part for part in parts if part)


def _species(model: ReactionDescription) -> list[tuple[str, ...]]:
    return [
        (name, f"{item.initial:g} {item.unit if item.unit != '1' else 'molecules'} at t = 0", item.about)
        for name, item in model.species.items()
    ]


def _reaction(name: str, item: Reaction) -> tuple[str, ...]:
    equation = read_equation(item.equation)
    text = equation.text.partition(",")[0].strip()
    if item.catalyst is not None:
        rates = f"catalysed by {item.catalyst}: k_cat = {item.k_cat}, K_M = {item.K_M}"
    elif item.rate is not None:
        rates = f"at the rate {item.rate}"
    elif item.forward is not None:
        rates = f"at the rates {item.forward} and back {item.backward}"
    else:
        rates = "  and back  ".join(equation.constants)
    return name, text, rates, item.about, f"[{item.source}]" if item.source else ""


def _laws(model: ReactionDescription) -> list[tuple[str, ...]]:
    """Sums that do not change, those that the file claims by their names; species that nothing changes are left out."""
    species, claims = list(model.species), model.parts.claims
    rows: list[tuple[str, ...]] = [(name, _sum(claim)) for name, claim in claims.items()]
    told = [[claim.get(one, 0) for one in species] for claim in claims.values()]
    changes = [[way.change.get(one, 0) for one in species] for way in model.parts.ways]
    for law in laws_of(np.array(changes, np.int64).reshape(len(changes), len(species))).tolist():
        is_of_catalyst = sum(map(abs, law)) == 1
        if not is_of_catalyst and rank_of([*told, law]) > rank_of(told):
            told.append(law)
            rows.append(("", _sum(dict(zip(species, law, strict=True)))))
    return rows


def _sum(weights: Mapping[str, int]) -> str:
    terms = [(name if abs(weight) == 1 else f"{abs(weight)} {name}", weight < 0) for name, weight in weights.items() if weight]
    text = "".join(f" {'-' if is_negative else '+'} {term}" for term, is_negative in terms)
    return text.removeprefix(" + ").strip()


def _input(model: ReactionDescription, name: str) -> tuple[str, ...]:
    item = model.inputs[name]
    return name, f"{item.default:g} {unit(item.unit)}", item.quantity, item.about


def _output(model: ReactionDescription, name: str) -> tuple[str, ...]:
    item = model.outputs[name]
    return name, f"= {item.value}", unit(item.unit), item.quantity, item.about

"""Placed models as one: every symbol of theirs under a name of its own, every rate by the numbers of its species and states.

    s3_4    symbol of species 3 as one of measure 4: its number of molecules over that measure of the voxel
    y0      state 0
    u1, p2  input 1, parameter 2
    e0_x    expression x of placed model 0

Derivatives of expressions get names as ``engines.equations.derivative`` makes them.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cosim.sdk import CosimError
from engines.equations.derivative import Derivatives
from engines.equations.expression import CONSTANTS, Expression
from engines.reaction_diffusion.chemistry.description import ReactionDescription


@dataclass(frozen=True, eq=False)
class PlacedModel:
    """A model that is somewhere under a name.

    Attributes
    ----------
    values
        Parameters in SI units.
    names
        Shared species for species of the model that are called otherwise; those with a shared species' name are that species.
    """

    name: str
    description: ReactionDescription
    values: Mapping[str, float]
    names: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Way:
    """A reaction one way, by places of species.

    Attributes
    ----------
    reactants, change
        Species by their place, and how many.
    measures
        Of each reactant, as its model has it.
    rate
        Constant of mass action, or rate, of the symbols above.
    """

    name: str
    reactants: Mapping[int, int]
    measures: Mapping[int, int]
    change: Mapping[int, int]
    measure: int
    is_mass_action: bool
    rate: Expression


class Merged:
    """All of some placed models.

    Attributes
    ----------
    species, states, inputs, parameters, outputs
        Names, those of models with the name of the model before them.
    measures
        Of species; of one that models have in different units that of the first.
    units, output_units, output_quantities
        As the first model that has it, and each output, says.
    ways
        Reactions, each one way.
    slopes
        Derivatives of states.
    shown
        Outputs.
    expressions
        Named ones, each resting on earlier ones only; derivatives that were asked for come behind.
    claims
        What models claim to be conserved: name, and weights by place.
    """

    def __init__(self, placed: Sequence[PlacedModel], shared: Sequence[str]) -> None:
        self._placed, self._homes = list(placed), [self._homes_of(model, shared) for model in placed]
        used = {home for homes in self._homes for home in homes.values()}
        own = [home for homes in self._homes for home in homes.values() if home not in shared]
        self.shared = tuple(name for name in shared if name in used)
        self.species = (*self.shared, *own)
        self._rows = {name: row for row, name in enumerate(self.species)}
        self.states = tuple(f"{model.name}.{key}" for model in placed for key in model.description.states)
        self.inputs = tuple(f"{model.name}.{key}" for model in placed for key in model.description.inputs)
        self.parameters = tuple(f"{model.name}.{key}" for model in placed for key in model.description.parameters)
        self.outputs = tuple(f"{model.name}.{key}" for model in placed for key in model.description.parts.equations.outputs)
        self.measures, self.units = self._units()
        self._derivatives = Derivatives()
        self.ways, self.slopes, self.shown = list[Way](), list[Expression](), list[Expression]()
        self.claims: list[tuple[str, dict[int, int]]] = []
        for k in range(len(self._placed)):
            self._add(k)

    @property
    def expressions(self) -> Mapping[str, Expression]:
        return self._derivatives.expressions

    @property
    def output_items(self) -> list[tuple[str, str, str]]:
        """Name, unit and quantity of every output."""
        return [
            (f"{model.name}.{key}", item.unit, item.quantity)
            for model in self._placed
            for key, item in model.description.outputs.items()
            if key in model.description.parts.equations.outputs
        ]

    def derivative(self, expression: Expression, symbol: str) -> Expression | None:
        """Of an expression by a symbol, or None where it is 0."""
        if symbol not in self.symbols_of(expression):
            return None
        found = self._derivatives.of(expression, symbol)
        return None if isinstance(found.tree, ast.Constant) and found.tree.value == 0 else found

    def symbols_of(self, *wanted: Expression) -> frozenset[str]:
        """Symbols that are no expressions on which some rest."""
        names, expressions = set[str]().union(*(one.names() for one in wanted)), self.expressions
        for name in reversed(list(expressions)):
            if name in names:
                names |= expressions[name].names()
        return frozenset(names - expressions.keys())

    # -- inside ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _homes_of(model: PlacedModel, shared: Sequence[str]) -> dict[str, str]:
        """What each species of a model is called here."""
        homes: dict[str, str] = {}
        for name in model.description.species:
            home = model.names.get(name, name)
            homes[name] = home if home in shared else f"{model.name}.{name}"
            if list(homes.values()).count(homes[name]) > 1:
                both = [one for one, other in homes.items() if other == homes[name]]
                raise CosimError(f"{' and '.join(both)} of {model.name} are both {home}", mend="map them to different species")
        return homes

    def _units(self) -> tuple[list[int], dict[str, str]]:
        measures, units = dict[str, int](), dict[str, str]()
        for model, homes in zip(self._placed, self._homes, strict=True):
            for name, home in homes.items():
                measures.setdefault(home, model.description.parts.measures[name])
                units.setdefault(home, model.description.species[name].unit)
        return [measures[name] for name in self.species], {name: units[name] for name in self.species}

    def _add(self, k: int) -> None:
        model, homes = self._placed[k], self._homes[k]
        parts = model.description.parts
        symbols = {name: f"s{self._rows[home]}_{parts.measures[name]}" for name, home in homes.items()}
        symbols |= {key: f"y{self.states.index(f'{model.name}.{key}')}" for key in model.description.states}
        symbols |= {key: f"u{self.inputs.index(f'{model.name}.{key}')}" for key in model.description.inputs}
        symbols |= {key: f"p{self.parameters.index(f'{model.name}.{key}')}" for key in model.description.parameters}
        symbols |= {key: f"e{k}_{key}" for key in parts.equations.expressions}
        renamed = _Renamed(symbols)
        for key, expression in parts.equations.expressions.items():
            self._derivatives.add(symbols[key], renamed.of(expression))
        for way in parts.ways:
            self.ways.append(
                Way(
                    f"{model.name}.{way.name}",
                    {self._rows[homes[name]]: order for name, order in way.reactants.items()},
                    {self._rows[homes[name]]: parts.measures[name] for name in way.reactants},
                    {self._rows[homes[name]]: number for name, number in way.change.items()},
                    way.measure,
                    way.is_mass_action,
                    renamed.of(way.rate),
                )
            )
        self.slopes += [renamed.of(parts.equations.derivatives[key]) for key in model.description.states]
        self.shown += [renamed.of(expression) for expression in parts.equations.outputs.values()]
        for name, claim in parts.claims.items():
            rows = {self._rows[homes[one]]: weight for one, weight in claim.items()}
            self.claims.append((homes.get(name, f"{model.name}.{name}"), rows))


class _Renamed(ast.NodeTransformer):
    """Symbols of expressions under other names."""

    def __init__(self, symbols: Mapping[str, str]) -> None:
        self._symbols = symbols

    def of(self, expression: Expression) -> Expression:
        return Expression(expression.text, self.visit(expression.tree), expression.where)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return node if node.id in CONSTANTS else ast.Name(self._symbols[node.id])

    def visit_Call(self, node: ast.Call) -> ast.expr:
        return ast.Call(node.func, [self.visit(argument) for argument in node.args], [])

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """A new node: trees of a description are shared by all who place it."""
        fields = {}
        for key, value in ast.iter_fields(node):
            if isinstance(value, list):
                fields[key] = [self.visit(item) if isinstance(item, ast.expr) else item for item in value]
            else:
                fields[key] = self.visit(value) if isinstance(value, ast.expr) else value
        return type(node)(**fields)

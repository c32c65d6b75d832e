"""A model as a file: states, parameters, inputs, equations and outputs, with units, read and checked as a whole.

    states:      {r: {unit: Hz, initial: 0, about: firing rate}}
    parameters:  {tau: {unit: ms, default: 10, about: time constant, source: …}}
    inputs:      {drive: {unit: Hz, quantity: firing_rate}}
    expressions: {x: drive - r}                     # names for parts of the equations; derivative(x, r) may stand in them
    derivatives: {r: x / tau}                       # in the unit of the state per time
    noise:       {r: sigma}                         # dr = … dt + sigma dW: in the unit of the state per root of time
    outputs:     {rate: {value: r, unit: Hz, quantity: firing_rate}}

Numbers stand in the unit beside them. Kernels compute in SI units, so no equation needs a factor for its units.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import Field, ValidationError, field_validator

from cosim.sdk import CosimError, Params, did_you_mean
from cosim.sdk.errors import ScenarioError
from engines.equations import dimensions
from engines.equations.derivative import Derivatives
from engines.equations.dimensions import Dimension
from engines.equations.expression import RESERVED, Expression, read

Bound = float | None
Bounds = tuple[Bound, Bound]


class State(Params):
    """A variable with a derivative."""

    unit: str = "1"
    initial: Annotated[float, Field(description="value at time 0 and before")] = 0.0
    range: Annotated[Bounds, Field(description="where an initial value may lie; null: no bound")] = (None, None)
    clamp: Annotated[Bounds, Field(description="where it is kept after every step and stage; null: no bound")] = (None, None)
    about: str = ""

    @property
    def si_clamp(self) -> tuple[float | None, float | None]:
        """The clamp in SI units."""
        low, high = (None if bound is None else bound * dimensions.si_factor(self.unit) for bound in self.clamp)
        return low, high

    def beyond(self, value: float) -> str:
        """What an initial value must be and is not, or nothing."""
        return _beyond(value, self.range) or _beyond(value, self.clamp)


class Parameter(Params):
    """A number that a user may set."""

    unit: str = "1"
    default: float
    range: Bounds = (None, None)
    positive: Annotated[bool, Field(description="must be more than 0")] = False
    about: str = ""
    source: Annotated[str, Field(description="where the default is from")] = ""

    def beyond(self, value: float) -> str:
        """What a value must be and is not, or nothing."""
        return "it must be more than 0" if self.positive and value <= 0 else _beyond(value, self.range)


class Input(Params):
    """What comes in from outside, 0 where nothing does."""

    unit: str = "1"
    quantity: str = ""
    about: str = ""


class Output(Params):
    """An expression that a port offers."""

    value: str | float
    unit: str = "1"
    quantity: str = ""
    about: str = ""


class Description(Params):
    """The sections of a model's file."""

    title: str
    about: str = ""
    references: list[str] = []
    states: Annotated[dict[str, State], Field(min_length=1)]
    parameters: dict[str, Parameter] = {}
    inputs: dict[str, Input] = {}
    expressions: dict[str, str | float] = {}
    derivatives: dict[str, str | float]
    noise: dict[str, str | float] = {}
    outputs: dict[str, Output] = {}

    @field_validator("*", mode="before")
    @classmethod
    def _empty_section(cls, value: Any) -> Any:
        return {} if value is None else value

    symbols: ClassVar[tuple[str, ...]] = ("states", "parameters", "inputs")
    """Sections whose keys are symbols that equations are given, each with a unit."""

    def given(self) -> dict[str, str]:
        """Unit of every symbol that equations are given."""
        return {name: item.unit for section in self.symbols for name, item in getattr(self, section).items()}

    def check(self, equations: Equations, checker: Checker) -> None:
        """What a kind of model demands beyond this; faults go to the checker, which may have some already."""


AnyDescription = TypeVar("AnyDescription", bound=Description)


@dataclass(frozen=True, eq=False)
class Equations:
    """The checked expressions of a description.

    Attributes
    ----------
    dimensions
        Of every symbol, named expressions included.
    expressions
        In an order in which each uses earlier ones only.
    """

    dimensions: Mapping[str, Dimension]
    expressions: Mapping[str, Expression]
    derivatives: Mapping[str, Expression]
    noise: Mapping[str, Expression]
    outputs: Mapping[str, Expression]

    def needed(self, *wanted: Expression) -> list[str]:
        """The named expressions that some expressions rest on, in order."""
        names = set[str]().union(*(expression.names() for expression in wanted))
        for name in reversed(list(self.expressions)):
            if name in names:
                names |= self.expressions[name].names()
        return [name for name in self.expressions if name in names]

    def symbols_of(self, *wanted: Expression) -> frozenset[str]:
        """The symbols that are given, states and parameters and so on, on which some expressions rest."""
        inner = [self.expressions[name] for name in self.needed(*wanted)]
        return frozenset().union(*(expression.names() for expression in (*wanted, *inner))) - self.expressions.keys()


class Text:
    """A YAML text as plain values, and the line of every key."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self._lines: dict[tuple[str | int, ...], int] = {}
        try:
            self.data = self._plain(self._load(content), ())
        except RecursionError:
            raise CosimError(f"{name} cannot be read", why="it is nested too deep", mend="sections are two mappings deep") from None

    def where(self, *keys: str | int) -> str:
        """``file:line  key.path`` of a key, or of the nearest thing around it that was written."""
        known = list(keys)
        while known and tuple(known) not in self._lines:
            known.pop()
        line = self._lines.get(tuple(known), 1)
        return f"{self.name}:{line}" + (f"  {'.'.join(map(str, keys))}" if keys else "")

    def _load(self, content: bytes) -> Any:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError, YAMLError

        try:
            return YAML(typ="rt").load(content.decode("utf-8"))
        except MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            what = str(error.problem or "not YAML").splitlines()[0]
            raise CosimError(what, where=f"{self.name}:{line}", mend="mend the YAML at that line") from None
        except (YAMLError, UnicodeDecodeError) as error:
            raise CosimError(f"{self.name} cannot be read", why=str(error).splitlines()[0]) from None
        except (ValueError, KeyError) as error:  # a date that no calendar has, a tag that does not fit
            raise CosimError(f"{self.name} cannot be read", why=str(error).splitlines()[0], mend="put text in quotes") from None

    def _plain(self, node: Any, path: tuple[str | int, ...]) -> Any:
        if isinstance(node, dict):
            for key in node:
                if key in node.lc.data:  # type: ignore[attr-defined]  # a merged key has no line of its own
                    self._lines[*path, str(key)] = node.lc.key(key)[0] + 1  # type: ignore[attr-defined]
            return {str(key): self._plain(value, (*path, str(key))) for key, value in node.items()}
        if isinstance(node, list):
            return [self._plain(value, (*path, i)) for i, value in enumerate(node)]
        if isinstance(node, bool) or node is None:
            return node
        return next((kind(node) for kind in (int, float, str) if isinstance(node, kind)), str(node))


def read_description(path: Path, kind: type[AnyDescription]) -> tuple[AnyDescription, Equations]:
    """A model's file, checked.

    Raises
    ------
    ScenarioError
        All faults at once, each with its line: unknown or missing keys, symbols that nothing defines, expressions outside the
        whitelist, dimensions that do not fit, names used twice, expressions in a circle.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CosimError(f"{path.name} cannot be read", why=str(error)) from None
    return _read(path.name, content, kind)


@lru_cache(maxsize=64)
def _read(name: str, content: bytes, kind: type[AnyDescription]) -> tuple[AnyDescription, Equations]:
    text = Text(name, content)
    if not isinstance(text.data, dict):
        raise CosimError(f"{name} is no mapping of sections", mend=f"sections are {', '.join(kind.model_fields)}")
    try:
        description = kind.model_validate(text.data)
    except ValidationError as error:
        raise _Faults(name, [_told(item, text, kind) for item in error.errors()]) from None
    checker = Checker(description, text)
    equations = checker.equations()
    description.check(equations, checker)
    if checker.faults:
        raise _Faults(name, checker.faults)
    return description, equations


class _Faults(ScenarioError):
    def __init__(self, name: str, faults: list[CosimError]) -> None:
        super().__init__(faults)
        self.what = f"{name} has {len(faults)} fault{'s' if len(faults) != 1 else ''}"


class Checker:
    """Collects the faults of one description."""

    def __init__(self, description: Description, text: Text) -> None:
        self.description, self.text = description, text
        self.faults: list[CosimError] = []
        self.known: dict[str, Dimension] = {}

    def fault(self, what: str, *keys: str | int, why: str = "", mend: str = "") -> None:
        self.faults.append(CosimError(what, where=self.text.where(*keys), why=why, mend=mend))

    def collect(self, make: Callable[[], Any], *keys: str | int) -> Any:
        """What ``make`` gives; its fault noted, and None, where it raises one."""
        try:
            return make()
        except CosimError as error:
            self.faults.append(error.located(self.text.where(*keys)))
            return None

    def read(self, value: str | float, *keys: str | int) -> Expression | None:
        """An expression whose symbols are all known."""
        in_expressions = keys[0] == "expressions"
        expression: Expression | None = self.collect(lambda: read(value, self.text.where(*keys), in_expressions), *keys)
        if expression is None:
            return None
        names = [*self.description.given(), *self.description.expressions]
        unknown = sorted(expression.names() - set(names))
        for name in unknown:
            self.fault(f"there is no symbol {name!r}", *keys, why=f"in {expression.text!r}", mend=did_you_mean(name, names))
        return None if unknown else expression

    def dimension(self, expression: Expression, *keys: str | int) -> Dimension | None:
        """Of an expression all of whose symbols have one."""
        if not expression.names() <= self.known.keys():
            return None  # the fault of a symbol that it uses has been told
        found: Dimension | None = self.collect(lambda: dimensions.of_expression(expression, self.known), *keys)
        return found

    def hold(self, expression: Expression, expected: Dimension, meaning: str, *keys: str | int) -> None:
        """Note a fault where an expression has not the dimension that it must have; a bare 0 has any."""
        found = None if expression.text in ("0", "0.0") else self.dimension(expression, *keys)
        if found is not None and found != expected:
            self.fault(
                f"{expression.text} is in {found}", *keys, why=f"{meaning} is in {expected}", mend="check the units of its symbols"
            )

    def equations(self) -> Equations:
        self._names()
        self._units()
        self._bounds()
        described = self.description
        expressions = {name: self.read(value, "expressions", name) for name, value in described.expressions.items()}
        ordered = self._ordered({name: found for name, found in expressions.items() if found is not None})
        for name, expression in ordered.items():
            dimension = self.dimension(expression, "expressions", name)
            if dimension is not None:
                self.known[name] = dimension
        return Equations(
            self.known,
            ordered,
            self._of_states("derivatives", described.derivatives, "s", "the derivative of", every=True),
            self._of_states("noise", described.noise, "s**0.5", "noise of", every=False),
            self._outputs(),
        )

    def _names(self) -> None:
        described, seen = self.description, {}  # type: ignore[var-annotated]
        for section in (*described.symbols, "expressions"):
            for name in getattr(described, section):
                if not _is_plain(name):
                    self.fault(f"{name!r} is no symbol", section, name, mend="use letters, digits and _, such as x_1 or tau")
                elif name in RESERVED:
                    self.fault(f"{name!r} is taken", section, name, why="it is a function or a constant of expressions")
                elif name in seen:
                    self.fault(f"{name!r} is already one of {seen[name]}", section, name, mend="give it another name")
                seen.setdefault(name, section)
        for name in described.outputs:
            if not _is_plain(name):
                self.fault(f"{name!r} is no name of an output", "outputs", name, mend="use letters, digits and _, such as rate_1")

    def _units(self) -> None:
        for section in self.description.symbols:
            for name, item in getattr(self.description, section).items():
                dimension = self.collect(lambda unit=item.unit: dimensions.of_unit(unit), section, name, "unit")  # type: ignore[misc]
                if dimension is not None:
                    self.known[name] = dimension

    def _bounds(self) -> None:
        """A model's own numbers against its own bounds."""
        for section, key in (("states", "initial"), ("parameters", "default")):
            for name, item in getattr(self.description, section).items():
                turned = {bounds: pair for bounds in ("range", "clamp") if _is_turned(pair := getattr(item, bounds, (None, None)))}
                for bounds, (low, high) in turned.items():
                    mend = "write the lower bound first"
                    self.fault(f"{bounds} of {name} is from {low:g} to {high:g}", section, name, bounds, mend=mend)
                value = getattr(item, key)
                if not turned and (why := item.beyond(value)):
                    self.fault(f"{key} of {name} is {value:g} {item.unit}".removesuffix(" 1"), section, name, key, why=why)

    def _ordered(self, expressions: dict[str, Expression]) -> dict[str, Expression]:
        graph = {name: sorted(expression.names() & expressions.keys()) for name, expression in expressions.items()}
        derivatives = Derivatives()
        try:
            for name in TopologicalSorter(graph).static_order():
                self.collect(lambda name=name: derivatives.add(name, expressions[name]), "expressions", name)  # type: ignore[misc]
        except CycleError as error:
            circle = error.args[1]
            self.fault(f"expressions use each other in a circle: {' -> '.join(circle)}", "expressions", circle[0])
        return derivatives.expressions

    def _of_states(
        self, section: str, values: Mapping[str, str | float], per: str, meaning: str, every: bool
    ) -> dict[str, Expression]:
        states, found = self.description.states, {}
        for name in values:
            if name not in states:
                self.fault(f"{name!r} is no state", section, name, mend=did_you_mean(name, states))
        for name in states:
            if name not in values:
                if every:
                    self.fault(f"state {name!r} has no derivative", "states", name, mend=f"add it to derivatives: {name}: …")
                continue
            expression = self.read(values[name], section, name)
            if expression is not None and name in self.known:
                self.hold(expression, self.known[name] / dimensions.of_unit(per), f"{meaning} {name}", section, name)
                found[name] = expression
        return found

    def _outputs(self) -> dict[str, Expression]:
        found = {}
        for name, output in self.description.outputs.items():
            expression = self.read(output.value, "outputs", name, "value")
            expected = self.collect(lambda unit=output.unit: dimensions.of_unit(unit), "outputs", name, "unit")  # type: ignore[misc]
            if expression is not None and expected is not None:
                self.hold(expression, expected, f"{output.unit}, the unit of {name},", "outputs", name, "value")
                found[name] = expression
        return found


def _is_plain(name: str) -> bool:
    """Whether a name is one that code may have."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name)


def _is_turned(bounds: Bounds) -> bool:
    low, high = bounds
    return low is not None and high is not None and low > high


def _beyond(value: float, bounds: Bounds) -> str:
    low, high = bounds
    if (low is None or value >= low) and (high is None or value <= high):
        return ""
    if low is None or high is None:
        return f"it must be at most {high:g}" if low is None else f"it must be at least {low:g}"
    return f"it must be from {low:g} to {high:g}"


def _told(item: Any, text: Text, kind: type[Description]) -> CosimError:
    """A fault that pydantic found, in our words and with its line."""
    keys = tuple(key for key in item["loc"] if key not in ("str", "float", "[key]"))
    where, what = text.where(*keys), item["msg"]
    if item["type"] == "extra_forbidden":
        fields: Any = kind.model_fields
        if len(keys) == 3:
            fields = _section_fields(kind, str(keys[0]))
        return CosimError(f"there is no key {keys[-1]!r}", where=where, mend=did_you_mean(str(keys[-1]), fields))
    if item["type"] == "missing":
        return CosimError(f"{keys[-1]} is missing", where=where, mend=f"add {keys[-1]}: …")
    return CosimError(f"{'.'.join(map(str, keys))}: {what[0].lower()}{what[1:]}", where=where)


def _section_fields(kind: type[Description], section: str) -> Any:
    field = kind.model_fields.get(section)
    items = [part for part in getattr(field and field.annotation, "__args__", ()) if hasattr(part, "model_fields")]
    return items[0].model_fields if items else ()

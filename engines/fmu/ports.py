"""Parameters of the engine, and the ports that they make of an FMU's variables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from cosim.sdk import CosimError, Duration, InputFile, Params, Port, Space
from engines.fmu.description import TYPES, Description, Variable, describe

_INDEX = re.compile(r"^(.*)\[([\d, ]+)\]$")

Names = list[str] | dict[str, str | list[str]] | None


class FmuParams(Params):
    fmu: Annotated[InputFile, Field(description="the .fmu file")]
    step: Annotated[
        Duration | None, Field(gt=0, description="communication step; by default the stepSize that the file states")
    ] = None
    start: Annotated[
        dict[str, bool | int | float | str | list[float]],
        Field(description="start values and parameters, each a number in its variable's unit, or with a unit: '2 kN'"),
    ] = {}
    inputs: Annotated[Names, Field(description="variables, or port: variables; by default all inputs that are numbers")] = None
    outputs: Annotated[Names, Field(description="variables, or port: variables; by default all outputs that are numbers")] = None
    tolerance: Annotated[float | None, Field(gt=0, description="relative tolerance of the solver in the FMU")] = None
    log: Annotated[bool, Field(description="have the FMU tell all that it can")] = False


@dataclass(frozen=True)
class Connector:
    """A port, and the variables behind it, which are of one type and unit.

    Attributes
    ----------
    ranges
        For each channel the least and the largest number that it may be given.
    """

    port: Port
    variables: tuple[Variable, ...]
    ranges: tuple[tuple[float, float], ...]


def connectors(params: FmuParams) -> list[Connector]:
    """The ports that the parameters ask for, inputs first."""
    about = describe(params.fmu)
    for name in params.start:
        about.named(name)
    found = [_connector(params, about, "in", name, variables) for name, variables in _asked(about, "in", params.inputs)]
    found += [_connector(params, about, "out", name, variables) for name, variables in _asked(about, "out", params.outputs)]
    names = [connector.port.name for connector in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise CosimError(
            f"two ports of {params.fmu.name} are called {twice!r}", mend=f"name one of them: outputs: {{other_{twice}: variable}}"
        )
    return found


def _asked(about: Description, direction: str, asked: Names) -> list[tuple[str, list[Variable]]]:
    """Port names and their variables; ``x[1]``, ``x[2]``, … of FMI 2 are the array x."""
    arrays: dict[str, list[Variable]] = {}
    for variable in about.variables.values():
        index = _INDEX.match(variable.name)
        arrays.setdefault(index[1] if index else variable.name, []).append(variable)

    def find(name: str) -> list[Variable]:
        return [about.variables[name]] if name in about.variables else arrays.get(name) or [about.named(name)]

    if asked is None:
        asked = [name for name, of in arrays.items() if of[0].causality == f"{direction}put" and of[0].type in TYPES[about.version]]
    if isinstance(asked, list):
        return [(re.sub(r"\W+", "_", name).strip("_"), find(name)) for name in asked]
    return [(port, [v for name in ([of] if isinstance(of, str) else of) for v in find(name)]) for port, of in asked.items()]


def _connector(params: FmuParams, about: Description, direction: Any, name: str, variables: list[Variable]) -> Connector:
    for variable in variables:
        if variable.type not in TYPES[about.version]:
            raise CosimError(f"{variable.name!r} is a {variable.type}, and ports carry numbers", mend="set it by start")
        if direction == "in" and variable.causality != "input" and not variable.tunable:
            raise CosimError(
                f"{variable.name!r} cannot be an input",
                why=f"it is a {variable.causality} of the FMU",
                mend="set it by start, if at all",
            )
        if (variable.type, variable.unit) != (variables[0].type, variables[0].unit):
            raise CosimError(
                f"port {name!r} would carry {variables[0].type} in {variables[0].unit} and {variable.type} in {variable.unit}",
                mend=f"give {variable.name} a port of its own",
            )
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise CosimError(f"{name!r} is no name for a port", mend=f"name it: {direction}puts: {{port: {variables[0].name!r}}}")
    labels = [label for variable in variables for label in about.labels(variable, params.start)]
    parts = [_INDEX.match(label) for label in labels]
    if all(parts) and len({part[1] for part in parts if part}) == 1:
        labels = [part[2] for part in parts if part]
    port = Port(name, direction, "samples", Space(tuple(labels)), unit=variables[0].unit, dt_ns=step_of(params))
    ranges = tuple(variable.range for variable in variables for _ in about.labels(variable, params.start))
    return Connector(port, tuple(variables), ranges)


def step_of(params: FmuParams) -> int:
    """The communication step in ns."""
    stated = describe(params.fmu).step
    exact_ns = Decimal(stated) * 10**9 if stated else Decimal(0)
    step_ns = params.step or int(exact_ns)
    if not step_ns or (params.step is None and exact_ns != step_ns):
        why = f"it states {stated} s, which is not a whole number of ns" if stated else "it states no stepSize"
        raise CosimError(f"{params.fmu.name} does not say in which steps it goes", why=why, mend="params: {step: 1 ms}")
    return step_ns

"""Faults are gathered, so that all that is wrong with a circuit is told at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from cosim.sdk import CosimError, ScenarioError
from cosim.sdk.errors import raise_all

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Faults:
    """What has been found wrong so far."""

    def __init__(self) -> None:
        self.found: list[CosimError] = []

    def add(self, what: str, where: object = "", why: str = "", mend: str = "") -> None:
        """One more; told once, however often it is met."""
        if not any(fault.what == what and fault.where == str(where) for fault in self.found):
            self.found.append(CosimError(what, where=str(where), why=why, mend=mend))

    def collect(self, where: object, make: Callable[_P, _T], *given: _P.args, **named: _P.kwargs) -> _T | None:
        """What ``make`` gives; None where it raises, which is kept."""
        try:
            return make(*given, **named)
        except CosimError as error:
            for fault in error.faults if isinstance(error, ScenarioError) else (error,):
                self.found.append(fault.located(str(where)))
            return None

    def raise_all(self) -> None:
        raise_all(self.found)

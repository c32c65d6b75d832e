"""Errors that say what is wrong, where, why, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any


class CosimError(Exception):
    """One fault, told in four parts.

    Parameters
    ----------
    what
        The fault in one line.
    where
        ``file:line  key.path``, or the engine and window.
    why
        What makes it a fault, with both numbers and their units.
    mend
        What to write instead.
    """

    def __init__(self, what: str, *, where: str = "", why: str = "", mend: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.why, self.mend = what, where, why, mend

    def located(self, where: str) -> CosimError:
        """The same fault with a place, unless it already has one."""
        self.where = self.where or where
        return self

    def about(self, subject: str) -> CosimError:
        """The same fault, told as ``subject: what``, and yet to be located."""
        return CosimError(f"{subject}: {self.what}", why=self.why, mend=self.mend)

    def as_dict(self) -> dict[str, str]:
        """The four parts, as ``cosim check --json`` prints them."""
        return {"where": self.where, "what": self.what, "why": self.why, "mend": self.mend}

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        lines += [f"  {label}: {text}" for label, text in (("why", self.why), ("mend", self.mend)) if text]
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.what, self.where, self.why, self.mend)


def _rebuild(what: str, where: str, why: str, mend: str) -> CosimError:
    return CosimError(what, where=where, why=why, mend=mend)


class ScenarioError(CosimError):
    """All the faults of a scenario at once.

    Attributes
    ----------
    rest
        The scenario without the entries that could not be read, so that the faults of the others can be told too.
    """

    def __init__(self, faults: Sequence[CosimError], rest: Any = None) -> None:
        self.faults, self.rest = tuple(faults), rest
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        super().__init__(f"the scenario has {count}")

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


def raise_all(faults: Sequence[CosimError]) -> None:
    """Raise one fault as it is, several as a ScenarioError; nothing where there is none."""
    if faults:
        raise faults[0] if len(faults) == 1 else ScenarioError(faults)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``did you mean 'spikes'?`` where a known name is near, else the known names."""
    known = list(known)
    near = difflib.get_close_matches(name, known, 1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}" if known else ""

"""The text of a reaction, as a paper prints it: ``2 A + B <-> C, k_f, k_b``.

sides          species with whole numbers before them; nothing: left empty, ``0`` or ``∅``
arrows         ``->`` one way, ``<->`` both ways; also ``→``, ``<=>``, ``⇌``
constants      behind commas: of the way there, then of the way back
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cosim.sdk import CosimError

_ARROW = re.compile(r"<->|<=>|⇌|->|→")
_TERM = re.compile(r"(?:(\d+)\s*\*?\s*)?([^\W\d]\w*)")
_NOTHING = ("", "0", "∅")


Side = Mapping[str, int]
"""How many molecules of each species."""


@dataclass(frozen=True)
class Equation:
    """A reaction without its rates.

    Attributes
    ----------
    left, right
        How many molecules of each species go in and come out.
    constants
        What stands behind the commas.
    """

    text: str
    left: Side
    right: Side
    is_reversible: bool
    constants: tuple[str, ...]

    @property
    def species(self) -> list[str]:
        return list(dict.fromkeys([*self.left, *self.right]))

    @property
    def change(self) -> dict[str, int]:
        """Of the way there; species of which as many come out as go in are left out."""
        return difference(self.left, self.right)


def read_equation(text: str) -> Equation:
    """A reaction from its text.

    Raises
    ------
    CosimError
        No arrow or several; something on a side that is no number of molecules of a species; nothing on both sides.
    """
    line = " ".join(str(text).split())
    arrows = _ARROW.findall(line)
    if len(arrows) != 1:
        why = f"it has {len(arrows)} arrows" if arrows else "it has no arrow"
        raise CosimError(f"{line!r} is no reaction", why=why, mend="write it like 'A + B <-> C, k_f, k_b' or 'A -> B, k'")
    before, after = line.split(arrows[0])
    first, *constants = split_at_commas(after)
    left, right = _side(before, line), _side(first, line)
    if not left and not right:
        raise CosimError(
            f"{line!r} is empty", why="nothing goes in and nothing comes out", mend="name species on one side at least"
        )
    return Equation(line, left, right, arrows[0] not in ("->", "→"), tuple(constants))


def _side(text: str, line: str) -> dict[str, int]:
    found: dict[str, int] = {}
    if text.strip() in _NOTHING:
        return found
    for term in text.split("+"):
        match = _TERM.fullmatch(term.strip())
        if match is None:
            raise CosimError(
                f"{term.strip()!r} is no species",
                why=f"in {line!r}",
                mend="a side is like 'A + 2 B', with whole numbers; nothing: 0; constants stand behind a comma",
            )
        number, name = int(match[1] or 1), match[2]
        if number == 0:
            raise CosimError(f"{term.strip()!r} is none", why=f"in {line!r}", mend=f"leave {name} out")
        found[name] = found.get(name, 0) + number
    return found


def difference(before: Side, after: Side) -> dict[str, int]:
    """What comes to be; species of which there are as many after as before are left out."""
    found = {name: after.get(name, 0) - before.get(name, 0) for name in dict.fromkeys([*before, *after])}
    return {name: number for name, number in found.items() if number}


def split_at_commas(text: str) -> list[str]:
    """Parts between the commas that stand in no brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]

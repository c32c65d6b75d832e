"""Names that descriptions of mechanisms may use for what they are given."""

from __future__ import annotations

import keyword
import re

from engines.equations.expression import RESERVED

NONSPECIFIC = "nonspecific"
"""Of currents that are of no ion."""
PROVIDED = {
    "V": "mV", "celsius": "1", "temperature": "K", "area": "um**2", "diameter": "um", "faraday": "C/mol",
    "gas_constant": "J/(mol*K)",
}  # fmt: skip
"""Symbols that every mechanism is given, and their units."""
WEIGHT = "weight"
"""Of a spike, in receptors."""
_OF_ION = re.compile(
    r"^(?:E_(?P<reversal>[a-z]\w*)|i_(?P<current>[a-z]\w*)|(?P<inner>[a-z][a-z0-9]*)_i|(?P<outer>[a-z][a-z0-9]*)_o)$"
)
_UNITS_OF_ION = {"reversal": "mV", "current": "mA/cm**2", "inner": "mM", "outer": "mM"}
_ION = re.compile(r"^[a-z][a-z0-9]*$")


def unit_of_ion(symbol: str) -> str:
    """Unit of a symbol that belongs to an ion, such as ``E_na``; empty where it is none."""
    match = _OF_ION.match(symbol)
    return _UNITS_OF_ION[str(match.lastgroup)] if match else ""


def ion_of(symbol: str) -> str:
    """``na`` of ``E_na``, ``i_na``, ``na_i`` and ``na_o``; empty for any other."""
    match = _OF_ION.match(symbol)
    return next(filter(None, match.groups())) if match else ""


def is_ion(name: str) -> bool:
    """Whether an ion may be called so."""
    return _ION.match(name) is not None


def in_small(word: str) -> str:
    """What a word would be as a symbol of an ion: ``E_na`` for ``E_Na``."""
    before, mark, after = word.rpartition("_")
    return f"{before}{mark}{after.lower()}" if before in ("E", "i") else f"{before.lower()}{mark}{after}"


def is_plain(name: str) -> bool:
    """Whether expressions may have a symbol of this name."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name) and name not in RESERVED

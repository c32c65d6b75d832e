"""The same network without facilitation: it is shown an item, and has forgotten it when it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cosim.claims import Claim, load_beside
from cosim.results import Run


def beside(file: str, name: str) -> Any:
    """From a file of this folder."""
    return load_beside(Path(__file__), file, name)


forgets, READ_MV = (beside("claims.py", name) for name in ("forgets", "READ_MV"))
Theory = beside("theory.py", "Theory")


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    yield from forgets(run(), Theory(boost_mv=READ_MV))

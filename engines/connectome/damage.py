"""Files that may be damaged: whatever a library throws at one becomes an error that names the file and the part of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cosim.sdk import CosimError

_LONG = 160
"""Characters to which a quotation is cut: a damaged file may be one long line."""


@contextmanager
def reading(what: str, mend: str) -> Iterator[None]:
    """``what`` says that the file, or which part of it, cannot be read.

    Parsers throw errors of their own, of the decompressor, of types, of keys and of memory: no list of them would be complete.
    """
    try:
        yield
    except CosimError:
        raise
    except Exception as error:
        raise CosimError(what, why=brief(str(error) or type(error).__name__), mend=mend) from error


def brief(text: str, most: int = _LONG) -> str:
    """One line of at most ``most`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 2]} …"

"""Names and places of regions in plain text, a line a region."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import CosimError
from engines.connectome.damage import brief


def decoded(data: bytes) -> str:
    """Text in UTF-8, else in Latin-1, as older files are."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def text_of(data: bytes, where: str) -> str:
    """What is ``decoded``, refused where it is no text of bytes."""
    if (place := data.find(b"\0")) >= 0:
        raise CosimError(
            f"{where} is not plain text",
            why=f"byte {place} is 0, as in binary files, spreadsheets and UTF-16",
            mend="save it as text in UTF-8, numbers parted by commas",
        )
    return decoded(data)


def read_text(path: Path) -> str:
    """The text of a file."""
    try:
        return text_of(path.read_bytes(), path.name)
    except OSError as error:
        raise CosimError(f"{path.name} cannot be read", why=str(error)) from None


def names_and_places(text: str, where: str, placed: bool = False) -> tuple[tuple[str, ...], NDArray[np.float64] | None]:
    """Labels, and (regions, 3) places: the first three numbers in a row on a line are the place, what stands before them the name.

    Where no line has a place a line is a name, unless they must be ``placed``. A first line without a place above others that
    have one is a heading.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    words = [line.replace(",", " ").replace(";", " ").split() for line in lines]
    starts = [_first_place(each) for each in words]
    if not placed and all(start is None for start in starts):
        return tuple(line.strip().rstrip(",;").strip("\"'") for line in lines), None
    if not placed and starts[0] is None:
        lines, words, starts = lines[1:], words[1:], starts[1:]
    labels, positions = [], []
    for number, (line, each, start) in enumerate(zip(lines, words, starts, strict=True)):
        if start is None:
            raise CosimError(
                f"line {number + 1} of {where} is not 'name x y z'",
                why=f"it reads {brief(line)!r}",
                mend="a name and three numbers, a line a region",
            )
        labels.append(" ".join(each[:start]).strip("\"'") or f"r{number}")
        positions.append([float(word) for word in each[start : start + 3]])
    return tuple(labels), np.array(positions).reshape(-1, 3)


def is_number(word: str) -> bool:
    """Whether ``float`` takes it."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def _first_place(words: list[str]) -> int | None:
    return next((i for i in range(len(words) - 2) if all(is_number(word) for word in words[i : i + 3])), None)

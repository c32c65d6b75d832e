"""Makes the files of a new engine, translator or scenario: ``cosim new``.

A template is a folder of files under ``templates/``. ``NAME`` in a file's name, ``$name`` and ``$Class`` in its text stand for what
is made; the last ending, ``.txt``, is dropped.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from importlib.resources import files
from pathlib import Path
from string import Template

from cosim.sdk import CosimError, did_you_mean

KINDS = ("engine", "translator", "scenario")
_NAME = re.compile(r"^[a-z][a-z0-9_]*$")


def make_new(kind: str, name: str, out: Path | None = None) -> list[Path]:
    """Write the template of a kind into ``out`` (a folder called ``name`` unless given); the files that were made.

    Raises
    ------
    CosimError
        The kind or name is none, a file is there already, or the folder cannot be written. Nothing has been written then.
    """
    if kind not in KINDS:
        raise CosimError(f"there is no template for {kind!r}", mend=did_you_mean(kind, list(KINDS)))
    _check_name(kind, name)
    folder = out or Path(name)
    words = {"name": name, "Class": _class_name(name)}
    texts = {
        folder / source.name.replace("NAME", name).removesuffix(".txt"): Template(source.read_text("utf-8")).substitute(words)
        for source in sorted((files("cosim") / "templates" / kind).iterdir(), key=lambda source: source.name)
        if source.name.endswith(".txt")
    }
    if there := [path for path in texts if path.exists()]:
        raise CosimError(
            f"{there[0]} is there already", why="nothing is overwritten", mend="another name, or another folder with --out"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CosimError(f"nothing can be written to {folder}", why=error.strerror or str(error), mend="--out DIR") from None
    return list(texts)


def next_steps(kind: str, name: str, folder: Path) -> list[str]:
    """The commands that come next, for people to copy."""
    if kind == "scenario":
        return [f"cosim check {folder}", f"cosim run {folder} --plot", f"cosim verify {folder}"]
    plugin = f"{folder / name}.py:{_class_name(name)}"
    runs = [f"cosim run {folder} --plot"] if kind == "engine" else []
    return [f"pytest {folder}", *runs, f"cosim describe {plugin if folder.is_absolute() else f'./{plugin}'}"]


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _check_name(kind: str, name: str) -> None:
    if not _NAME.match(name):
        near = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")
        raise CosimError(
            f"{name!r} cannot be the name of {'an' if kind == 'engine' else 'a'} {kind}",
            why="it becomes the name of a file, a folder and a class",
            mend="lower-case letters, digits and _, a letter first" + (f": {near}" if _NAME.match(near) else ""),
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or (kind != "scenario" and _is_module(name)):
        raise CosimError(
            f"{name!r} cannot be the name of {'an' if kind == 'engine' else 'a'} {kind}",
            why="Python or a package that is installed has it: a file of that name would hide it",
            mend=f"for example: my_{name}",
        )


def _is_module(name: str) -> bool:
    """Whether ``import name`` finds something; a plain folder, such as one that was made here, does not count."""
    spec = importlib.util.find_spec(name)
    return name in sys.stdlib_module_names or (spec is not None and spec.origin is not None)

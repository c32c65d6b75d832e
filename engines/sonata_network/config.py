"""Configuration files of SONATA: a simulation's and its circuit's, with the variables of their manifests."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosim.sdk import CosimError, did_you_mean
from engines.sonata_network.faults import Faults

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True)
class Config:
    """A simulation's configuration, with its circuit's merged into it.

    Attributes
    ----------
    values
        By section, variables replaced.
    folders
        By section: that of the file in which it stands, where relative paths start.
    """

    path: Path
    values: dict[str, Any] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)

    def section(self, name: str) -> dict[str, Any]:
        """One of those that are mappings; empty where it is missing.

        Raises
        ------
        CosimError
            It is no mapping.
        """
        found = self.values.get(name)
        if found is not None and not isinstance(found, dict):
            raise CosimError(f"{name} is no mapping", where=str(self.path), mend=f'write "{name}": {{…}}')
        return found or {}

    def file(self, section: str, text: Any, what: str) -> Path:
        """The file that a section names.

        Raises
        ------
        CosimError
            It names none, or there is no such file.
        """
        if not isinstance(text, str) or not text:
            raise CosimError(f"{section} names no {what}", where=str(self.path))
        path = (self.folders.get(section, self.path.parent) / text).resolve()
        if not path.exists():
            unknown = [match[1] or match[2] for match in _VARIABLE.finditer(text)]
            raise CosimError(
                f"{what} {Path(text).name!r} does not exist",
                where=f"{self.path}  {section}",
                why=f"the manifest has no {', '.join(unknown)}" if unknown else f"looked for {path}",
                mend=did_you_mean(unknown[0], self.values.get("manifest", {})) if unknown else "",
            )
        return path

    def parameters(self, folder: str, name: str) -> dict[str, Any]:
        """What a file holds, in one of the folders that ``components`` names."""
        components = self.section("components")
        if folder not in components:
            raise CosimError(f"components has no {folder}", where=str(self.path), why=f"{name!r} is to be found there")
        return read_json(self.file("components", f"{components[folder]}/{name}", "file"))


def read_config(path: Path) -> Config:
    """A simulation's configuration, and the circuit's that it names with ``network``; or one file that is both.

    Raises
    ------
    CosimError
        A file is missing or is no JSON; a manifest goes round in a circle.
    """
    config = Config(path.resolve())
    _read_into(config, config.path, [])
    if "node_sets" not in config.values and "node_sets_file" in config.values:
        named = config.values["node_sets_file"]
        file = config.folders["node_sets_file"] / str(named)
        if file.exists():  # where it is not, it may be that nobody asks for a node set
            config.values["node_sets"] = read_json(file)
            config.folders["node_sets"] = file.parent
    return config


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file that holds a mapping."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CosimError(f"{path} cannot be read", why=error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise CosimError(f"{path} is no text") from None
    except json.JSONDecodeError as error:
        raise CosimError(f"{path.name} is no JSON", where=f"{path}:{error.lineno}", why=error.msg) from None
    if not isinstance(found, dict):
        raise CosimError(f"{path.name} holds no mapping", where=str(path), mend="write {…}")
    return found


def _read_into(config: Config, path: Path, above: list[Path]) -> None:
    if path in above:
        raise CosimError(f"{path.name} names itself as its network", where=str(path))
    values = read_json(path)
    manifest = _manifest(values.get("manifest") or {}, path)
    for name, value in values.items():
        if name != "manifest":
            config.values[name] = _replaced(value, manifest)
            config.folders[name] = path.parent
    config.values.setdefault("manifest", {}).update(manifest)
    for child in ("network", "simulation"):
        named = config.values.get(child)
        if child in values and isinstance(named, str):
            _read_into(config, config.file(child, named, "configuration"), [*above, path])


def _manifest(given: dict[str, Any], path: Path) -> dict[str, Any]:
    """Variables without their dollar signs, each replaced in the others."""
    known: dict[str, Any] = {"configdir": str(path.parent), "configfname": str(path), "workingdir": str(Path.cwd())}
    waiting = {name.removeprefix("$").strip("{}"): value for name, value in given.items()}
    while waiting:
        replaced = {name: _replaced(value, known) for name, value in waiting.items()}
        ready = {name: value for name, value in replaced.items() if not (isinstance(value, str) and "$" in value)}
        if not ready:
            name, value = next(iter(waiting.items()))
            raise CosimError(
                f"variable ${name} of the manifest cannot be told",
                where=str(path),
                why=f"it is {value!r}: a variable that is missing, or a circle",
                mend="the manifest may use its own variables, ${configdir} and ${workingdir}",
            )
        known |= ready
        waiting = {name: value for name, value in waiting.items() if name not in ready}
    return known


def _replaced(value: Any, known: dict[str, Any]) -> Any:
    """A value with the variables that are known; text that is one variable becomes what the variable is."""
    if isinstance(value, dict):
        return {key: _replaced(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, known) for item in value]
    if not isinstance(value, str):
        return value
    whole = _VARIABLE.fullmatch(value)
    if whole and (whole[1] or whole[2]) in known:
        return known[whole[1] or whole[2]]
    return _VARIABLE.sub(lambda match: str(known.get(match[1] or match[2], match[0])), value)


def whole_steps(value_ms: float, dt_ns: int) -> int | None:
    """Steps in a time, None where it is not a whole number of them."""
    time_ns = round(value_ms * 1e6)
    return time_ns // dt_ns if time_ns % dt_ns == 0 and abs(time_ns - value_ms * 1e6) < 1e-3 else None


def number_of(config: Config, faults: Faults, section: str, key: str) -> float | None:
    """A positive number in milliseconds of a section; None where it is missing or wrong, which is told."""
    value = config.section(section).get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e12:
        faults.add(f"{section}.{key} is {value!r}", config.path, mend="write a number of milliseconds above 0")
        return None
    return float(value)

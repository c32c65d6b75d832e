"""Files of models in parameters: found by name or path, read when a scenario is, their faults told where they are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BeforeValidator, ValidationInfo

from cosim.sdk import CosimError
from cosim.sdk.errors import ScenarioError
from cosim.sdk.units import told


def model_file_by(find: Callable[[str, Path], Path], read: Callable[[Path], object]) -> BeforeValidator:
    """Validates a parameter that names a file of a model.

    Parameters
    ----------
    find
        The file by its name and the folder in which paths start.
    read
        Reads it, or raises its faults.
    """

    def validated(name: Any, info: ValidationInfo) -> Path:
        def checked() -> Path:
            path = name if isinstance(name, Path) else find(str(name), Path((info.context or {}).get("folder", ".")))
            try:
                read(path)
            except CosimError as error:
                faults = error.faults if isinstance(error, ScenarioError) else (error,)
                raise CosimError("\n".join([f"{path.name} has faults", *map(str, faults)])) from None
            return path

        path: Path = told(checked)
        return path

    return BeforeValidator(validated)

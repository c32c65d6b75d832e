"""A kind of cell as a file of its own: the same keys as under ``cell`` in a scenario, or a cell of a NeuroML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from cosim.sdk import CosimError
from engines.equations.description import Text

if TYPE_CHECKING:
    from engines.compartmental_neurons.params import Cell


def read_cell_file(name: str, folder: Path, context: Any) -> Cell:
    """The cell in a file; paths in it start where it lies.

    Raises
    ------
    CosimError
        There is no such file, or it has faults, all of which are told with their lines.
    """
    from engines.compartmental_neurons.mechanisms.neuroml import file_of, is_neuroml
    from engines.compartmental_neurons.params import Cell

    path = (folder / Path(name).expanduser()).resolve()
    if is_neuroml(Path(name)) and file_of(path).is_file():
        from engines.compartmental_neurons.neuroml_cell import read_neuroml_cell

        return read_neuroml_cell(path)
    if not path.is_file():
        raise CosimError(f"file {name!r} does not exist", why=f"looked for {path}", mend=f"paths start at {folder.resolve()}")
    text = Text(path.name, path.read_bytes())
    try:
        return Cell.model_validate(text.data, context={**(context or {}), "folder": path.parent})
    except ValidationError as error:
        lines = [f"{path.name} has faults"]
        for item in error.errors():
            keys = tuple(key for key in item["loc"] if isinstance(key, int) or str(key).isidentifier())
            more = item.get("ctx", {}) if item["type"] == "cosim" else {}
            told = "; ".join(filter(None, (more.get("why"), more.get("mend"))))
            lines.append(f"{text.where(*keys)}: {item['msg']}" + (f" ({told})" if told else ""))
        raise CosimError("\n".join(dict.fromkeys(lines))) from None

"""What fails in a run, told so that it survives the journey to the coordinator."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any

from cosim.sdk import CosimError

ROOT = Path(__file__).parents[2]


class PartFailed(Exception):
    """An engine or a translator raised; ``where`` names it, and the window or frame."""

    def __init__(self, where: str, error: BaseException) -> None:
        super().__init__(f"{where} failed")
        self.where, self.error = where, error


def describe_failure(error: BaseException) -> dict[str, Any]:
    """A failure as the coordinator keeps it: the four parts of an error, and the traceback of what is not one of ours."""
    where, cause = "", error
    if isinstance(error, PartFailed):
        where, cause = error.where, error.error
    if isinstance(cause, CosimError):
        told = cause.as_dict()
        # an engine's own error says where in its words; the runtime adds which engine and window
        return {**told, "where": where + (f"; {told['where']}" if where and told["where"] else told["where"]), "traceback": ""}
    root = cause
    while root.__cause__ is not None:  # a simulator that wraps an error points at it
        root = root.__cause__
    missing = root.name if isinstance(root, ModuleNotFoundError) else None
    return {
        "what": f"{type(root).__name__}: {root}",
        "where": where,
        "why": _users_line(cause),
        "mend": f"install {missing}" if missing else "",
        "traceback": "".join(traceback.format_exception(type(cause), cause, cause.__traceback__)),
    }


def _users_line(error: BaseException) -> str:
    """``model.py:12: the line``: the last frame that lies neither in cosim and its engines nor in an installed package."""
    ours = [str(ROOT / name) for name in ("cosim", "engines", "couplers")]
    theirs = (*ours, "<", sys.prefix + "/lib", sys.base_prefix + "/lib")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(theirs)]
    return f"{frames[-1].filename}:{frames[-1].lineno}: {frames[-1].line}" if frames else ""

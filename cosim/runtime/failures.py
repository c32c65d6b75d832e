"""What fails in a run, told so that it survives the journey to the coordinator."""

from __future__ import annotations

import traceback
from typing import Any

from cosim.sdk import CosimError


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
    lines = "".join(traceback.format_exception(type(cause), cause, cause.__traceback__))
    return {"what": f"{type(cause).__name__}: {cause}", "where": where, "why": "", "mend": "", "traceback": lines}

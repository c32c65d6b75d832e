"""cosim couples brain simulators: one scenario, run in one process, in several, or under MPI, with the same bits."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosim.api import CheckReport, check, find_scenario, load, run
    from cosim.results import Run, open_run
    from cosim.sdk import CosimError, ScenarioError

__version__ = "0.1.0"
__all__ = ["CheckReport", "CosimError", "Run", "ScenarioError", "check", "find_scenario", "load", "open_run", "run"]

_HOMES = {
    **dict.fromkeys(("CheckReport", "check", "find_scenario", "load", "run"), "cosim.api"),
    **dict.fromkeys(("Run", "open_run"), "cosim.results"),
    **dict.fromkeys(("CosimError", "ScenarioError"), "cosim.sdk"),
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: ``import cosim`` alone stays cheap."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module 'cosim' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)

"""The simulator that an engine wraps: where it comes from, what it can do, what to say when it is missing."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

import numpy as np

from cosim.sdk.errors import CosimError


@dataclass(frozen=True)
class Simulator:
    """A simulator that is installed beside cosim, or is not; ``cosim doctor`` shows it.

    Attributes
    ----------
    name
        As its users call it: ``NEST``.
    module, package
        What is imported, and what pip installs: ``nest`` and ``nest-simulator``.
    extra
        Of neuro-cosim, which brings it in a version that is known to work.
    alone
        What a process can hold one of, such as NEST's kernel: engines with the same word live in worker processes of their own.
    can
        What it can do, in words, by ``threads``, ``MPI`` and ``save``.
    probe
        Called with the imported module; what this installation can do, over ``can``.
    how
        To get it, where pip alone does not.
    """

    name: str
    module: str
    package: str
    extra: str
    alone: str = ""
    can: Mapping[str, str] = field(default_factory=dict)
    probe: Callable[[ModuleType], Mapping[str, str]] | None = None
    how: str = ""

    @property
    def version(self) -> str | None:
        """Of the installed package; None where it is missing."""
        try:
            return version(self.package) if importlib.util.find_spec(self.module) is not None else None
        except (PackageNotFoundError, ImportError, ValueError):
            return None

    def load(self) -> ModuleType:
        """The imported module; a CosimError that says how to get it where it is missing, or why it does not import."""
        try:
            return importlib.import_module(self.module)
        except Exception as error:  # what it imports in turn may raise anything
            there = self.version
            raise CosimError(
                f"{self.name} {there} does not import" if there else f"{self.name} is not installed",
                why=f"{type(error).__name__}: {error}",
                mend=self.how_to_get(),
            ) from error

    def how_to_get(self) -> str:
        """For people: what to type."""
        return self.how or (
            f"pip install 'neuro-cosim[{self.extra}]'; or give it an environment of its own: "
            f"cosim env {self.extra}, and in the scenario python: {self.extra}"
        )


@contextmanager
def numpy_seeded(seed: int) -> Iterator[None]:
    """NumPy's global generator, which some simulators draw from, starts from ``seed``, and is then put back."""
    kept = np.random.get_state()  # noqa: NPY002
    try:
        np.random.seed(seed % 2**32)  # noqa: NPY002
        yield
    finally:
        np.random.set_state(kept)  # noqa: NPY002

"""The engine: an Arbor recipe, run window by window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import ModelEngine, Setup, Simulator, Window
from engines.arbor.bindings import SamplesIn
from engines.arbor.helper import ArborHelper
from engines.arbor.params import ArborParams


class Arbor(ModelEngine):
    """An Arbor recipe; ``build(args, seed, sim)`` hands it to ``sim.recipe(recipe)`` and says what its ports are.

    Arbor stands one step ahead of the window, for only the step that begins at t tells the voltage at t. A row that leaves is the
    value at its time. A spike that arrives acts in the step that begins at its time; one between two steps in the later one. A row
    that arrives acts one step late: over (a + dt, b + dt] where it is in force over (a, b].

    Connections of the recipe are followed by the engine, with Arbor's own times and weights: events can be handed in only with
    ``simulation.update``, and each update lets Arbor 0.12 deliver the spikes of its own connections once more.

    ``sim`` offers ``recipe``, ``catalogue``, ``spikes_in``, ``samples_in``, ``current_in``, ``spikes_out`` and ``samples_out``.

    References
    ----------
    Abi Akar et al. (2019), 27th Euromicro PDP, 274-282.
    """

    Params = ArborParams
    simulator: ClassVar[Simulator] = Simulator(
        "Arbor", "arbor", "arbor", "arbor", can={"threads": "yes", "MPI": "no", "save": "yes"}
    )

    def __init__(self, params: ArborParams, setup: Setup) -> None:
        helper = ArborHelper(self.simulator.load(), params, setup.seed)
        self.build_model(params, setup, helper, params.dt)
        self._tissue = helper.tissue
        self._tissue.start(setup.window_ns)
        setup.log.info("%d cells, %d connections", self._tissue.cells, len(self._tissue.routes))

    def step(self, window: Window) -> None:
        self._tissue.advance(window)

    def save(self) -> dict[str, NDArray[Any]]:
        return self._tissue.save() | {f"latest_{name}": binding.latest for name, binding in self._sampled()}

    def load(self, state: dict[str, NDArray[Any]]) -> None:
        self._tissue.load(state)
        for name, binding in self._sampled():
            binding.latest = np.array(state[f"latest_{name}"])

    def _sampled(self) -> Iterator[tuple[str, SamplesIn]]:
        return ((name, binding) for name, binding in self.inputs.items() if isinstance(binding, SamplesIn))

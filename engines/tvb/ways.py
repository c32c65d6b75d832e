"""TVB's ways: its time step, its initial history, its noise, what of it lasts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.sdk import (
    CosimError,
)

Ints = NDArray[np.int64]


def whole_dt(dt_ms: float) -> int:
    """The step in ns; TVB's own default, 2**-13 s / 10, is none."""
    dt_ns = round(dt_ms * 1e6)
    if dt_ns < 1 or abs(dt_ms * 1e6 - dt_ns) > 1e-6:
        near = max(dt_ns // 1000 * 1000, 1000)
        raise CosimError(
            f"dt={dt_ms:.12g} of the integrator is not a whole number of ns", mend=f"dt={near / 1e6:g} (ms), or near it"
        )
    return dt_ns


def configure(simulator: Any) -> None:
    """Configure it, with an initial history exactly as long as TVB wants it: its earliest row is repeated, its oldest left out.

    TVB 2.10 fills a shorter history with random draws, and takes the state of a longer one from the wrong row.
    """
    given, connectivity = simulator.initial_conditions, simulator.connectivity
    if simulator.history is not None:
        horizon = connectivity.horizon
        if given is not None and len(given) != horizon and not simulator.calls:
            raise CosimError(
                f"the simulator is configured with a history of {len(given)} steps, and its longest delay asks for {horizon}",
                why="TVB has filled it with random draws" if len(given) < horizon else "TVB has taken the state from the wrong row",
                mend="leave simulator.configure() out: sim.simulator(…) calls it, and repeats the earliest row",
            )
        return
    connectivity.configure()
    connectivity.set_idelays(simulator.integrator.dt)
    if given is not None:
        latest = given[-connectivity.horizon :]
        simulator.initial_conditions = np.concatenate([np.repeat(latest[:1], connectivity.horizon - len(latest), axis=0), latest])
    simulator.configure()


def seed_noise(noise: Any, seed: int) -> None:
    """Seed a TVB noise that its maker has not: one with TVB's default seed, 42, whose stream is untouched."""
    if noise is None or noise.noise_seed != type(noise).noise_seed.default:
        return
    untouched = np.random.RandomState(noise.noise_seed).get_state()[1:3]
    if all(map(np.array_equal, noise.random_stream.get_state()[1:3], untouched)):
        noise.noise_seed = seed % 2**32
        noise.reset_random_stream()


def saved(thing: Any) -> dict[str, NDArray[Any]]:
    """The private arrays of a monitor or a noise, and where its random stream stands."""
    state = {name: value.copy() for name, value in vars(thing).items() if name.startswith("_") and isinstance(value, np.ndarray)}
    if (stream := getattr(thing, "random_stream", None)) is not None:
        _, state["keys"], *rest = stream.get_state()
        state["rest"] = np.array(rest, np.float64)
    return state


def restore(thing: Any, state: dict[str, NDArray[Any]]) -> None:
    for name, value in state.items():
        if name.startswith("_"):
            setattr(thing, name, value.copy())
    if "keys" in state:
        position, has_gauss, gauss = state["rest"].tolist()
        thing.random_stream.set_state(("MT19937", state["keys"], int(position), int(has_gauss), gauss))

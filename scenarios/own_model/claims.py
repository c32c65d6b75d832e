"""A model of one's own against its closed forms: alone, with noise, coupled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.claims import Claim, load_beside
from cosim.results import Run

GROWTH_HZ, TWIST, course, cycle_hz, diffusion, phases, pushed, slowest_mode = (
    load_beside(Path(__file__), "theory.py", name)
    for name in ("GROWTH_HZ", "TWIST", "course", "cycle_hz", "diffusion", "phases", "pushed", "slowest_mode")
)


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    result = run()
    yield from _alone(result)
    yield _spread_of_phases(result, TWIST)
    yield _spread_of_phases(run({"engines.noisy.params.parameters.twist": 0, "record.streams": ["noisy.x", "noisy.y"]}), 0.0)
    yield _coming_together(result)
    other = run({f"engines.{name}.window": "5 ms" for name in ("alone", "noisy", "together")})
    yield Claim(
        "400 noisy oscillators in windows of 5 ms and of 20 ms: largest difference",
        expected=0.0,
        measured=float(np.abs(states(other, "noisy") - states(result, "noisy")).max()),
        tolerance=0.0,
        source="noise is a function of seed, region and step",
        unit="mV",
    )


def _alone(result: Run) -> Iterator[Claim]:
    z, times_s = states(result, "alone"), result.samples("alone.x").times_ms / 1e3
    last = times_s > 3.0
    measured_hz = np.polyfit(times_s[last], phases(z[last]), 1)[0] / (2 * np.pi)
    # Runge-Kutta turns by (w dt)^5 / 120 too little in a step: 2e-8 of a radian at 12 Hz, 8e-5 in 4 s
    yield Claim(
        "11 oscillators alone: largest distance to the closed form in 4 s",
        expected=0.0,
        measured=float(np.abs(z - course(times_s, GROWTH_HZ, 0.5))[:, :-1].max()),
        tolerance=2e-4,
        source="Bernoulli's equation; tolerance: twice the phase error of Runge-Kutta at 1 ms",
        unit="mV",
    )
    yield Claim(
        "one that is pushed over a link: largest distance to an independent solver",
        expected=0.0,
        measured=float(np.abs(z[:, -1] - pushed(times_s, GROWTH_HZ[-1], 0.5)).max()),
        tolerance=2e-4,
        source="DOP853; the same tolerance",
        unit="mV",
    )
    yield Claim(
        "frequency on the cycle: largest distance to theory, 12 growths",
        expected=0.0,
        measured=float(np.abs(measured_hz - cycle_hz(GROWTH_HZ)).max()),
        tolerance=1e-5,
        source="f - twist growth / 2 pi; tolerance: the same phase error, 2e-5 rad/s, over 2 pi, and as much again",
        unit="Hz",
    )


def _spread_of_phases(result: Run, twist: float) -> Claim:
    """Slope of the variance over copies, from the start, where all are alike."""
    at = phases(states(result, "noisy"), twist)
    gained = float((at[-1] - at[0]).var(ddof=1) / (result.samples("noisy.x").times_ms[[0, -1]] @ [-1, 1] / 1e3))
    expected = diffusion(twist)
    return Claim(
        f"variance that the phase of 400 noisy copies gains, twist {twist:g}",
        expected=expected,
        measured=gained,
        tolerance=3 * np.sqrt(2 / 399) * expected,
        source="sigma^2 (1 + twist^2) / R^2; tolerance: 3 sd of a variance of 400",
        unit="rad²/s",
    )


def _coming_together(result: Run) -> Claim:
    rate, mode = slowest_mode()
    times_s = result.samples("together.x").times_ms / 1e3
    late = times_s > 3.0
    z = states(result, "together")[late]
    left = phases(z * z[:, :1].conj()) @ mode  # against the first; the mode sums to 0, so what is common falls out
    return Claim(
        "rate at which 12 coupled oscillators come together",
        expected=rate,
        measured=float(-np.polyfit(times_s[late], np.log(np.abs(left)), 1)[0]),
        tolerance=0.01
        * rate,  # coupling is held over a step, half of one late: twist * w dt / 2 = 0.3 %; phases lie 0.01 apart: as much
        source="smallest eigenvalue but 0 of G times the Laplacian",
        unit="1/s",
    )


def states(result: Run, engine: str) -> NDArray[np.complex128]:
    """(steps, oscillators) x + iy, mV."""
    return np.asarray(result.samples(f"{engine}.x").values + 1j * result.samples(f"{engine}.y").values)

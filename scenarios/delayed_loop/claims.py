"""Four loops whose every root is known: what they do tells the latency that they really have.

The plant's row that ends at t holds over (t - dt, t]: x_n = x_(n-1) + dt u_n. What it is told there is the controller's row of
t - 60 ms, made from the plant's row of t - 60 ms - 40 ms, so with m = 100 ms / dt

    x_n = x_(n-1) - k dt x_(n-m),   z^m - z^(m-1) + k dt = 0.

With z = e^(s dt) the roots obey s (1 + (s dt)²/24 + …) = -k e^(-s (D - dt/2)): the loop dx/dt = -k x(t - tau) of control theory,
whose tau is the declared delay D less half a step, for over the step that ends at t the row of t - D is on average D - dt/2 old.
That loop has the roots s = W(-k tau)/tau (Lambert's W), is stable for k tau < pi/2 and rings at 1/(4 tau) at the limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import lambertw

from cosim.claims import Claim
from cosim.results import Run

Floats = NDArray[np.float64]
GAINS = {"creeps": 3.0, "rings": 10.0, "rings for ever": 15.78673382, "breaks loose": 17.0}  # 1/s, as in scenario.yaml
DT_S, SENSE_S, ACT_S = 1e-3, 0.04, 0.06
DECLARED_S = SENSE_S + ACT_S
FROM_S = 1.5
"""What is fitted begins here: the next root falls as e^(-20 t/s) or faster beside the first one."""
WINDOWS = (("1 ms", "1 ms"), ("5 ms", "2 ms"), ("20 ms", "40 ms"))
HELD_S = 0.02
"""The controller's window."""


def claims(run: Callable[..., Run]) -> Iterator[Claim]:
    declared = run()
    angles = declared.samples("plant.angle").values
    delay_s = sum(link.delay_ms for link in declared.links().values()) * 1e-3
    yield Claim("delay round the loop, as the file declares it", DECLARED_S * 1e3, delay_s * 1e3, 1e-9, "scenario.yaml", "ms")
    for column, (name, gain) in enumerate(GAINS.items()):
        yield from _one_loop(name, gain, angles[:, column])
    yield from _limit(angles[:, list(GAINS).index("rings for ever")])
    for plant, controller in WINDOWS:
        other = run({"engines.plant.window": plant, "engines.controller.window": controller}).samples("plant.angle").values
        yield Claim(
            f"windows of {plant} and {controller} in place of 10 ms and 20 ms: largest difference",
            expected=0.0,
            measured=float(np.abs(other[: len(angles)] - angles).max()),
            tolerance=0.0,  # a window decides when engines talk, not what is said
            source="the delay is the links', whatever the windows",
            unit="rad",
        )
    yield from _held(run({"links.sense.time": "hold"}).samples("plant.angle").values)


def _one_loop(name: str, gain: float, angle: Floats) -> Iterator[Claim]:
    yield Claim(
        f"k = {gain:.4g}/s {name}: largest distance to the recursion, relative",
        expected=0.0,
        measured=float((np.abs(angle - recursion(gain, len(angle))) / np.abs(angle).max()).max()),
        tolerance=1e-12,  # rounding: the same sums, not the same order of products
        source="x_n = x_(n-1) - k dt x_(n-m), every sample",
    )
    measured, exact = fitted_root(angle[round(FROM_S / DT_S) :], DT_S), discrete_root(gain)
    tau_s = DECLARED_S - DT_S / 2
    continuous = complex(lambertw(-gain * tau_s)) / tau_s
    # to first order the step moves the root by s (s dt)²/24 / (1 + s tau); half as much again for what follows
    moved = 1.5 * abs(continuous) ** 3 * DT_S**2 / 24 / abs(1 + continuous * tau_s)
    for what, unit, part in (("growth", "1/s", np.real), ("frequency", "Hz", lambda s: abs(np.imag(s)) / (2 * np.pi))):
        if what == "frequency" and abs(exact.imag) < 1e-9:
            continue
        scale = 1.0 if what == "growth" else 1 / (2 * np.pi)
        for source, expected, tolerance in (
            ("root of z^m - z^(m-1) + k dt", exact, 1e-6),  # fitted to what the other roots have left, e^(-15 …)
            ("W(-k tau)/tau, tau = delay - dt/2; tolerance: (s dt)^2/24", continuous, moved),
        ):
            yield Claim(
                f"k = {gain:.4g}/s {name}: {what}", float(part(expected)), float(part(measured)), tolerance * scale, source, unit
            )
    yield Claim(
        f"k = {gain:.4g}/s {name}: latency, from growth and frequency alone",
        expected=tau_s * 1e3,
        measured=latency_s(measured, gain) * 1e3,
        tolerance=abs(continuous) * DT_S**2 / 24 * 1.5e3,  # the same (s dt)²/24, over |s|
        source="-ln(-s/k)/s against the declared delay less half a step",
        unit="ms",
    )


def _limit(angle: Floats) -> Iterator[Claim]:
    root = fitted_root(angle[round(FROM_S / DT_S) :], DT_S)
    tau_s = DECLARED_S - DT_S / 2
    limit = 2 / DT_S * np.sin(np.pi * DT_S / (4 * tau_s))
    yield Claim(
        "gain that is just stable", float(limit), GAINS["rings for ever"], 1e-7, "2 sin(pi dt / (4 tau)) / dt, exact", "1/s"
    )
    yield Claim(
        "growth there", 0.0, root.real, 1e-6, "on the unit circle; tolerance: digits of the gain, rest of other roots", "1/s"
    )
    yield Claim("frequency there", 1 / (4 * tau_s), abs(root.imag) / (2 * np.pi), 1e-6, "1/(4 tau), exact", "Hz")


def _held(angles: Floats) -> Iterator[Claim]:
    """The controller reads the last value known when its window starts: that is 0 to 20 ms older."""
    gain, column = GAINS["rings"], list(GAINS).index("rings")
    every = round(HELD_S / DT_S)
    root = fitted_root(angles[round(FROM_S / DT_S) + every - 1 :: every, column], HELD_S)
    yield Claim(
        f"k = {gain:.4g}/s, sense held: latency, from growth and frequency alone",
        expected=(DECLARED_S + HELD_S / 2) * 1e3,
        measured=latency_s(root, gain) * 1e3,
        tolerance=abs(root) * HELD_S**2 / 24 * 1.5e3,  # s (1 + (s H)²/24) in place of s: the average of e^(s t) over the window
        source="declared delay and half the controller's window",
        unit="ms",
    )


def recursion(gain: float, steps: int) -> Floats:
    """(steps,) x at the end of each step: 1 before time 0, and no command before the first one arrives."""
    m, silent = round(DECLARED_S / DT_S), round(ACT_S / DT_S)
    x = np.ones(m + 1 + steps)  # from -m to steps
    for n in range(m + 1, len(x)):
        x[n] = x[n - 1] - (gain * DT_S * x[n - m] if n - m > silent else 0.0)
    return x[m + 1 :]


def fitted_root(course: Floats, dt_s: float) -> complex:
    """s of what lasts longest in a course of equal steps, by linear prediction from two rows (Prony)."""
    past = np.column_stack([course[1:-1], course[:-2]])
    scale = np.abs(past).max(axis=1)  # rows of a course that fades or grows count alike
    first, second = np.linalg.lstsq(past / scale[:, None], course[2:] / scale, rcond=None)[0]
    roots = np.roots([1.0, -first, -second])
    root = np.log(complex(roots[np.argmax(np.abs(roots))])) / dt_s
    return complex(root.real, abs(root.imag))


def discrete_root(gain: float) -> complex:
    """s of the largest root of z^m - z^(m-1) + k dt = 0, by Newton's method from Lambert's W."""
    m, z = round(DECLARED_S / DT_S), np.exp(DT_S * complex(lambertw(-gain * DECLARED_S)) / DECLARED_S)
    for _ in range(50):
        z -= (z**m - z ** (m - 1) + gain * DT_S) / (m * z ** (m - 1) - (m - 1) * z ** (m - 2))
    return complex(np.log(z)) / DT_S


def latency_s(root: complex, gain: float) -> float:
    """tau of s = -k e^(-s tau)."""
    return float((-np.log(-root / gain) / root).real)

"""The arm and its controller as equations: what the loop does when nothing is computed by neurons.

The angles q (rad) of shoulder and elbow obey

    M(q) q'' + c(q, q') = u + J(q)ᵀ F,     M = (S + 2 B cos q2, D + B cos q2; D + B cos q2, D),
                                           c = B sin q2 (-(2 q1' + q2') q2', q1'²),

with F (N) at the hand, and no gravity in a horizontal plane. The controller filters its goal, q*' = (q(target) - q*)/tau_g, and
the torque u' = (M(q) (kp (q* - q) - kv q') - u)/tau; what it senses is late, and so is the torque.

For small movements M cancels: each joint is a mass of 1 with a spring and a damper that it feels through a filter, T later,

    s² (1 + s tau) e^(s T) + kv s + kp = 0.

On the imaginary axis, s = iω, the modulus says ω⁴ (1 + ω² tau²) = kp² + kv² ω², and the phase says which T that takes.
T is the sum of both links' delays: a torque that is held over the step that ends at its time is half a step younger, and a filter
that hears its input from the next step on is half a step older. To the next order the filter's steps add dt²/(12 tau), 8 µs, for
(1 - e^(-dt/tau))/(e^(s dt) - e^(-dt/tau)) = (1 - s dt/2 - s dt²/(12 tau) + O(s² dt²))/(1 + s tau).
"""

from __future__ import annotations

import cmath

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
UPPER, FOREARM = 0.316, 0.34
"""m, of arm.xml; the hand is at the forearm's end."""
S = 0.0203 + 1.96 * 0.138**2 + (1.12 + 0.42) * UPPER**2 + 0.0063 + 1.12 * 0.107**2 + 0.0008 + 0.42 * FOREARM**2
B = UPPER * (1.12 * 0.107 + 0.42 * FOREARM)
D = 0.0063 + 1.12 * 0.107**2 + 0.0008 + 0.42 * FOREARM**2
"""kg m², by Steiner's theorem from the masses, centres and moments of arm.xml."""
REST = np.array([0.7, 1.75])
DT_S, GOAL_S, TAU_S = 1e-3, 0.1, 0.01
STEPS_S = DT_S**2 / (12 * TAU_S)
KP, KV = 100.0, 20.0


def hand_m(q: Floats) -> Floats:
    """(…, 2) where the hand is, for angles (…, 2)."""
    both = q[..., 0] + q[..., 1]
    return np.stack(
        [UPPER * np.cos(q[..., 0]) + FOREARM * np.cos(both), UPPER * np.sin(q[..., 0]) + FOREARM * np.sin(both)], axis=-1
    )


def jacobian(q: Floats) -> Floats:
    """(2, 2) m/rad: how the hand moves with each angle."""
    (x, y), both = hand_m(q), q[0] + q[1]
    return np.array([[-y, -FOREARM * np.sin(both)], [x, FOREARM * np.cos(both)]])


def inertia(elbow: float) -> Floats:
    """M (2, 2) kg m²."""
    shared = D + B * np.cos(elbow)
    return np.array([[S + 2 * B * np.cos(elbow), shared], [shared, D]])


def angles(hand: Floats) -> Floats:
    """(2,) rad at which the hand is there, by Newton's method from the rest posture."""
    q = REST.copy()
    for _ in range(50):
        q -= np.linalg.solve(jacobian(q), hand_m(q) - hand)
    return q


def pushed(target: Floats, force: Floats) -> Floats:
    """(2,) rad where a force F (2,) N has pushed an arm that does not learn: M(q) kp (q* - q) + J(q)ᵀ F = 0."""
    from scipy.optimize import fsolve

    goal = angles(target)
    found: Floats = fsolve(lambda q: KP * inertia(q[1]) @ (goal - q) + jacobian(q).T @ force, goal, xtol=1e-13)
    return found


def course(targets: Floats, forces: Floats, sense_s: float, act_s: float, accuracy: float = 1e-10) -> Floats:
    """(steps, 2) angles at the end of each step: equations of motion solved by Dormand and Prince, step by step as torque is held.

    Parameters
    ----------
    targets, forces
        (steps, 2) m and N, in force over each step of 1 ms.
    """
    from scipy.integrate import solve_ivp

    sensed, acted = round(sense_s / DT_S), round(act_s / DT_S)
    keep_goal, keep = np.exp(-DT_S / GOAL_S), np.exp(-DT_S / TAU_S)
    states, torques = np.empty((len(targets) + 1, 4)), np.zeros((len(targets) + 1, 2))
    states[0] = [*REST, 0, 0]
    goal, command, wanted = REST, np.zeros(2), REST

    def moves(t: float, x: Floats, torque: Floats, force: Floats) -> Floats:
        q, v = x[:2], x[2:]
        bend = B * np.sin(q[1])
        turned = np.array([-bend * (2 * v[0] + v[1]) * v[1], bend * v[0] ** 2])
        return np.concatenate([v, np.linalg.solve(inertia(q[1]), torque + jacobian(q).T @ force - turned)])

    for n in range(1, len(states)):
        goal = keep_goal * goal + (1 - keep_goal) * wanted  # a filter hears what was there a step ago
        torques[n] = keep * torques[n - 1] + (1 - keep) * command
        x = states[max(n - sensed, 0)]
        command = inertia(x[1]) @ (KP * (goal - x[:2]) - KV * x[2:])
        if n == 1 or (targets[n - 1] != targets[n - 2]).any():
            wanted = angles(targets[n - 1])
        torque = torques[n - acted] if n > acted else np.zeros(2)
        span = (torque, forces[n - 1])
        states[n] = solve_ivp(moves, (0, DT_S), states[n - 1], "DOP853", args=span, rtol=accuracy, atol=accuracy).y[:, -1]
    return states[1:, :2]


def longest_delay() -> tuple[float, float]:
    """Delays (s) of both links at which the loop is just stable, and the angular frequency (rad/s) at which it then rings."""
    square = max(root.real for root in np.roots([TAU_S**2, 1, -(KV**2), -(KP**2)]) if abs(root.imag) < 1e-9)
    omega = float(np.sqrt(square))
    return (np.arctan(KV * omega / KP) - np.arctan(omega * TAU_S)) / omega - STEPS_S, omega


def root(delay_s: float) -> complex:
    """s (1/s) of the oscillation at another delay, followed from the limit by Newton's method."""
    limit, omega = longest_delay()
    s = 1j * omega
    for T in np.linspace(limit, delay_s, 40) + STEPS_S:
        for _ in range(8):
            lag = (1 + s * TAU_S) * cmath.exp(s * T)
            slope = 2 * s * lag + s**2 * cmath.exp(s * T) * (TAU_S + T * (1 + s * TAU_S)) + KV
            s -= (s**2 * lag + KV * s + KP) / slope
    return s


def slowest(course: Floats, dt_s: float) -> complex:
    """s (1/s) of the oscillation that lasts longest in (steps, channels), by linear prediction from two rows (Prony)."""
    past = np.concatenate([np.column_stack([column[1:-1], column[:-2]]) for column in course.T])
    first, second = np.linalg.lstsq(past, np.concatenate([column[2:] for column in course.T]), rcond=None)[0]
    found = np.log(complex(np.roots([1.0, -first, -second])[0])) / dt_s
    return complex(found.real, abs(found.imag))

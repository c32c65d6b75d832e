"""NMDA and its block, GABA_B's cascade, receptors that hear a concentration: closed forms, SciPy, NMODL of the same equations."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from synapse_runs import at_ends, neuron_cell, neuron_run, run

from cosim.sdk import Setup
from engines.compartmental_neurons.mechanisms.description import mechanism_file, read_mechanism
from engines.neuron.mechanisms import load_mechanisms

NMODL = """
NEURON { POINT_PROCESS NmdaOfCosimTests  RANGE e, mg  NONSPECIFIC_CURRENT i }
UNITS { (nA) = (nanoamp) (mV) = (millivolt) (uS) = (microsiemens) (mM) = (milli/liter) }
PARAMETER { rise = 0.29 (ms) decay = 43 (ms) e = 0 (mV) mg = 1 (mM) }
ASSIGNED { v (mV) i (nA) factor }
STATE { a (uS) b (uS) }
INITIAL { LOCAL tp
    tp = rise*decay/(decay - rise)*log(decay/rise)
    factor = 1/(exp(-tp/decay) - exp(-tp/rise))
    a = 0
    b = 0
}
BREAKPOINT {
    SOLVE states METHOD cnexp
    i = (b - a)*(v - e)/(1 + mg/3.57(mM)*exp(-0.062(/mV)*v))
}
DERIVATIVE states { a' = -a/rise  b' = -b/decay }
NET_RECEIVE(w (uS)) { a = a + w*factor  b = b + w*factor }
"""


def block(potential_mv, magnesium_mm=1.0):
    """The part that magnesium leaves open (Jahr and Stevens 1990)."""
    return 1 / (1 + magnesium_mm / 3.57 * np.exp(-0.062 * potential_mv))


# -- NMDA --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("magnesium", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("held", [-70.0, -40.0, -20.0, 10.0])
def test_magnesium_blocks_as_much_as_jahr_and_stevens_found(held, magnesium):
    """Of receptors all of which are open, a leak that holds V and a driving force of 1 mV: V rests where their currents meet."""
    given = {"parameters": {"g": 0.01, "E": held + 1.0, "magnesium": magnesium, "unbinding": 1e-9}}
    drives = {"cleft": {"mechanism": "nmda_two_state", **given, "values": [1.0] * 10}}
    leak = [{"mechanism": "passive", "parameters": {"g": 1e-3, "E": held}}]
    found = run(200, drives=drives, membrane=leak, potential=held)["V"][-1]
    conductance = 0.01 * -np.expm1(-0.072 * 200) * block(found, magnesium)
    leaky = 1e-3 * np.pi * 400 * 1e-8 * 1e6  # uS
    assert found == pytest.approx((leaky * held + conductance * (held + 1.0)) / (leaky + conductance), abs=1e-6)


@pytest.mark.parametrize(("potential", "expected"), [(-70, 0.04447), (-40, 0.23016), (-20, 0.50814), (0, 0.78118)])
def test_the_block_in_the_files_is_that_of_the_paper(potential, expected):
    """Read off the expression itself, in 1 mM of magnesium."""
    for name in ("nmda", "ampa_nmda", "nmda_two_state", "nmda_lester_jahr", "tsodyks_markram_ampa_nmda"):
        described = read_mechanism(mechanism_file(name, Path()))
        values = {key: item.default for key, item in described.parameters.items()}
        part = described.parts.equations.expressions["open"].value(values | {"V": float(potential)})
        assert part == pytest.approx(expected, abs=5e-6), name


@pytest.mark.skipif(shutil.which("c++") is None, reason="there is no c++")
def test_potentials_under_nmda_are_those_of_neuron(tmp_path):
    """The same equations in NMODL. Both take the slope of the current over 1 µV ahead of V."""
    h = pytest.importorskip("neuron").h
    (tmp_path / "nmda_of_cosim_tests.mod").write_text(NMODL)
    load_mechanisms(h, tmp_path, Setup("test", 1, 1))
    section = neuron_cell(h)
    synapse = h.NmdaOfCosimTests(section(0.5))
    synapse.mg = 0.8
    connection = h.NetCon(None, synapse)
    connection.weight[0] = 0.02
    times = [5.0, 10.0, 12.0, 13.0]
    (theirs,) = neuron_run(h, 100, [section(0.5)._ref_v], events=[(connection, time) for time in times])
    ours = run(100, {"nmda": {"parameters": {"magnesium": 0.8}, "spikes": [(times, 0.02)]}})["V"]
    assert theirs.max() > -30.0  # the block was overcome
    assert np.abs(ours - theirs).max() < 1e-9


def test_one_synapse_with_both_receptors_is_two_synapses():
    spikes = [([5.0, 8.0], 0.003)]
    given = {"ampa_nmda": {"parameters": {"ratio": 0.6}, "spikes": spikes}}
    both = run(60, given)["V"]
    apart = run(60, {"ampa": {"spikes": spikes}, "nmda": {"spikes": [([5.0, 8.0], 0.6 * 0.003)]}})["V"]
    assert np.ptp(both) > 5.0
    assert np.abs(both - apart).max() < 1e-9


# -- GABA_B ------------------------------------------------------------------------------------------------------------

K1, K2, K3, K4, PULSE_MM, PULSE_MS = 0.52, 0.0013, 0.098, 0.033, 0.5, 0.3


def cascade(times, until_ms, dt_ms):
    """(steps,) G protein after pulses of transmitter that last."""

    def slope(t, y):
        held = PULSE_MM if any(start <= t < start + PULSE_MS for start in times) else 0.0
        return K1 * held * (1 - y[0]) - K2 * y[0], K3 * y[0] - K4 * y[1]

    ends = at_ends(until_ms, dt_ms)
    return solve_ivp(slope, (0, until_ms), (0.0, 0.0), t_eval=ends, rtol=1e-8, atol=1e-10, max_step=PULSE_MS / 4).y[1]


def test_g_protein_follows_its_equations_exactly():
    """From spike to spike, to the 1e-14 of a Runge-Kutta step of k4 dt = 8e-4."""
    times, found = [5.0, 9.0, 11.0], run(200, {"gaba_b": {"spikes": [([5.0, 9.0, 11.0], 0.01)]}})
    bound = protein = now = 0.0
    kept = np.exp(-(K1 * PULSE_MM + K2) * PULSE_MS)
    full = K1 * PULSE_MM / (K1 * PULSE_MM + K2)

    def moved(bound, protein, t):
        made = K3 * bound / (K4 - K2)
        return bound * np.exp(-K2 * t), made * np.exp(-K2 * t) + (protein - made) * np.exp(-K4 * t)

    for time in times:
        bound, protein = moved(bound, protein, time - now)
        bound, now = full + (bound - full) * kept, time
    expected = moved(bound, protein, 200 - now)
    assert (found["gaba_b.bound"][-1], found["gaba_b.protein"][-1]) == pytest.approx(expected, rel=1e-10)
    assert found["gaba_b.g"][-1] == pytest.approx(0.01)


def test_binding_at_once_differs_from_pulses_by_a_pulse_and_no_more():
    """Binding that lasts 0.3 ms makes the same G protein later: by at most those 0.3 ms times its slope of 1 / (30 ms)."""
    times = [5.0, 10.0, 15.0, 20.0, 25.0]
    ours, lasting = run(150, {"gaba_b": {"spikes": [(times, 0.01)]}}, dt_ms=0.05)["gaba_b.protein"], cascade(times, 150, 0.05)
    assert lasting.max() > 0.5
    assert np.abs(ours - lasting).max() < 0.3 / 30 * lasting.max()


def test_a_train_opens_what_single_spikes_do_not():
    """G^4: ten spikes bring far more than ten times the current of one."""

    def charge(times):
        found = run(500, {"gaba_b": {"spikes": [(times, 0.05)]}}, dt_ms=0.1)["gaba_b.protein"]
        return (found**4 / (found**4 + 100)).sum()

    assert charge(list(np.arange(10) * 5.0 + 5.0)) > 1000 * charge([5.0])


# -- receptors that hear a concentration -------------------------------------------------------------------------------

PULSE = np.array([0.0, 1.0, *[0.0] * 8])
"""mM, a row a ms: 1 mM from 1 to 2 ms."""


def open_part(name, symbol, value, potential=-65.0, dt_ms=0.025, until_ms=10, conducting=1.0):
    """(steps,) how much was open at the start of each step, from how V moves without a leak."""
    drives = {"cleft": {"mechanism": name, "parameters": {"g": 1e-5, "E": 0.0}, "input": symbol, "values": value}}
    v = np.concatenate([[potential], run(until_ms, drives=drives, membrane=[], dt_ms=dt_ms, potential=potential)["V"]])
    capacitance = np.pi * 400 * 1e-8 * 1e3  # nF
    return -np.diff(v) / dt_ms * capacitance / (1e-5 * v[1:]) / conducting


@pytest.mark.parametrize(
    ("name", "symbol", "binding", "unbinding", "expected"),
    [
        ("ampa_two_state", "glutamate", 1.1, 0.19, 0.617986),
        ("nmda_two_state", "glutamate", 0.072, 0.0066, 0.069243),
        ("gaba_a_two_state", "gaba", 5.0, 0.18, 0.959819),
    ],
)
def test_two_states_are_those_of_the_closed_form(name, symbol, binding, unbinding, expected):
    """ṙ = α T (1 - r) - β r, exact for T that is held; 1 mM for 1 ms (Destexhe et al. 1994). V differences have 1e-16 / 1e-8."""
    v_mv = -65.0
    found = open_part(name, symbol, PULSE, conducting=block(v_mv) if name == "nmda_two_state" else 1.0)
    t = np.concatenate([[0.0], at_ends(10)[:-1]])
    rate = binding + unbinding
    rise = binding / rate * -np.expm1(-rate * np.clip(t - 1.0, 0.0, 1.0))
    exact = rise * np.exp(-unbinding * np.clip(t - 2.0, 0.0, None))
    tolerance = 2e-4 if name == "nmda_two_state" else 1e-6  # the block moves with V, which moves by some hundredths of a mV
    assert np.abs(found - exact).max() < tolerance * exact.max()
    assert exact.max() == pytest.approx(expected, abs=1e-6)


def occupancies(name, open_state):
    """(steps,) by the matrix exponential, 1 mM from 1 to 2 ms; and the steps."""
    described = read_mechanism(mechanism_file(name, Path()))
    scheme = described.parts.schemes["receptor"]
    size = len(scheme.states)

    def generator(glutamate):
        matrix = np.zeros((size, size))
        for item in scheme.transitions:
            rate = float(item.rate.value({"glutamate": glutamate})) * 1e-3  # 1/ms
            source, target = scheme.states.index(item.source), scheme.states.index(item.target)
            matrix[target, source] += rate
            matrix[source, source] -= rate
        return matrix

    x, dt = np.eye(size)[scheme.states.index("C0")], 1e-3
    steps = {value: expm(generator(value) * dt) for value in (0.0, 1.0)}
    found = []
    for k in range(10_000):
        found.append(x[scheme.states.index(open_state)])
        x = steps[1.0 if 1000 <= k < 2000 else 0.0] @ x
    return np.array(found)


def test_seven_states_open_as_in_the_paper():
    """Jonas et al. (1993): 1 mM for 1 ms opens 0.595 at its end, and a time constant of 2.67 ms closes them again."""
    exact = occupancies("ampa_jonas", "O")
    peak = exact.argmax()
    assert exact[peak] == pytest.approx(0.5949, abs=1e-4)
    assert (peak - 1000) * 1e-3 == pytest.approx(1.05, abs=0.005)
    assert (np.argmax(exact[peak:] < exact[peak] / np.e)) * 1e-3 == pytest.approx(2.67, abs=0.005)


@pytest.mark.parametrize("name", ["ampa_jonas", "nmda_lester_jahr"])
def test_schemes_approach_the_exponential_of_their_matrix_with_the_step(name):
    """Backward Euler, first order: half a step, half the error."""
    exact = occupancies(name, "O")
    errors = []
    for dt_ms in (0.02, 0.01):
        found = open_part(name, "glutamate", PULSE, dt_ms=dt_ms, conducting=block(-65.0) if "nmda" in name else 1.0)
        errors.append(np.abs(found - exact[:: round(dt_ms / 1e-3)]).max())
    assert errors[0] < 0.05 * exact.max()
    assert errors[0] / errors[1] == pytest.approx(2.0, abs=0.2)


def test_no_transmitter_keeps_receptors_closed():
    for name in ("ampa_two_state", "nmda_two_state", "ampa_jonas", "nmda_lester_jahr"):
        given = {"cleft": {"mechanism": name, "parameters": {"g": 1.0}, "values": [0.0]}}
        assert np.ptp(run(5, drives=given)["V"]) < 1e-9, name

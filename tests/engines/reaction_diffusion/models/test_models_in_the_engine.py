"""Every shipped model through the engine's own solvers."""

from __future__ import annotations

import numpy as np
import pytest
from one_voxel import Voxel
from placed import run
from scipy.linalg import expm

from cosim.sdk import Setup, Window
from engines.reaction_diffusion import ReactionDiffusion
from engines.reaction_diffusion.chemistry.description import shipped

MS = 1e-3
COURSES = {
    # duration and step in s, what is set at the start, inputs
    "ampa_jonas": (8 * MS, 0.1 * MS, {"glutamate": "1 mM"}, {}),
    "ampa_patneau_mayer": (8 * MS, 0.1 * MS, {"glutamate": "1 mM"}, {}),
    "ampa_two_state": (8 * MS, 0.1 * MS, {"glutamate": "1 mM"}, {}),
    "nmda_lester_jahr": (50 * MS, 1 * MS, {"glutamate": "1 mM"}, {"V": "-30 mV"}),
    "nmda_two_state": (50 * MS, 1 * MS, {"glutamate": "1 mM"}, {"V": "-30 mV"}),
    "gaba_a": (20 * MS, 0.2 * MS, {"gaba": "1 mM"}, {}),
    "gaba_a_two_state": (8 * MS, 0.1 * MS, {"gaba": "1 mM"}, {}),
    "gaba_b": (100 * MS, 1 * MS, {"gaba": "0.01 mM"}, {}),
    "glutamate_clearance": (50 * MS, 1 * MS, {"glutamate": "0.01 mM"}, {}),
    "vesicle_pools": (0.5, 10 * MS, {}, {"rate": "20 Hz"}),
    "vesicle_fusion": (5 * MS, 0.1 * MS, {"Ca": "20 uM"}, {}),
    "vgcc": (2 * MS, 0.05 * MS, {}, {"V": "-10 mV"}),
    "calcium_buffers": (20 * MS, 0.5 * MS, {"Ca": "2 uM"}, {}),
    "calcium_indicator": (20 * MS, 0.5 * MS, {"Ca": "2 uM"}, {}),
    "calbindin": (0.1, 1 * MS, {"Ca": "2 uM"}, {}),
    "parvalbumin": (0.2, 5 * MS, {"Ca": "2 uM"}, {}),
    "calcium_pump": (50 * MS, 1 * MS, {"Ca": "2 uM"}, {}),
    "serca": (5.0, 0.1, {"Ca": "1 uM"}, {}),
    "li_rinzel": (20.0, 0.1, {"IP3": "0.5 uM"}, {}),
    "de_young_keizer": (20.0, 0.1, {"IP3": "0.5 uM"}, {}),
    "camkii_switch": (500.0, 5.0, {"Ca": "1.5 uM"}, {}),
    "calcium_plasticity": (2.0, 0.05, {"Ca": "1.2 uM", "rho": 0.8}, {}),
    "calcium_plasticity_omega": (5.0, 0.1, {"Ca": "0.7 uM"}, {}),
    "birth_death": (5.0, 0.1, {}, {}),
    "immigration_death": (5.0, 0.1, {}, {}),
    "dimerisation": (20.0, 0.5, {}, {}),
    "michaelis_menten": (12.0, 0.2, {}, {}),
    "enzyme": (12.0, 0.2, {}, {}),
}


def numbers(quantities):
    return {name: float(str(value).split()[0]) for name, value in quantities.items()}


@pytest.mark.parametrize("model", COURSES)
def test_the_deterministic_solver_follows_its_equations(model):
    """Relative tolerance 1e-6 in the engine, of each step; 1e-10 in SciPy's. Errors of steps add up."""
    duration, dt, initial, inputs = COURSES[model]
    count = 80 if any(item.unit == "1" for item in Voxel(model).described.species.values()) else None
    voxel = Voxel(model, volume=0.1, count=count or 1, initial=numbers(initial), inputs=numbers(inputs))
    found = run(model, duration, dt, [f"m.{name}" for name in voxel.names], count, initial, inputs)
    steps = round(duration / dt)
    expected = voxel.run(duration, np.arange(1, steps + 1) * dt)
    scale = np.abs(expected).max()
    for name, row in zip(voxel.names, expected, strict=True):
        np.testing.assert_allclose(
            found[f"m.{name}"][:, 0], row, rtol=2e-4, atol=2e-6 * min(scale, np.abs(row).max() or 1), err_msg=name
        )


def test_every_model_is_among_them():
    assert COURSES.keys() == shipped().keys()


# -- single molecules --------------------------------------------------------------------------------------------------


def moments(values):
    """Mean, variance, and the standard errors of both over replicas."""
    count, spread = len(values), values - values.mean()
    variance = values.var(ddof=1)
    return values.mean(), variance, np.sqrt(variance / count), np.sqrt(((spread**4).mean() - variance**2) / count)


def test_single_births_and_deaths_have_the_moments_of_the_sbml_suite():
    """60.6531 and 22.3868 after 50 s, to 4 standard errors of 2000 runs."""
    values = run("birth_death", 50.0, 10.0, ["m.X"], 1, replicas=2000, solver="stochastic")["m.X"][-1]
    mean, variance, of_mean, of_variance = moments(values)
    assert mean == pytest.approx(60.6531, abs=4 * of_mean)
    assert variance == pytest.approx(22.3868**2, abs=4 * of_variance)


def test_immigrants_have_a_poisson_number():
    """Variance is the mean, 10 (1 - e^-1) after 10 s."""
    values = run("immigration_death", 10.0, 1.0, ["m.X"], 1, replicas=2000, solver="stochastic")["m.X"][-1]
    mean, variance, of_mean, of_variance = moments(values)
    assert mean == pytest.approx(10 * (1 - np.exp(-1)), abs=4 * of_mean)
    assert variance == pytest.approx(10 * (1 - np.exp(-1)), abs=4 * of_variance)


def test_single_pairs_follow_the_master_equation():
    """Its 51 states, p pairs of 100 molecules, exactly; the mean of single molecules is not the deterministic one."""
    k, q, pairs = 0.0005, 0.01, np.arange(51)
    left = 100 - 2 * pairs
    forward, backward = k * left * (left - 1), q * pairs
    generator = np.diag(-forward - backward) + np.diag(forward[:-1], -1) + np.diag(backward[1:], 1)
    chances = expm(generator * 20.0)[:, 0]
    values = run("dimerisation", 20.0, 5.0, ["m.A"], 1, replicas=2000, solver="stochastic")["m.A"][-1]
    mean, variance, of_mean, of_variance = moments(values)
    exact = chances @ left
    assert mean == pytest.approx(exact, abs=4 * of_mean)
    assert variance == pytest.approx(chances @ left**2 - exact**2, abs=4 * of_variance)


@pytest.mark.parametrize(
    ("model", "transmitter", "alpha", "beta"),
    [
        ("ampa_two_state", "glutamate", 1.1, 0.19),
        ("nmda_two_state", "glutamate", 0.072, 0.0066),
        ("gaba_a_two_state", "gaba", 5.0, 0.18),
    ],
)
def test_single_receptors_open_with_a_binomial_number(model, transmitter, alpha, beta):
    """20 receptors that bind less than 4e-4 of 60 000 molecules; mean n p and variance n p (1 - p)."""
    values = run(model, 2e-3, 1e-3, ["m.O"], 20, {transmitter: "1 mM"}, replicas=1000, solver="stochastic")["m.O"][-1]
    p = alpha / (alpha + beta) * -np.expm1(-2 * (alpha + beta))
    mean, variance, of_mean, of_variance = moments(values)
    assert mean == pytest.approx(20 * p, abs=4 * of_mean)
    assert variance == pytest.approx(20 * p * (1 - p), abs=4 * of_variance)


SINGLE = [
    "ampa_jonas", "ampa_patneau_mayer", "nmda_lester_jahr", "gaba_a", "gaba_b", "glutamate_clearance", "vesicle_pools",
    "vesicle_fusion", "vgcc", "calcium_buffers", "calbindin", "parvalbumin", "calcium_pump", "serca", "michaelis_menten", "enzyme",
]  # fmt: skip


@pytest.mark.parametrize("solver", ["stochastic", "tau_leaping"])
@pytest.mark.parametrize("model", SINGLE)
def test_the_mean_of_single_molecules_is_that_of_the_equations(model, solver):
    """48 runs, at the end of four tenths of the course: 5 standard errors, and a per cent for leaps and what is not linear."""
    duration, dt, initial, inputs = COURSES[model]
    duration = round(0.4 * duration / dt) * dt
    count = 80 if any(item.unit == "1" for item in Voxel(model).described.species.values()) else None
    voxel = Voxel(model, volume=0.1, count=count or 1, initial=numbers(initial), inputs=numbers(inputs))
    names = [f"m.{name}" for name in voxel.names]
    found = run(model, duration, dt, names, count, initial, inputs, replicas=48, solver=solver)
    expected = voxel.run(duration)[:, 0]
    for name, number, per in zip(names, expected, voxel.per, strict=True):
        values = found[name][-1]
        error = max(values.std(ddof=1), 1 / per) / np.sqrt(48)  # at least one molecule
        assert values.mean() == pytest.approx(number, abs=5 * error + 1e-2 * abs(number)), name


def test_transmitter_is_counted_to_the_last_molecule():
    """Free, bound to receptors and transporters, and inside: 300 throughout a run of single molecules."""
    window = Window(0, 5_000_000)
    params = ReactionDiffusion.Params(
        dt="10 us", solver="stochastic",
        space={"well_mixed": {"volume": "0.001 um**3"}},
        species={"glutamate": {"initial": "0.4982 mM"}},
        models={"ampa": {"model": "ampa_jonas", "count": 80}, "uptake": {"model": "glutamate_clearance", "count": 100}},
        record={name: {"value": f"{name}.glutamate"} for name in ("total", "bound")},
    )  # fmt: skip
    engine = ReactionDiffusion(params, Setup("alone", window.length_ns, 3, {}))
    found = {name: samples.values[:, 0] for name, samples in engine.advance(window, {}).items()}
    engine.close()
    assert set(found["total"]) == {300.0}
    assert found["bound"][-1] > 100

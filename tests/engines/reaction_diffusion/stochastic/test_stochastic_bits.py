"""The same bits: whatever windows, threads, replicas and lists, and after a state is saved and loaded."""

from itertools import pairwise

import numpy as np
import pytest
from single_molecules import NO_FLOWS, NOTHING, advance, ledger, line, model, placed, places_of, solver, state_of, system_of

from cosim.sdk import CosimError
from engines.reaction_diffusion.stochastic import Stochastic
from engines.reaction_diffusion.system import Additions, Flows

STEPS = 24
RICH = """
title: everything at once
parameters: {v: {unit: 1/s, default: 3e5}, K: {unit: "1", default: 10}, tau: {unit: s, default: 1e-5}}
inputs: {V: {unit: "1", default: 0}}
states: {h: {unit: "1", initial: 0.5}}
derivatives: {h: (V - h) / tau}
species: {A: {unit: "1"}, B: {unit: "1"}, C: {unit: "1"}}
reactions:
  bind: A + B <-> C, 3e3 1/s * h, 5e4 1/s
  pair: 2 A -> B, 100 1/s
  turn: {equation: B -> A, rate: v * B / (K + B)}
"""
SIMPLE = """
title: a few reactions
inputs: {V: {unit: "1", default: 0}}
species: {A: {unit: "1"}, B: {unit: "1"}, C: {unit: "1"}}
reactions: {bind: "A + B <-> C, 3e3 1/s * V, 5e4 1/s", pair: "2 A -> B, 100 1/s", back: "B -> 2 A, 1e4 1/s"}
"""


def rate_with_unit(text):
    """Numbers with units stand alone; those in products are parameters."""
    text = text.replace("3e3 1/s * h", "on * h").replace("3e3 1/s * V", "on * V")
    if "parameters: {" in text:
        return text.replace("parameters: {", "parameters: {on: {unit: 1/s, default: 3e3}, ")
    return text.replace("inputs:", "parameters: {on: {unit: 1/s, default: 3e3}}\ninputs:")


class Case:
    """A system with all that may happen, and how it is played."""

    def __init__(self, kind, method, folder):
        text = rate_with_unit(SIMPLE if kind == "direct" else RICH)
        self.voxels = 1 if kind == "direct" else 9
        axis, volumes, faces, walls = line(self.voxels, 1e-7, 2e-10, walls=(True, False))
        clamped = np.full(self.voxels, -1)
        if kind != "direct":
            faces[5] *= 40.0
            clamped[8] = 1
        faces, walls, uptake = [faces, 0.1 * faces], [walls, 0 * walls], np.full((2, self.voxels), 300.0)
        self.system = system_of(
            [placed(text, folder)], ["A", "D"], volumes, [axis], faces, walls, uptake, [clamped, np.full(self.voxels, -1)],
            inside=None if kind == "direct" else [1, 2, 3, 6], dt=1e-5,
        )  # fmt: skip
        self.method = method
        self.flows = Flows(np.array([2]), np.array([0]), np.array([ledger(self.system, "A", "supplied")]), np.array([1.0]))
        rng = np.random.default_rng(5)
        held = rng.uniform(0.0, 40.0, STEPS) / volumes[0] / 6.02214076e23
        self.inputs = np.stack([rng.integers(0, 3, STEPS) / 2.0, held, np.full(STEPS, 3e5)], axis=1)
        self.columns = self.system.size

    def build(self, replicas=3, threads=1):
        watched = [[k] for k in range(self.columns)]
        return solver(self.system, watched, self.method, replicas, threads=threads, flows=self.flows)

    def start(self, replicas=3):
        big = 40 if self.method == "exact" else 400
        return state_of(self.system, replicas, A=big, D=30, m_B=10, m_C=3)

    def play(self, made, state, cuts=(0, STEPS)):
        steps, places = np.array([3, 7, 7, 16]), np.array([0, 0, self.voxels, 0])
        ledgers = np.array([ledger(self.system, name, "released") for name in "AADA"])
        out = []
        for a, b in pairwise(cuts):
            own = (steps >= a) & (steps < b)
            added = Additions(steps[own] - a, places[own], np.full(own.sum(), 25.0), ledgers[own])
            out.append(advance(made, state, b - a, self.columns, inputs=self.inputs[a:b], additions=added))
        return np.concatenate(out, axis=1)


CASES = pytest.mark.parametrize(
    ("kind", "method"), [("direct", "exact"), ("many", "exact"), ("direct", "tau_leaping"), ("many", "tau_leaping")]
)


@CASES
def test_windows_do_not_matter(kind, method, tmp_path):
    case = Case(kind, method, tmp_path)
    whole = case.play(case.build(), case.start())
    cut = case.play(case.build(), case.start(), (0, 1, 2, 8, 9, 15, STEPS))
    assert np.array_equal(whole, cut)
    assert not np.array_equal(whole[0], whole[1])


@CASES
def test_threads_and_the_number_of_replicas_do_not_matter(kind, method, tmp_path):
    case = Case(kind, method, tmp_path)
    one = case.play(case.build(5), case.start(5))
    made = case.build(5, threads=2)
    two = case.play(made, case.start(5))
    made.close()
    assert np.array_equal(one, two)
    assert np.array_equal(one[:2], case.play(case.build(2), case.start(2)))


@CASES
@pytest.mark.parametrize("at", [1, 8, 17])
def test_a_loaded_state_goes_on_as_the_saved_one(kind, method, at, tmp_path):
    case = Case(kind, method, tmp_path)
    made, state = case.build(), case.start()
    case.play(made, state, (0, at))
    saved, kept = made.save(), state.copy()
    first = case.play(made, state, (at, STEPS))
    other, again = case.build(), kept.copy()
    other.load(saved)
    assert np.array_equal(first, case.play(other, again, (at, STEPS)))
    made.load(saved)
    assert np.array_equal(first, case.play(made, kept.copy(), (at, STEPS)))
    assert np.array_equal(made.events, other.events)


@pytest.mark.parametrize("method", ["exact", "tau_leaping"])
def test_the_room_of_lists_does_not_matter(method, tmp_path, monkeypatch):
    """With room for a few molecules, which grows again and again in the middle of steps, as with room for all."""
    text = """
title: growth
species: {A: {unit: "1"}, B: {unit: "1"}}
reactions: {grow: "A -> 2 A + B, 3e3 1/s", meet: "A + B -> A, 10 1/s"}
"""
    axis, volumes, faces, _ = line(6, 1e-7, 2e-11)
    faces[4] *= 30.0
    system = system_of([placed(text, tmp_path)], ["A", "B"], volumes, [axis], [faces, faces], dt=4e-4)
    found = []
    for room in (1, 100_000):
        monkeypatch.setattr(Stochastic, "_needed", lambda self, state, room=room: np.full(len(self._list_starts) - 1, room))
        made = solver(system, [[k] for k in range(12)], method, replicas=3)
        if room == 1:
            made._make_room(np.full(len(made._list_starts) - 1, 40))
        found.append(advance(made, state_of(system, 3, A=5, B=0), 4, 12))
    assert np.array_equal(found[0], found[1])
    assert found[0][:, -1, :6].sum(axis=1).min() > 1000


@CASES
def test_saving_changes_nothing(kind, method, tmp_path):
    case = Case(kind, method, tmp_path)
    whole = case.play(case.build(), case.start())
    made, state = case.build(), case.start()
    first = case.play(made, state, (0, 9))
    made.save()
    assert np.array_equal(whole, np.concatenate([first, case.play(made, state, (9, STEPS))], axis=1))


@CASES
def test_numbers_stay_whole_and_at_least_0(kind, method, tmp_path):
    """Of what is not held; the ledger of what is supplied may have parts of molecules where a number is held."""
    case = Case(kind, method, tmp_path)
    out = case.play(case.build(), case.start())
    rows = [places_of(case.system, name) for name in ("m_B", "m_C")]
    free = np.concatenate([np.arange(2 * case.voxels), *rows])
    free = free[free != 8] if kind == "many" else free
    assert (out[:, :, free] == np.floor(out[:, :, free])).all()
    assert (out[:, :, free] >= 0).all()
    assert out[:, :, free].max() > 40


@CASES
def test_a_species_that_only_moves_is_conserved_to_the_molecule(kind, method, tmp_path):
    case = Case(kind, method, tmp_path)
    out = case.play(case.build(), case.start())
    there = out[:, :, case.voxels : 2 * case.voxels].sum(axis=2)
    at = ledger(case.system, "D", "released")
    gone, came = out[:, :, at + 1] + out[:, :, at + 2], out[:, :, at]
    assert np.array_equal(there + gone, 30.0 * case.voxels + came)
    assert came[0, -1] == 25
    assert gone[:, -1].min() > 0


def test_other_seeds_give_other_events():
    system = system_of([model("birth_death")], dt=1.0)
    found = [advance(solver(system, [[0]], replicas=9, seed=seed), state_of(system, 9, m_X=1000), 1, 1) for seed in (1, 2, 3)]
    assert len({tuple(values.ravel()) for values in found}) == 3
    assert len(np.unique(found)) > 9


def test_a_state_of_another_system_is_refused(tmp_path):
    case = Case("many", "exact", tmp_path)
    saved = case.build(2).save()
    with pytest.raises(CosimError, match="the saved state is of another system"):
        case.build(3).load(saved)


# -- faults ----------------------------------------------------------------------------------------------------------

BROKEN = """
title: broken
inputs: {V: {unit: "1", default: 0}}
parameters: {k: {unit: 1/s, default: 1}}
species: {A: {unit: "1"}, B: {unit: "1"}}
reactions:
  sound: A -> B, 1 /s
  broken: REACTION
"""


@pytest.mark.parametrize("inside", [[0], [1]])
@pytest.mark.parametrize(
    ("reaction", "value", "what"),
    [
        ("B -> A, k * V", -1.0, "the propensity of .*broken.* is negative in voxel 1 of replica 0"),
        ("B -> A, k / V", 0.0, "the propensity of .*broken.* is not finite in voxel 1 of replica 0"),
        ("{equation: B -> A, rate: k * A / V}", 0.0, "the propensity of .*broken.* is not finite in voxel 1 of replica 0"),
        ("B -> A, k * V", 1e40, "reactions are too fast in voxel 1 of replica 0"),
    ],
)
@pytest.mark.parametrize("method", ["exact", "tau_leaping"])
def test_what_no_solver_can_do_is_told(reaction, value, what, inside, method, tmp_path):
    axis, volumes, faces, _ = line(2, 1e-7, 1e-12)
    volumes, what = (volumes, what.replace("voxel 1", f"voxel {inside[0]}"))
    system = system_of([placed(BROKEN.replace("REACTION", reaction), tmp_path)], ["A"], volumes, [axis], faces, inside=inside)
    made = solver(system, [], method, replicas=2, flows=NO_FLOWS)
    with pytest.raises(CosimError, match=what):
        made.advance(
            state_of(system, 2, A=5, m_B=5),
            NOTHING,
            np.full((1, 1), value),
            1,
            np.zeros((2, 0)),
            np.empty(0, int),
            np.empty(0, int),
        )


def test_there_are_two_methods():
    with pytest.raises(ValueError, match="there is no method 'guess'"):
        solver(system_of([model("birth_death")]), method="guess")

"""Fields of known sources, figures of textbooks, LFPykit itself; bits that depend on neither windows nor transports; refusals."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.integrate import quad

import cosim
from cosim.sdk import CosimError, Port, Samples, Segments, Space, Window
from cosim.sdk.contract import TranslatorContract, same_bits
from cosim.sdk.time import NS_PER_MS
from couplers import extracellular
from couplers.extracellular import Extracellular

lfpykit = pytest.importorskip("lfpykit", reason="LFPykit is not installed")

RNG = np.random.default_rng(0)  # the protocol's argument; this translator draws nothing
DT_NS = 100_000
ANY = Port("v", "in", "samples", Space.numbered(1))
SIGMA = 0.3


def port_of(space, unit="nA", **changes):
    return Port("currents", "out", "samples", space, "membrane_current", unit, "value", DT_NS).but(**changes)


def line(*ends, diameter=2.0, unit="nA"):
    """Segments from point to point along a path, µm."""
    path = np.array(ends, float)
    pieces = Segments(path[:-1], path[1:], np.full(len(path) - 1, diameter))
    return port_of(Space(tuple(f"piece {i}" for i in range(len(pieces))), segments=pieces), unit)


def points(*places, unit="nA"):
    return port_of(Space(tuple(f"point {i}" for i in range(len(places))), positions=np.array(places, float)), unit)


def tangle(count, seed=4):
    """Pieces of cable in a box of 200 µm."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(-100, 100, (count, 3))
    return port_of(Space.numbered(count)).but(
        space=Space(
            tuple(f"s{i}" for i in range(count)),
            segments=Segments(start, start + rng.normal(0, 15, (count, 3)), rng.uniform(0.5, 4, count)),
        )
    )


def build(source, into=ANY, **params):
    return Extracellular(source, into, Extracellular.Params(**params))


def potential(source, places, currents, **params):
    """At each place, of one row of currents."""
    translator = build(source, at=np.atleast_2d(places).tolist(), **params)
    return translator.translate(Samples(Window(0, DT_NS), np.array([currents], float)), RNG).values[0]


def refusal(source, into=ANY, **params):
    with pytest.raises(CosimError) as caught:
        build(source, into, **params)
    return caught.value


class TestExtracellular(TranslatorContract):
    translator = Extracellular
    source, target = tangle(30), ANY.but(space=Space.numbered(4))
    params = Extracellular.Params(probe={"origin": [40, 0, -60], "spacing": 40, "count": 4}, unit="uV")
    refuses = (
        (Port("spikes", "out", "spikes", Space.numbered(2), dt_ns=NS_PER_MS), ANY),
        (port_of(Space.numbered(2)), ANY),
        (tangle(2).but(quantity="current"), ANY),
        (tangle(2).but(unit="mA/cm**2"), ANY),
    )


# -- formulas ----------------------------------------------------------------------------------------------------------


def test_a_nanoampere_makes_5_3_microvolt_50_micrometres_away():
    value = potential(points([0, 0, 0]), [0, 30, 40], [1.0], unit="uV")
    assert value == pytest.approx(5.3052, abs=5e-5)  # the figure's digits
    assert value == pytest.approx(1e3 / (4 * np.pi * SIGMA * 50), rel=1e-15)


def test_a_line_of_100_micrometres_makes_12_3_microvolt_10_micrometres_from_its_middle():
    value = potential(line([0, 0, 0], [100, 0, 0]), [50, 10, 0], [1.0], unit="uV")
    assert value == pytest.approx(12.2679, abs=5e-5)
    assert value == pytest.approx(1e3 / (2 * np.pi * SIGMA * 100) * np.arcsinh(5), rel=1e-14)


@pytest.mark.parametrize("place", [[50, 10, 0], [0, 3, 4], [-30, 2, 2], [160, 20, -5], [100, 0, 1.0]])
def test_a_line_is_the_integral_of_points_along_it(place):
    start, stop = np.array([0.0, 0, 0]), np.array([100.0, 0, 0])

    def at(share):
        return 1 / (4 * np.pi * SIGMA * np.linalg.norm(np.array(place) - start - share * (stop - start)))

    nearest = float(np.clip(place[0] / 100, 1e-12, 1 - 1e-12))
    summed = quad(at, 0, 1, points=[nearest], epsabs=0, epsrel=1e-10, limit=200)[0]
    assert potential(line(start, stop), place, [1.0]) == pytest.approx(summed, rel=1e-9)  # of the quadrature


def test_a_line_of_many_pieces_is_the_line():
    whole, cut = line([0, 0, 0], [90, 0, 60]), line(*np.linspace([0, 0, 0], [90, 0, 60], 8))
    places = [[10, 8, 0], [200, 5, 30], [45, -4, 30]]
    assert potential(cut, places, np.full(7, 1 / 7)) == pytest.approx(potential(whole, places, [1.0]), rel=1e-12)


@pytest.mark.parametrize("method", ["line", "point"])
def test_it_is_what_lfpykit_gives(method):
    source, places = tangle(60), np.random.default_rng(8).uniform(-150, 150, (9, 3))
    pieces = source.space.segments
    cell = lfpykit.CellGeometry(*(np.column_stack([pieces.start[:, i], pieces.stop[:, i]]) for i in range(3)), pieces.diameter)
    of = {"line": lfpykit.LineSourcePotential, "point": lfpykit.PointSourcePotential}[method]
    theirs = of(cell, *np.ascontiguousarray(places.T), sigma=0.4).get_transformation_matrix()
    ours = build(source, at=places.tolist(), method=method, conductivity=0.4)
    assert np.array_equal(ours.matrix, theirs)
    currents = np.random.default_rng(9).standard_normal((5, 60))
    out = ours.translate(Samples(Window(0, 5 * DT_NS), currents), RNG).values
    # 60 products of at most |M||I| are added in two orders, each sum losing at most 60 units of 2^-53
    bound = 120 * 2.0**-53 * np.abs(currents) @ np.abs(theirs).T
    assert (np.abs(out - currents @ theirs.T) <= bound).all()


def test_the_field_of_currents_that_sum_to_zero_falls_faster():
    """A monopole with 1/r, a dipole with 1/r², a quadrupole with 1/r³, to terms of (size / r)²."""
    source = line([0, 0, -15], [0, 0, -5], [0, 0, 5], [0, 0, 15])
    near, far = [[3000, 0, 4000]], [[6000, 0, 8000]]
    for currents, power in (([1, 1, 1], 1), ([1, 0, -1], 2), ([1, -2, 1], 3)):
        ratio = potential(source, near, currents) / potential(source, far, currents)
        assert ratio == pytest.approx(2**power, rel=1e-4), currents


def test_a_dipole_is_its_moment_over_the_square_of_the_distance():
    """φ = p cos θ / (4πσ r²), p = 20 µm times 1 nA from sink to source."""
    place = 1e4 * np.array([np.sin(0.4), 0, np.cos(0.4)])
    value = potential(points([0, 0, 10], [0, 0, -10]), place, [1.0, -1.0])
    assert value == pytest.approx(20 * np.cos(0.4) / (4 * np.pi * SIGMA * 1e8), rel=1e-5)  # (size / r)² = 1e-6, and rounding


def test_fields_add_up():
    source, place = tangle(3), [[10, 20, 200]]
    parts = [potential(source, place, row) for row in np.diag([1.0, -2.0, 0.5])]
    assert potential(source, place, [1.0, -2.0, 0.5]) == pytest.approx(sum(parts), rel=1e-14)


# -- near and without length ---------------------------------------------------------------------------------------------


def test_inside_a_cable_the_potential_is_that_of_its_membrane():
    source = line([0, 0, 0], [100, 0, 0], diameter=8)
    inside = potential(source, [[50, 0, 0], [50, 1, 0], [50, 0, -3.9]], [1.0])
    assert np.array_equal(inside, np.repeat(potential(source, [50, 4, 0], [1.0]), 3))
    assert potential(source, [50, 4.1, 0], [1.0]) < inside[0]


def test_inside_a_point_with_a_diameter_it_is_that_of_its_surface():
    source = line([-1, 0, 0], [1, 0, 0], diameter=20)
    inside = potential(source, [[0, 0, 0], [0, 6, 0]], [1.0], method="point")
    assert inside == pytest.approx([1 / (4 * np.pi * SIGMA * 10)] * 2, rel=1e-15)


def test_a_segment_without_length_is_a_point():
    dot, short = line([5, 5, 5], [5, 5, 5], diameter=6), line([5, 5, 5 - 1e-6], [5, 5, 5 + 1e-6], diameter=6)
    for place in ([5, 5, 25], [5, 8, 5], [5, 5, 5]):
        expected = 1 / (4 * np.pi * SIGMA * max(np.linalg.norm(np.array(place) - 5), 3))
        assert potential(dot, place, [1.0]) == pytest.approx(expected, rel=1e-15)
        assert potential(short, place, [1.0]) == pytest.approx(expected, rel=1e-12)


def test_where_a_line_becomes_a_point_nothing_jumps():
    radius = 3.0
    for place in ([0, radius, 0], [40, 30, 0]):
        below, above = (
            potential(line([-half, 0, 0], [half, 0, 0], diameter=2 * radius), place, [1.0])
            for half in np.array([0.499, 0.501]) * extracellular.POINT * radius
        )
        assert above == pytest.approx(below, rel=1e-9)  # at the radius (length / radius)² / 24 = 4e-10, where the comment has it


# -- bits ------------------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 23), unique=True, max_size=6), st.sampled_from([1, 3, 700, 20_011]), st.sampled_from([1, 5]))
def test_cutting_the_window_changes_no_bit(cuts, sources, contacts):
    """20 011 sources and 1 contact: there a product of many rows at once does sum in another order, with BLAS and einsum alike."""
    rng = np.random.default_rng(sources)
    translator = build(points(*rng.uniform(-500, 500, (sources, 3))), at=rng.uniform(600, 700, (contacts, 3)).tolist())
    whole = Samples(Window(0, 24 * DT_NS), rng.standard_normal((24, sources)))
    edges = [0, *(cut * DT_NS for cut in sorted(cuts)), 24 * DT_NS]
    parts = [translator.translate(whole.cut(Window(a, b)), RNG) for a, b in pairwise(edges)]
    assert same_bits(Samples.join(parts), translator.translate(whole, RNG))


# -- units, media, electrodes ------------------------------------------------------------------------------------------------


def test_units_are_converted_once_and_exactly():
    place, currents = [0, 0, 80], np.array([2.5, -1.0, 0.5])
    expected = potential(tangle(3), place, currents)
    assert potential(tangle(3).but(unit="A"), place, currents * 1e-9) == pytest.approx(expected, rel=1e-14)
    assert potential(tangle(3).but(unit="pA"), place, currents * 1e3, unit="uV") == pytest.approx(expected * 1e3, rel=1e-14)
    assert build(tangle(3), at=[place], unit="uV").port.unit == "uV"


@pytest.mark.parametrize("method", ["line", "point"])
def test_three_equal_conductivities_are_one(method):
    places, currents = np.random.default_rng(2).uniform(-200, 200, (20, 3)), np.random.default_rng(3).standard_normal(40)
    one, three = (potential(tangle(40), places, currents, conductivity=s, method=method) for s in (0.25, (0.25, 0.25, 0.25)))
    assert three == pytest.approx(one, rel=1e-9)


def test_an_anisotropic_medium_carries_further_across_its_good_direction():
    """φ = I / (4π √(σy σz x² + σx σz y² + σx σy z²)): at one distance the potential is higher where the medium conducts better."""
    x, y, z = sigma = (0.2, 0.3, 0.6)
    value = potential(points([0, 0, 0]), np.eye(3) * 50, [1.0], conductivity=sigma)
    assert value == pytest.approx(1 / (4 * np.pi * 50 * np.sqrt([y * z, x * z, x * y])), rel=1e-14)


@pytest.mark.parametrize("height", [10.0, 40.0])
def test_a_disc_gives_the_mean_over_its_face(height):
    """On its axis: the mean of 1/r over a disc of radius R at height h is 2 (√(R² + h²) - h) / R²."""
    radius, place = 10.0, [0, 0, height]
    mean = 2 * (np.hypot(radius, height) - height) / radius**2 / (4 * np.pi * SIGMA)
    found = [
        potential(points([0, 0, 0]), place, [1.0], disc={"radius": radius, "normal": [0, 0, 2], "points": count})
        for count in (50, 200)
    ]
    assert found[0] == pytest.approx(mean, rel=1e-4)  # of the midpoint rule in r²: some 1 / (24 points²)
    assert abs(found[1] - mean) < abs(found[0] - mean) / 8


def test_a_disc_looks_where_its_normal_points():
    """Points of the face are all at right angles to the normal, and balanced about the centre."""
    for normal in ([1, 0, 0], [0, -3, 0], [1, 2, 3]):
        offsets = extracellular.Disc(radius=7, normal=normal, points=400).offsets
        assert np.abs(offsets @ normal).max() < 1e-13
        assert np.linalg.norm(offsets, axis=1).max() < 7
        assert np.linalg.norm(offsets.mean(axis=0)) < 0.05  # a sunflower is balanced as 1 / points


def test_a_slab_of_one_conductivity_is_no_slab():
    source, places = tangle(10), [[0, 0, -150], [80, 10, -150]]
    slab = {"thickness": 300, "bottom": -150, "saline": SIGMA, "glass": SIGMA}
    plain = build(source, at=places, method="point").matrix
    assert build(source, at=places, method="point", slab=slab).matrix == pytest.approx(plain, rel=1e-13)


@pytest.mark.parametrize("method", ["line", "point"])
def test_glass_doubles_the_potential_on_it(method):
    """The mirror image of each source is as far from the glass as the source; nothing comes from a saline like the tissue."""
    source, places = tangle(10), [[0, 0, -150], [80, 10, -150]]
    plain = build(source, at=places, method=method).matrix
    slab = build(source, at=places, method=method, slab={"thickness": 300, "bottom": -150, "saline": SIGMA})
    assert slab.matrix == pytest.approx(2 * plain, rel=1e-9)


def test_saline_draws_current_away_from_the_glass():
    source, places = tangle(10), [[0, 0, -150], [80, 10, -150]]
    salt, fresh = (build(source, at=places, slab={"thickness": 300, "bottom": -150, "saline": s}).matrix for s in (1.5, SIGMA))
    assert (salt < fresh).all()


# -- where ---------------------------------------------------------------------------------------------------------------------


def test_a_probe_is_a_row_of_contacts():
    built = build(tangle(5), probe={"origin": [10, 0, 0], "spacing": 20, "count": 3, "direction": [0, 3, 4]})
    assert built.port.space.positions == pytest.approx(np.array([[10, 0, 0], [10, 12, 16], [10, 24, 32]]), rel=1e-15)
    assert built.port.quantity == "extracellular_potential"
    assert built.port.dt_ns == DT_NS


def test_the_targets_own_places_can_be_taken():
    target = ANY.but(space=line([300, 0, 0], [300, 0, 20], [300, 0, 60]).space)
    built = build(tangle(5), target, target=True)
    assert built.port.space is target.space
    assert np.array_equal(built.matrix, build(tangle(5), at=[[300, 0, 10], [300, 0, 40]]).matrix)


def test_it_runs_where_the_data_are_smaller():
    places = np.random.default_rng(1).uniform(300, 400, (6, 3)).tolist()
    assert [build(tangle(n), at=places).place for n in (5, 6, 7)] == ["target", "source", "source"]


def test_a_part_of_a_space_keeps_its_segments():
    space = tangle(6).space
    taken = space.take(np.array([4, 1]))
    assert np.array_equal(taken.segments.start, space.segments.start[[4, 1]])
    assert np.array_equal(taken.segments.diameter, space.segments.diameter[[4, 1]])
    assert np.array_equal(taken.positions, space.segments.middles[[4, 1]])
    assert space.segments.take(np.array([], int)).middles.shape == (0, 3)


def test_segments_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="diameter"):
        Segments(np.zeros((2, 3)), np.ones((2, 3)), np.ones(3))
    with pytest.raises(ValueError, match="2 segments for 3 channels"):
        Space(("a", "b", "c"), segments=Segments(np.zeros((2, 3)), np.ones((2, 3)), np.ones(2)))


# -- refusals --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"at": []}, "at least 1 item"),
        ({"probe": {"origin": [0, 0, 0], "spacing": 10, "count": 0}}, "greater than or equal to 1"),
        ({"probe": {"origin": [0, 0, 0], "spacing": 10, "count": 2, "direction": [0, 0, 0]}}, "points nowhere"),
        ({"at": [[0, 0, 0]], "conductivity": -0.3}, "above 0"),
        ({"at": [[0, 0, 0]], "conductivity": [0.3, 0.3, 0.0]}, "above 0"),
        ({"at": [[0, 0, np.nan]]}, "finite number"),
        ({}, "and here is none"),
        ({"at": [[0, 0, 0]], "target": True}, "and here is at and target"),
        ({"at": [[0, 0, 0]], "conductivity": [1, 1, 1], "slab": {"thickness": 9}}, "a slab is isotropic"),
        ({"at": [[0, 0, 0]], "slab": {"thickness": 9, "saline": 0}}, "no current can leave"),
    ],
)
def test_parameters_without_sense_are_refused(params, told):
    with pytest.raises(ValidationError, match=told):
        Extracellular.Params(**params)


def test_sources_that_are_nowhere_are_named():
    error = refusal(port_of(Space(("a", "b"))), at=[[0, 0, 0]])
    assert "does not know where the currents of 'currents' leave" in error.what
    assert "Segments(start, stop, diameter)" in error.mend
    error = refusal(points([0, 0, 0], [0, np.nan, 0], [np.inf, 0, 0]), at=[[0, 0, 9]])
    assert "channel 'point 1' of 'currents' has no place: [0.0, nan, 0.0]" in error.what
    assert "2 of 3" in error.why
    assert "channel 'piece 1'" in refusal(line([0, 0, 0], [0, 0, 5], [0, 0, np.nan]), at=[[0, 0, 9]]).what
    assert "method: point" in refusal(points([0, 0, 0]), at=[[0, 0, 9]], method="line").mend


@pytest.mark.parametrize("diameter", [0.0, -2.0, np.nan])
def test_a_segment_has_a_diameter(diameter):
    for method in ("line", "point"):
        error = refusal(line([0, 0, 0], [0, 0, 5], diameter=diameter), at=[[0, 0, 9]], method=method)
        assert f"the segment of 'piece 0' has a diameter of {diameter:g} µm" in error.what


def test_a_contact_on_a_source_without_radius_is_refused():
    error = refusal(points([0, 0, 0], [0, 0, 5]), at=[[1, 0, 0], [0, 0, 5]])
    assert "contact 1 lies on the source 'point 1'" in error.what
    assert "segments" in error.mend


def test_a_target_without_places_is_refused():
    error = refusal(tangle(3), ANY.but(name="field"), target=True)
    assert "places of the channels of 'field', and they have none" in error.what
    nowhere = ANY.but(space=Space(("a",), positions=np.full((1, 3), np.nan)))
    assert "channel 'a' of 'v' has no place" in refusal(tangle(3), nowhere, target=True).what


def test_currents_are_told_from_other_things():
    spikes = Port("spikes", "out", "spikes", Space.numbered(2), dt_ns=NS_PER_MS)
    assert "takes samples of membrane_current" in refusal(spikes, at=[[0, 0, 0]]).what
    assert "scale: {quantity: membrane_current}" in refusal(tangle(2).but(quantity="current"), at=[[0, 0, 0]]).mend
    assert "area" in refusal(tangle(2).but(unit="mA/cm**2"), at=[[0, 0, 0]]).mend
    assert build(tangle(2).but(quantity=""), at=[[0, 0, 0]]).port.quantity == "extracellular_potential"


def test_what_is_outside_a_slab_is_refused():
    source = line([0, 0, 10], [0, 0, 60], [0, 0, 120])
    error = refusal(source, at=[[9, 0, 0]], slab={"thickness": 100})
    assert "the source 'piece 1' is outside the slab, which has z in 0 … 100 µm" in error.what
    assert "60 … 120 µm" in error.why
    for glass, z in ((0.0, 5.0), (0.1, 0.0)):
        error = refusal(source, at=[[9, 0, z]], slab={"thickness": 200, "glass": glass})
        assert "method: point" in error.mend
    assert "a contact is outside" in refusal(source, at=[[9, 0, -5]], method="point", slab={"thickness": 200}).what


def test_a_matrix_that_does_not_fit_into_the_machine_is_refused(monkeypatch):
    monkeypatch.setattr(extracellular.os, "sysconf", lambda name: 2**10)  # 1 MiB
    error = refusal(tangle(1000), at=np.random.default_rng(1).uniform(500, 600, (100, 3)).tolist())
    assert "1000 sources at 100 places is a matrix of" in error.what
    assert "this machine has" in error.why


# -- in a scenario -----------------------------------------------------------------------------------------------------------------

ENGINES = '''
import numpy as np
from cosim.sdk import Params, Port, Samples, Segments, Space


class CableParams(Params):
    segments: bool = True


class Cable:
    """Waves of current along twelve pieces of cable, that sum to zero."""

    Params = CableParams

    @classmethod
    def ports(cls, params):
        ends = np.column_stack([np.zeros(13), np.zeros(13), np.linspace(0, 600, 13)])
        pieces = Segments(ends[:-1], ends[1:], np.full(12, 2.0))
        space = Space(tuple(f"piece {i}" for i in range(12)), segments=pieces if params.segments else None)
        return [Port("membrane", "out", "samples", space, "membrane_current", "nA", dt_ns=100_000)]

    def __init__(self, params, setup):
        pass

    def advance(self, window, inputs):
        t = (window.start_ns + 100_000 * np.arange(1, window.steps(100_000) + 1)) * 1e-6
        waves = np.sin(t[:, None] - np.arange(12) * np.pi / 6)
        return {"membrane": Samples(window, waves)}

    def close(self):
        pass


class Probe:
    """Listens."""

    Params = Params

    @classmethod
    def ports(cls, params):
        places = np.column_stack([np.full(4, 20.0), np.zeros(4), np.arange(4) * 200.0])
        return [Port("lfp", "in", "samples", Space(tuple("abcd"), positions=places), "extracellular_potential", "uV")]

    def __init__(self, params, setup):
        pass

    def advance(self, window, inputs):
        return {}

    def close(self):
        pass
'''

SCENARIO = """cosim: 1
about: {name: lfp}
clock: {stop: 20 ms}
engines:
  cable: {use: './engines.py:Cable', window: 2 ms}
  probe: {use: './engines.py:Probe', window: 4 ms}
links:
  field:
    from: cable.membrane
    to: probe.lfp
    record: true
    via:
      - extracellular:
          probe: {origin: [20 um, 0 um, 0 um], spacing: 0.2 mm, count: 4}
          conductivity: 0.3 S/m
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "engines.py").write_text(ENGINES)
    return tmp_path


def write(folder, old="", new="", text=SCENARIO):
    assert old in text
    file = folder / "scenario.yaml"
    file.write_text(text.replace(old, new, 1))
    return file


def fault(folder, old, new):
    (found,) = cosim.check(write(folder, old, new)).faults
    return found


def test_a_probes_signal_is_a_stream_like_any_other(folder):
    lfp = cosim.run(write(folder), out=folder / "run", transport="inline").samples("field")
    assert lfp.unit == "uV"
    assert lfp.values.shape == (200, 4)
    assert lfp.positions_um[:, 2].tolist() == [0, 200, 400, 600]
    source = line(*np.column_stack([np.zeros(13), np.zeros(13), np.linspace(0, 600, 13)]))
    waves = np.sin(lfp.times_ms[:, None] - np.arange(12) * np.pi / 6)
    expected = build(source, at=lfp.positions_um.tolist()).matrix @ waves.T * 1e3
    assert lfp.values == pytest.approx(expected.T, abs=1e-12)  # of some 10 µV, to the rounding of 12 products


def test_neither_transport_nor_windows_change_a_bit(folder, run_hashes):
    file = write(folder)
    assert run_hashes(file, "inline") == run_hashes(file, "zeromq", 2)
    runs = [cosim.run(write(folder, "2 ms}", f"{w} ms}}"), out=folder / f"w{w}", transport="inline") for w in (1, 2, 20)]
    first, *others = (run.samples("field").values for run in runs)
    assert all(first.tobytes() == other.tobytes() for other in others)


@pytest.mark.parametrize(
    ("old", "new", "what", "mend", "line_number"),
    [
        ("window: 2 ms}", "window: 2 ms, params: {segments: false}}", "where the currents of 'membrane' leave", "Segments(", 13),
        ("count: 4}", "count: 0}", "greater than or equal to 1", "", 14),
        ("0.3 S/m", "-0.3 S/m", "a conductivity is above 0", "", 15),
        ("0.3 S/m", "0.3", "0.3 has no unit", "0.3 S/m", 15),
        ("0.3 S/m", "0.3 S", "cannot be converted", "", 15),
        ("spacing: 0.2 mm, ", "", "'spacing' is missing", "", 14),
        ("count: 4}", "count: 5}", "5 channels don't map to 4", "", 8),
        ("          probe: {origin: [20 um, 0 um, 0 um], spacing: 0.2 mm, count: 4}\n", "", "here is none", "", 13),
    ],
)
def test_a_scenario_that_is_wrong_is_told_with_its_line(folder, old, new, what, mend, line_number):
    found = fault(folder, old, new)
    assert what in str(found)
    assert mend in str(found)
    assert f"scenario.yaml:{line_number} " in found.where


def test_without_lfpykit_it_says_what_to_install(folder, monkeypatch):
    missing = extracellular.Simulator("LFPykit", "no_such_module", "no-such-package", "fields", how=extracellular.LFPYKIT.how)
    monkeypatch.setattr(extracellular, "LFPYKIT", missing)
    (found,) = cosim.check(write(folder)).faults
    assert found.what == "extracellular needs LFPykit, which is not installed"
    assert found.mend == "pip install 'neuro-cosim[fields]'"
    assert "scenario.yaml:13 " in found.where


def test_a_check_does_not_load_lfpykit(folder):
    code = f"import sys, cosim; assert cosim.check({str(write(folder))!r}).ok; assert 'lfpykit' not in sys.modules"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)

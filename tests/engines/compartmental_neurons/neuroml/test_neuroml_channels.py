"""Channels of NeuroML files as mechanisms: jNeuroML on the same cells, formulas of the standard, faults with their lines."""

from __future__ import annotations

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from neuroml_texts import CELLS, CHANNELS, HEAD, jneuroml, run_jneuroml

from cosim.sdk import CosimError, Samples, Setup, Window
from engines.compartmental_neurons import CompartmentalNeurons
from engines.compartmental_neurons.mechanisms.biophysics import read_biophysics
from engines.compartmental_neurons.mechanisms.description import read_mechanism
from engines.compartmental_neurons.mechanisms.neuroml import as_yaml, is_neuroml, read_neuroml, read_path
from engines.compartmental_neurons.params import Neurons

CELSIUS = 16.3
STEPS = (0.005, 0.0025)
"""ms."""


def channel(tmp_path, inner, tag="ionChannelHH", head=""):
    """A file with a channel ``x``, whose first line is the third of the file."""
    path = tmp_path / "x.channel.nml"
    path.write_text(
        HEAD.format(id="x") + f'\n<{tag} id="x" conductance="10pS"{head}>\n{inner}\n</{tag}></neuroml>', encoding="utf-8"
    )
    return path


def gate_at(description, name, v_mv, **symbols):
    """Where a gate goes and its time constant in ms at a potential, by the description's own expressions."""
    rest, pace = description.parts.gates[name]
    known = {"V": v_mv * 1e-3, "celsius": 6.3, "temperature": 279.45, "ca_i": 1e-4, **symbols}
    for key, expression in description.parts.equations.expressions.items():
        known.setdefault(key, expression.value(known))
    return float(rest.value(known)), 0.0 if pace is None else 1e3 / float(pace.value(known))


# -- against jNeuroML --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """By simulator and step in ms: V in mV and concentrations in mM of all cells, 12 ms at 16.3 °C."""
    jar = jneuroml()
    if jar is None:
        pytest.skip("pyNeuroML or java is not installed")
    folders = {dt_ms: tmp_path_factory.mktemp("jneuroml") for dt_ms in STEPS}
    with ThreadPoolExecutor(2) as pool:
        theirs = pool.map(lambda dt_ms: run_jneuroml(jar, folders[dt_ms], 12, dt_ms, CELSIUS), STEPS)
        found = {("theirs", dt_ms): run for dt_ms, run in zip(STEPS, theirs, strict=True)}
    return found | {("ours", dt_ms): run_engine(folders[dt_ms], 12, dt_ms) for dt_ms in STEPS}


def run_engine(folder: Path, until_ms: float, dt_ms: float) -> dict[str, np.ndarray]:
    """The same cells, of their files."""
    populations, record, found = {}, {}, {}
    for name, (_, inside) in CELLS.items():
        biophysics = read_biophysics(folder / "cells.nml", f"{name}_cell")
        membrane, ions = [], {}
        for placed in biophysics.placements:
            file = f"{name}_{placed.id}.yaml"
            (folder / file).write_text(as_yaml(folder / "channels.nml", placed.channel, placed.law, placed.ion), encoding="utf-8")
            membrane.append({"mechanism": file, "parameters": placed.parameters})
        for species in biophysics.species:
            file = f"{name}_{species.model}.yaml"
            (folder / file).write_text(as_yaml(folder / "channels.nml", species.model), encoding="utf-8")
            membrane.append({"mechanism": file, "parameters": species.parameters})
            ions[species.ion] = {"inside": species.inside, "outside": species.outside}
        populations[name] = {
            "cell": {
                "morphology": {"branches": {"soma": {"length": 20.0, "diameter": 20.0}}}, "compartments": {"count": 1},
                "capacitance": biophysics.capacitance[0][1], "potential": biophysics.potential[0][1], "temperature": CELSIUS,
                "membrane": membrane, "ions": ions,
            },
            "pulses": {"push": {"at": "soma", "current": 0.2}},
        }  # fmt: skip
        record[name] = {"of": name}
        if inside:
            record[f"{name}_ca"] = {"of": name, "value": "ca_i"}
    asked = {"dt": round(dt_ms * 1e6), "populations": populations, "record": record}
    params = Neurons.model_validate(asked, context={"folder": folder})
    total = Window(0, round(until_ms * 1e6))
    engine = CompartmentalNeurons(params, Setup("cells", total.stop_ns, 1, {}, {}))
    for name, payload in engine.advance(total, {}).items():
        if isinstance(payload, Samples):
            found[name.replace("_ca", ".ca")] = payload.values[:, 0].copy()
    engine.close()
    return found


def extrapolated(both, name):
    """(rows,) of both, a row a longer step, to a step of 0: twice that of the shorter step less that of the longer."""
    found = []
    for side, first in (("theirs", 1), ("ours", 0)):  # jNeuroML's first row is the start
        long, short = both[side, STEPS[0]][name][first:], both[side, STEPS[1]][name][first:]
        found.append(2 * short[1::2] - long)
    return found


QUIET = [name for name in CELLS if name not in ("squid", "schemes")]


@pytest.mark.parametrize("name", QUIET)
def test_potentials_are_those_of_jneuroml(both, name):
    """Explicit steps there, implicit ones here: what is left after extrapolation goes with the square of 5 µs, some 1e-3 mV."""
    theirs, ours = extrapolated(both, name)
    assert np.ptp(theirs) > 20.0
    assert np.abs(ours - theirs).max() < 5e-3


@pytest.mark.parametrize("name", [f"{name}.ca" for name in QUIET if CELLS[name][1]])
def test_concentrations_are_those_of_jneuroml(both, name):
    """jNeuroML writes 3.14159 for pi and 96485.3 for Faraday's constant: 1e-6."""
    theirs, ours = extrapolated(both, name)
    assert np.ptp(theirs) > 1e-6
    assert np.abs(ours - theirs).max() < 1e-4 * np.ptp(theirs)


def test_spikes_of_the_squid_axon_are_where_jneuroml_has_them(both):
    """Three, each to the square of a step of 5 µs over the gates' 30 µs, which adds up from spike to spike."""

    def crossings(side, dt_ms):
        v = both[side, dt_ms]["squid"][1 if side == "theirs" else 0 :]
        (before,) = np.nonzero((v[:-1] < 0) & (v[1:] >= 0))
        return dt_ms * (before + 1 - v[before] / (v[before + 1] - v[before]))

    theirs, ours = (2 * crossings(side, STEPS[1]) - crossings(side, STEPS[0]) for side in ("theirs", "ours"))
    assert len(theirs) == len(ours) == 3
    assert np.abs(ours - theirs).max() < 5e-3


def test_schemes_come_to_what_jneuroml_has_once_it_has_forgotten_its_start(both):
    """It starts schemes in their first state, the engine at rest; with time constants of 2 to 4 ms 3 % are left after 12."""
    theirs, ours = extrapolated(both, "schemes")
    assert np.ptp(theirs) > 20.0
    assert np.abs(ours - theirs)[-100:].max() < 0.1


# -- formulas of the standard ------------------------------------------------------------------------------------------

RATE = '<{part} type="{kind}" rate="0.3per_ms" midpoint="-42mV" scale="7mV"/>'


def rate_of(kind, v_mv):
    """1/ms, as the standard writes them."""
    x = (v_mv + 42.0) / 7.0
    return {"HHExpRate": np.exp(x), "HHSigmoidRate": 1 / (1 + np.exp(-x)), "HHExpLinearRate": x / (1 - np.exp(-x)) if x else 1.0}[
        kind
    ] * 0.3


@pytest.mark.parametrize("kind", ["HHExpRate", "HHSigmoidRate", "HHExpLinearRate"])
def test_rates_are_those_of_the_standard_at_their_midpoint_too(tmp_path, kind):
    parts = RATE.format(part="forwardRate", kind=kind) + RATE.format(part="reverseRate", kind="HHExpRate")
    described = read_neuroml(channel(tmp_path, f'<gateHHrates id="m" instances="2">{parts}</gateHHrates>'))
    for v_mv in (-90.0, -42.0, -41.9, 20.0):
        alpha, beta = rate_of(kind, v_mv), rate_of("HHExpRate", v_mv)
        assert gate_at(described, "m", v_mv) == pytest.approx((alpha / (alpha + beta), 1 / (alpha + beta)), rel=1e-12)


@pytest.mark.parametrize("scale", ["q10Fixed fixedQ10=2.5", "q10ExpTemp q10Factor=3 experimentalTemp=22degC"])
def test_temperature_makes_gates_faster_and_leaves_their_rest(tmp_path, scale):
    kind, *given = scale.split()
    settings = f'<q10Settings type="{kind}" ' + " ".join('{}="{}"'.format(*item.split("=")) for item in given) + "/>"
    inner = f"""<gateHHtauInf id="m" instances="1">{settings}<timeCourse type="fixedTimeCourse" tau="4ms"/>
        <steadyState type="HHSigmoidVariable" rate="1" midpoint="-40mV" scale="5mV"/></gateHHtauInf>"""
    described = read_neuroml(channel(tmp_path, inner))
    for celsius in (6.3, 32.0):
        faster = 2.5 if kind == "q10Fixed" else 3 ** ((celsius - 22) / 10)
        found = gate_at(described, "m", -35.0, celsius=celsius, temperature=celsius + 273.15)
        assert found == pytest.approx((1 / (1 + np.exp(-1)), 4 / faster), rel=1e-12)


def test_a_mechanism_of_its_own_file_is_the_channel(tmp_path):
    """The text that is written is read to the same sections."""
    (tmp_path / "channels.nml").write_text(CHANNELS, encoding="utf-8")
    for name in ("na", "ca", "mixed", "scheme", "fractional", "pool", "own"):
        file = tmp_path / f"{name}.yaml"
        file.write_text(as_yaml(tmp_path / "channels.nml", name), encoding="utf-8")
        assert read_mechanism(file).model_dump() == read_neuroml(tmp_path / "channels.nml", name).model_dump(), name


def test_a_channel_may_be_named_by_a_path_into_its_file(tmp_path):
    (tmp_path / "channels.nml").write_text(CHANNELS, encoding="utf-8")
    for inner, law in (("ca", "ohmic"), ("ca.ghk", "ghk"), ("ca.nernst", "nernst")):
        path = tmp_path / "channels.nml" / inner
        assert is_neuroml(path)
        assert read_path(path).model_dump() == read_neuroml(tmp_path / "channels.nml", "ca", law).model_dump()
    assert not is_neuroml(tmp_path / "channels.yaml")


def test_names_that_are_taken_get_another(tmp_path):
    """A gate called E would be the reversal potential, one called exp a function."""
    gate = """<gateHHtauInf id="{}" instances="1"><timeCourse type="fixedTimeCourse" tau="4ms"/>
        <steadyState type="HHSigmoidVariable" rate="1" midpoint="-40mV" scale="5mV"/></gateHHtauInf>"""
    described = read_neuroml(channel(tmp_path, "".join(gate.format(name) for name in ("E", "exp", "m-1", "lambda"))))
    assert len(described.gates) == 4
    assert not {"E", "exp", "m-1", "lambda"} & set(described.gates)


def test_the_ion_is_that_of_the_file_or_of_the_cell(tmp_path):
    file = channel(tmp_path, "", "ionChannelPassive", ' species="K"')
    assert list(read_neuroml(file).currents) == ["k"]
    assert list(read_neuroml(file, ion="na").currents) == ["na"]
    assert list(read_neuroml(file, ion="non_specific").currents) == ["nonspecific"]
    assert list(read_neuroml(file, ion="hcn").currents) == ["nonspecific"]


# -- channels of installed packages ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def c302():
    """The folder of the installed package; it is not imported."""
    found = importlib.util.find_spec("c302")
    if found is None or found.origin is None:
        pytest.skip("c302 is not installed")
    return Path(found.origin).parent


def test_channels_of_the_worms_muscle_are_those_of_the_paper(c302):
    """Boyle and Cohen (2008): of the fast potassium current V½ = -8.05232 mV, k = 7.42636 mV, tau = 2.25518 ms, and so on."""
    fast = read_neuroml(c302 / "cell_C.xml", "k_fast")
    assert fast.currents == {"k": "g * p**4 * q * (V - E)"}
    assert gate_at(fast, "p", -8.05232 + 7.42636) == pytest.approx((1 / (1 + np.exp(-1)), 2.25518), rel=1e-9)
    assert gate_at(fast, "q", -15.6456) == pytest.approx((0.5, 149.963), rel=1e-9)
    slow = read_neuroml(c302 / "cell_C.xml", "k_slow")
    assert gate_at(slow, "n", 19.8741 - 15.8512) == pytest.approx((1 / (1 + np.e), 25.0007), rel=1e-9)
    calcium = read_neuroml(c302 / "cell_C.xml", "ca_boyle")
    assert list(calcium.currents) == ["ca"]
    assert gate_at(calcium, "h", 0.0, ca_i=6.41889e-8) == pytest.approx((0.5, 0.0))
    assert gate_at(calcium, "h", 0.0, ca_i=6.41889e-8 + 1.00056e-8) == pytest.approx((1 / (1 + np.e), 0.0), rel=1e-6)


def test_all_channels_of_c302_are_read(c302):
    """The muscles' files take a type of the cells'."""
    channels = dict.fromkeys(("Leak", "k_fast", "k_slow", "ca_boyle", "ca_simple"), c302 / "cell_C.xml")
    muscles = ("slo-2", "shk-1", "egl-19", "k_muscle", "k_fast_muscle", "k_slow_muscle", "ca_boyle_muscle", "ca_muscle")
    channels |= dict.fromkeys(muscles, c302 / "custom_muscle_components.xml")
    for name, file in channels.items():
        described = read_neuroml(file, name, further=[c302 / "cell_C.xml"])
        assert described.kind == "density"
        assert set(described.currents) <= {"k", "ca", "nonspecific"}
    leak = read_neuroml(c302 / "NeuroML2" / "LeakConductance.channel.nml")
    assert leak.currents == {"nonspecific": "g * (V - E)"}


# -- faults ------------------------------------------------------------------------------------------------------------

GATE = '<gateHHrates id="m" instances="1">\n{}\n</gateHHrates>'
GOOD = '<forwardRate type="HHExpRate" rate="1per_ms" midpoint="-40mV" scale="10mV"/>'
BACK = '<reverseRate type="HHExpRate" rate="1per_ms" midpoint="-40mV" scale="10mV"/>'


@pytest.mark.parametrize(
    ("inner", "line", "what"),
    [
        (GATE.format(GOOD), 4, "no reverseRate"),
        (GATE.format(GOOD + "\n" + BACK.replace("1per_ms", "1 mV")), 6, "no per_time"),
        (GATE.format(GOOD + "\n" + BACK.replace('midpoint="-40mV" ', "")), 6, "no midpoint"),
        (GATE.format(GOOD + "\n" + BACK.replace("-40mV", "-40 grue")), 6, "no unit that is known"),
        (GATE.format(GOOD + "\n" + BACK.replace("HHExpRate", "HHExpRat")), 6, "no type 'HHExpRat'"),
        (GATE.format(GOOD + "\n" + BACK + "<odd/>"), 6, "odd in gate 'm' is not supported"),
        ('<gateHHnew id="m" instances="1"/>', 4, "is of type 'gateHHnew'"),
        ('<gateKS id="m" instances="1"><openState id="o"/></gateKS>', 4, "no transition"),
        (
            '<gateKS id="m" instances="1"><openState id="o"/>\n<vHalfTransition from="o" to="x" vHalf="1mV" z="1" gamma="1" '
            'tau="1ms" tauMin="0ms"/></gateKS>', 5, "no state 'x'",
        ),
    ],
)  # fmt: skip
def test_what_is_not_right_is_told_with_its_line(tmp_path, inner, line, what):
    with pytest.raises(CosimError, match=what) as caught:
        read_neuroml(channel(tmp_path, inner))
    assert f"x.channel.nml:{line}" in str(caught.value)


def test_an_equation_that_does_not_fit_its_units_is_told_with_the_line_of_the_file(tmp_path):
    """A pool's own equation is held against its units: a concentration a time is wanted, a concentration is given."""
    text = CHANNELS.replace("((concentration - floor) / decay)", "(concentration - floor)")
    (tmp_path / "channels.nml").write_text(text, encoding="utf-8")
    line = next(k for k, row in enumerate(text.splitlines(), 1) if "density*gamma" in row)
    with pytest.raises(CosimError, match="subtracts") as caught:
        read_neuroml(tmp_path / "channels.nml", "own")
    assert f"channels.nml:{line}" in str(caught.value)


def test_a_symbol_that_no_type_defines_is_told(tmp_path):
    text = CHANNELS.replace("(v - vShift) / VOLT_SCALE", "(v - vShft) / VOLT_SCALE")
    (tmp_path / "channels.nml").write_text(text, encoding="utf-8")
    with pytest.raises(CosimError, match="no 'vShft'") as caught:
        read_neuroml(tmp_path / "channels.nml", "shifted")
    assert "did you mean 'vShift'" in str(caught.value)


def test_a_gate_that_moves_by_an_equation_of_its_own_is_refused(tmp_path):
    text = CHANNELS.replace(
        '<DerivedVariable name="rateScale" exposure="rateScale" dimension="none" value="1"/>',
        '<TimeDerivative variable="q" value="(inf - q)^2 / tau"/>',
    )
    (tmp_path / "channels.nml").write_text(text, encoding="utf-8")
    with pytest.raises(CosimError, match="type 'byCalcium' is not supported"):
        read_neuroml(tmp_path / "channels.nml", "ca")


def test_a_file_that_is_cut_short_is_told_with_its_line(tmp_path):
    path = tmp_path / "cut.nml"
    path.write_text(CHANNELS[: len(CHANNELS) // 2], encoding="utf-8")
    with pytest.raises(CosimError, match="is no XML") as caught:
        read_neuroml(path)
    assert f"cut.nml:{CHANNELS[: len(CHANNELS) // 2].count(chr(10)) + 1}" in str(caught.value)


def test_one_of_several_channels_has_to_be_named(tmp_path):
    (tmp_path / "channels.nml").write_text(CHANNELS, encoding="utf-8")
    with pytest.raises(CosimError, match="name one"):
        read_neuroml(tmp_path / "channels.nml")
    with pytest.raises(CosimError, match="did you mean 'scheme'"):
        read_neuroml(tmp_path / "channels.nml", "schema")
    with pytest.raises(CosimError, match="of an ion"):
        read_neuroml(tmp_path / "channels.nml", "leak", "ghk")

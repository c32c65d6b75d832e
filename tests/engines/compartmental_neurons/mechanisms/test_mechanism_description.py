"""What a mechanism's file may say, and what is said of one that is wrong: every fault at once, each with its line."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running_mechanisms import run, sweep

from cosim.sdk import CosimError
from cosim.sdk.errors import ScenarioError
from engines.compartmental_neurons.mechanisms.description import mechanism_file, read_mechanism, shipped
from engines.compartmental_neurons.mechanisms.source import Source
from engines.compartmental_neurons.mechanisms.variant import Variant

OWN = """\
title: A channel of my own
kind: density
parameters:
  g: {unit: S/cm**2, default: 0.01, range: [0, null]}
  half: {unit: mV, default: -40}
  tau: {unit: ms, default: 2, positive: true}
rates:
  q: 3**((celsius - 20) / 10)
  x: (V - half) / 5
gates:
  m: {inf: 1 / (1 + exp(-x)), tau: tau, factor: q}
  h: {alpha: 0.1 * exp(-x), beta: 0.2}
currents:
  k: g * m**2 * h * (V - E_k)
"""


def written(folder, text, name="own.yaml"):
    path = folder / name
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def faults(folder, text):
    """What is said of a file, line by line."""
    with pytest.raises(ScenarioError) as caught:
        read_mechanism(written(folder, text))
    return [str(fault) for fault in caught.value.faults]


def swapped(old, new):
    """The channel above with something else in it, and the line of that."""
    assert OWN.count(old) == 1, old
    return OWN.replace(old, new), OWN[: OWN.index(old)].count("\n") + 1


# -- what is right -----------------------------------------------------------------------------------------------------


def test_a_channel_of_ones_own_runs(tmp_path):
    """Its gates go where an independent integration of the same formulas takes them."""
    written(tmp_path, OWN)
    current, celsius = sweep(1000), 30.0
    found = run({"./own.yaml": {}, "passive": {}}, current, ["V", "own.m", "own.h"], celsius=celsius, folder=tmp_path)
    x = (found["V"] + 40) / 5
    m = h = None
    rest, opening = 1 / (1 + np.exp(-x)), 0.1 * np.exp(-x)
    for k, start in enumerate(np.concatenate([[-70.0], found["V"]])):
        if k == 0:
            y = (start + 40) / 5
            m, h = 1 / (1 + np.exp(-y)), 0.1 * np.exp(-y) / (0.1 * np.exp(-y) + 0.2)
            continue
        m = rest[k - 1] + (m - rest[k - 1]) * np.exp(-0.025 * 3 / 2)
        both = opening[k - 1] + 0.2
        h = opening[k - 1] / both + (h - opening[k - 1] / both) * np.exp(-0.025 * both)
        assert m == pytest.approx(found["own.m"][k - 1], rel=1e-11)
        assert h == pytest.approx(found["own.h"][k - 1], rel=1e-11)


def test_plain_numbers_are_those_of_each_symbols_unit(tmp_path):
    """``tau`` in s, ``half`` in V: what they are does not change, only the numbers that stand for them."""
    other = OWN.replace("half: {unit: mV, default: -40}", "half: {unit: V, default: -0.04}").replace(
        "(V - half)", "(V - 1000 * half)"
    )
    other = other.replace("tau: {unit: ms, default: 2,", "tau: {unit: s, default: 0.002,").replace("tau: tau", "tau: 1000 * tau")
    written(tmp_path, OWN)
    written(tmp_path, other, "other.yaml")
    own, same = (
        run({f"./{name}.yaml": {}, "passive": {}}, sweep(400), ["V", f"{name}.m"], folder=tmp_path) for name in ("own", "other")
    )
    np.testing.assert_allclose(own["V"], same["V"], rtol=1e-12)
    np.testing.assert_allclose(own["own.m"], same["other.m"], rtol=1e-12)


def test_a_gate_may_start_elsewhere_than_at_rest(tmp_path):
    written(tmp_path, OWN + "initial: {m: 0.25, h: 1 - m}\n")
    found = run({"./own.yaml": {}, "passive": {}}, np.zeros(1), ["own.m", "own.h"], folder=tmp_path, dt_ms=1e-6)
    assert found["own.m"][0] == pytest.approx(0.25, abs=1e-5)
    assert found["own.h"][0] == pytest.approx(0.75, abs=1e-4)


def test_starts_are_worked_out_whatever_their_order(tmp_path):
    """A gate at rest that rests on a state whose start rests on another gate at rest."""
    text = """
        title: In a row
        kind: density
        parameters: {g: {unit: S/cm**2, default: 0.001}}
        states: {c: {unit: mM}}
        derivatives: {c: 0}
        initial: {c: base * (1 + b)}
        expressions: {base: 2 * one, one: k_i}
        gates:
          a: {inf: c / (c + 100), tau: 5}
          b: {inf: 1 / (1 + exp(-(V + 70) / 10)), tau: 5}
        currents: {k: g * a * (V - E_k)}
    """
    written(tmp_path, text)
    found = run(
        {"./own.yaml": {}, "passive": {"E": -70}}, np.zeros(1), ["own.a", "own.b", "own.c"], folder=tmp_path,
        ions={"k": {"reversal": -70, "inside": 40, "outside": 3}},
    )  # fmt: skip
    assert found["own.b"][0] == pytest.approx(0.5)
    assert found["own.c"][0] == pytest.approx(2 * 40 * 1.5)
    assert found["own.a"][0] == pytest.approx(120 / 220)


def test_conditions_choices_and_functions_are_what_numpy_has(tmp_path):
    text = """
        title: All sorts of functions
        kind: density
        parameters: {g: {unit: S/cm**2, default: 0.0001}}
        rates: {x: V / 40}
        gates:
          a: {inf: "0.5 if x < -1 or x > 0.7 else 0.1 + 0.1 * (not x < 0)", tau: 0}
          b: {inf: "min(max(x, 0), 1) * logistic(x) + clip(-x, 0.1, 0.2)", tau: 0}
          c: {inf: (0.1 + abs(x)) ** -1.3 * 0.02 + sign(x) * 0.1 + 0.2, tau: 0}
          d: {inf: "where(x >= 0 and 1 > x, log(2 + x), sqrt(2 + x) / 4)", tau: 0}
          e: {inf: 0.3 + 0.1 * sin(x) + 0.05 * tanh(x) + 0.01 * erf(x), tau: 0}
          f: {inf: 0.2 + 0.1 / (1 + softplus(x)) + 0.01 * x**3 + 0.001 * exprel(x), tau: 0}
        currents: {k: g * a * b * (V - E_k)}
    """
    from scipy.special import erf, expit, exprel

    written(tmp_path, text)
    found = run(
        {"./own.yaml": {}, "passive": {"g": 5e-4, "E": -20}},
        sweep(4000, 0.012),
        ["V", *(f"own.{name}" for name in "abcdef")],
        folder=tmp_path,
    )
    x = found["V"] / 40
    expected = {
        "a": np.where((x < -1) | (x > 0.7), 0.5, 0.1 + 0.1 * (x >= 0)),
        "b": np.clip(x, 0, 1) * expit(x) + np.clip(-x, 0.1, 0.2),
        "c": (0.1 + np.abs(x)) ** -1.3 * 0.02 + np.sign(x) * 0.1 + 0.2,
        "d": np.where((x >= 0) & (x < 1), np.log(np.maximum(2 + x, 1e-9)), np.sqrt(np.maximum(2 + x, 0)) / 4),
        "e": 0.3 + 0.1 * np.sin(x) + 0.05 * np.tanh(x) + 0.01 * erf(x),
        "f": 0.2 + 0.1 / (1 + np.logaddexp(0, x)) + 0.01 * x**3 + 0.001 * exprel(x),
    }
    assert x.min() > -2  # where the square root and the logarithm end
    for name, values in expected.items():
        np.testing.assert_allclose(found[f"own.{name}"], values, rtol=1e-12, err_msg=name)


# -- what is wrong -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("E_k)", "E_K)", "there is no symbol 'E_K'"),
        ("(V - half)", "(V - haf)", "did you mean 'half'?"),
        ("  k: g", "  K: g", "'K' is no ion"),
        ("  k: g", "  nonspecfic: g", "'nonspecfic' is no ion"),
        ("tau: tau, factor: q}", "factor: q}", "gate m has inf"),
        ("beta: 0.2}", "tau: 3}", "gate h has alpha, tau"),
        ("  h: {alpha", "  g: {alpha", "'g' is already one of parameters"),
        ("  h: {alpha", "  x: {alpha", "'x' is already one of rates"),
        ("  half: {unit: mV", "  V: {unit: mV", "'V' is taken"),
        ("  half: {unit: mV", "  area: {unit: mV", "'area' is taken"),
        ("  half: {unit: mV", "  weight: {unit: mV", "'weight' is taken"),
        ("  q: 3**", "  celsius: 3**", "'celsius' is taken"),
        ("  q: 3**", "  in: 3**", "'in' is no symbol"),
        ("  q: 3**", "  exp: 3**", "'exp' is no symbol"),
        ("  q: 3**", "  dt: 3**", "'dt' is no symbol"),
        ("  h: {alpha", "  é: {alpha", "'é' is no symbol"),
        ("half: {unit: mV,", "half: {unit: mX,", "mX"),
        ("g * m**2 * h * (V - E_k)", "g * area * m**2 * h * (V - E_k)", "a current of kind density is in"),
        ("range: [0, null]", "range: [1, -1]", "range of g is from 1 to -1"),
        ("default: 0.01, range", "default: -0.01, range", "default of g is -0.01 S/cm**2"),
        ("default: 2, positive", "default: -2, positive", "it must be more than 0"),
        ("range: [0, null]", "range: [0, null], unt: mV", "there is no key 'unt'"),
        ("x: (V - half) / 5", "x: (V - y) / 5\n  y: x", "rates use each other in a circle"),
        ("exp(-x), beta", "i_k, beta", "'i_k' is given to mechanisms of an ion"),
        ("exp(-x), beta", "exp(-x) +, beta", "cannot be read"),
        ("kind: density", "kind: densty", "kind: input should be 'density', 'point' or 'ion'"),
        ("title: A channel of my own\n", "", "title is missing"),
    ],
)  # fmt: skip
def test_a_fault_has_its_line(tmp_path, old, new, said):
    text, line = swapped(old, new)
    found = faults(tmp_path, text)
    assert any(said in fault for fault in found), found
    if "missing" not in said:
        assert any(f"own.yaml:{line}" in fault or f"own.yaml:{line + 1}" in fault for fault in found if said in fault), found


def test_capitals_of_an_ion_are_mended(tmp_path):
    (fault,) = faults(tmp_path, OWN.replace("E_k)", "E_K)"))
    assert "did you mean 'E_k'?" in fault


def test_every_fault_is_told_at_once(tmp_path):
    text = OWN.replace("E_k)", "E_kk1 * F)").replace("beta: 0.2", "gamma: 0.2").replace("(V - half)", "(U - half)")
    assert len(faults(tmp_path, text.replace("gamma: 0.2", "beta: z"))) >= 3


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("expressions: {shifted: V - half}\ninitial: {m: shifted / half}", None),
        ("expressions: {a: V - half}\nkinetics: {s: ['C <-> O (a, 1)']}", "'a' is in V"),
        ("expressions: {a: V / half}\nkinetics: {s: ['C <-> O (a, 1)']}", None),
        ("expressions: {a: 'derivative(x * V, V)'}", "cannot be worked out"),
        ("kinetics: {s: ['C <-> O (1)']}", "has 1 rates"),
        ("kinetics: {s: ['C <-> C (1, 2)']}", "leads nowhere"),
        ("kinetics: {s: ['C <-> O (1, 2)', 'A <-> B (1, 2)']}", "hangs together with nothing"),
        ("kinetics: {s: ['C = O']}", "cannot be read"),
        ("kinetics: {s: ['C <-> O (1, 2)'], r: ['C <-> P (1, 2)']}", "'C' is already one of kinetics"),
        ("kinetics: {s: ['m <-> O (1, 2)']}", "'m' is already one of gates"),
        ("kinetics: {s: ['C <-> O (O, 2)']}", "rest on its own O"),
        ("kinetics: {s: ['C <-> O (1, 2)']}\ninitial: {C: 0.5}", "schemes start at rest"),
        ("initial: {z: 0.5}", "'z' is no state"),
        ("initial: {m: half}", "state m is in a bare number"),
        ("noise: {m: 1}", "a mechanism has no noise"),
        ("outputs: {o: {value: m}}", "a mechanism has no outputs"),
        ("concentrations: {k_i: half}", "only a mechanism of an ion has concentrations"),
        ("states: {s: {}}\nderivatives: {s: -s**2 / tau}", "scheme: heun"),
        ("states: {s: {}}\nderivatives: {s: -s**2 / tau}\nscheme: heun", None),
        ("states: {s: {}}\nderivatives: {s: -s / half}", "the derivative of s is in"),
        ("states: {s: {}}", "state 's' has no derivative"),
        ("states: {s: {clamp: [1, 0]}}\nderivatives: {s: 0}", "clamp of s is from 1 to 0"),
        ("states: {s: {}}\nderivatives: {s: 0}\ninitial: {s: 2 * s}", "rests on s"),
        ("receptors: {r: {weight: nS, sets: {m: m + weight}}}", "adds a bare number and S"),
        ("receptors: {r: {weight: '1', sets: {m: m + weight, z: 1}}}", "'z' is no state"),
        ("receptors: {r: {weight: nX, sets: {m: 1}}}", "nX"),
        ("receptors: {r: {weight: '1', sets: {m: m + wight}}}", "did you mean 'weight'?"),
    ],
)
def test_sections_are_held_against_each_other(tmp_path, more, said):
    text = OWN + more + "\n"
    if said is None:
        read_mechanism(written(tmp_path, text))
    else:
        found = faults(tmp_path, text)
        assert any(said in fault for fault in found), found
        assert all("own.yaml:" in fault for fault in found)


def test_gates_that_rest_on_each_other_need_a_start(tmp_path):
    text = OWN.replace("inf: 1 / (1 + exp(-x))", "inf: 1 - h").replace("beta: 0.2", "beta: 0.2 * m")
    (fault,) = faults(tmp_path, text)
    assert "rests on" in fault
    assert "say where" in fault
    read_mechanism(written(tmp_path, text + "initial: {m: 0.1}\n"))


@pytest.mark.parametrize(
    ("concentrations", "more", "said"),
    [
        ("{Ca_i: c}", "", "concentrations are named like ca_i and k_o"),
        ("{ca_i: c * c}", "", "a concentration is in"),
        ("{ca_i: c}", "currents: {ca: c}", "a mechanism of an ion has no current"),
        ("{ca_i: c}", "initial: {c: c0 * E_ca / E_ca}", "'E_ca' is not given to mechanisms of an ion"),
        ("{ca_i: c}", "", None),
    ],
)
def test_mechanisms_of_ions_are_held_to_it(tmp_path, concentrations, more, said):
    text = f"""\
title: A pool
kind: ion
parameters: {{c0: {{unit: mM, default: 1}}, depth: {{unit: um, default: 1}}}}
states: {{c: {{unit: mM}}}}
derivatives: {{c: -i_ca / (2 * faraday * depth)}}
concentrations: {concentrations}
{more}
"""
    if said is None:
        read_mechanism(written(tmp_path, text))
    else:
        assert any(said in fault for fault in faults(tmp_path, text))


def test_a_mechanism_that_is_not_there_is_told_with_those_that_are(tmp_path):
    with pytest.raises(CosimError, match="there is no mechanism 'ca_hav'") as caught:
        mechanism_file("ca_hav", tmp_path)
    assert "did you mean 'ca_hva'?" in caught.value.mend
    with pytest.raises(CosimError, match=r"'./none.yaml' does not exist"):
        mechanism_file("./none.yaml", tmp_path)


# -- any text ----------------------------------------------------------------------------------------------------------

_TEXTS = [path.read_text(encoding="utf-8") for path in shipped().values()]
_WORDS = st.sampled_from(
    [
        "V", "E_na", "i_ca", "ca_i", "1", "0", "-1e309", "exp(", ")", "**", "/", "m", "g", "&a", "*a", "null", "true", "{", "[",
        ":", "\n", "  ", "- ", "#", "|", ">", "é", "\t", "'", '"', "gates:", "kind: ion", "unit: kg", "<->", "->", "tau: 0",
        "derivative(", "[1, 0]", "2026-13-45", "!!set", "lambda", "weight", "initial: {m: m}", "1/0", "x" * 50, "(" * 70,
    ]
)  # fmt: skip


@st.composite
def mangled(draw):
    """The text of a mechanism with pieces cut out, put in and moved."""
    text = draw(st.sampled_from(_TEXTS))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(text)))
        kind = draw(st.sampled_from(["put", "cut", "swap", "line"]))
        if kind == "put":
            text = text[:at] + draw(_WORDS | st.text(max_size=8)) + text[at:]
        elif kind == "cut":
            text = text[:at] + text[at + draw(st.integers(1, 30)) :]
        elif kind == "swap":
            other = draw(st.integers(0, len(text)))
            low, high = min(at, other), max(at, other)
            text = text[:low] + text[high : high + 20] + text[low:high] + text[high + 20 :]
        else:
            lines = text.split("\n")
            lines.insert(draw(st.integers(0, len(lines))), lines[draw(st.integers(0, len(lines) - 1))])
            text = "\n".join(lines)
    return text


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=mangled() | st.text(max_size=200))
def test_any_text_is_a_mechanism_or_has_faults(tmp_path_factory, text):
    """Whatever is read can also be written as code that Python reads."""
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        described = read_mechanism(path)
    except CosimError:
        return
    compile(Source(Variant("any", described, ())).code(), "any", "exec")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes_are_a_mechanism_or_have_faults(content):
    path = Path(str(Path("/")))  # a folder is no file either
    with pytest.raises(CosimError):
        read_mechanism(path)
    from engines.compartmental_neurons.mechanisms.description import MechanismDescription
    from engines.equations.description import _read

    with pytest.raises(CosimError):
        _read("any.yaml", content, MechanismDescription)

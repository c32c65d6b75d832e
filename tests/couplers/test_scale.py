import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cosim.sdk import CosimError, Port, Samples, Space, Window
from cosim.sdk.contract import TranslatorContract
from cosim.sdk.time import NS_PER_MS
from couplers.scale import Scale

RNG = np.random.default_rng(0)  # the protocol's argument; this translator draws nothing
RATE = Port("rate", "out", "samples", Space.numbered(3), "firing_rate", "Hz", "mean", NS_PER_MS)
SPIKES = Port("spikes", "out", "spikes", Space.numbered(3), dt_ns=NS_PER_MS)


def scaled(value: float, **params: float) -> float:
    out = Scale(RATE, RATE, Scale.Params(**params)).translate(Samples(Window(0, NS_PER_MS), np.full((1, 3), value)), RNG)
    return float(out.values[0, 0])


class TestScale(TranslatorContract):
    translator = Scale
    source, target = RATE, RATE.but(direction="in")
    params = Scale.Params(factor=0.2, offset=-1, low=0, high=9, quantity="current", unit="pA")
    refuses = ((SPIKES, RATE),)


@given(*[st.floats(-1e6, 1e6)] * 3)
def test_it_is_its_formula(value, factor, offset):
    assert scaled(value, factor=factor, offset=offset) == factor * value + offset


def test_limits_hold_what_comes_out():
    assert [scaled(x, factor=2, low=-1, high=3) for x in (-5, 1, 5)] == [-1, 2, 3]
    assert [scaled(x, low=0) for x in (-5, 5)] == [0, 5]
    assert [scaled(x, high=0) for x in (-5, 5)] == [-5, 0]


def test_the_port_is_renamed_only_where_it_is_told():
    same = Scale(RATE, RATE, Scale.Params(factor=2)).port
    assert (same.quantity, same.unit, same.of, same.dt_ns) == ("firing_rate", "Hz", "mean", NS_PER_MS)
    other = Scale(RATE, RATE, Scale.Params(quantity="current", unit="pA")).port
    assert (other.quantity, other.unit) == ("current", "pA")


def test_refusals_say_what_fits():
    with pytest.raises(CosimError, match="scale takes samples, and 'spikes' brings spikes, 3 channels") as caught:
        Scale(SPIKES, RATE, Scale.Params())
    assert "spikes_to_rate" in caught.value.mend
    with pytest.raises(ValidationError, match=r"low \(2.0\) is above high \(1.0\)"):
        Scale.Params(low=2, high=1)
    with pytest.raises(ValidationError):
        Scale.Params(factor=float("nan"))

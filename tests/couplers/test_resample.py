from fractions import Fraction
from math import lcm

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.sdk import CosimError, Port, Samples, Space, Window
from cosim.sdk.contract import TranslatorContract, same_bits
from cosim.sdk.time import NS_PER_MS
from couplers.resample import Resample

RNG = np.random.default_rng(0)  # the protocol's argument; this translator draws nothing


def signal(dt_ns: int | None, channels: int = 1, of: str = "value") -> Port:
    return Port("v", "out", "samples", Space.numbered(channels), "membrane_potential", "mV", of, dt_ns)


def build(old_ns: int, new_ns: int | None = None, of: str = "value", asks_ns: int | None = None, **params: object) -> Resample:
    return Resample(signal(old_ns, of=of), signal(asks_ns), Resample.Params(dt=new_ns, **params))


def translate(old_ns: int, new_ns: int, values: list[float], **params: object) -> list[float]:
    window = Window(0, old_ns * len(values))
    return build(old_ns, new_ns, **params).translate(Samples(window, np.array(values, float)[:, None]), RNG).values[:, 0].tolist()


class TestFiner(TranslatorContract):
    translator = Resample
    source, target = signal(500_000, 3), signal(100_000, 3)
    params = Resample.Params()
    refuses = (
        (Port("s", "out", "spikes", Space.numbered(3), dt_ns=NS_PER_MS), target),
        (source, signal(None, 3)),
        (signal(None, 3), target),
    )


class TestRational(TranslatorContract):
    translator = Resample
    source, target = signal(400_000, 3, "mean"), signal(None, 3)
    params = Resample.Params(dt="0.6 ms")
    interval_ms = 6


class TestLast(TranslatorContract):
    translator = Resample
    source, target = signal(250_000, 3), signal(None, 3)
    params = Resample.Params(dt="1 ms", take="last")


def test_rows_are_repeated_averaged_or_weighted():
    assert translate(2, 1, [1, 5]) == [1, 1, 5, 5]
    assert translate(1, 2, [1, 5, 2, 4]) == [3, 3]
    assert translate(2, 3, [3, 6, 9]) == [(3 + 3 + 6) / 3, (6 + 9 + 9) / 3]
    assert translate(3, 2, [3, 6]) == [3, (3 + 6) / 2, 6]
    assert translate(5, 5, [3, 6]) == [3, 6]


def test_last_takes_the_row_in_force():
    assert translate(1, 2, [1, 5, 2, 4], take="last") == [5, 4]
    assert translate(2, 3, [3, 6, 9], take="last") == [6, 9]
    assert translate(3, 2, [3, 6], take="last") == [3, 6, 6]


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 3), st.sampled_from([1, 1000, 12_500]), st.data())
def test_the_integral_is_kept(old, new, repeats, tick, data):
    """Against whole-number arithmetic: each new row is the exact mean of what is held over it, rounded; so the means agree."""
    length = lcm(old, new) * repeats
    values = data.draw(st.lists(st.integers(-1000, 1000), min_size=length // old, max_size=length // old))
    out = translate(old * tick, new * tick, values)
    held = np.repeat(values, old)  # a row each tick
    exact = [Fraction(int(held[k : k + new].sum()), new) for k in range(0, length, new)]
    assert out == [float(row) for row in exact]  # sums of whole numbers and one division: correctly rounded
    assert sum(exact) / len(exact) == Fraction(sum(values), len(values))


@given(st.lists(st.floats(-1e6, 1e6), min_size=24, max_size=24), st.sampled_from([1, 2, 3, 4, 6, 8]), st.integers(0, 4))
def test_cutting_the_window_changes_no_bit(values, new, cut):
    """From a step of 2 to steps of 1 to 8 ticks; cut where both grids meet."""
    whole = Samples(Window(0, 48), np.array(values).reshape(24, 1))
    edge = (cut + 1) * lcm(2, new)
    resample = build(2, new)
    parts = [resample.translate(whole.cut(w), RNG) for w in (Window(0, edge), Window(edge, 48))]
    assert same_bits(Samples.join(parts), resample.translate(whole, RNG))


def test_nan_stays_in_its_step():
    out = translate(2, 3, [np.nan, 1, 1])
    assert np.isnan(out[0])
    assert out[1] == 1


def test_it_runs_where_the_data_are_smaller_and_says_what_comes_out():
    assert build(10, 5).place == "target"
    assert build(5, 10).place == "source"
    assert build(5, 10).port.of == "mean"
    assert build(10, 5).port.of == "value"
    assert build(5, 10, take="last").port.of == "value"
    assert build(5, asks_ns=10).port.dt_ns == 10


def test_refusals_say_what_fits():
    with pytest.raises(CosimError, match="a frame of 1 ms is not a whole number of 300 us steps") as caught:
        build(100_000, 300_000).translate(Samples(Window(0, NS_PER_MS), np.zeros((10, 1))), RNG)
    assert "900 us, 1.2 ms" in caught.value.mend
    with pytest.raises(CosimError, match="does not know which step"):
        build(100_000)
    with pytest.raises(CosimError, match="whose rows are means") as caught:
        build(1, 2, of="mean", take="last")
    assert caught.value.mend == "take: mean"
    with pytest.raises(CosimError, match="takes samples") as caught:
        Resample(Port("s", "out", "spikes", Space.numbered(1), dt_ns=1), signal(1), Resample.Params())
    assert "spikes_to_rate" in caught.value.mend

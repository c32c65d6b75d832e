"""Windows and times: whole nanoseconds, said shortly and exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.sdk import CosimError, Window, format_ns, nearest_multiples
from cosim.sdk.units import parse_ns

MS = 1_000_000
LONGEST_EXACT_NS = 10**15
"""11 days to the ns: what 15 digits hold."""


def test_a_window_counts_its_steps():
    window = Window(2 * MS, 5 * MS)
    assert (window.length_ns, window.start_ms, window.stop_ms, window.length_ms) == (3 * MS, 2.0, 5.0, 3.0)
    assert window.steps(MS) == 3
    assert window.steps(3 * MS) == 1
    assert window.shifted(-MS) == Window(MS, 4 * MS)
    assert str(window) == "(2 ms, 5 ms]"


@pytest.mark.parametrize(("dt_ns", "mend"), [(2 * MS, "nearest: 2 ms, 4 ms"), (7 * MS, "nearest: 7 ms")])
def test_steps_that_do_not_fill_a_window_are_refused_with_the_nearest(dt_ns, mend):
    with pytest.raises(CosimError, match="a window of 3 ms is not a whole number of") as caught:
        Window(0, 3 * MS).steps(dt_ns)
    assert caught.value.mend == mend


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "0 ms"),
        (1, "1 ns"),
        (-3, "-3 ns"),
        (1500, "1.5 us"),
        (2_500_000, "2.5 ms"),
        (100_000, "100 us"),
        (6_300_000, "6.3 ms"),
        (1_234_567, "1234.567 us"),
        (-2_500_000, "-2.5 ms"),
        (2_000_000_000, "2 s"),
        (1_000_000_000_001, "1000000000.001 us"),
    ],
)
def test_times_are_said_in_the_largest_unit_that_keeps_them_short(time_ns, text):
    assert format_ns(time_ns) == text


@given(st.integers(-LONGEST_EXACT_NS, LONGEST_EXACT_NS))
def test_what_is_said_of_a_time_is_exact(time_ns):
    assert parse_ns(format_ns(time_ns)) == time_ns


@given(st.integers(1, 10**6), st.integers(1, 10**4))
def test_the_nearest_multiples_enclose_a_value(value, step):
    near = [parse_ns(text) for text in nearest_multiples(value, step).split(", ")]
    assert all(time % step == 0 and abs(time - value) <= step for time in near)

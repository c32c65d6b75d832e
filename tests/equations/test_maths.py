"""Elementary functions of kernels: their errors, their edges, the same bits in vector and scalar code, and that they vectorise."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from numba import config, njit
from numpy.typing import NDArray

from engines.equations import maths

Floats = NDArray[np.float64]
inf, nan = math.inf, math.nan
LONG = np.longdouble
NAMES = (
    "exp", "expm1", "exprel", "log", "log1p", "logistic", "softplus", "sinh", "cosh", "tanh",
    "sin", "cos", "tan", "arctan", "sqrt", "erf", "erfc",
)  # fmt: skip
ODD = ("expm1", "log1p", "sinh", "tanh", "sin", "tan", "arctan", "sqrt", "erf")  # -0 stays -0

needs_long = pytest.mark.skipif(np.finfo(LONG).nmant < 63, reason="long double has no more than 53 bits here")
has_vectors = llvm.get_host_cpu_features().get("avx2", False) and config.CPU_NAME != "generic"
needs_vectors = pytest.mark.skipif(not has_vectors, reason="no AVX2 here")


@cache
def loop_of(name: str) -> Any:
    """A loop of one function over arrays."""
    function = getattr(maths, name)

    @njit(error_model="numpy")
    def loop(x, y):  # type: ignore[no-untyped-def]
        for i in range(len(x)):
            y[i] = function(x[i])

    @njit(error_model="numpy")
    def loop_of_two(x, exponent, y):  # type: ignore[no-untyped-def]
        for i in range(len(x)):
            y[i] = function(x[i], exponent[i])

    return loop_of_two if name == "power" else loop


def over(name: str, *x: Floats) -> Floats:
    """Values of one function, worked out in a loop."""
    y = np.empty_like(x[0])
    loop_of(name)(*x, y)
    return y


def ulps(values: Floats, truth: NDArray[np.longdouble]) -> float:
    """Largest error in units of the last place of the truth rounded to 53 bits."""
    return float(np.max(np.abs(values.astype(LONG) - truth) / np.spacing(np.abs(truth.astype(np.float64)))))


def log_uniform(rng: np.random.Generator, low: float, high: float, count: int) -> Floats:
    return np.exp(rng.uniform(math.log(low), math.log(high), count))


def edge_cases() -> Floats:
    """1003 numbers: infinities, nan, zeros, subnormal, tiny, moderate and huge ones, of both signs."""
    rng = np.random.default_rng(5)
    special = [inf, nan, 0.0, 5e-324, 1e-310, 2.0**-1022, 1e-20, 1.0, 709.9, 745.2, 1e17, 1.7e308]
    x = np.concatenate([special, log_uniform(rng, 1e-300, 1e300, 240), rng.uniform(0, 1, 250), log_uniform(rng, 0.1, 800, 501)])
    x *= rng.choice([-1.0, 1.0], len(x))
    assert len(x) == 1003
    return x


# -- errors --------------------------------------------------------------------------------------------------------------------


def long_erf(x: NDArray[np.longdouble]) -> NDArray[np.longdouble]:
    """2/sqrt(pi) e^-x^2 (x + 2 x^3/3 + 4 x^5/15 + ...): of one sign, so that nothing cancels."""
    term = total = x.copy()
    for n in range(1, 160):
        term = term * (2 * x * x) / (2 * n + 1)
        total = total + term
    return 2 / np.sqrt(LONG("3.14159265358979323846264338327950288")) * np.exp(-x * x) * total


def long_erfc(x: NDArray[np.longdouble]) -> NDArray[np.longdouble]:
    """1 - erf(x) up to 1, losing 3 of 64 bits; then Laplace's continued fraction e^-x^2/sqrt(pi) / (x + (1/2) / (x + ...))."""
    large = np.maximum(x, LONG(1))
    fraction = large.copy()
    for n in range(500, 0, -1):
        fraction = large + LONG(n) / 2 / fraction
    high = np.round(large * 2**16) / 2**16  # its square is exact
    gauss = np.exp(-high * high) * np.exp(-(large - high) * (large + high))
    above = gauss / fraction / np.sqrt(LONG("3.14159265358979323846264338327950288"))
    return np.where(x < 1, 1 - long_erf(np.minimum(x, LONG(1))), above)


TRUTHS: dict[str, tuple[Callable[..., Any], float, list[tuple[float, float]]]] = {  # truth, bound in ulp, ranges
    "exp": (np.exp, 1.0, [(-745.0, 709.7), (-745.1, -708.0), (-1.0, 1.0)]),
    "expm1": (np.expm1, 2.0, [(-40.0, 709.7), (-1.0, 1.0), (-1e-8, 1e-8)]),
    "exprel": (lambda x: np.expm1(x) / x, 2.0, [(-800.0, 716.3), (-1.0, 1.0), (-1e-8, 1e-8)]),
    "log": (np.log, 1.0, [(0.0, 1e5), (0.5, 2.0), (1 - 1e-8, 1 + 1e-8), (0.0, 1e-307), (1e300, 1e308)]),
    "log1p": (np.log1p, 1.0, [(-1.0, 1e5), (-0.6, 1.0), (-1e-8, 1e-8), (-1e-300, 1e-300)]),
    "logistic": (lambda x: 1 / (1 + np.exp(-x)), 2.0, [(-745.0, 40.0), (-3.0, 3.0)]),
    "softplus": (lambda x: np.logaddexp(x, LONG(0)), 2.0, [(-745.0, 40.0), (-3.0, 3.0), (0.0, 1e6)]),
    "sinh": (np.sinh, 3.0, [(-710.4, 710.4), (-3.0, 3.0), (-1e-8, 1e-8)]),
    "cosh": (np.cosh, 2.0, [(-710.4, 710.4), (-3.0, 3.0)]),
    "tanh": (np.tanh, 2.0, [(-25.0, 25.0), (-1.0, 1.0), (-1e-8, 1e-8)]),
    "sin": (np.sin, 1.0, [(-3.0, 3.0), (-1e5, 1e5), (-1.6e6, 1.6e6), (-1e-300, 1e-300)]),
    "cos": (np.cos, 1.0, [(-3.0, 3.0), (-1e5, 1e5), (-1.6e6, 1.6e6), (-1e-300, 1e-300)]),
    "tan": (np.tan, 3.0, [(-3.0, 3.0), (-1e5, 1e5), (-1e-300, 1e-300)]),
    "arctan": (np.arctan, 2.0, [(-1.0, 1.0), (-10.0, 10.0), (-1e300, 1e300), (-1e-300, 1e-300)]),
    "sqrt": (np.sqrt, 0.501, [(0.0, 1.0), (0.0, 1e300), (0.0, 1e-310)]),
    "erf": (long_erf, 2.0, [(-1.0, 1.0), (-6.5, 6.5), (-1e-300, 1e-300)]),
    "erfc": (long_erfc, 8.0, [(0.45, 1.3), (-6.0, 1.0), (0.0, 5.0), (0.0, 26.5), (26.0, 27.2)]),
}


@needs_long
@pytest.mark.parametrize("name", NAMES)
def test_errors_are_those_that_the_module_states(name):
    truth, bound, ranges = TRUTHS[name]
    rng = np.random.default_rng(11)
    for low, high in ranges:
        x = rng.uniform(low, high, 50_000)
        assert ulps(over(name, x), truth(x.astype(LONG))) < bound, (low, high)


@needs_long
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_sines_are_right_beside_multiples_of_a_quarter_turn(name):
    """Where the angle cancels: the double nearest to k pi/2 for the first 60 000 k."""
    x = np.arange(1, 60_001) * (math.pi / 2)
    assert ulps(over(name, x), TRUTHS[name][0](x.astype(LONG))) < TRUTHS[name][1]


@needs_long
@pytest.mark.parametrize(
    ("bases", "exponents"),
    [((0.1, 10.0), (-50.0, 50.0)), ((0.9, 1.1), (-5000.0, 5000.0)), ((0.0, 1e300), (-1.0, 1.0)), ((2.0, 3.0), (-645.0, 640.0))],
)
def test_powers_are_right_to_one_ulp(bases, exponents):
    """Also where y log x is in the hundreds, and its error would grow with it."""
    rng = np.random.default_rng(12)
    x, y = rng.uniform(*bases, 50_000), rng.uniform(*exponents, 50_000)
    assert ulps(over("power", x, y), x.astype(LONG) ** y.astype(LONG)) < 1.0


@pytest.mark.parametrize("name", [name for name in NAMES if hasattr(math, name)])
def test_values_agree_with_the_c_library(name):
    """To 6 ulp, theirs and ours together (10 of erfc); also where long double is of no help."""
    rng = np.random.default_rng(13)
    x = np.abs(rng.normal(0.0, 3.0, 2000))
    theirs = np.array([getattr(math, name)(value) for value in x])
    assert np.all(np.abs(over(name, x) - theirs) <= (10 if name == "erfc" else 6) * np.spacing(np.abs(theirs)))


def test_exp_never_falls():
    """Also not from one number to the next, where the octave changes and the polynomial starts anew."""
    rng = np.random.default_rng(14)
    changes = (np.arange(-2000, 2000)[:, None] + 0.5) * math.log(2) / 2 * (1 + np.arange(-100, 100) * 2.0**-52)
    x = np.sort(np.concatenate([rng.uniform(-746.0, 710.0, 100_000), changes.ravel(), 1 + np.arange(100_000) * 2.0**-52]))
    values = over("exp", x)
    assert np.all(values[1:] >= values[:-1])


def test_identities_hold():
    """Within what the stated errors of both sides allow, at most 8 ulp of the larger one."""
    x = np.random.default_rng(15).uniform(-5.0, 5.0, 20_000)
    unit = 8 * 2.0**-53
    np.testing.assert_allclose(over("sin", x) ** 2 + over("cos", x) ** 2, 1.0, rtol=unit)
    np.testing.assert_allclose(over("logistic", x) + over("logistic", -x), 1.0, rtol=unit)
    np.testing.assert_allclose(over("erf", x) + over("erfc", x), 1.0, rtol=unit)
    np.testing.assert_allclose(over("softplus", x) - over("softplus", -x), x, atol=5 * unit)
    np.testing.assert_allclose(over("log", over("exp", x)), x, rtol=unit, atol=unit)
    for name in ("sinh", "tanh", "sin", "tan", "arctan", "erf"):
        assert np.array_equal(over(name, -x), -over(name, x)), name
    assert np.array_equal(over("cosh", -x), over("cosh", x))
    assert np.array_equal(over("cos", -x), over("cos", x))


# -- edges ---------------------------------------------------------------------------------------------------------------------

EDGES = {
    "exp": "0: 1, inf: inf, -inf: 0, 709.79: inf, -745.13: 5e-324, -745.2: 0",
    "expm1": "inf: inf, -inf: -1, 710: inf, -1e300: -1, 5e-324: 5e-324, 1e-310: 1e-310",
    "exprel": "0: 1, -0.0: 1, inf: inf, -inf: 0, 1e308: inf, -1e308: 1e-308, 716.4: inf, 5e-324: 1",
    "log": "0: -inf, -0.0: -inf, inf: inf, -inf: nan, -1e-320: nan, 1: 0, 5e-324: -744.4400719213812",
    "log1p": "-1: -inf, inf: inf, -inf: nan, -1.5: nan, 5e-324: 5e-324",
    "logistic": "0: 0.5, inf: 1, -inf: 0, 1e300: 1, -1e300: 0, -745.13: 5e-324",
    "softplus": "inf: inf, -inf: 0, 1e300: 1e300, -1e300: 0, -745.13: 5e-324",
    "sinh": "inf: inf, -inf: -inf, 711: inf, -711: -inf, 5e-324: 5e-324",
    "cosh": "0: 1, inf: inf, -inf: inf, 711: inf, 5e-324: 1",
    "tanh": "inf: 1, -inf: -1, 1e300: 1, 5e-324: 5e-324, -1e-310: -1e-310",
    "sin": "inf: nan, -inf: nan, 5e-324: 5e-324",
    "cos": "0: 1, inf: nan, -inf: nan, 5e-324: 1",
    "tan": "inf: nan, -inf: nan, 5e-324: 5e-324",
    "arctan": "inf: 1.5707963267948966, -inf: -1.5707963267948966, 1: 0.7853981633974483, 5e-324: 5e-324",
    "sqrt": "inf: inf, -inf: nan, -1: nan, 4: 2",
    "erf": "inf: 1, -inf: -1, 1e300: 1, 5e-324: 5e-324",
    "erfc": "0: 1, inf: 0, -inf: 2, 1e300: 0, -1e300: 2, 27.3: 0, 5e-324: 1",
}


@pytest.mark.parametrize("name", NAMES)
def test_edges_are_those_of_c(name):
    for pair in ("nan: nan, " + EDGES[name]).split(", "):
        x, truth = map(float, pair.split(": "))
        assert np.array_equal(getattr(maths, name)(x), truth, equal_nan=True), pair


@pytest.mark.parametrize("name", ODD)
def test_zero_keeps_its_sign(name):
    for zero in (0.0, -0.0):
        value = getattr(maths, name)(zero)
        assert value == 0.0
        assert math.copysign(1.0, value) == math.copysign(1.0, zero)


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_sines_of_huge_angles_are_finite(name):
    rng = np.random.default_rng(16)
    values = over(name, log_uniform(rng, 1e6, 1.7e308, 20_000))
    assert np.all(np.isfinite(values))
    assert name == "tan" or np.all(np.abs(values) <= 1.0)


def c_power(x: float, y: float) -> float:
    """C's pow, which Python's hides behind exceptions."""
    odd = y % 2 == 1
    try:
        return math.pow(x, y)
    except OverflowError:
        return -inf if x < 0 and odd else inf
    except ValueError:
        return (math.copysign(inf, x) if odd else inf) if x == 0 else nan


def test_powers_have_the_edges_of_c():
    """All pairs; 1 ulp, and the sign of 0."""
    sizes = [
        0.0,
        inf,
        1.0,
        2.0,
        3.0,
        0.5,
        1.5,
        2.0**51 + 0.5,
        2.0**52 - 0.5,
        2.0**52 + 1,
        2.0**53,
        2.0**53 + 2,
        3e7 + 1,
        5e-324,
        1e-310,
    ]
    numbers = [*sizes, *(-size for size in sizes), nan, 1e300, -1e300, 1e-300, 1 - 2.0**-53]
    for x in numbers:
        for y in numbers:
            value, truth = maths.power(x, y), c_power(x, y)
            if math.isnan(truth) or truth == 0.0 or math.isinf(truth):
                assert np.array_equal(value, truth, equal_nan=True), (x, y)
                assert math.isnan(truth) or math.copysign(1.0, value) == math.copysign(1.0, truth), (x, y)
            else:
                assert abs(value - truth) <= math.ulp(truth), (x, y)


# -- code ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*NAMES, "power"])
def test_a_loop_gives_the_bits_of_single_calls(name):
    """1003 elements: the body of the vectorised loop and its tail."""
    x = edge_cases()
    arguments = (x, x[::-1].copy()) if name == "power" else (x,)
    alone = np.array([getattr(maths, name)(*values) for values in zip(*arguments, strict=True)])
    together = over(name, *arguments)
    assert np.array_equal(np.isnan(together), np.isnan(alone))
    assert np.where(np.isnan(together), 0.0, together).tobytes() == np.where(np.isnan(alone), 0.0, alone).tobytes()


def test_bits_are_the_same_on_every_machine():
    """Hash of values worked out once with AVX-512, AVX2 and SSE2; arguments are dyadic numbers, so they are exact."""
    x = np.concatenate([np.arange(-20_000, 20_000) * step for step in (2.0**-9, 2.0**-13, 2.0**-5, 2.0**-40)])
    words = hashlib.blake2b(digest_size=8)
    for name in (*NAMES, "power"):
        values = over(name, *((x, x[::-1].copy()) if name == "power" else (x,)))
        words.update(np.where(np.isnan(values), 0.0, values).astype("<f8").tobytes())
    assert words.hexdigest() == "307310b64ef1a631"


@needs_vectors
@pytest.mark.parametrize("name", [*NAMES, "power"])
def test_loops_are_vectorised(name):
    """Arithmetic on four numbers or more at once, and no call of the C library."""
    loop = loop_of(name)
    x = np.ones(8)
    over(name, *((x, x) if name == "power" else (x,)))
    (code,) = loop.inspect_llvm().values()
    (assembly,) = loop.inspect_asm().values()
    if name == "sqrt":  # LLVM keeps the intrinsic; its instruction shows
        assert re.search(r"vsqrtpd\s.*[yz]mm", assembly)
    else:
        widths = [int(width) for width in re.findall(r"f(?:add|mul|div) <(\d+) x double>", code)]
        assert widths
        assert max(widths) >= 4
        assert not re.search(rf"call[^\n]*@({name}|pow|exp|log|sin|cos)\(", code)

"""Elementary functions of one number, for loops that LLVM is to vectorise: straight-line arithmetic, the same bits everywhere.

A call of the C library's exp keeps a loop scalar, and its last bit depends on the machine. These have no branch, no table and no
call: additions, multiplications, divisions and square roots of IEEE 754, choices between two numbers that are both there, and
shifts of their bits. So one number alone, the body and the tail of a vectorised loop, and every machine give the same bits.

Largest errors, in units of the last place: 1/2 of sqrt, 1 of exp, log, log1p, sin, cos, power, 2 of expm1, exprel, logistic, tanh,
cosh, softplus, arctan, erf, 3 of sinh, tan, 8 of erfc. Infinities, nan, signs of 0, overflow and subnormal results are as in C.

Polynomials are minimax fits (Remez exchange at 60 digits), where it helps with the first coefficients rounded one after another
and the others fitted anew; the bound beside each is the relative error of the function, before rounding in the arithmetic.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np
from numba import njit

_INFINITY = math.inf
_NAN = math.nan
_SIGN = np.uint64(1 << 63)
_ONE = np.uint64(1)
_TWO = np.uint64(2)
_MANTISSA = np.uint64((1 << 52) - 1)
_UPPER_HALF = np.uint64((1 << 64) - (1 << 27))  # sign, exponent and 26 of 53 bits: products of two such are exact
_TO_EXPONENT = np.uint64(52)
_TO_SIGN = np.uint64(62)  # from the second lowest bit

_ROUND = 6755399441055744.0  # 1.5 * 2^52: added and taken away again it rounds to an integer, which the lowest bits then hold
_ROUND_BIASED = _ROUND + 1023.0  # the same with the bias of the exponent
_INTEGERS = np.uint64(0x4330000000000000)  # 2^52: an integer below 2^52 written into its bits is added to it
_LOG2_E, _LN2_HIGH, _LN2_LOW = 1.4426950408889634, 0.6931471805598903, 5.497923018708371e-14  # high: 42 bits
_SQRT_HALF = np.uint64(0x3FE6A09E667F3BCD)
_TO_SQRT_HALF = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
_TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)
_HALF_TURN = (3.141592653589793, 1.2246467991473532e-16)  # pi and what it lost in rounding
_TWO_BY_PI = 0.6366197723675814
_HALF_PI = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32)  # 33, 33, 33, 53 bits


_kernel = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)


# -- pieces --------------------------------------------------------------------------------------------------------------------


@_kernel
def _bits(x):
    return np.float64(x).view(np.uint64)


@_kernel
def _number(bits):
    return np.uint64(bits).view(np.float64)


@_kernel
def _with_sign_of(x, size):
    """``size`` >= 0 with the sign of ``x``."""
    return _number(_bits(size) | (_bits(x) & _SIGN))


@_kernel
def _two_to(n):
    """2^n for an integer n from -1022 to 1023."""
    return _number(_bits(n + _ROUND_BIASED) << _TO_EXPONENT)


@_kernel
def _times_two_to(x, n):
    """x 2^n in two steps, so that overflow and subnormal results come out right; |n| <= 2044."""
    half = (0.5 * n + _ROUND) - _ROUND
    return x * _two_to(half) * _two_to(n - half)


@_kernel
def _within(x, low, high):
    """x, low or high; nan stays nan."""
    x = low if x < low else x
    return high if x > high else x


@_kernel
def _octaves(x):
    """n, r, c such that x = n ln 2 + r + c, n whole, |r| <= ln 2 / 2, c what r lost in rounding; |x| < 1e5."""
    n = (x * _LOG2_E + _ROUND) - _ROUND
    high, low = x - n * _LN2_HIGH, n * _LN2_LOW
    r = high - low
    return n, r, (high - r) - low


@_kernel
def _exp_tail(r):
    """e^r - 1 - r for |r| <= ln 2 / 2; e^r - 1 to 2^-58.7."""
    q = 2.510792205006042e-08 + r * 2.090580249227296e-09
    q = 2.7557246625566866e-06 + r * (2.7557291867216185e-07 + r * q)
    q = 0.00019841269884645526 + r * (2.4801587326312993e-05 + r * q)
    q = 0.008333333333321776 + r * (0.0013888888888871028 + r * q)
    q = 0.16666666666666677 + r * (0.0416666666666667 + r * q)
    return r * r * (0.5 + r * q)


@_kernel
def _expm1_by_4096(x):
    """(e^x - 1) / 4096, which does not overflow up to 716."""
    n, r, c = _octaves(_within(x, -50.0, 717.0))
    scale = _two_to(n - 12.0)
    return scale * (r + (c + _exp_tail(r))) + (scale - 2.0**-12)


@_kernel
def _exponentials(x):
    """r, rise, fall, above, below: e^|x| = 8192 above (1 + r + rise), e^-|x| = 8192 below (1 - r + fall), r the same in both."""
    n, r, c = _octaves(_within(abs(x), 0.0, 712.0))
    return r, c + _exp_tail(r), _exp_tail(-r) - c, _two_to(n - 13.0), _two_to(-13.0 - _within(n, 0.0, 60.0))


@_kernel
def _mantissa(x):
    """k, m such that x = 2^k m, m in [sqrt(1/2), sqrt(2)); x > 0 and finite."""
    small = x < 2.0**-1022
    shifted = _bits(x * 2.0**54 if small else x) + _TO_SQRT_HALF
    k = _number((shifted >> _TO_EXPONENT) | _INTEGERS) - (4503599627370496.0 + 1023.0)
    return k - (54.0 if small else 0.0), _number((shifted & _MANTISSA) + _SQRT_HALF)


@_kernel
def _log_of(k, m, rest):
    """log(2^k m) + rest, to 2^-59.5: with f = m - 1, s = f / (2 + f) it is k ln 2 + f - (f^2/2 - s (f^2/2 + s^2 (2/3 + ...)))."""
    f = m - 1.0
    s, half = f / (m + 1.0), 0.5 * f * f
    z = s * s
    p = 0.22222198593859618 + z * (0.1818356355505228 + z * (0.1531406403497658 + z * 0.14795867324195658))
    p = z * (0.6666666666666734 + z * (0.3999999999941642 + z * (0.28571428742110755 + z * p)))
    return k * _LN2_HIGH - ((half - (s * (half + p) + (k * _LN2_LOW + rest))) - f)


@_kernel
def _lost(a, b, product):
    """What the product of a and b lost in rounding (Dekker 1971)."""
    a_high, b_high = _number(_bits(a) & _UPPER_HALF), _number(_bits(b) & _UPPER_HALF)
    a_low, b_low = a - a_high, b - b_high
    return ((a_high * b_high - product) + (a_high * b_low + a_low * b_high)) + a_low * b_low


@_kernel
def _wholeness(size):
    """Whether ``size`` >= 0 is a whole number, and whether it is an odd one."""
    half = 0.5 * size
    is_whole = (size >= 2.0**52) | ((size + 2.0**52) - 2.0**52 == size)
    return is_whole, is_whole & (half < 2.0**52) & ((half + 2.0**52) - 2.0**52 != half)


@_kernel
def _long_log(x):
    """high, low: their sum is the logarithm of x > 0 to some 2^-65.

    With s = f / (2 + f), log(1 + f) = 2 s + 2/3 s^3 + s^5 (2/5 + ...): the first two terms in twice the precision.
    """
    k, m = _mantissa(x)
    f, d = m - 1.0, m + 1.0
    s = f / d
    ds = s * d
    s_low = (((f - ds) - _lost(s, d, ds)) - s * (m - (d - 1.0))) / d
    z = s * s
    z_low = _lost(s, s, z) + 2.0 * s * s_low
    cube = s * z
    cube_low = _lost(s, z, cube) + (s * z_low + s_low * z)
    third = _TWO_THIRDS[0] * cube
    third_low = _lost(_TWO_THIRDS[0], cube, third) + (_TWO_THIRDS[0] * cube_low + _TWO_THIRDS[1] * cube)

    p = 0.15386759529577265 + z * (0.13256764543308527 + z * 0.131968422967113)
    p = 0.28571428570096846 + z * (0.22222222520429097 + z * (0.18181784321156638 + z * p))
    tail = cube * z * (0.4000000000000226 + z * p)  # to 2^-66.3 of the logarithm

    base = k * _LN2_HIGH
    first = base + 2.0 * s
    second = first + third
    low = ((2.0 * s - (first - base)) + (third - (second - first))) + (((tail + third_low) + 2.0 * s_low) + k * _LN2_LOW)
    high = second + low
    return high, low - (high - second)


@_kernel
def _quarters(x):
    """n, r, c such that x = n pi/2 + r + c, |r| <= pi/4, c what r lost in rounding (Cody and Waite 1980)."""
    x = x if abs(x) < 2.0**50 else x - x
    n = (x * _TWO_BY_PI + _ROUND) - _ROUND
    a, b = x - n * _HALF_PI[0], n * _HALF_PI[1]
    high = a - b
    lost = (a - (high + (a - high))) + ((a - high) - b)  # of a - b, whichever is larger
    low = n * _HALF_PI[2]
    r = high - low
    return n, r, ((high - r) - low) + (lost - n * _HALF_PI[3])


@_kernel
def _sine(r, c):
    """sin(r + c) for |r| <= pi/4, to 2^-63.2."""
    z = r * r
    p = 2.755731907186964e-06 + z * (-2.5052070279759548e-08 + z * (1.605421992874277e-10 + z * -7.384510857959546e-13))
    p = -0.16666666666666666 + z * (0.00833333333333304 + z * (-0.00019841269840959274 + z * p))
    return r + (c * (1.0 - 0.5 * z) + r * z * p)


@_kernel
def _cosine(r, c):
    """cos(r + c) for |r| <= pi/4, to 2^-63.9."""
    z = r * r
    p = -2.755731421790478e-07 + z * (2.0875705535563264e-09 + z * -1.1358757393201596e-11)
    p = 0.041666666666666595 + z * (-0.0013888888888873344 + z * (2.4801587289004373e-05 + z * p))
    half = 0.5 * z
    one = 1.0 - half
    return one + (((1.0 - one) - half) + (z * z * p - r * c))


@_kernel
def _erf_tail(z):
    """erf(x) / x - 1 for z = x^2 <= 1; erf to 2^-56.0."""
    p = 1.6444150557153758e-06 + z * (-1.618399088485132e-07 + z * (1.3616696744946309e-08 + z * -7.607804346830735e-10))
    p = -0.0008548325484997974 + z * (0.00012055280496565897 + z * (-1.492446563953064e-05 + z * p))
    p = 0.1128379167093695 + z * (-0.026866170641959137 + z * (0.005223977596735855 + z * p))
    return 0.12837916709551256 + z * (-0.37612638903183343 + z * p)


@_kernel
def _log_erfc(v):
    """log erfc(1 + v) for 0 <= v <= 5; 1 - erfc to 2^-55.9."""
    p = 8.59830362750983e-09 + v * (-1.332798189293872e-09 + v * (1.2072655659766204e-10 + v * -4.929312777437173e-12))
    p = 2.0321546637841764e-07 + v * (5.883505807912954e-08 + v * (-3.3697216356687166e-08 + v * p))
    p = -2.7197187793285267e-05 + v * (9.669025940576276e-06 + v * (-2.129678058707774e-06 + v * p))
    p = -0.001977901314853035 + v * (0.0002373168117639295 + v * (2.62953499507714e-05 + v * p))
    p = -0.8431072563593243 + v * (-0.04156109802677523 + v * (0.010033825195928183 + v * p))
    return -1.8496055099332482 + v * (-2.6389675142347775 + v * p)


@_kernel
def _scaled_erfc(t):
    """(x + 15/4) e^x^2 erfc(x) for t = (x - 15/4) / (x + 15/4), 0 <= x <= 28, to 2^-52.3."""
    p = 6.014341505461247e-09 + t * (-4.3115346982089e-09 + t * -1.1666134828306852e-09)
    p = -2.6357200083437274e-07 + t * (-3.0842603250207355e-08 + t * (3.944387535615005e-08 + t * p))
    p = -3.2909653197945156e-06 + t * (1.6562536562085388e-06 + t * (2.829638739854087e-07 + t * p))
    p = 1.0594049372868951e-05 + t * (3.7472187194077306e-05 + t * (-8.904108037023343e-06 + t * p))
    p = 0.0009863380927686732 + t * (0.0007948230876193181 + t * (-0.00034864695217273663 + t * p))
    p = -0.1319554011786119 + t * (0.04911877861419919 + t * (-0.012535880039714732 + t * p))
    p = 0.7363189252217509 + t * (-0.49047029120767655 + t * (0.27906204903383036 + t * p))
    return 1.0919229095627891 + t * (-0.9587415766529096 + t * p)


@_kernel
def _wave(quarter, r, c):
    """sin(quarter pi/2 + r + c)."""
    y = _cosine(r, c) if quarter & _ONE else _sine(r, c)
    return _number(_bits(y) ^ ((quarter & _TWO) << _TO_SIGN))


# -- functions -----------------------------------------------------------------------------------------------------------------


@_kernel
def sqrt(x):
    """Square root, correctly rounded."""
    return math.sqrt(x)


@_kernel
def exp(x):
    """e^x."""
    n, r, c = _octaves(_within(x, -746.0, 710.0))
    return _times_two_to(1.0 + (r + (c + _exp_tail(r))), n)


@_kernel
def expm1(x):
    """e^x - 1, exact to the last digits also near 0."""
    return x if abs(x) < 2.0**-60 else 4096.0 * _expm1_by_4096(x)


@_kernel
def exprel(x):
    """(e^x - 1) / x, 1 at 0."""
    before = 1.0 if x > 1.0 else 4096.0  # 4096 times after the division, where it could overflow, else before it
    y = (before * _expm1_by_4096(x) / x) * (4097.0 - before)
    y = 1.0 if abs(x) < 2.0**-60 else y
    return y if x < 717.0 else x + _INFINITY


@_kernel
def logistic(x):
    """1 / (1 + e^-x)."""
    e = exp(-abs(x))
    bottom = 1.0 + e
    y = (1.0 if x >= 0.0 else e) / bottom
    return y - y * ((1.0 - bottom) + e) * (1.457 - 0.5 * bottom)  # what the sum lost, times 1 / bottom to 4 %


@_kernel
def sinh(x):
    """Hyperbolic sine."""
    r, rise, fall, above, below = _exponentials(x)
    y = 4096.0 * (((above - below) + (above * rise - below * fall)) + (above + below) * r)
    return x if abs(x) < 2.0**-60 else _with_sign_of(x, y)


@_kernel
def cosh(x):
    """Hyperbolic cosine."""
    r, rise, fall, above, below = _exponentials(x)
    return 4096.0 * ((above + below) + ((above * rise + below * fall) + (above - below) * r))


@_kernel
def tanh(x):
    """Hyperbolic tangent: x + x^3 (-1/3 + ...) to 2^-60.6 up to 0.55, 1 - 2 / (e^2x + 1) above."""
    size = _within(abs(x), 0.0, 20.0)
    z = size * size
    p = -0.00023337343410614834 + z * (8.330458513671034e-05 + z * -1.948723159255416e-05)
    p = 0.0035920919154701705 + z * (-0.0014555420944729616 + z * (0.0005884413447438702 + z * p))
    p = -0.053968253963737 + z * (0.02186948838517639 + z * (-0.008863232590202446 + z * p))
    near = size + size * (z * (-0.333333333333333 + z * (0.1333333333332658 + z * p)))
    n, r, c = _octaves(2.0 * size)
    far = 1.0 - 2.0 / (1.0 + _two_to(n) * (1.0 + (r + (c + _exp_tail(r)))))
    return _with_sign_of(x, near if size < 0.55 else far)


@_kernel
def log_of_positive(x):
    """Natural logarithm of 0 < x < inf: ``log`` without its edges."""
    k, m = _mantissa(x)
    return _log_of(k, m, 0.0)


@_kernel
def log(x):
    """Natural logarithm; -inf at 0, nan below."""
    y = log_of_positive(x)
    edge = -_INFINITY if x == 0.0 else (_NAN if x < 0.0 else x)
    return y if (x > 0.0) & (x < _INFINITY) else edge


@_kernel
def log1p(x):
    """log(1 + x), exact to the last digits also near 0; -inf at -1, nan below."""
    u = 1.0 + x
    rest = u - 1.0
    lost = (1.0 - (u - rest)) + (x - rest)
    k, m = _mantissa(u)
    y = _log_of(k, m, lost / u)
    edge = -_INFINITY if x == -1.0 else (_NAN if x < -1.0 else x)
    return y if (x > -1.0) & (x < _INFINITY) & (abs(x) > 2.0**-60) else edge


@_kernel
def softplus(x):
    """log(1 + e^x)."""
    return (x if x > 0.0 else 0.0) + log1p(exp(-abs(x)))


@_kernel
def sin(x):
    """Sine, of angles up to 1.6e6; beyond, the angle is off by half its own last place, and from 2^50 on it is taken as 0."""
    n, r, c = _quarters(x)
    return x if abs(x) < 2.0**-30 else _wave(_bits(n + _ROUND), r, c)


@_kernel
def cos(x):
    """Cosine, of angles as in ``sin``."""
    n, r, c = _quarters(x)
    return _wave(_bits(n + _ROUND) + _ONE, r, c)


@_kernel
def tan(x):
    """Tangent, of angles as in ``sin``."""
    n, r, c = _quarters(x)
    odd = (_bits(n + _ROUND) & _ONE) == _ONE
    sine, cosine = _sine(r, c), _cosine(r, c)
    y = (-cosine if odd else sine) / (sine if odd else cosine)
    return x if abs(x) < 2.0**-30 else y


@_kernel
def arctan(x):
    """Inverse tangent, of x up to tan(pi/8), of (x - 1) / (x + 1) up to tan(3 pi/8), of -1 / x above; to 2^-59.4."""
    size = abs(x)
    middle, large = size > 0.41421356237309503, size > 2.414213562373095
    top = -1.0 if large else (size - 1.0 if middle else size)
    bottom = size if large else (size + 1.0 if middle else 1.0)
    share = 0.5 if large else (0.25 if middle else 0.0)
    base, base_low = share * _HALF_TURN[0], share * _HALF_TURN[1]
    t = top / bottom
    z = t * t
    p = -0.050393464922875456 + z * (0.03806579404532321 + z * -0.01790875197307159)
    p = -0.06663104957339398 + z * (0.05847897162960337 + z * p)
    p = 0.11111110783620225 + z * (-0.09090897761471592 + z * (0.07692060283803419 + z * p))
    p = -0.333333333333332 + z * (0.19999999999953688 + z * (-0.14285714280201758 + z * p))
    return _with_sign_of(x, base + (t + (t * z * p + base_low)))


@_kernel
def erf(x):
    """Error function 2/sqrt(pi) (integral of e^-t^2 from 0 to x): a series up to 1, 1 - e^p above, p = log erfc."""
    size = _within(abs(x), 0.0, 6.0)
    z, v = x * x, size - 1.0
    n, r, c = _octaves(_log_erfc(v))
    above = 1.0 - _two_to(n) * (1.0 + (r + (c + _exp_tail(r))))
    return x + x * _erf_tail(z) if abs(x) < 1.0 else _with_sign_of(x, above)


@_kernel
def erfc(x):
    """1 - erf(x), also where that is small: up to 1/2 from the series of erf, above e^-x^2 p(t) / (x + 15/4).

    t = (x - 15/4) / (x + 15/4) is the variable of Shepherd and Laframboise (1981).
    """
    size = _within(abs(x), 0.0, 28.0)
    high = _number(_bits(size) & _UPPER_HALF)
    n, r, c = _octaves(-high * high)
    r += c - (size - high) * (size + high)
    inverse = 1.0 / (size + 3.75)
    y = _times_two_to((1.0 + (r + _exp_tail(r))) * (_scaled_erfc((size - 3.75) * inverse) * inverse), n)
    y = 2.0 - y if x < 0.0 else y
    return 1.0 - (x + x * _erf_tail(x * x)) if abs(x) < 0.5 else y


@_kernel
def power(x, y):
    """x^y, as C's pow: 1 for y = 0 and for x = 1, nan for finite x < 0 unless y is whole; y log x in twice the precision."""
    size, exponent = abs(x), _within(y, -(2.0**70), 2.0**70)
    high, low = _long_log(size)
    product = exponent * high
    rest = _lost(exponent, high, product) + exponent * low
    n, r, c = _octaves(_within(product, -746.0, 710.0))
    r += c + (rest if abs(product) < 800.0 else 0.0)
    z = _times_two_to(1.0 + (r + _exp_tail(r)), n)
    z = z if (size > 0.0) & (size < _INFINITY) else (_INFINITY if (size > 0.0) ^ (y < 0.0) else 0.0)

    is_whole, is_odd = _wholeness(abs(y))
    z = _number(_bits(z) | (_bits(x) & _SIGN)) if is_odd else z
    z = _NAN if (x < 0.0) & (x > -_INFINITY) & ~is_whole else z
    z = z if (x == x) & (y == y) else x + y
    return 1.0 if (y == 0.0) | (x == 1.0) else z

/* The mathematical functions that EDEN's generated code calls, so that it needs no shared library.

   EDEN works in float. Every function here is computed in double, to better than 1e-12 relative, and rounded once: the
   float is the nearest one but for about one argument in 100 000. sin, cos and tan keep that up to |x| = 1e6.
   To be compiled with -O3 (which unrolls the loops and divides beforehand) and without -ffast-math. */

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
/* What gcc's own start-up file for -Ofast does: numbers too small for a float are 0, and cost nothing. */
__attribute__((constructor)) static void flush_denormals(void) {
    unsigned control;
    __asm__ volatile("stmxcsr %0" : "=m"(control));
    control |= 0x8040;
    __asm__ volatile("ldmxcsr %0" : : "m"(control));
}
#endif

typedef union { double value; uint64_t bits; } Bits;

static const double LOG2E = 1.4426950408889634074, LN2 = 0.69314718055994530942, LN10 = 2.3025850929940456840;
static const double LN2_HIGH = 6.93147180369123816490e-01, LN2_LOW = 1.90821492927058770002e-10; /* their sum; the first has 33 bits */

/* The nearest whole number, |x| < 2^51. */
static double nearest(double x) { return (x + 0x1.8p52) - 0x1.8p52; }

/* The argument is cut to where a float is already infinite or 0. */
static double exponential(double x) {
    if (x > 200) x = 200;
    if (x < -200) x = -200;
    if (x != x) return x;
    double k = nearest(x * LOG2E), r = (x - k * LN2_HIGH) - k * LN2_LOW; /* |r| <= 0.347; r^11 / 11! < 3e-13 */
    double r2 = r * r, r4 = r2 * r2; /* r^n / n!, in pairs that need not wait for each other */
    double sum = ((1 + r) + r2 * (1. / 2 + r * (1. / 6))) + r4 * ((1. / 24 + r * (1. / 120)) + r2 * (1. / 720 + r * (1. / 5040)))
        + r4 * r4 * (1. / 40320 + r * (1. / 362880) + r2 * (1. / 3628800));
    Bits scale = {.bits = (uint64_t)((int)k + 1023) << 52};
    return sum * scale.value;
}

/* Of what was a float, so that x is never subnormal as a double. x = 2^k m, m in [sqrt(1/2), sqrt(2)); 2 atanh((m - 1) / (m + 1)). */
static double logarithm(double x) {
    if (x == 0) return -__builtin_inf();
    if (x < 0 || x != x) return __builtin_nan("");
    if (x == __builtin_inf()) return x;
    Bits m = {.value = x};
    int k = (int)(m.bits >> 52) - 1023;
    m.bits = (m.bits & 0xfffffffffffffULL) | (1023ULL << 52);
    if (m.value > 1.41421356237309504880) { m.value *= 0.5; k++; }
    double s = (m.value - 1) / (m.value + 1), q = s * s, sum = 0; /* q < 0.0295; q^11 / 23 < 1e-18 */
    for (int n = 21; n > 0; n -= 2) sum = sum * q + 1.0 / n;
    return k * LN2 + 2 * s * sum;
}

/* x = k pi / 2 + r, |r| <= pi / 4; returns k modulo 4. pi / 2 in three parts, the first two of 33 bits. */
static int quarter_turns(double x, double *r) {
    double k = nearest(x * 0.63661977236758134308);
    *r = ((x - k * 1.57079632673412561417e+00) - k * 6.07710050630396597660e-11) - k * 2.02226624879595063154e-21;
    return (int)((int64_t)k & 3);
}

static double sine_near_zero(double r) {
    double sum = 1, q = r * r;
    for (int n = 16; n > 1; n -= 2) sum = 1 - q * (1.0 / (n * (n + 1))) * sum;
    return r * sum;
}

static double cosine_near_zero(double r) {
    double sum = 1, q = r * r;
    for (int n = 17; n > 0; n -= 2) sum = 1 - q * (1.0 / (n * (n + 1))) * sum;
    return sum;
}

static double sine(double x) {
    double r;
    if (x - x != 0) return __builtin_nan("");
    int turns = quarter_turns(x, &r);
    double value = turns & 1 ? cosine_near_zero(r) : sine_near_zero(r);
    return turns & 2 ? -value : value;
}

static double cosine(double x) {
    double r;
    if (x - x != 0) return __builtin_nan("");
    int turns = quarter_turns(x, &r);
    double value = turns & 1 ? sine_near_zero(r) : cosine_near_zero(r);
    return (turns + 1) & 2 ? -value : value;
}

/* Below 0.01 by its series, else by what exponentials leave of 1e-16 after the difference. */
static double hyperbolic_sine(double x) {
    if (x > -0.01 && x < 0.01) return x * (1 + x * x / 6 * (1 + x * x / 20));
    double e = exponential(x);
    return (e - 1 / e) / 2;
}

static double hyperbolic_tangent(double x) {
    if (x > -0.01 && x < 0.01) return x * (1 - x * x / 3 * (1 - x * x * 2 / 5 * (1 - x * x * 17 / 42)));
    double e = exponential(2 * x);
    return (e - 1) / (e + 1);
}

float expf(float x) { return (float)exponential(x); }
float exp2f(float x) { return (float)exponential(x * LN2); }
float exp10f(float x) { return (float)exponential(x * LN10); }
float logf(float x) { return (float)logarithm(x); }
float log2f(float x) { return (float)(logarithm(x) * LOG2E); }
float log10f(float x) { return (float)(logarithm(x) / LN10); }
float sinf(float x) { return (float)sine(x); }
float cosf(float x) { return (float)cosine(x); }
float tanf(float x) { return (float)(sine(x) / cosine(x)); }
void sincosf(float x, float *s, float *c) { *s = sinf(x); *c = cosf(x); }
float sinhf(float x) { return (float)hyperbolic_sine(x); }
float coshf(float x) { double e = exponential(x); return (float)((e + 1 / e) / 2); }
float tanhf(float x) { return (float)hyperbolic_tangent(x); }
float cbrtf(float x) { return x == 0 ? x : x < 0 ? (float)-exponential(logarithm(-x) / 3) : (float)exponential(logarithm(x) / 3); }

float powf(float x, float y) {
    if (y == 0 || x == 1) return 1;
    if (x != x || y != y) return x + y;
    double size = exponential(y * logarithm(x < 0 ? -x : x));
    if (x >= 0) return (float)size;
    double whole = y > 1e9 || y < -1e9 ? y : nearest(y); /* a float beyond 2^24 is even */
    if (whole != y) return __builtin_nanf("");
    return (float)(y < 1e9 && y > -1e9 && ((int64_t)whole & 1) ? -size : size);
}

float floorf(float x) {
    if (!(x > -8388608.0f && x < 8388608.0f)) return x; /* whole already */
    float cut = (float)(int)x;
    return cut > x ? cut - 1 : cut;
}

float ceilf(float x) { return -floorf(-x); }
float truncf(float x) { return x < 0 ? ceilf(x) : floorf(x); }

/* gcc makes calls of loops that copy or clear. */
void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    for (size_t i = 0; i < size; i++) ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}

void *memset(void *to, int value, size_t size) {
    for (size_t i = 0; i < size; i++) ((volatile char *)to)[i] = (char)value;
    return to;
}

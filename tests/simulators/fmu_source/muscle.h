/* A muscle with an elastic load on up to eight tendons: the model of both FMUs. Times in s, forces in N, lengths in m. */

#ifndef MUSCLE_H
#define MUSCLE_H

#define MOST 8

/* Value references. */
enum { DRIVE, GAIN, TAU, FORCE, LOAD, LOAD_2, TENDON, TENDON_2, UNITS, STEPS, ON, STRAINED, MODE, LABEL, LIMIT, SIZE, WARMTH };

typedef struct {
    double drive, gain, tau, force, limit;
    double load[MOST], tendon[MOST];
    int units, steps, on, strained, mode, size;
    float warmth;
    char label[64];
} Muscle;

static const Muscle RELAXED = {.gain = 10, .tau = 0.05, .limit = 1e3, .units = 1, .on = 1, .mode = 1, .size = 2, .warmth = 37};

/* tau dforce/dt = gain units drive - force, one Euler step; mode 2 is twice as fast; each tendon is stretched by force less load. */
static void muscle_step(Muscle *m, double step)
{
    double tau = m->mode == 2 ? m->tau / 2 : m->tau;
    double driven = m->on ? m->gain * m->units * m->drive : 0;
    m->force += step / tau * (driven - m->force) * (m->warmth / 37);
    for (int i = 0; i < m->size; i++)
        m->tendon[i] = 1e-4 * (i + 1) * (m->force - m->load[i]);
    m->strained = m->force > 2;
    m->steps++;
}

#endif

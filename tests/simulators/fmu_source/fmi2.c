/* The muscle as an FMU of FMI 2.0, co-simulation. */

#include <stdlib.h>
#include <string.h>

#include "fmi2Functions.h"
#include "muscle.h"

typedef struct {
    Muscle muscle;
    double reached;
    fmi2CallbackFunctions callbacks;
    fmi2String name;
} Instance;

#define OF(c) (&((Instance *) (c))->muscle)
#define SAY(c, status, ...) \
    ((Instance *) (c))->callbacks.logger(((Instance *) (c))->callbacks.componentEnvironment, "muscle", status, "model", __VA_ARGS__)

const char *fmi2GetTypesPlatform(void) { return fmi2TypesPlatform; }
const char *fmi2GetVersion(void) { return fmi2Version; }
fmi2Status fmi2SetDebugLogging(fmi2Component c, fmi2Boolean on, size_t n, const fmi2String of[]) { return fmi2OK; }

fmi2Component fmi2Instantiate(fmi2String name, fmi2Type type, fmi2String guid, fmi2String resources,
                              const fmi2CallbackFunctions *callbacks, fmi2Boolean visible, fmi2Boolean logging)
{
    Instance *made = calloc(1, sizeof(Instance));
    made->muscle = RELAXED;
    made->callbacks = *callbacks;
    if (strcmp(guid, "{muscle}")) {
        SAY(made, fmi2Error, "the guid is %s, not {muscle}", guid);
        free(made);
        return NULL;
    }
    if (logging) SAY(made, fmi2OK, "a muscle is made");
    return made;
}

void fmi2FreeInstance(fmi2Component c) { free(c); }

fmi2Status fmi2SetupExperiment(fmi2Component c, fmi2Boolean given, fmi2Real tolerance, fmi2Real start, fmi2Boolean ends, fmi2Real stop)
{
    return fmi2OK;
}

fmi2Status fmi2EnterInitializationMode(fmi2Component c)
{
    if (OF(c)->tau > 0) return fmi2OK;
    SAY(c, fmi2Error, "tau is %g s, and must be positive", OF(c)->tau);
    return fmi2Error;
}

fmi2Status fmi2ExitInitializationMode(fmi2Component c)
{
    if (!strcmp(OF(c)->label, "old")) SAY(c, fmi2Warning, "the muscle %s is old", OF(c)->label);
    return fmi2OK;
}

fmi2Status fmi2Terminate(fmi2Component c) { return fmi2OK; }
fmi2Status fmi2Reset(fmi2Component c) { *OF(c) = RELAXED; return fmi2OK; }

static double *real(Muscle *m, fmi2ValueReference r)
{
    switch (r) {
    case DRIVE: return &m->drive;
    case GAIN: return &m->gain;
    case TAU: return &m->tau;
    case FORCE: return &m->force;
    case LIMIT: return &m->limit;
    case LOAD: case LOAD_2: return &m->load[r - LOAD];
    case TENDON: case TENDON_2: return &m->tendon[r - TENDON];
    default: return NULL;
    }
}

static int *whole(Muscle *m, fmi2ValueReference r)
{
    switch (r) {
    case UNITS: return &m->units;
    case STEPS: return &m->steps;
    case MODE: return &m->mode;
    case ON: return &m->on;
    case STRAINED: return &m->strained;
    default: return NULL;
    }
}

#define MOVE(name, type, find, source, target) \
    fmi2Status name(fmi2Component c, const fmi2ValueReference r[], size_t n, type v[]) \
    { \
        for (size_t i = 0; i < n; i++) { \
            if (!find(OF(c), r[i])) { SAY(c, fmi2Error, #name ": no variable %u", r[i]); return fmi2Error; } \
            target = source; \
        } \
        return fmi2OK; \
    }

MOVE(fmi2GetReal, fmi2Real, real, *real(OF(c), r[i]), v[i])
MOVE(fmi2SetReal, const fmi2Real, real, v[i], *real(OF(c), r[i]))
MOVE(fmi2GetInteger, fmi2Integer, whole, *whole(OF(c), r[i]), v[i])
MOVE(fmi2SetInteger, const fmi2Integer, whole, v[i], *whole(OF(c), r[i]))
MOVE(fmi2GetBoolean, fmi2Boolean, whole, *whole(OF(c), r[i]), v[i])
MOVE(fmi2SetBoolean, const fmi2Boolean, whole, v[i], *whole(OF(c), r[i]))

fmi2Status fmi2GetString(fmi2Component c, const fmi2ValueReference r[], size_t n, fmi2String v[])
{
    for (size_t i = 0; i < n; i++) v[i] = OF(c)->label;
    return fmi2OK;
}

fmi2Status fmi2SetString(fmi2Component c, const fmi2ValueReference r[], size_t n, const fmi2String v[])
{
    for (size_t i = 0; i < n; i++) strncpy(OF(c)->label, v[i], sizeof OF(c)->label - 1);
    return fmi2OK;
}

fmi2Status fmi2DoStep(fmi2Component c, fmi2Real time, fmi2Real step, fmi2Boolean never_back)
{
    Instance *self = c;
    if (self->muscle.drive > self->muscle.limit) {
        SAY(c, fmi2Error, "at %g s the drive is %g, and the limit %g", time, self->muscle.drive, self->muscle.limit);
        return fmi2Error;
    }
    if (self->muscle.drive < 0) {
        self->reached = time + step / 4;
        SAY(c, fmi2Discard, "a drive of %g", self->muscle.drive);
        return fmi2Discard;
    }
    muscle_step(&self->muscle, step);
    return fmi2OK;
}

fmi2Status fmi2CancelStep(fmi2Component c) { return fmi2Error; }
fmi2Status fmi2GetStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Status *v) { return fmi2Discard; }
fmi2Status fmi2GetRealStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Real *v) { *v = ((Instance *) c)->reached; return fmi2OK; }
fmi2Status fmi2GetIntegerStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Integer *v) { return fmi2Discard; }
fmi2Status fmi2GetBooleanStatus(fmi2Component c, const fmi2StatusKind kind, fmi2Boolean *v) { *v = 0; return fmi2OK; }
fmi2Status fmi2GetStringStatus(fmi2Component c, const fmi2StatusKind kind, fmi2String *v) { return fmi2Discard; }

fmi2Status fmi2GetFMUstate(fmi2Component c, fmi2FMUstate *state)
{
    if (!*state) *state = malloc(sizeof(Muscle));
    memcpy(*state, OF(c), sizeof(Muscle));
    return fmi2OK;
}

fmi2Status fmi2SetFMUstate(fmi2Component c, fmi2FMUstate state) { memcpy(OF(c), state, sizeof(Muscle)); return fmi2OK; }
fmi2Status fmi2FreeFMUstate(fmi2Component c, fmi2FMUstate *state) { free(*state); *state = NULL; return fmi2OK; }
fmi2Status fmi2SerializedFMUstateSize(fmi2Component c, fmi2FMUstate state, size_t *size) { *size = sizeof(Muscle); return fmi2OK; }

fmi2Status fmi2SerializeFMUstate(fmi2Component c, fmi2FMUstate state, fmi2Byte bytes[], size_t size)
{
    memcpy(bytes, state, sizeof(Muscle));
    return fmi2OK;
}

fmi2Status fmi2DeSerializeFMUstate(fmi2Component c, const fmi2Byte bytes[], size_t size, fmi2FMUstate *state)
{
    if (!*state) *state = malloc(sizeof(Muscle));
    memcpy(*state, bytes, sizeof(Muscle));
    return fmi2OK;
}

fmi2Status fmi2GetDirectionalDerivative(fmi2Component c, const fmi2ValueReference z[], size_t nz, const fmi2ValueReference v[], size_t nv,
                                        const fmi2Real dv[], fmi2Real dz[])
{
    return fmi2Error;
}

fmi2Status fmi2SetRealInputDerivatives(fmi2Component c, const fmi2ValueReference r[], size_t n, const fmi2Integer o[], const fmi2Real v[])
{
    return fmi2Error;
}

fmi2Status fmi2GetRealOutputDerivatives(fmi2Component c, const fmi2ValueReference r[], size_t n, const fmi2Integer o[], fmi2Real v[])
{
    return fmi2Error;
}

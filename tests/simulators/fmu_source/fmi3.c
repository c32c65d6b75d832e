/* The muscle as an FMU of FMI 3.0, co-simulation: loads and tendons are arrays of a size that a structural parameter sets. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fmi3FunctionTypes.h"
#include "muscle.h"

typedef struct {
    Muscle muscle;
    fmi3InstanceEnvironment environment;
    fmi3LogMessageCallback log;
} Instance;

#define OF(c) (&((Instance *) (c))->muscle)

static fmi3Status say(fmi3Instance c, fmi3Status status, const char *text, double a, double b)
{
    char message[200];
    Instance *self = c;
    snprintf(message, sizeof message, text, a, b);
    self->log(self->environment, status, "model", message);
    return status;
}

const char *fmi3GetVersion(void) { return "3.0"; }

fmi3Instance fmi3InstantiateCoSimulation(
    fmi3String name, fmi3String token, fmi3String resources, fmi3Boolean visible, fmi3Boolean logging, fmi3Boolean events,
    fmi3Boolean early, const fmi3ValueReference intermediate[], size_t count, fmi3InstanceEnvironment environment,
    fmi3LogMessageCallback log, fmi3IntermediateUpdateCallback update)
{
    Instance *made = calloc(1, sizeof(Instance));
    made->muscle = RELAXED;
    made->environment = environment;
    made->log = log;
    if (logging) say(made, fmi3OK, "a muscle is made", 0, 0);
    return made;
}

void fmi3FreeInstance(fmi3Instance c) { free(c); }

fmi3Status fmi3EnterInitializationMode(fmi3Instance c, fmi3Boolean given, fmi3Float64 tolerance, fmi3Float64 start, fmi3Boolean ends,
                                       fmi3Float64 stop)
{
    return OF(c)->tau > 0 ? fmi3OK : say(c, fmi3Error, "tau is %g s, and must be positive", OF(c)->tau, 0);
}

fmi3Status fmi3ExitInitializationMode(fmi3Instance c) { return fmi3OK; }
fmi3Status fmi3EnterConfigurationMode(fmi3Instance c) { return fmi3OK; }
fmi3Status fmi3ExitConfigurationMode(fmi3Instance c) { return fmi3OK; }
fmi3Status fmi3Terminate(fmi3Instance c) { return fmi3OK; }

/* Where a variable is, and how many numbers it has. */
static void *find(Muscle *m, fmi3ValueReference r, size_t *count)
{
    *count = r == LOAD || r == TENDON ? m->size : 1;
    switch (r) {
    case DRIVE: return &m->drive;
    case GAIN: return &m->gain;
    case TAU: return &m->tau;
    case FORCE: return &m->force;
    case LIMIT: return &m->limit;
    case LOAD: return m->load;
    case TENDON: return m->tendon;
    case UNITS: return &m->units;
    case STEPS: return &m->steps;
    case MODE: return &m->mode;
    case ON: return &m->on;
    case STRAINED: return &m->strained;
    case SIZE: return &m->size;
    case WARMTH: return &m->warmth;
    default: return NULL;
    }
}

/* Get and set of one type: `held` is how the model keeps it. */
#define ACCESS(type, held) \
    fmi3Status fmi3Get##type(fmi3Instance c, const fmi3ValueReference r[], size_t n, fmi3##type v[], size_t all) \
    { \
        for (size_t i = 0, at = 0, count; i < n; i++) { \
            held *from = find(OF(c), r[i], &count); \
            if (!from || at + count > all) return say(c, fmi3Error, "get" #type ": variable %g", r[i], 0); \
            for (size_t k = 0; k < count; k++) v[at++] = from[k]; \
        } \
        return fmi3OK; \
    } \
    fmi3Status fmi3Set##type(fmi3Instance c, const fmi3ValueReference r[], size_t n, const fmi3##type v[], size_t all) \
    { \
        for (size_t i = 0, at = 0, count; i < n; i++) { \
            held *to = find(OF(c), r[i], &count); \
            if (!to || at + count > all) return say(c, fmi3Error, "set" #type ": variable %g", r[i], 0); \
            for (size_t k = 0; k < count; k++) to[k] = v[at++]; \
        } \
        return fmi3OK; \
    }

ACCESS(Float64, double)
ACCESS(Float32, float)
ACCESS(Int32, int)
ACCESS(Int64, int)
ACCESS(UInt64, int)
ACCESS(Boolean, int)

fmi3Status fmi3SetString(fmi3Instance c, const fmi3ValueReference r[], size_t n, const fmi3String v[], size_t all)
{
    strncpy(OF(c)->label, v[0], sizeof OF(c)->label - 1);
    return fmi3OK;
}

fmi3Status fmi3DoStep(fmi3Instance c, fmi3Float64 time, fmi3Float64 step, fmi3Boolean never_back, fmi3Boolean *event, fmi3Boolean *ends,
                      fmi3Boolean *early, fmi3Float64 *reached)
{
    *event = *early = 0;
    *ends = !strcmp(OF(c)->label, "mortal") && time >= 0.01;
    *reached = time + step;
    if (OF(c)->drive > OF(c)->limit) return say(c, fmi3Error, "the drive is %g, and the limit %g", OF(c)->drive, OF(c)->limit);
    muscle_step(OF(c), step);
    return fmi3OK;
}

fmi3Status fmi3GetFMUState(fmi3Instance c, fmi3FMUState *state)
{
    if (!*state) *state = malloc(sizeof(Muscle));
    memcpy(*state, OF(c), sizeof(Muscle));
    return fmi3OK;
}

fmi3Status fmi3SetFMUState(fmi3Instance c, fmi3FMUState state) { memcpy(OF(c), state, sizeof(Muscle)); return fmi3OK; }
fmi3Status fmi3FreeFMUState(fmi3Instance c, fmi3FMUState *state) { free(*state); *state = NULL; return fmi3OK; }
fmi3Status fmi3SerializedFMUStateSize(fmi3Instance c, fmi3FMUState state, size_t *size) { *size = sizeof(Muscle); return fmi3OK; }

fmi3Status fmi3SerializeFMUState(fmi3Instance c, fmi3FMUState state, fmi3Byte bytes[], size_t size)
{
    memcpy(bytes, state, sizeof(Muscle));
    return fmi3OK;
}

fmi3Status fmi3DeserializeFMUState(fmi3Instance c, const fmi3Byte bytes[], size_t size, fmi3FMUState *state)
{
    if (!*state) *state = malloc(sizeof(Muscle));
    memcpy(*state, bytes, sizeof(Muscle));
    return fmi3OK;
}

/* FMI 3.0 wants every function exported; these are never called. */
#define UNUSED(name) fmi3Status name(void) { return fmi3Error; }

UNUSED(fmi3SetDebugLogging) UNUSED(fmi3InstantiateModelExchange) UNUSED(fmi3InstantiateScheduledExecution)
UNUSED(fmi3EnterEventMode) UNUSED(fmi3Reset) UNUSED(fmi3EnterStepMode) UNUSED(fmi3GetOutputDerivatives)
UNUSED(fmi3GetInt8) UNUSED(fmi3GetUInt8) UNUSED(fmi3GetInt16) UNUSED(fmi3GetUInt16) UNUSED(fmi3GetUInt32) UNUSED(fmi3GetString)
UNUSED(fmi3SetInt8) UNUSED(fmi3SetUInt8) UNUSED(fmi3SetInt16) UNUSED(fmi3SetUInt16) UNUSED(fmi3SetUInt32)
UNUSED(fmi3GetBinary) UNUSED(fmi3SetBinary) UNUSED(fmi3GetClock) UNUSED(fmi3SetClock)
UNUSED(fmi3GetNumberOfVariableDependencies) UNUSED(fmi3GetVariableDependencies)
UNUSED(fmi3GetDirectionalDerivative) UNUSED(fmi3GetAdjointDerivative)
UNUSED(fmi3GetIntervalDecimal) UNUSED(fmi3GetIntervalFraction) UNUSED(fmi3GetShiftDecimal) UNUSED(fmi3GetShiftFraction)
UNUSED(fmi3SetIntervalDecimal) UNUSED(fmi3SetIntervalFraction) UNUSED(fmi3SetShiftDecimal) UNUSED(fmi3SetShiftFraction)
UNUSED(fmi3EvaluateDiscreteStates) UNUSED(fmi3UpdateDiscreteStates) UNUSED(fmi3EnterContinuousTimeMode)
UNUSED(fmi3CompletedIntegratorStep) UNUSED(fmi3SetTime) UNUSED(fmi3SetContinuousStates) UNUSED(fmi3GetContinuousStateDerivatives)
UNUSED(fmi3GetEventIndicators) UNUSED(fmi3GetContinuousStates) UNUSED(fmi3GetNominalsOfContinuousStates)
UNUSED(fmi3GetNumberOfEventIndicators) UNUSED(fmi3GetNumberOfContinuousStates) UNUSED(fmi3ActivateModelPartition)

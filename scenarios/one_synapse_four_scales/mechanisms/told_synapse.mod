TITLE Conductances of a synapse that are told, one of them blocked by magnesium

COMMENT
i = (g_a + g_n / (1 + mg / 3.57 mM e^(-0.062 v / mV))) (v - e), Jahr and Stevens (1990), J Neurosci 10, 3178.
ENDCOMMENT

NEURON {
    POINT_PROCESS ToldSynapse
    RANGE g_a, g_n, mg, e
    NONSPECIFIC_CURRENT i
}

UNITS {
    (nA) = (nanoamp)
    (mV) = (millivolt)
    (uS) = (microsiemens)
    (mM) = (milli/liter)
}

PARAMETER {
    g_a = 0 (uS)
    g_n = 0 (uS)
    mg = 1 (mM)
    e = 0 (mV)
}

ASSIGNED {
    v (mV)
    i (nA)
}

BREAKPOINT {
    i = (g_a + g_n / (1 + mg / 3.57 (mM) * exp(-0.062 (/mV) * v))) * (v - e)
}

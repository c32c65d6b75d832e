: AMPA and NMDA at one synapse, for the comparison with NEURON: the equations of the mechanism ampa_nmda.
: A spike of weight w (uS) opens AMPA to w at its peak and NMDA, without the block by magnesium, to ratio w.

NEURON {
    POINT_PROCESS AmpaNmda
    NONSPECIFIC_CURRENT i
    RANGE rise_ampa, decay_ampa, rise_nmda, decay_nmda, ratio, e, magnesium, half_block, steepness
}

UNITS {
    (nA) = (nanoamp)
    (mV) = (millivolt)
    (uS) = (microsiemens)
    (mM) = (milli/liter)
}

PARAMETER {
    rise_ampa = 0.2 (ms)
    decay_ampa = 1.7 (ms)
    rise_nmda = 0.29 (ms)
    decay_nmda = 43 (ms)
    ratio = 0.7
    e = 0 (mV)
    magnesium = 1 (mM)
    half_block = 3.57 (mM)
    steepness = 0.062 (/mV)
}

ASSIGNED {
    v (mV)
    i (nA)
    peak_ampa
    peak_nmda
}

STATE {
    rising_ampa (uS)
    falling_ampa (uS)
    rising_nmda (uS)
    falling_nmda (uS)
}

INITIAL {
    LOCAL at
    rising_ampa = 0
    falling_ampa = 0
    rising_nmda = 0
    falling_nmda = 0
    at = rise_ampa * decay_ampa / (decay_ampa - rise_ampa) * log(decay_ampa / rise_ampa)
    peak_ampa = exp(-at / decay_ampa) - exp(-at / rise_ampa)
    at = rise_nmda * decay_nmda / (decay_nmda - rise_nmda) * log(decay_nmda / rise_nmda)
    peak_nmda = exp(-at / decay_nmda) - exp(-at / rise_nmda)
}

BREAKPOINT {
    LOCAL open
    SOLVE states METHOD cnexp
    open = 1 / (1 + magnesium / half_block * exp(-steepness * v))
    i = (falling_ampa - rising_ampa + (falling_nmda - rising_nmda) * open) * (v - e)
}

DERIVATIVE states {
    rising_ampa' = -rising_ampa / rise_ampa
    falling_ampa' = -falling_ampa / decay_ampa
    rising_nmda' = -rising_nmda / rise_nmda
    falling_nmda' = -falling_nmda / decay_nmda
}

NET_RECEIVE(weight (uS)) {
    rising_ampa = rising_ampa + weight / peak_ampa
    falling_ampa = falling_ampa + weight / peak_ampa
    rising_nmda = rising_nmda + ratio * weight / peak_nmda
    falling_nmda = falling_nmda + ratio * weight / peak_nmda
}

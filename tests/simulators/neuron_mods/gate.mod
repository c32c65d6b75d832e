COMMENT
A gate that counts noisy events in an ASSIGNED variable, and a conductance that follows the count.
ENDCOMMENT

NEURON {
    POINT_PROCESS Gate
    RANGE count, tau, g, i
    NONSPECIFIC_CURRENT i
    RANDOM noise
}

PARAMETER { tau = 2 (ms) }

ASSIGNED { v (mV) i (nA) count }

STATE { g (uS) }

INITIAL { g = 0 count = 0 }

BREAKPOINT {
    SOLVE states METHOD cnexp
    i = g*v
}

DERIVATIVE states { g' = (1e-4*count - g)/tau }

NET_RECEIVE(weight) { count = count + weight*random_uniform(noise) }

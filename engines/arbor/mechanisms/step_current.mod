: A current that holds the amplitude of the last event: its weight, in nA; positive into the cell.

NEURON {
    POINT_PROCESS step_current
    NONSPECIFIC_CURRENT i
}

STATE { amplitude }

INITIAL { amplitude = 0 }

BREAKPOINT { i = -amplitude }

NET_RECEIVE(weight) { amplitude = weight }

"""Kernels of a rule, as code. They are called by address, with the card of a projection in a part.

spike    a spike of a source: weights are brought up to date, changed and delivered
depart   a spike of a target is noted in its past
sweep    all synapses learn what their targets have done; or, at the fixed times of modulated rules, have an event
look     what weights and states of synapses are, nothing changed
shown    what is recorded of source neurons

An update of a weight is a function of the spikes of its two neurons alone. When it is made is not: so results do not depend on
windows, threads or how long the memory of past spikes is.
"""

from __future__ import annotations

from engines.equations.compiled import imports_of
from engines.point_neurons.plasticity.eventful import Eventful
from engines.point_neurons.plasticity.flowing import Flowing
from engines.point_neurons.plasticity.rule import Rule

_HEAD = '''"""Kernels of a rule of plasticity: made from its description, not to be edited."""

import math

import numpy as np
from numba import cfunc, njit

{imports}
from engines.point_neurons.plasticity.doses import dose_between
from engines.point_neurons.plasticity.flows import faded
from engines.point_neurons.plasticity.pointers import DEPART, LOOK, SPIKE, SWEEP, numbers_at, shorts_at, wholes_at

OPTIONS = {{"cache": True, "error_model": "numpy"}}
'''


def code_of(rule: Rule) -> str:
    """The module of a rule."""
    code = (Flowing if rule.is_continuous else Eventful)(rule)
    body = "\n\n\n".join(code.with_card(function) for part in code.parts() for function in part.strip("\n").split("\n\n\n"))
    lines = [*imports_of(body), *(f"from {module} import {name}" for name, module in rule.imports.items())]
    return "\n".join([_HEAD.format(imports="\n".join(lines)), body, ""])

"""How many compartments each section is cut into."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, model_validator

from cosim.sdk import Params, Unit
from engines.compartmental_neurons.morphology.cable import Integers
from engines.compartmental_neurons.morphology.tree import Floats, Morphology, Section

_FREQUENCY_HZ = 100.0
Micrometres = Annotated[float, Unit("um"), Field(gt=0)]


class Discretisation(Params):
    """How fine sections are cut; give one of the rules."""

    max_length: Annotated[Micrometres | None, Field(description="of a compartment")] = None
    count: Annotated[int | None, Field(ge=1, description="of compartments in every section")] = None
    d_lambda: Annotated[
        float | None,
        Field(gt=0, description="compartments of this many length constants at 100 Hz; odd counts, as NEURON's rule"),
    ] = None
    two_per: Annotated[
        Micrometres | None, Field(description="one compartment, and two more for each such length: bmtk's and Allen's rule, 40 um")
    ] = None

    @model_validator(mode="after")
    def _one(self) -> Discretisation:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            rules = ", ".join(type(self).model_fields)
            raise ValueError(f"give one of {rules}" + (f", not {' and '.join(given)}" if given else ""))
        return self


def counts_of(morphology: Morphology, rule: Discretisation, resistivity: ArrayLike, capacitance: ArrayLike) -> Integers:
    """How many compartments each section has.

    Parameters
    ----------
    rule
        One of those of ``Discretisation``.
    resistivity
        (sections,) axial, ohm m; or one for all.
    capacitance
        (sections,) specific, of the membrane, F/m²; or one for all.

    Returns
    -------
    NDArray
        (sections,) int64, 1 or more.
    """
    lengths = morphology.lengths
    if rule.count is not None:
        return np.full(len(lengths), rule.count, np.int64)
    if rule.max_length is not None:
        fewest = lengths / rule.max_length - 1e-6  # 100 µm in single precision is not 11 of 10
        return 1 + _whole(np.maximum(np.ceil(fewest) - 1, 0))
    if rule.two_per is not None:
        return _odd(lengths / rule.two_per)
    rho, capacity = (np.broadcast_to(np.asarray(values, np.float64), len(lengths)) for values in (resistivity, capacitance))
    in_lambdas = [electrotonic_length(*of) for of in zip(morphology.sections, rho, capacity, strict=True)]
    return _odd((np.array(in_lambdas) / rule.d_lambda + 0.9) / 2)


def _odd(values: Floats) -> Integers:
    """1 for less than 1, 3 for less than 2, and so on."""
    return 1 + 2 * _whole(values)


def _whole(values: Floats) -> Integers:
    whole: Integers = np.floor(values).astype(np.int64)
    return whole


def electrotonic_length(section: Section, resistivity: float, capacitance: float, frequency_hz: float = _FREQUENCY_HZ) -> float:
    """Length of a section in length constants at a frequency so high that the membrane is all capacitance.

    lambda_f = 1/2 sqrt(d / (pi f rho c)), summed along the points with the mean of the diameters at the ends of each piece
    (Hines and Carnevale 2001, The Neuroscientist 7, 123-135).
    """
    diameters = section.diameters * 1e-6
    lambdas = 0.5 * np.sqrt((diameters[1:] + diameters[:-1]) / 2 / (np.pi * frequency_hz * resistivity * capacitance))
    return float(np.sum(np.diff(section.arc) * 1e-6 / lambdas))

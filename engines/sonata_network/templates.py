"""Models of NEST that circuits name as ``model_template``, and the models of this engine that stand for them.

Parameters that a circuit leaves out are NEST's defaults, and so is the state at time 0: V_m is -70 mV even where E_L is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosim.sdk import CosimError
from engines.point_neurons.description import shipped

MODELS = Path(__file__).parent / "models"
WITHOUT_EFFECT = frozenset(
    {
        "gsl_error_tol",
        "tau_minus_triplet",
        "Ca",
        "tau_Ca",
        "beta_Ca",
        "ignore_and_spike_interval",
        "ignore_and_spike_offset",
        "asc_init",  # NEST 3.10 begins with ASCurrents, whatever it says
        "th_spike_add",
        "th_spike_decay",
        "th_voltage_index",
        "th_voltage_decay",
        "voltage_reset_fraction",
        "voltage_reset_add",
    }
)
"""Parameters of NEST's models that say how it computes, or that levels of GLIF and plastic synapses read that are not supported."""


@dataclass(frozen=True)
class Template:
    """One of NEST's models.

    Attributes
    ----------
    model
        The one of the point-neuron engine, or of those in ``models``, which are read for circuits alone.
    parameters, states
        By NEST's name, its default.
    arrays
        Names of parameters that NEST has together as a list.
    switches
        Parameters that NEST has as true or false, 1 or 0 here.
    only
        Parameters that may be given, but as this alone.
    names
        By NEST's name that of this engine, where it is another.
    receptors
        For weights of 0 and more, and for those below; None: the first that takes the sign.
    is_conductance
        Whether weights below 0 are conductances of the second receptor, without their sign.
    variables
        By the name of a multimeter, the output or state of this engine.
    is_numbered
        Whether ``receptor_type`` 1, 2, … are its receptors, and the sign of a weight says nothing.
    """

    model: str
    parameters: dict[str, float]
    states: dict[str, float]
    only: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    arrays: dict[str, tuple[str, ...]] = field(default_factory=dict)
    switches: tuple[str, ...] = ()
    names: dict[str, str] = field(default_factory=dict)
    receptors: tuple[str | None, str | None] = (None, None)
    is_conductance: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    is_numbered: bool = False

    @property
    def file(self) -> Path | None:
        """Of the model; None where there is none."""
        own = MODELS / f"{self.model}.yaml"
        return own if own.exists() else shipped().get(self.model)

    def items(self, key: str, value: Any) -> Iterator[tuple[str, Any]]:
        """A parameter as a circuit gives it; a list as one name for each of its items.

        Raises
        ------
        CosimError
            A list is longer than what the model has.
        """
        if key not in self.arrays:
            yield key, float(value) if key in self.switches and isinstance(value, bool) else value
            return
        values = value if isinstance(value, list) else [value]
        if len(values) > len(self.arrays[key]):
            raise CosimError(f"{key} has {len(values)} values", why=f"the model {self.model} has {len(self.arrays[key])} of them")
        yield from zip(self.arrays[key], values, strict=False)

    def own(self, name: str) -> str:
        """The name that a parameter or state of NEST has in this engine."""
        return self.names.get(name, name)


def _iaf(model: str, **changes: Any) -> Template:
    parameters = {"C_m": 250.0, "tau_m": 10.0, "E_L": -70.0, "V_th": -55.0, "V_reset": -70.0, "t_ref": 2.0, "I_e": 0.0}
    currents = {} if model.endswith("delta") else {"tau_syn_ex": 2.0, "tau_syn_in": 2.0}
    found = {"I_syn_ex": "i_ex", "I_syn_in": "i_in"} if currents else {}
    return Template(
        model, parameters | currents, {"V_m": -70.0}, names={"V_m": "V"}, variables={"V_m": "V"} | found, **changes
    )  # fmt: skip


def _conductances(model: str, parameters: dict[str, float], states: dict[str, float], **variables: str) -> Template:
    synapses = {"E_ex": 0.0, "E_in": -85.0, "tau_syn_ex": 0.2, "tau_syn_in": 2.0}
    return Template(
        model,
        parameters | synapses,
        states,
        names={"V_m": "V"},
        receptors=("excitatory", "inhibitory"),
        is_conductance=True,
        variables={"V_m": "V", "g_ex": "g_ex", "g_in": "g_in"} | variables,
    )


_LEAKY = {"C_m": 250.0, "g_L": 16.6667, "E_L": -70.0, "V_th": -55.0, "V_reset": -60.0, "t_ref": 2.0, "I_e": 0.0}
_ADAPTIVE = {
    "C_m": 281.0, "g_L": 30.0, "E_L": -70.6, "V_th": -50.4, "Delta_T": 2.0, "V_peak": 0.0, "V_reset": -60.0, "t_ref": 0.0,
    "a": 4.0, "b": 80.5, "tau_w": 144.0, "I_e": 0.0,
}  # fmt: skip
_NO_FLOOR = {"V_min": (-1.7976931348623157e308, float("-inf"), None)}


def _glif() -> Template:
    arrays = {key: (f"{key}_1", f"{key}_2") for key in ("asc_decay", "asc_amps", "asc_r")}
    taus = tuple(f"tau_syn_{k}" for k in range(1, 5))
    parameters = {
        "C_m": 58.72,
        "g": 9.43,
        "E_L": -78.85,
        "V_th": -51.68,
        "V_reset": -78.85,
        "t_ref": 3.75,
        "after_spike_currents": 0.0,
    }
    currents = dict(
        zip((*arrays["asc_decay"], *arrays["asc_amps"], *arrays["asc_r"]), (0.003, 0.1, -9.18, -198.94, 1.0, 1.0), strict=True)
    )
    return Template(
        "glif_psc",
        parameters | currents | dict.fromkeys(taus, 2.0),
        {"V_m": -78.85, "ASCurrents_1": 0.0, "ASCurrents_2": 0.0},
        only={"spike_dependent_threshold": (False,), "adapting_threshold": (False,)},
        arrays=arrays | {"ASCurrents": ("ASCurrents_1", "ASCurrents_2"), "tau_syn": taus},
        switches=("after_spike_currents",),
        names={"V_m": "V", "ASCurrents_1": "asc_1", "ASCurrents_2": "asc_2"},
        variables={"V_m": "V"},
        is_numbered=True,
    )


TEMPLATES = {
    "iaf_psc_delta": _iaf("iaf_psc_delta", only=_NO_FLOOR | {"refractory_input": (False,)}),
    "iaf_psc_exp": _iaf("iaf_psc_exp", only={"delta": (0.0,), "rho": (0.01,)}),
    "iaf_psc_alpha": _iaf("iaf_psc_alpha", only=_NO_FLOOR),
    "iaf_cond_exp": _conductances("iaf_cond_exp", _LEAKY, {"V_m": -70.0}),
    "iaf_cond_alpha": _conductances("iaf_cond_alpha", _LEAKY, {"V_m": -70.0}),
    "aeif_cond_exp": _conductances("aeif_cond_exp", _ADAPTIVE, {"V_m": -70.6, "w": 0.0}, w="w"),
    "izhikevich": Template(
        "izhikevich",
        {"a": 0.02, "b": 0.2, "c": -65.0, "d": 8.0, "V_th": 30.0, "I_e": 0.0},
        {"V_m": -65.0, "U_m": -13.0},
        only=_NO_FLOOR | {"consistent_integration": (True,)},
        names={"V_m": "V", "U_m": "u"},
        variables={"V_m": "V", "U_m": "u"},
    ),
    "glif_psc": _glif(),
}


def template_of(told: str) -> Template:
    """What a ``model_template`` such as nest:iaf_psc_alpha stands for.

    Raises
    ------
    CosimError
        It is none of NEST's, or this engine has no such model.
    """
    scheme, _, name = told.rpartition(":")
    known = [f"nest:{name}" for name, template in TEMPLATES.items() if template.file is not None]
    if scheme in ("", "nest") and f"nest:{name}" in known:
        return TEMPLATES[name]
    raise CosimError(
        f"there is no model for the model_template {told!r}" if told != "None" else "nodes have no model_template",
        why=f"there are {', '.join(known)}",
        mend=f"give a file of your own that stands for it: models: {{'{told}': ./mine.yaml}}",
    )

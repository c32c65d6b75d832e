"""A cell in NEURON: a soma that spikes, five passive dendrites that branch by Rall's 3/2 law, a hundred synapses along them.

Soma: Hodgkin and Huxley (1952), J Physiol 117, 500, at 6.3 °C; or passive as the dendrites (``active: false``). A spike into a
synapse opens a conductance that closes exponentially: excitatory ones lie all over the dendrites, as many to each µm, inhibitory
ones along the five stems.
"""

from typing import Annotated

import rall_tree
from pydantic import Field

from cosim.sdk import Duration, Params, Port, Space, Unit


class Cell(Params):
    active: bool = True
    excitatory: Annotated[int, Field(ge=1)] = 80
    inhibitory: Annotated[int, Field(ge=1)] = 20
    g_exc: Annotated[float, Unit("nS")] = 5.0
    g_inh: Annotated[float, Unit("nS")] = 5.0
    tau_exc: Annotated[float, Unit("ms")] = 2.0
    tau_inh: Annotated[float, Unit("ms")] = 8.0
    row: Annotated[Duration, Field(description="step at which voltages are told")] = 250_000


E_EXC, E_INH = 0.0, -75.0
"""mV, reversal potentials."""
THRESHOLD_MV = -20.0


def ports(args):
    parts = rall_tree.compartments()
    membrane = Space(parts.labels, parts.groups, parts.positions_um)
    synapses = [Port(name, "in", "spikes", Space.numbered(count)) for name, count in sites(args)]
    return [
        *synapses,
        Port("current", "in", "samples", Space(("soma",)), quantity="current", unit="pA"),
        Port("spikes", "out", "spikes", Space(("soma",))),
        Port("v", "out", "samples", membrane, quantity="membrane_potential", unit="mV", dt_ns=args.row),
    ]


def sites(args):
    return (("excite", args.excitatory), ("inhibit", args.inhibitory))


def places(args):
    """Branch, and x from 0 to 1 along it, of each excitatory and of each inhibitory synapse."""
    return rall_tree.spread_over(args.excitatory), rall_tree.spread_over(args.inhibitory, stems_only=True)


def build(args: Cell, seed, sim):
    segments, exc, inh = make(sim.h, args)
    return {
        "excite": sim.spikes_in(exc, weight=args.g_exc * 1e-3),
        "inhibit": sim.spikes_in(inh, weight=args.g_inh * 1e-3),
        "current": sim.current_in(segments[0]),
        "spikes": sim.spikes_out(segments[0], threshold=THRESHOLD_MV),
        "v": sim.voltage_out(segments),
    }


def make(h, args):
    """Every segment in the order of ``rall_tree.compartments``, the excitatory synapses, the inhibitory ones."""
    soma = h.Section(name="soma")
    soma.L = soma.diam = rall_tree.SOMA_UM
    soma.insert("hh" if args.active else "pas")
    sections, segments = {"soma": soma}, [soma(0.5)]
    for branch in rall_tree.branches():
        section = sections[branch.name] = h.Section(name=branch.name)
        section.L, section.diam, section.nseg = branch.length_um, branch.diameter_um, branch.compartments
        section.insert("pas")
        section.connect(sections[branch.parent](0.5 if branch.is_stem else 1))
        segments += list(section)
    for section in sections.values():
        section.Ra, section.cm = rall_tree.AXIAL_OHM_CM, rall_tree.MEMBRANE_UF_PER_CM2
        if section.has_membrane("pas"):
            section.g_pas, section.e_pas = 1 / rall_tree.MEMBRANE_OHM_CM2, rall_tree.REST_MV
    exc, inh = ([h.ExpSyn(sections[name](x)) for name, x in found] for found in places(args))
    for synapses, tau, reversal in ((exc, args.tau_exc, E_EXC), (inh, args.tau_inh, E_INH)):
        for synapse in synapses:
            synapse.tau, synapse.e = tau, reversal
    return segments, exc, inh

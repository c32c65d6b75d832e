"""The engine: a simulation of SONATA in the point-neuron engine, with ports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from cosim.sdk import Payload, Port, Samples, Setup, Space, Spikes, Window, check_steps
from engines.point_neurons import PointNeurons
from engines.point_neurons.description import read_model
from engines.sonata_network.circuit import read_circuit
from engines.sonata_network.currents import Currents
from engines.sonata_network.network import network_of
from engines.sonata_network.params import SonataParams
from engines.sonata_network.ports import channels_for, columns_for, ports_of, shares_for
from engines.sonata_network.synapses import with_synapses
from engines.sonata_network.templates import TEMPLATES, template_of


class SonataNetwork(PointNeurons):
    """A simulation's configuration of SONATA, as bmtk's PointNet runs it with NEST: the same nodes, edges, spikes and currents.

    Nodes of model_type point_neuron are simulated; those that are virtual play spikes of files, or what comes over a link.
    Channels of ``spikes`` are the simulated nodes, population after population in the order of their files; ``rate`` is of each
    population. A report of a variable is a port of its name.

    Conventions are those of NEST and PointNet: times of spikes are rounded up to steps, a weight is syn_weight x nsyns, a delay
    that nobody gives is 1 ms, currents are in pA and come one step late, and V_m is -70 mV at time 0 unless it is given.

    References
    ----------
    Dai et al. (2020), The SONATA data format, PLoS Comput Biol 16(2), e1007696.
    """

    Params = SonataParams  # type: ignore[assignment]
    determinism: ClassVar[str] = "bitwise"

    @classmethod
    def ports(cls, params: SonataParams) -> Sequence[Port]:  # type: ignore[override]
        circuit = read_circuit(params)
        return ports_of(circuit, network_of(circuit, params)[0], params)

    @classmethod
    def models(cls) -> dict[str, str]:
        """By ``model_template``."""
        files = {f"nest:{name}": template.file for name, template in TEMPLATES.items()}
        return {name: read_model(file)[0].title for name, file in files.items() if file is not None}

    @classmethod
    def describe_model(cls, name: str) -> str:
        from engines.point_neurons.telling import tell

        file = template_of(name).file
        assert file is not None
        return tell(file)

    def __init__(self, params: SonataParams, setup: Setup) -> None:
        circuit = read_circuit(params)
        network, drives = network_of(circuit, params)
        network, synapses = with_synapses(network, circuit)
        self._currents = Currents(circuit, drives, {name: item.each for name, item in params.currents.items()})
        self._unit_ns = circuit.dt_ns
        self._channel, self._shares = channels_for(circuit, network), shares_for(circuit, network)
        self._reported = {report.name: (*columns_for(circuit, network, report), report.stride) for report in circuit.reports}
        for report in circuit.reports:
            check_steps(setup.window_ns, circuit.dt_ns * report.stride, f"the report {report.name}")
        fed = {drive.port: Port(drive.port, "in", "samples", Space(("",)), dt_ns=circuit.dt_ns) for drive in drives.values()}
        linked = {name: port for name, port in setup.inputs.items() if name in params.linked}
        delays = {name: delays for name, delays in setup.delays_ns.items() if name in params.linked}
        super().__init__(network, replace(setup, inputs=linked | fed, delays_ns=delays), synapses)

    def advance(self, window: Window, inputs: Mapping[str, Payload]) -> Mapping[str, Payload]:
        parts = []
        for part in self._currents.cut(window):
            coming = {name: _of(payload, part, self._unit_ns) for name, payload in inputs.items()}
            parts.append(super().advance(part, self._currents.feed(part, coming)))
        return self._of_nodes(window, parts[0] if len(parts) == 1 else {name: _join([p[name] for p in parts]) for name in parts[0]})

    def _of_nodes(self, window: Window, out: Mapping[str, Payload]) -> Mapping[str, Payload]:
        """What neurons of the network have done, as nodes of the circuit."""
        spikes, rate = out["spikes"], out["rate"]
        assert isinstance(spikes, Spikes)
        assert isinstance(rate, Samples)
        channels = self._channel[spikes.channels]
        kept = channels >= 0
        found: dict[str, Payload] = {
            "spikes": Spikes.sorted(window, spikes.times_ns[kept], channels[kept]),
            "rate": Samples(window, rate.values @ self._shares),
        }
        for name, (variable, columns, stride) in self._reported.items():
            samples = out[variable]
            assert isinstance(samples, Samples)
            found[name] = Samples(window, samples.values[stride - 1 :: stride, columns])
        return found


def _of(payload: Payload, window: Window, dt_ns: int) -> Payload:
    """What falls into a part of a window."""
    if payload.window == window:
        return payload
    return payload.cut(window) if isinstance(payload, Spikes) else payload.refined(dt_ns).cut(window)


def _join(parts: Sequence[Payload]) -> Payload:
    if isinstance(parts[0], Spikes):
        return Spikes.join(parts)  # type: ignore[arg-type]
    return Samples.join(parts)  # type: ignore[arg-type]

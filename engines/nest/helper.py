"""What a model's build function makes its ports with."""

from __future__ import annotations

from typing import Any

from cosim.sdk import CosimError
from cosim.sdk.time import NS_PER_MS
from engines.nest.bindings import RowsIn, SamplesOut, SpikesIn, SpikesOut


class NestHelper:
    """What a model's ``build`` makes its ports with.

    Inputs take ``targets``: a NodeCollection, to which as many generators are connected one to one, or a number of channels whose
    ``nodes`` the model connects. Keywords are ``conn_spec``, another rule, with ``channels`` generators; ``relay``, below; and what
    ``nest.Connect`` takes as ``syn_spec``: weight, delay in ms, synapse_model, receptor_type, ….

    ``relay``: a parrot neuron stands behind each generator and spikes one dt later (True) or as many ms as given. Unlike a
    generator it can be recorded, have plastic synapses, and gives all its targets the same Poisson spikes.
    """

    def __init__(self, nest: Any, dt_ns: int, comm: Any) -> None:
        self.nest, self.comm, self._dt_ns = nest, comm if comm is not None and comm.size > 1 else None, dt_ns
        self._recorders: list[tuple[Any, Any]] = []

    def spikes_in(self, targets: Any, **connect: Any) -> SpikesIn:
        """Spikes of one spike_generator a channel."""
        return SpikesIn(self.nest, *self._generators("spike_generator", targets, **connect))

    def rate_in(self, targets: Any, **connect: Any) -> RowsIn:
        """Poisson spikes with a rate in Hz, of one inhomogeneous_poisson_generator a channel."""
        return RowsIn(self.nest, *self._generators("inhomogeneous_poisson_generator", targets, **connect), "rate")

    def current_in(self, targets: Any, **connect: Any) -> RowsIn:
        """A current in pA, of one step_current_generator a channel."""
        return RowsIn(self.nest, *self._generators("step_current_generator", targets, **connect), "amplitude")

    def spikes_out(self, nodes: Any) -> SpikesOut:
        """Every spike of ``nodes``: the channel is the place in the NodeCollection, which NEST keeps in the order of creation."""
        recorder = self.nest.Create("spike_recorder")
        self._recorders.append((nodes, recorder))
        return SpikesOut(self.nest, recorder, nodes, self.comm)

    def samples_out(self, nodes: Any, *names: str) -> SamplesOut:
        """Values of ``nodes.get(name)``, of V_m unless named: a channel for each node; with several names, name after name."""
        return SamplesOut(nodes, names or ("V_m",), self.comm)

    def connect_recorders(self) -> None:
        """After the model is built, with a delay that makes neither the smallest nor the largest another one."""
        synapse = {"delay": self.nest.min_delay} if self.nest.num_connections else None
        for nodes, recorder in self._recorders:
            self.nest.Connect(nodes, recorder, syn_spec=synapse)

    def _generators(
        self,
        model: str,
        targets: Any,
        conn_spec: Any = "one_to_one",
        channels: int | None = None,
        relay: bool | float = False,
        **synapse: Any,
    ) -> tuple[Any, Any]:
        """The generators, and the nodes that the model connects: these or their parrots."""
        is_free = isinstance(targets, int)
        generators = nodes = self.nest.Create(model, channels or (targets if is_free else len(targets)))
        if relay is not False:
            nodes = self.nest.Create("parrot_neuron", len(generators))
            delay = self._dt_ns / NS_PER_MS if relay is True else relay
            self.nest.Connect(generators, nodes, "one_to_one", {"delay": delay})
        if not is_free:
            self.nest.Connect(nodes, targets, conn_spec, synapse or None)
        elif synapse:
            raise CosimError(
                f"{', '.join(synapse)} given for {targets} channels that are connected to nothing",
                mend="give the target cells instead of their number, or connect .nodes of what is returned yourself",
            )
        return generators, nodes

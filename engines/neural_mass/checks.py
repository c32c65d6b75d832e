"""What only the whole of the parameters tells: names of ports, sizes, regions that stimuli, changes and a history name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cosim.sdk import CosimError
from cosim.sdk.errors import raise_all
from engines.neural_mass.drives import check_drives
from engines.neural_mass.history import read_history
from engines.neural_mass.network import Network, build_network
from engines.neural_mass.params import NeuralMassParams

MOST_PAST_BYTES = 16 << 30
"""Of what regions sent, back to the longest delay."""


def checked_network(params: NeuralMassParams) -> Network:
    """The network of some parameters; a ScenarioError with all faults of what only the whole tells."""
    network = build_network(params)
    faults = [*_names(network), *_moving_inflow(network), *_past(network), *check_drives(network)]
    if params.history is not None:
        try:
            read_history(network, 1)
        except CosimError as error:
            faults.append(error)
    raise_all(faults)
    return network


def _names(network: Network) -> Iterator[CosimError]:
    for name, times in Counter(port.name for port in network.ports()).items():
        if times > 1:
            yield CosimError(
                f"{times} ports are called {name!r}",
                why="outputs, monitors, inputs, varied parameters and what comes from external regions share one set of names",
                mend="rename the monitor or the coupling, or leave the output out of outputs",
            )


def _moving_inflow(network: Network) -> Iterator[CosimError]:
    params = network.params
    moving = {*params.vary, *(change.parameter for change in params.changes), *(stimulus.target for stimulus in params.stimuli)}
    layers = [network.layers[k] for _, ks in network.inflows.values() for k in ks]
    if "G" in moving and any(layer.strength is None for layer in layers):
        yield CosimError(
            "G changes during the run, and external regions receive what it multiplies",
            why="inflow is told ahead of its time, when a later G is not yet known",
            mend="give the coupling a strength of its own, or let a parameter of the model change",
        )


def _past(network: Network) -> Iterator[CosimError]:
    longest = max(((c.delay_ms.max(initial=0.0), c) for c in network.connectomes), key=lambda found: found[0], default=None)
    if longest is None or not len(longest[1].delay_ms):
        return
    delay_ms, connectome = longest
    regions, replicas = len(network.regions.kept), network.params.replicas
    size = 8 * regions * replicas * max(1, len(network.channels)) * 2 * delay_ms * 1e6 / network.params.dt
    if size > MOST_PAST_BYTES:
        at = int(connectome.delay_ms.argmax())
        names = connectome.space.labels
        yield CosimError(
            f"the past of {regions * replicas} regions back to the longest delay takes {size / 2**30:.3g} GiB",
            why=f"the connection from {names[connectome.sender[at]]} to {names[connectome.receiver[at]]} takes {delay_ms:.4g} ms",
            mend="check the units of lengths and speed; else a longer dt, or fewer replicas",
        )

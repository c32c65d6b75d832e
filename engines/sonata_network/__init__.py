"""SONATA: simulations of point neurons in its files, run, written and read back."""

from engines.sonata_network.engine import SonataNetwork
from engines.sonata_network.params import SonataParams
from engines.sonata_network.scenario import scenario_of
from engines.sonata_network.spikes import read_spikes, spikes_to_sonata, write_spikes
from engines.sonata_network.write import write_sonata

__all__ = ["SonataNetwork", "SonataParams", "read_spikes", "scenario_of", "spikes_to_sonata", "write_sonata", "write_spikes"]

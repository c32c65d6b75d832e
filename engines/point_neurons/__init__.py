"""Networks of point neurons, quadratic or leaky integrate-and-fire, that may be cut into engines along their delays."""

from engines.point_neurons.engine import PointNeurons
from engines.point_neurons.params import Network

__all__ = ["Network", "PointNeurons"]

"""Networks: the catalogue, loading and saving of weights, and the forward pass."""

from .catalogue import NETWORKS, NetworkSummary, build_network, find_architecture, list_networks, summarise_network
from .device import choose_device, choose_precision
from .embedder import Embedder
from .loading import builtin_networks, load_network
from .network import Network, catalogue_network, own_network
from .preprocessing import Preprocessing
from .weights import read_weights, save_network

__all__ = [
    "NETWORKS",
    "Embedder",
    "Network",
    "NetworkSummary",
    "Preprocessing",
    "build_network",
    "builtin_networks",
    "catalogue_network",
    "choose_device",
    "choose_precision",
    "find_architecture",
    "list_networks",
    "load_network",
    "own_network",
    "read_weights",
    "save_network",
    "summarise_network",
]

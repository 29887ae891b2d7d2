"""Networks: the catalogue, loading and saving of weights, and the forward pass."""

from .catalogue import NETWORKS, build_network, check_arguments, find_architecture
from .device import choose_device, choose_precision
from .embedder import Embedder
from .loading import builtin_networks, load_network
from .network import Network, catalogue_network, own_network
from .preprocessing import Preprocessing
from .summary import LayerSummary, NetworkSummary, list_networks, summarise_network
from .weights import read_weights, save_network

__all__ = [
    "NETWORKS",
    "Embedder",
    "LayerSummary",
    "Network",
    "NetworkSummary",
    "Preprocessing",
    "build_network",
    "builtin_networks",
    "catalogue_network",
    "check_arguments",
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

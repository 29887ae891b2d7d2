"""Networks: the catalogue, backbones of timm, loading and saving of weights, and the forward pass."""

from hybridfer.networks.backbones import is_backbone
from hybridfer.networks.catalogue import HOW_TRAINED, NETWORKS, build_network, check_arguments, find_architecture
from hybridfer.networks.device import choose_device, choose_precision
from hybridfer.networks.embedder import Embedder, Rescue
from hybridfer.networks.ensemble import join_rows
from hybridfer.networks.loading import builtin_weights, load_network, load_trained
from hybridfer.networks.network import Network, catalogue_network, network_preprocessing, own_network
from hybridfer.networks.preprocessing import Preprocessing
from hybridfer.networks.pretrained import identified_arguments, pretrained_network
from hybridfer.networks.summary import LayerSummary, NetworkSummary, list_networks, summarise_network
from hybridfer.networks.weights import read_weights, save_network

__all__ = [
    "HOW_TRAINED",
    "NETWORKS",
    "Embedder",
    "LayerSummary",
    "Network",
    "NetworkSummary",
    "Preprocessing",
    "Rescue",
    "build_network",
    "builtin_weights",
    "catalogue_network",
    "check_arguments",
    "choose_device",
    "choose_precision",
    "find_architecture",
    "identified_arguments",
    "is_backbone",
    "join_rows",
    "list_networks",
    "load_network",
    "load_trained",
    "network_preprocessing",
    "own_network",
    "pretrained_network",
    "read_weights",
    "save_network",
    "summarise_network",
]

"""Extraction: images, a network and a store meet, and each distinct image is embedded once."""

from .embedding import alone, blocks_of, embed_missing
from .extract import Extraction, check_features, extract_features, extract_into, network_of
from .keys import default_store_path, layer_widths, open_store, store_key, with_riding
from .memory import MEMORY, MemoryStore

__all__ = [
    "MEMORY",
    "Extraction",
    "MemoryStore",
    "alone",
    "blocks_of",
    "check_features",
    "default_store_path",
    "embed_missing",
    "extract_features",
    "extract_into",
    "layer_widths",
    "network_of",
    "open_store",
    "store_key",
    "with_riding",
]

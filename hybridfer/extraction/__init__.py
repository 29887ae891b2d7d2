"""Extraction: images, a network and a store meet, and each distinct image is embedded once."""

from hybridfer.extraction.embedding import RowSource, alone, blocks_of, embed_missing
from hybridfer.extraction.extract import (
    Extraction,
    check_features,
    extract_features,
    extract_into,
    network_of,
)
from hybridfer.extraction.keys import asked_layers, default_store_path, layer_widths, open_store, store_key, with_riding
from hybridfer.extraction.known_images import warn_of_known_images
from hybridfer.extraction.loaded import loaded_once
from hybridfer.extraction.members import Kept, in_memory, on_disk, on_loan, row_source
from hybridfer.extraction.memory import MEMORY, MemoryStore

__all__ = [
    "MEMORY",
    "Extraction",
    "Kept",
    "MemoryStore",
    "RowSource",
    "alone",
    "asked_layers",
    "blocks_of",
    "check_features",
    "default_store_path",
    "embed_missing",
    "extract_features",
    "extract_into",
    "in_memory",
    "layer_widths",
    "loaded_once",
    "network_of",
    "on_disk",
    "on_loan",
    "open_store",
    "row_source",
    "store_key",
    "warn_of_known_images",
    "with_riding",
]

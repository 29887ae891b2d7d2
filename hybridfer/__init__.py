"""Facial-expression recognition with CNN features and classical heads, compared honestly with the CNN's own softmax.

Importing this package loads neither torch nor xgboost: each public name is imported at its first use (PEP 562).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from hybridfer.audit import AuditReport, audit_dataset
    from hybridfer.datasets import Dataset, make_faces, read_dataset
    from hybridfer.extraction import Extraction, extract_features
    from hybridfer.featurizer import CNNFeaturizer
    from hybridfer.heads import build_pipeline
    from hybridfer.model_files import load, save
    from hybridfer.networks import list_networks, load_network
    from hybridfer.recipes import FeatureRecipe, PipelineRecipe
    from hybridfer.reporting.display import BenchmarkReport, run_benchmark
    from hybridfer.store import FeatureStore
    from hybridfer.training import CNNClassifier

_HOMES = {
    "AuditReport": "audit",
    "BenchmarkReport": "reporting.display",
    "CNNClassifier": "training",
    "CNNFeaturizer": "featurizer",
    "Dataset": "datasets",
    "Extraction": "extraction",
    "FeatureRecipe": "recipes",
    "FeatureStore": "store",
    "PipelineRecipe": "recipes",
    "audit_dataset": "audit",
    "build_pipeline": "heads",
    "extract_features": "extraction",
    "list_networks": "networks",
    "load": "model_files",
    "load_network": "networks",
    "make_faces": "datasets",
    "read_dataset": "datasets",
    "run_benchmark": "reporting.display",
    "save": "model_files",
}

__all__ = [
    "AuditReport",
    "BenchmarkReport",
    "CNNClassifier",
    "CNNFeaturizer",
    "Dataset",
    "Extraction",
    "FeatureRecipe",
    "FeatureStore",
    "PipelineRecipe",
    "audit_dataset",
    "build_pipeline",
    "extract_features",
    "list_networks",
    "load",
    "load_network",
    "make_faces",
    "read_dataset",
    "run_benchmark",
    "save",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

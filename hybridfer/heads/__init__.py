"""Heads: classical classifiers on embeddings, built from recipes and tuned on the validation split."""

from .build import build_head, build_pipeline, search_grid
from .class_weights import by_name
from .encoded import EncodedClassifier
from .rehearsal import check_size, rehearse_recipe
from .search import Candidate, SearchResult, search_head
from .softmax import SoftmaxHead
from .table import HEADS, SCALERS, build_estimator

__all__ = [
    "HEADS",
    "SCALERS",
    "Candidate",
    "EncodedClassifier",
    "SearchResult",
    "SoftmaxHead",
    "build_estimator",
    "build_head",
    "build_pipeline",
    "by_name",
    "check_size",
    "rehearse_recipe",
    "search_grid",
    "search_head",
]

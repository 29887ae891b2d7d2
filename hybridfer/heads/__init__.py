"""Heads: classical classifiers on embeddings, built from recipes and tuned on the validation split."""

from hybridfer.heads.build import build_head, build_pipeline, search_grid
from hybridfer.heads.class_weights import by_name
from hybridfer.heads.encoded import EncodedClassifier
from hybridfer.heads.rehearsal import check_size, rehearse_recipe
from hybridfer.heads.search import Candidate, SearchResult, search_head
from hybridfer.heads.softmax import SoftmaxHead
from hybridfer.heads.table import HEADS, SCALERS, build_estimator

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

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from hybridfer.audit.report import AuditReport
from hybridfer.evaluation.chosen import compare_chosen
from hybridfer.evaluation.environment import Environment
from hybridfer.evaluation.prediction import Prediction
from hybridfer.evaluation.predictions import PredictionTable
from hybridfer.evaluation.report import BenchmarkReport, DatasetSummary, FeatureRun, Protocol
from hybridfer.evaluation.rows import compare_rows
from hybridfer.evaluation.twins import Leak

CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

#: For each head of a CNN: the share of softmax's errors that it mends, and of softmax's right answers that it spoils.
Heads = Mapping[str, Mapping[str, tuple[float, float]]]
HEADS: Heads = {
    "compact": {"svm-linear": (0.09, 0.05), "svm-rbf": (0.20, 0.05), "forest": (0.11, 0.05), "knn": (0.10, 0.16)},
    "model_f": {"logistic": (0.06, 0.04)},
}


def spoil(rng: np.random.Generator, y: np.ndarray, labels: np.ndarray, mended: float, spoilt: float) -> np.ndarray:
    luck, other = rng.random(y.size), (y + rng.integers(1, len(CLASSES), y.size)) % len(CLASSES)
    right = labels == y
    return np.where(~right & (luck < mended), y, np.where(right & (luck < spoilt), other, labels))


def predict(rng: np.random.Generator, y: np.ndarray, heads: Heads, warnings: tuple[str, ...]) -> dict:
    predictions = {}
    for feature, members in heads.items():
        softmax = spoil(rng, y, y, 0, 0.36)
        probabilities = np.full((y.size, len(CLASSES)), 0.05)
        probabilities[np.arange(y.size), softmax] = 0.7
        for pipeline, (mended, spoilt) in members.items():
            labels = spoil(rng, y, softmax, mended, spoilt)
            parameters = {"head__C": 10.0, "head__gamma": "scale"}
            predictions[feature, pipeline] = Prediction(
                labels, None, False, parameters, 0.641, 84.2, 21.7, 0.9, warnings if pipeline == "svm-linear" else ()
            )
        predictions[feature, "softmax"] = Prediction(
            softmax, probabilities, is_softmax=True, predict_seconds=0.9, validation_probabilities=probabilities
        )
    return predictions


def summarise(y: np.ndarray, n_twins: int, problems: tuple[str, ...]) -> DatasetSummary:
    counts = {
        "train": (3995, 436, 4097, 7215, 4830, 3171, 4965),
        "validation": (467, 56, 496, 895, 653, 415, 607),
        "test": tuple(np.bincount(y, minlength=len(CLASSES)).tolist()),
    }
    return DatasetSummary(
        "fer2013.zip", CLASSES, (48, 48), counts, "PrivateTest", "PublicTest", n_twins, n_twins, n_twins // 9, problems
    )


def run_of(recipe: str, leak: Leak | None) -> FeatureRun:
    return FeatureRun(
        recipe=recipe,
        network=recipe,
        weights_digest="3f9a0c1d" * 8,
        epochs=40,
        layers=("embedding",),
        views="single",
        n_features=512,
        parameters=4_474_759,
        device="cpu",
        train_seconds=1834.2,
        extract_seconds=6.0,
        images_per_second=5981.0,
        forward_passes=35_887,
        leak=leak,
    )


@pytest.fixture(scope="session")
def make_report() -> Callable[..., BenchmarkReport]:
    """Build reports of random predictions; the first `n_twins` of `n` test images, by default 8 %, are twins."""

    def make(
        n: int = 3589,
        n_twins: int | None = None,
        heads: Heads = HEADS,
        leak: Leak | None = None,
        warnings: tuple[str, ...] = (),
        problems: tuple[str, ...] = (),
        groups: Mapping[str, np.ndarray] | None = None,
        audit: AuditReport | None = None,
    ) -> BenchmarkReport:
        rng = np.random.default_rng(0)
        y = rng.integers(0, len(CLASSES), n)
        n_twins = 288 * n // 3589 if n_twins is None else n_twins
        twins = np.arange(n) < n_twins
        predictions = predict(rng, y, heads, warnings)
        digests = np.array([f"{i:016d}".encode() for i in range(n)], dtype="S16")
        names = [f"test/{CLASSES[label]}/face_{i:05d}.jpg" for i, label in enumerate(y)]
        return BenchmarkReport(
            command="hybridfer benchmark fer2013.zip -f compact -f model_f --out results",
            seed=0,
            dataset=summarise(y, n_twins, problems),
            protocol=Protocol(
                network="The CNN was trained on train; its checkpoint is the best epoch on validation.",
                tuning="Heads were tuned by grid search, fitted on train and scored on validation.",
                refit="Each head was then fitted on train with the parameters found.",
                scoring="The test split was scored once.",
            ),
            features=tuple(run_of(recipe, leak) for recipe in heads),
            rows=compare_rows(y, twins, predictions, CLASSES, validation_labels=y, groups=groups),
            audit=audit,
            environment=Environment("0.1.0", "3.11.2", "Linux x86_64, 2 CPU cores", {"numpy": "2.4.6"}),
            created="2025-06-01T12:00:00+00:00",
            predictions=PredictionTable.collect(y, names, digests, twins, predictions, CLASSES),
            chosen=compare_chosen(y, twins, predictions),
        )

    return make

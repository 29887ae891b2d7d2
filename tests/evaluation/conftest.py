import io
import struct
import zipfile

import numpy as np
import pytest

from hybridfer.audit.report import AuditReport, Duplicates, Group
from hybridfer.evaluation.chosen import compare_chosen
from hybridfer.evaluation.environment import Environment
from hybridfer.evaluation.feature_run import Epoch
from hybridfer.evaluation.prediction import Prediction
from hybridfer.evaluation.predictions import PredictionTable
from hybridfer.evaluation.report import BenchmarkReport, DatasetSummary, FeatureRun, Protocol
from hybridfer.evaluation.rows import compare_rows
from hybridfer.evaluation.twins import Leak

CLASSES = ("happy", "sad", "surprise")
N = 90


@pytest.fixture
def predictions() -> dict[tuple[str, str], Prediction]:
    rng = np.random.default_rng(0)
    y, found = np.arange(N) % 3, {}
    for pipeline in ("softmax", "svm-rbf", "knn"):
        labels = np.where(rng.random(N) < 0.8, y, rng.integers(0, 3, N))
        probabilities = None if pipeline == "svm-rbf" else (0.7 * np.eye(3)[labels] + 0.1).astype(np.float32)
        parameters = {} if pipeline == "softmax" else {"head__C": np.float64(10), "head__weights": None}
        found["tiny", pipeline] = Prediction(
            labels,
            probabilities,
            pipeline == "softmax",
            parameters,
            0.8,
            1.5,
            0.25,
            0.1,
            validation_probabilities=None if probabilities is None else probabilities[::-1],
        )
    return found


@pytest.fixture
def table(predictions) -> PredictionTable:
    digests = np.array([f"{i:016d}".encode() for i in range(N)], dtype="S16")
    names = [f"test/{i}, é.jpg" for i in range(N)]
    projections = {"tiny": np.random.default_rng(1).normal(size=(N, 2))}
    return PredictionTable.collect(np.arange(N) % 3, names, digests, np.arange(N) < 9, predictions, CLASSES, projections)


@pytest.fixture
def report(predictions, table) -> BenchmarkReport:
    counts = {"train": (100, 80, 60), "validation": (20, 20, 20), "test": (30, 30, 30)}
    run = FeatureRun(
        recipe="tiny",
        network="tiny",
        weights_digest="ab" * 32,
        epochs=None,
        layers=("embedding", "logits"),
        views="single",
        n_features=67,
        parameters=20_000,
        device="cpu",
        train_seconds=None,
        extract_seconds=1.25,
        images_per_second=None,
        forward_passes=0,
        leak=Leak(9, 0),
        history=(Epoch(1, 1.9, 0.2, 1.8, 0.3, 0.001, 2.5), Epoch(2, train_loss=1.7)),
        restored_epoch=1,
        trained_counts=(100, 100, 100),
        projection_variance=(0.4, 0.1),
    )
    return BenchmarkReport(
        command="hybridfer benchmark faces.zip -f tiny",
        seed=7,
        dataset=DatasetSummary(
            "faces.zip", CLASSES, (48, 48), counts, "test", "10 % of train", 9, 8, 2, ("é.jpg: empty",), 0.7, 3
        ),
        protocol=Protocol("Trained on train.", "Tuned on validation.", "Fitted on train.", "Scored once."),
        features=(run,),
        rows=compare_rows(
            np.arange(N) % 3,
            table.twins,
            predictions,
            CLASSES,
            validation_labels=np.arange(N)[::-1] % 3,
            groups={"gender": np.where(np.arange(N) < 20, "female", "male")},
        ),
        audit=AuditReport(
            "faces.zip",
            390,
            CLASSES,
            counts,
            1.7,
            exact=Duplicates(8, 17, 9, 8, 1),
            near=None,
            blanks=1,
            unreadable=("é.jpg: empty",),
            worst=(Group("exact", "in 2 splits", ("a", "b"), ("train", "test"), ("happy", "sad"), (3, 200), 2),),
        ),
        environment=Environment("0.1.0", "3.11.2", "Linux x86_64, 2 CPU cores", {"numpy": "2.4.6"}),
        predictions=table,
        chosen=compare_chosen(np.arange(N) % 3, table.twins, predictions),
    )


@pytest.fixture(scope="session")
def greedy_npz() -> bytes:
    """An npz of a few hundred bytes whose arrays, those that our files begin with, claim more than any memory holds."""
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (100000000, 1000000)}\n"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("images", "features", "told"):
            archive.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    return file.getvalue()

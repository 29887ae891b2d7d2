"""Count the images that go through the CNN in a whole grid search, against the distinct images there are.

A 5-fold search over 12 candidates of a head, with the CNN inside the pipeline: 61 fits, each of which asks for the
embeddings of its fold. Beside it, the same search with embeddings computed beforehand, which is the least that it
could cost.

    python benchmarks/bench_grid.py fer2013.zip --images 5000 --jobs 2 --out benchmarks/results/grid.json
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from hybridfer import CNNFeaturizer, read_dataset
from hybridfer.digest import image_digests

CANDIDATES = np.logspace(-5, -2, 12).tolist()


class CountingFeaturizer(CNNFeaturizer):
    """Appends to a file how many images each call sent through the network, from whichever process it runs in."""

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Embed, and count."""
        before = self.embedder_.images_embedded
        features = super().transform(X)
        with open(os.environ["HYBRIDFER_COUNT"], "a") as file:
            file.write(f"{self.embedder_.images_embedded - before}\n")
        return features


def search(steps: list, X: np.ndarray, y: np.ndarray, jobs: int) -> float:
    pipeline = Pipeline([*steps, ("scaler", StandardScaler()), ("head", LogisticRegression(max_iter=200))])
    start = time.perf_counter()
    GridSearchCV(pipeline, {"head__C": CANDIDATES}, cv=5, n_jobs=jobs).fit(X, y)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default="faces:1500")
    parser.add_argument("--images", type=int, default=5000, help="Training images to search over, drawn at random.")
    parser.add_argument("--network", default="compact")
    parser.add_argument("--weights", default="builtin")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()

    X, y = read_dataset(given.data).arrays("train")
    drawn = np.random.default_rng(0).permutation(len(X))[: given.images]
    X, y = X[drawn], y[drawn]
    distinct = len(np.unique(image_digests(X)))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HYBRIDFER_COUNT"] = f"{folder}/count"
        featurizer = CountingFeaturizer(given.network, weights=given.weights, store=f"{folder}/features.store")
        seconds = search([("features", featurizer)], X, y, given.jobs)
        counts = [int(line) for line in Path(folder, "count").read_text().split()]
        start = time.perf_counter()
        features = CNNFeaturizer(given.network, weights=given.weights).fit_transform(X)
        once = time.perf_counter() - start
    beforehand = once + search([], features, y, given.jobs)
    result = {
        "command": f"python benchmarks/bench_grid.py DATA --images {given.images} --jobs {given.jobs}",
        "network": given.network,
        "images": len(X),
        "distinct_images": distinct,
        "images_through_the_cnn": sum(counts),
        "transforms": len(counts),
        "candidates": len(CANDIDATES),
        "folds": 5,
        "seconds": round(seconds, 2),
        "seconds_of_embedding_once_and_searching_the_matrix": round(beforehand, 2),
        "ratio": round(seconds / beforehand, 3),
    }
    print(json.dumps(result, indent=2))
    if given.out:
        given.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()

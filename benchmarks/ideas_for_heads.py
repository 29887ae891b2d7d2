"""What might let a head on a CNN's features beat the CNN's own softmax, tried on validation images alone.

    python benchmarks/ideas_for_heads.py fer2013.zip --out benchmarks/results/ideas-for-heads.json

Each idea is a head fitted on train and asked about the validation images (carved from train as every benchmark does) in a
single view, averaged with the mirror image, and averaged over ten crops; the exact McNemar test is against softmax in the
same view. Nothing here is scored on a test split: it is how ideas are left out, not how they are proven.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize
from sklearn.svm import SVC

from hybridfer.datasets import read_dataset
from hybridfer.evaluation.significance import mcnemar_exact
from hybridfer.evaluation.splits import three_splits
from hybridfer.networks import Embedder, Network, load_network
from hybridfer.recipes import load_recipe
from hybridfer.reporting.gfm import table
from hybridfer.training import Augmentation

VIEWS = ("single", "flip", "ten-crop")
LAYERS = ("pool1", "pool2", "embedding", "logits")
DRAWS = 3
Rows = dict[str, NDArray[np.float32]]


class LocalSVM(ClassifierMixin, BaseEstimator):
    """For each query a linear SVM of its own, fitted on its nearest neighbours (Georgescu et al., IEEE Access, 2019)."""

    def __init__(self, n_neighbors: int = 200, C: float = 0.01) -> None:
        self.n_neighbors = n_neighbors
        self.C = C

    def fit(self, X: NDArray, y: NDArray) -> LocalSVM:
        """Keep the rows, to be found again."""
        self.X_, self.y_ = X, y
        self.nearest_ = NearestNeighbors(n_neighbors=self.n_neighbors, metric="cosine").fit(X)
        return self

    def predict(self, X: NDArray) -> NDArray:
        """Fit an SVM for each row and ask it."""
        near = self.nearest_.kneighbors(X, return_distance=False)
        return np.array([self._one(row, rows) for row, rows in zip(X, near, strict=True)])

    def _one(self, row: NDArray, rows: NDArray) -> int:
        labels = self.y_[rows]
        if (labels == labels[0]).all():
            return labels[0]
        return SVC(kernel="linear", C=self.C).fit(self.X_[rows], labels).predict(row[None])[0]


HEADS: dict[str, Callable[[], BaseEstimator]] = {
    "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression(C=1e-4, max_iter=300)),
    "LDA": lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1),
    "75 neighbours": lambda: make_pipeline(StandardScaler(), KNeighborsClassifier(75)),
    "300 neighbours": lambda: make_pipeline(StandardScaler(), KNeighborsClassifier(300)),
    "linear SVM": lambda: make_pipeline(StandardScaler(), SVC(kernel="linear", C=0.01)),
    "forest": lambda: RandomForestClassifier(100, min_samples_leaf=3, random_state=0),
    "local linear SVM, 200 neighbours": lambda: make_pipeline(StandardScaler(), LocalSVM(200)),
}
FAST = ("logistic", "LDA", "75 neighbours")


@dataclass(frozen=True)
class Outcome:
    """An idea's accuracy in each view, and the p-value of its difference from softmax in that view."""

    idea: str
    head: str
    accuracy: dict[str, float]
    p_value: dict[str, float]
    seconds: float


class Trial:
    """The rows of train and validation, and what is tried with them."""

    def __init__(self, network: Network, data: str, precision: str) -> None:
        dataset = three_splits(read_dataset(data)).dataset
        images, self.y = dataset.arrays("train")
        watched, self.truth = dataset.arrays("validation")
        columns = [network.classes.index(name) for name in dataset.classes]

        def embedded(pixels: NDArray, views: str) -> Rows:
            rows = Embedder(network, LAYERS, views=views, precision=precision).embed(pixels)
            return {**rows, "logits": rows["logits"][:, columns]}

        self.queries = {view: embedded(watched, view) for view in VIEWS}
        self.train = {view: embedded(images, view) for view in ("single", "flip")}
        drawn = [embedded(pixels, "single") for pixels in augmented(images)]
        self.drawn = {layer: np.concatenate([rows[layer] for rows in drawn]) for layer in LAYERS}
        self.softmax = {view: rows["logits"].argmax(axis=1) for view, rows in self.queries.items()}

    def outcome(self, idea: str, head: str, predict: Callable[[Rows], NDArray], start: float) -> Outcome:
        """Ask about the validation images in each view."""
        said = {view: predict(rows) for view, rows in self.queries.items()}
        return Outcome(
            idea,
            head,
            {view: float((labels == self.truth).mean()) for view, labels in said.items()},
            {view: mcnemar_exact(self.truth, said[view], self.softmax[view]).p_value for view in VIEWS},
            time.perf_counter() - start,
        )

    def fitted(
        self, idea: str, rows: Rows, y: NDArray, heads: tuple[str, ...], of: Callable[[Rows], NDArray]
    ) -> Iterator[Outcome]:
        """Fit heads on what `of` takes from rows, such as the embedding."""
        for head in heads:
            start = time.perf_counter()
            model = HEADS[head]().fit(of(rows), y)
            yield self.outcome(idea, head, lambda queries, model=model: model.predict(of(queries)), start)

    def ideas(self) -> Iterator[Outcome]:
        """Try everything, one after the other."""
        single, embedding = self.train["single"], side_by_side("embedding")
        yield self.outcome("the network's own", "softmax", lambda rows: rows["logits"].argmax(axis=1), time.perf_counter())
        yield from self.fitted("embedding", single, self.y, tuple(HEADS), embedding)
        unit = (*FAST, "linear SVM", "forest")
        yield from self.fitted(
            "embedding, each image's of length 1", single, self.y, unit, lambda rows: normalize(rows["embedding"])
        )
        yield from self.fitted("embedding and logits", single, self.y, FAST, side_by_side("embedding", "logits"))
        yield from self.fitted("two layers", single, self.y, FAST, side_by_side("pool2", "embedding"))
        three = side_by_side("pool1", "pool2", "embedding")
        yield from self.fitted("three layers", single, self.y, (*FAST, "linear SVM", "forest"), three)
        yield from self.fitted("fitted on averages with the mirror image", self.train["flip"], self.y, FAST, embedding)
        y = np.tile(self.y, DRAWS)
        heads = ("logistic", "LDA", "75 neighbours", "300 neighbours")
        yield from self.fitted(f"fitted on {DRAWS} augmented views of each image", self.drawn, y, heads, embedding)
        yield from self.multiplied()
        yield self.shifted()
        yield self.refitted()

    def multiplied(self) -> Iterator[Outcome]:
        """Multiply the probabilities of softmax and of a head."""
        for head in ("logistic", "75 neighbours", "forest"):
            start = time.perf_counter()
            model = HEADS[head]().fit(self.train["single"]["embedding"], self.y)

            def product(rows: Rows, model: BaseEstimator = model) -> NDArray:
                # a forest may give a class no vote at all
                chances = np.log(model.predict_proba(rows["embedding"]) + 1e-4)
                return (chances + log_softmax(rows["logits"], axis=1)).argmax(axis=1)

            yield self.outcome("softmax multiplied by a head", head, product, start)

    def shifted(self) -> Outcome:
        """Refit a bias of each class and a temperature on validation, in cross-validation there."""

        def fitted(rows: Rows) -> NDArray:
            said = np.empty_like(self.truth)
            for known, asked in self._folds():
                start = np.zeros(1 + rows["logits"].shape[1])
                found = minimize(surprise, start, args=(rows["logits"][known], self.truth[known])).x
                said[asked] = (rows["logits"][asked] * np.exp(found[0]) + found[1:]).argmax(axis=1)
            return said

        return self.outcome("class biases fitted on validation, in 5 folds", "softmax", fitted, time.perf_counter())

    def refitted(self) -> Outcome:
        """Let a head learn from validation images too, which the CNN has not learnt from; in cross-validation there."""

        def fitted(rows: Rows) -> NDArray:
            said, own = np.empty_like(self.truth), self.train["single"]["embedding"]
            for known, asked in self._folds():
                X = np.concatenate([own, rows["embedding"][known]])
                model = HEADS["LDA"]().fit(X, np.concatenate([self.y, self.truth[known]]))
                said[asked] = model.predict(rows["embedding"][asked])
            return said

        return self.outcome("fitted on train and validation, in 5 folds of it", "LDA", fitted, time.perf_counter())

    def _folds(self) -> Iterator[tuple[NDArray, NDArray]]:
        return StratifiedKFold(5, shuffle=True, random_state=0).split(self.truth, self.truth)


def side_by_side(*layers: str) -> Callable[[Rows], NDArray[np.float32]]:
    """Take layers of rows, one after the other."""
    return lambda rows: np.hstack([rows[layer] for layer in layers])


def surprise(change: NDArray, logits: NDArray, truth: NDArray) -> float:
    """Mean cross-entropy of logits times exp(change[0]) plus change[1:]."""
    return -log_softmax(logits * np.exp(change[0]) + change[1:], axis=1)[np.arange(len(truth)), truth].mean()


def augmented(images: NDArray[np.uint8]) -> Iterator[NDArray[np.float32]]:
    """Draw images as the training of `compact` draws them."""
    augmentation = Augmentation.from_fields(load_recipe("feature", "compact").training.to_params()["augmentation"])
    generator = torch.Generator().manual_seed(0)
    pixels = torch.from_numpy(images.reshape(len(images), 1, *images.shape[1:3])).float() / 255
    for _ in range(DRAWS):
        yield torch.cat([augmentation(batch, generator) for batch in pixels.split(512)])[:, 0].numpy()


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True))
@click.option("--weights", default="compact", show_default=True, help="Weights of compact: a name in the wheel or a file.")
@click.option("--precision", default="auto", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
def main(data: str, weights: str, precision: str, out: Path | None) -> None:
    trial = Trial(load_network(weights), data, precision)
    outcomes = []
    for outcome in trial.ideas():
        outcomes.append(outcome)
        click.echo(f"{outcome.idea}, {outcome.head}: {100 * outcome.accuracy['single']:.1f} %", err=True)
        if out is not None:
            out.write_text(json.dumps([asdict(one) for one in outcomes], indent=1) + "\n")
    cells = [
        [
            one.idea,
            one.head,
            *(f"{100 * one.accuracy[view]:.1f} ({one.p_value[view]:.2f})" for view in VIEWS),
            f"{one.seconds:.0f}",
        ]
        for one in outcomes
    ]
    click.echo(table(["features", "head", *VIEWS, "s"], 2, cells))
    click.echo(f"\nAccuracy in % on {len(trial.truth):,} validation images; in brackets p against softmax in the same view.")


if __name__ == "__main__":
    main()

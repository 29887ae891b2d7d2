"""The CNN's part of a benchmark: trained or loaded, and every image embedded once."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from hybridfer.evaluation.feature_run import FeatureRun, Origin, find_restored_epoch, order_trained_counts, read_history
from hybridfer.evaluation.given import GivenNetwork, network_behind
from hybridfer.evaluation.leaks import NetworkLeaks
from hybridfer.evaluation.prediction import Prediction
from hybridfer.evaluation.projection import project
from hybridfer.evaluation.splits import Part, Splits
from hybridfer.extraction import (
    default_store_path,
    extract_into,
    layer_widths,
    on_disk,
    on_loan,
    open_store,
    row_source,
    store_key,
    with_riding,
)
from hybridfer.home import given_path, home
from hybridfer.networks import (
    Embedder,
    Network,
    choose_device,
    choose_precision,
)
from hybridfer.recipes import FeatureRecipe
from hybridfer.store import FeatureStore
from hybridfer.training import check_training, remembered_checkpoint, remembered_path, train_network, trained_or_found

log = logging.getLogger("hybridfer")

#: What heads are fitted on, tuned on, and asked about.
PARTS: tuple[Part, ...] = ("train", "tuning", "test")


@dataclass(frozen=True, eq=False)
class Embedded:
    """A feature recipe on a dataset: features and logits of each split, from one forward pass.

    Attributes
    ----------
    run : FeatureRun
        What the report says of it.
    network : Network
        What embedded.
    store : FeatureStore
        Where the rows are.
    features, logits : dict of str to ndarray
        By split: float32 (n, d) and (n, n_classes); of validation ``"tuning"``, the images that heads are tuned on. No
        logits of a plain feature extractor.
    projection : ndarray of shape (n_test, 2), dtype float32, or None
        The test images' features on their first two principal components; None where they have none.
    """

    run: FeatureRun
    network: Network
    store: FeatureStore
    features: Mapping[Part, NDArray[np.float32]]
    logits: Mapping[Part, NDArray[np.float32]]
    projection: NDArray[np.float32] | None

    def softmax(self, splits: Splits) -> Prediction | None:
        """Return what the CNN itself says of the test images; None if it does not know all classes."""
        classes = splits.dataset.classes
        if not set(classes) <= set(self.network.classes):
            return None
        start = time.perf_counter()
        columns = [self.network.classes.index(name) for name in classes]
        probabilities = softmax(self.logits["test"][:, columns].astype(float), axis=1)
        seconds = time.perf_counter() - start
        validation = softmax(self.logits["tuning"][:, columns].astype(float), axis=1)
        labels = splits.labels("tuning")
        accuracy = float((validation.argmax(axis=1) == labels).mean())
        learnt = float((self.logits["train"][:, columns].argmax(axis=1) == splits.labels("train")).mean())
        told = []
        if others := sorted(set(self.network.classes) - set(classes)):
            told.append(f"the CNN also knows {', '.join(others)}; its softmax is taken over the classes of the dataset")
        if accuracy <= np.bincount(labels).max() / len(labels):
            told.append(
                f"on validation the CNN is right in {accuracy:.0%}, no more than naming the commonest class would be: it is "
                "not trained enough, and heads that beat it prove nothing"
            )
        return Prediction(
            probabilities.argmax(axis=1),
            probabilities,
            is_softmax=True,
            validation_accuracy=accuracy,
            predict_seconds=seconds,
            warnings=tuple(told),
            validation_probabilities=validation,
            train_accuracy=learnt,
        )


def embed_splits(
    recipe: FeatureRecipe,
    splits: Splits,
    twins: NDArray[np.bool_],
    *,
    weights: str | os.PathLike[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    device: str = "auto",
    precision: str | None = None,
    verbose: int = 1,
) -> Embedded:
    """Train or load a recipe's network, and embed all images with it that the store lacks.

    Of an ensemble those alone that a member's store lacks go through that member.
    """
    network, seconds, origin = _network(recipe, splits, weights, device, verbose)
    # logits ride along, so that the softmax row comes from the very same pass as the features
    layers = with_riding(recipe.layers, network)
    embedder = Embedder(network, layers, views=recipe.views, device=device, precision=precision or recipe.precision)
    key = store_key(network, embedder)
    path = given_path(store) if store is not None else default_store_path(key, recipe.name, asked=recipe.layers)
    opened = open_store(path, network, embedder, recipe.layers, without_riding=False)
    rows = row_source(network, embedder, recipe.layers, on_disk if store is None else on_loan)
    extraction = extract_into(opened, splits.dataset, rows, progress=bool(verbose))
    digests = {part: splits.digests(part) for part in PARTS}
    features = {part: opened.get(wanted, recipe.layers) for part, wanted in digests.items()}
    projection, variance = project(features["test"])
    history = read_history(network.history)
    seen = NetworkLeaks.of(recipe.name, network, splits, twins)
    run = FeatureRun(
        recipe=recipe.name,
        network=network.name,
        weights_digest=network.digest,
        epochs=len(network.history) or None,
        layers=recipe.layers,
        views=recipe.views,
        n_features=sum(layer_widths(network, recipe.layers).values()),
        parameters=network.parameters,
        device=str(embedder.device),
        train_seconds=seconds,
        extract_seconds=extraction.seconds,
        images_per_second=extraction.embedded / extraction.seconds if extraction.embedded else None,
        forward_passes=extraction.embedded,
        leak=seen.leak,
        validation_leak=seen.validation_leak,
        history=history,
        restored_epoch=find_restored_epoch(history, network.training),
        trained_counts=order_trained_counts(network.training, network.classes, splits.dataset.classes),
        projection_variance=variance,
        source=recipe.source,
        published=recipe.published,
        member_of=recipe.member_of,
        precision=embedder.precision,
    ).with_training(origin, network.training)
    return Embedded(
        run,
        network,
        opened,
        features=features,
        logits={part: opened.get(wanted, "logits") for part, wanted in digests.items()} if "logits" in layers else {},
        projection=projection,
    )


def check_recipe(
    recipe: FeatureRecipe, weights: str | os.PathLike[str] | None, device: str, precision: str | None
) -> int | None:
    """Find out before anything long begins whether a recipe's network, layers, device and precision can be had.

    Of a training, so can the weights that it starts with, and those of a teacher.

    Returns
    -------
    int or None
        The number of features; None where logits of a network that is yet to be trained are among them, as these are as
        many as the classes.
    """
    choose_precision(precision or recipe.precision, choose_device(device))
    if isinstance(recipe, GivenNetwork):
        recipe.check()
    trained = weights is None and recipe.weights is None
    network = check_training(recipe) if trained else network_behind(recipe, weights)
    for layer in recipe.layers:
        network.submodule(layer)
    return None if trained and "logits" in recipe.layers else sum(layer_widths(network, recipe.layers).values())


def _network(
    recipe: FeatureRecipe, splits: Splits, weights: str | os.PathLike[str] | None, device: str, verbose: int
) -> tuple[Network, float | None, Origin]:
    """Load the network, or train it: a training that was done before is loaded, one that was interrupted goes on."""
    if weights is not None or recipe.weights is not None:
        return network_behind(recipe, weights), None, "memory" if isinstance(recipe, GivenNetwork) else "file"
    path = remembered_path(recipe, splits.dataset)

    def train() -> Network:
        log.info("training %s on %d images", recipe.name, int((splits.dataset.splits == "train").sum()))
        checkpoint = remembered_checkpoint(path, splits.dataset)
        return train_network(splits.dataset, recipe, device=device, checkpoint=checkpoint, resume=True, verbose=verbose)

    network, was_found = trained_or_found(path, train)
    if was_found:
        log.info("training of %s found, not repeated (%s)", recipe.name, path)
    seconds = float(sum(epoch.get("dur", 0.0) for epoch in network.history))
    return network, seconds, "earlier run" if was_found else "this run"


def finished_folder() -> Path:
    """Where finished heads are kept."""
    return home() / "heads"

"""From a dataset and a recipe to a trained network, once: the same training is never done twice."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from skorch.callbacks import Callback

from hybridfer.datasets import Dataset
from hybridfer.digest import image_digests
from hybridfer.errors import RecipeError
from hybridfer.home import home
from hybridfer.networks import Network, check_arguments, load_network, save_network
from hybridfer.recipes import FeatureRecipe, expand_recipe
from hybridfer.training.ancestry import load_ancestry
from hybridfer.training.balancing import balance_of
from hybridfer.training.classifier import CNNClassifier
from hybridfer.training.construction import untrained_network
from hybridfer.training.fine_tuning import check_start
from hybridfer.training.identity import training_recipe, with_hold_out
from hybridfer.training.parameters import check_class_weight, check_parameters

# bytes of a recipe's name in that of a file, beside those of a digest, a suffix and what stands around a file being written
_LONGEST_NAME = 150
# of a dataset, what a training depends on
TRAINED_SPLITS = ("train", "validation")


def train_network(
    dataset: Dataset,
    recipe: FeatureRecipe,
    *,
    device: str = "auto",
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    verbose: int = 1,
    callbacks: Sequence[Callback] = (),
) -> Network:
    """Train a recipe's network on a dataset's train split, watching its validation split.

    Parameters
    ----------
    dataset : Dataset
        With splits train and validation; the test split is not looked at.
    recipe : FeatureRecipe
        Its ``network``, ``image_size``, ``colour`` and ``training`` are used.
    device : str
        As for `CNNClassifier`.
    checkpoint, resume : path, bool
        Replaced after each epoch; gone on from.
    verbose : int
        1 shows a bar on a terminal.
    callbacks : sequence of skorch.callbacks.Callback
        As for `CNNClassifier.fit`.

    Returns
    -------
    Network
        With the dataset's class names, the training's history and the digests of all images that it, the weights that it
        started with, or a teacher have seen. Its ``training`` holds ``train_counts``, the images of each class, and
        ``trained_counts`` where balancing added any.

    Raises
    ------
    RecipeError
        If the recipe is a grid, or names an argument that its network does not take, or a class that there is not, or
        weights of another network to start with, or a teacher that does not know a class of the dataset. A class of FER's
        seven that the dataset is without is left out of ``balance``, with a message, or a warning if none is left.
    """
    present = np.unique(dataset.split_labels("train"))
    classifier = recipe_classifier(recipe, device=device, checkpoint=checkpoint, resume=resume, verbose=verbose)
    # labels are positions in the dataset's classes; those without images in train have nothing to weigh or to copy
    indices = {name: int(index) for index, name in enumerate(dataset.classes) if index in present}
    weights = classifier.class_weight
    if isinstance(weights, dict):
        check_class_weight(weights, dataset.classes)
        classifier.set_params(class_weight={indices[name]: value for name, value in weights.items() if name in indices})
    balance = balance_of(classifier.balance, list(indices))
    if isinstance(balance, dict):
        balance = {indices[name]: count for name, count in balance.items()}
    classifier.set_params(balance=balance)
    classifier.fit(
        *dataset.arrays("train"),
        validation=dataset.arrays("validation"),
        callbacks=callbacks,
        class_names=[dataset.classes[label] for label in present],
    )
    return _among_present(classifier.network_, present.tolist())


def _among_present(network: Network, present: Sequence[int]) -> Network:
    """Record weights and balance by positions among the classes that a network knows: the dataset may have more."""
    places = {str(index): str(place) for place, index in enumerate(present)}
    moved = {
        name: {places[index]: value for index, value in network.training[name].items()}
        for name in ("class_weight", "balance")
        if isinstance(network.training[name], dict)
    }
    return replace(network, training={**network.training, **moved})


def recipe_classifier(recipe: FeatureRecipe, **parameters: Any) -> CNNClassifier:
    """Build the untrained classifier that a feature recipe describes.

    Raises
    ------
    RecipeError
        If the recipe is a grid, which describes several, or has weights and no training, or its network does not take its
        ``network_arguments``.
    """
    if recipe.grid:
        members = [member.name for member in expand_recipe(recipe)]
        raise RecipeError(f"{recipe.name} is a grid of {len(members)} recipes. Name one of them: {', '.join(members)}.")
    recipe.check_trains()
    arguments = check_arguments(recipe.network, recipe.network_arguments)
    return CNNClassifier(
        recipe.network,
        network_arguments=arguments or None,
        image_size=recipe.image_size,
        colour=recipe.colour,
        **{**recipe.training.to_params(), **parameters},
    )


def check_training(recipe: FeatureRecipe) -> Network:
    """Find out before any image is read whether a recipe's training can begin, as far as that does not depend on images.

    Parameters
    ----------
    recipe : FeatureRecipe
        One that trains. Nothing is downloaded for it.

    Returns
    -------
    Network
        As it is to be trained, with random weights, and a logit for each class of the weights to start with, or seven.

    Raises
    ------
    RecipeError
        If the network cannot be built so, or may not begin with the weights that the recipe starts with; or as
        `recipe_classifier`.
    WeightsError
        If weights that it starts with, or of a teacher, are missing or damaged.

    Examples
    --------
    >>> check_training(FeatureRecipe(name="mine", network="tiny")).name
    'tiny'
    """
    parameters = recipe_classifier(recipe).get_params(deep=False)
    check_parameters(parameters)
    ancestry = load_ancestry(parameters)
    # finds a file that the network's arguments name
    training_recipe(parameters, ancestry)
    start = ancestry.start
    n_classes = len(start.classes) if start is not None and start.classes else 7
    network = untrained_network(parameters, n_classes, recipe.training.random_state, start=start)
    if start is not None:
        check_start(start, network)
    return network


def trained_once(classifier: CNNClassifier, X: NDArray, y: NDArray) -> Network:
    """Return the network that fitting a classifier on images gives, from memory if this very training was done before.

    The memory is a folder of weights files, named after the images, their labels and every parameter that the weights
    depend on; of several processes that ask for one training, one does it and the others wait. Each time a warning is logged
    where weights that it starts with, or a teacher, have learnt from the images, and where ``balance`` names none of the
    labels.

    Parameters
    ----------
    classifier : CNNClassifier
        Not fitted; with an integer ``random_state``.
    X, y : ndarray
        As for its `fit`.

    Returns
    -------
    Network

    Raises
    ------
    RecipeError
        If ``random_state`` is no integer, as two such trainings differ.
    """
    if not isinstance(classifier.random_state, int | np.integer):
        raise RecipeError(f"random_state must be an integer to remember a training by; got {classifier.random_state!r}.")
    # a colon is no part of a file's name everywhere
    name = classifier.network.replace(":", "-")
    digest = _training_digest(with_hold_out(classifier.recipe), image_digests(X), y)[:32]
    network, was_found = trained_or_found(
        home() / "weights" / f"{name}-{digest}.safetensors", lambda: trained_anew(classifier, X, y)
    )
    if was_found:
        _warn_as_fit_would(classifier, X, y)
    return network


def trained_or_found(path: Path, train: Callable[[], Network]) -> tuple[Network, bool]:
    """Load the network at a path, or train it and keep it there: of several processes that need it one does and others wait.

    Parameters
    ----------
    path : Path
        Of a weights file, named after the training.
    train : callable
        Trains the network; called only where there is no such file. Checkpoints by `remembered_checkpoint` are removed then.

    Returns
    -------
    tuple of Network and bool
        The network, and whether it was found.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock"), poll_interval=0.05):
        was_found = path.exists()
        if not was_found:
            save_network(train(), path)
            # of every order in which the images were begun with
            for checkpoint in path.parent.glob(f"{glob.escape(path.stem)}*.checkpoint"):
                checkpoint.unlink(missing_ok=True)
    return load_network(path), was_found


def trained_anew(classifier: CNNClassifier, X: NDArray, y: NDArray) -> Network:
    """Return the network that fitting a classifier on images gives, by what of its ``balance`` goes with the labels."""
    return classifier.set_params(balance=balance_of(classifier.balance, np.unique(y).tolist())).fit(X, y).network_


def remembered_path(recipe: FeatureRecipe, dataset: Dataset) -> Path:
    """Name the file of a recipe's training on a dataset, so that the same training is found again."""
    known = recipe_classifier(recipe).recipe
    sha = hashlib.sha256(json.dumps(dataset.classes).encode())
    for split in TRAINED_SPLITS:
        sha.update(_training_digest(known, dataset.split_digests(split), dataset.split_labels(split)).encode())
    # members of grids have long names, and files 255 bytes for theirs
    name = recipe.name.encode(errors="replace")[:_LONGEST_NAME].decode(errors="ignore")
    return home() / "weights" / f"{name}-{sha.hexdigest()[:12]}.safetensors"


def remembered_checkpoint(path: Path, dataset: Dataset) -> Path:
    """Name the checkpoint of a training whose weights will be at a path.

    The same images in another order are the same training once it is done; until then they are not, as batches differ.
    """
    sha = hashlib.sha256()
    for split in TRAINED_SPLITS:
        sha.update(dataset.split_digests(split).tobytes())
        sha.update(dataset.split_labels(split).tobytes())
    return path.with_name(f"{path.stem}-{sha.hexdigest()[:12]}.checkpoint")


def _warn_as_fit_would(classifier: CNNClassifier, X: NDArray, y: NDArray) -> None:
    balance_of(classifier.balance, np.unique(y).tolist())
    ancestry = load_ancestry(classifier.get_params(deep=False))
    if ancestry.named:
        ancestry.warn_of_known_images(image_digests(X))


def _training_digest(recipe: Mapping[str, Any], digests: NDArray[np.bytes_], y: NDArray) -> str:
    sha = hashlib.sha256(json.dumps(recipe, sort_keys=True, default=str).encode())
    # sorted, as the order in which images stand in a fold is no part of what they are; labels go with their image
    labels = np.unique(y, return_inverse=True)
    order = np.lexsort((labels[1], digests))
    sha.update(digests[order].tobytes())
    sha.update(labels[1][order].tobytes())
    sha.update("\0".join(map(str, labels[0])).encode())
    return sha.hexdigest()

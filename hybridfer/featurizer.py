"""CNNFeaturizer: a CNN's embedding as a scikit-learn transformer."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags, assert_all_finite, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch.nn import Module

from hybridfer.digest import image_digests
from hybridfer.errors import RecipeError
from hybridfer.extraction import (
    Kept,
    MemoryStore,
    RowSource,
    alone,
    asked_layers,
    blocks_of,
    embed_missing,
    in_memory,
    layer_widths,
    loaded_once,
    on_disk,
    on_loan,
    open_store,
    row_source,
    warn_of_known_images,
    with_riding,
)
from hybridfer.home import given_path, without_path_objects
from hybridfer.image_arrays import as_images, refuse_no_images
from hybridfer.networks import Embedder, Network, find_architecture, is_backbone
from hybridfer.recipes import FeatureRecipe, load_recipe
from hybridfer.store import FeatureStore, is_store
from hybridfer.training import recipe_classifier, trained_anew, trained_once
from hybridfer.training.fitted_images import CHECKS, images_as_fitted

# attributes that hold a second and a third copy of the network: for outsiders, and laid out for this machine's device
BUILT = ("network_", "embedder_")


class CNNFeaturizer(TransformerMixin, BaseEstimator):
    """Embeds images with a CNN; no image is ever embedded twice by the same weights.

    Parameters are strings, numbers and paths, never a live module, so that cloning, pickling and sending to worker
    processes cost nothing.

    Parameters
    ----------
    network : str or path
        A name that `hybridfer.list_networks` gives; or ``"timm:"`` and the name of a model of timm; or ``"ensemble"``; or a
        weights file. A module of your own is no parameter: give what `hybridfer.load_network` makes of it to
        `hybridfer.extract_features` or `hybridfer.run_benchmark`.
    weights : "builtin", "hub", path, sequence of names and paths, or None
        The weights in the wheel of the network's name, or others in it by their name; or a weights file that ``hybridfer
        train`` wrote. For a model of timm ``"hub"``, which downloads its published weights, or the path of a state dict of
        it. For an ensemble its members, each the name of weights in the wheel or a weights file. None trains the network in
        `fit`, which needs labels; such a training is remembered on disk by the content of the fold: a grid over the head's
        parameters trains once per fold.
    layers : str or sequence of str
        Layers to put side by side. Maps are averaged over their area.
    views : {"single", "flip", "ten-crop"}
        ``"flip"`` averages over the image and its mirror image, ``"ten-crop"`` over corners, middle and their mirror images.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.
    precision : {"auto", "fp32", "bf16", "fp16"}
        ``"auto"`` is bf16 on CUDA and fp32 elsewhere.
    batch_size : int or "auto"
        Images a forward pass.
    store : path, optional
        A feature store (a folder whose name ends in ``.store``, or one that is there), or any other folder, in which each
        kind of features gets a store of its own; rows are kept in it for good. It may be one that ``hybridfer extract`` or
        ``benchmark`` wrote by the same weights, layers and views. Without it rows are kept in memory for as long as the
        process lives; beyond 1 GiB those of other networks, layers and views are forgotten, with a warning. Those in use are
        not: a process that sees new images for days should name a folder here, or embed by an `Embedder`. An ensemble's
        rows are made of its members' rows, which are kept in the same folder or in memory, as those of a featurizer of the
        member alone, and so take memory twice, in the members' stores and in its own; beside a single feature store the
        members' stores in `hybridfer.home.home` are read.
    image_shape : tuple of (h, w) or (h, w, c), optional
        The shape of one flattened row. Without it rows are square grey images.
    image_size : int, optional
        Images are resized to this many pixels a side: with ``weights=None`` instead of to the recipe's, and for a model of
        timm without a weights file instead of to the size that it was trained at. Other weights bring their own.
    training : str, path, FeatureRecipe or None
        With ``weights=None``: the feature recipe whose ``training`` is used; the shipped recipe of the network's name by
        default. Where it starts with trained weights, or has a teacher, that learnt from images of a cross-validation around
        the featurizer, scores are flattered: a warning is logged.
    random_state : int, RandomState instance or None
        With ``weights=None``: seeds the training, instead of the recipe's seed. Only an integer finds a training that was
        done before: None draws a seed in each `fit`, and trains anew.
    verbose : int
        1 shows bars on a terminal.

    Attributes
    ----------
    network_ : Network
        What embeds: a copy, which may be trained on or changed without any effect on the featurizer.
    embedder_ : Embedder
        Runs it; ``embedder_.images_embedded`` counts the images that went through the network, or through one member of an
        ensemble or more.
    layers_ : tuple of str
        As asked for, each once.
    n_features_in_ : int
        Length of the second axis of X in `fit`.

    Notes
    -----
    X may be (n, h, w), (n, h, w, c), (n, c, h, w) or flattened (n, h * w), uint8 or float in [0, 1]; images of another size
    than the network's are resized. `transform` returns float32 (n, d).

    Weights know the images that they were trained on better than others. Where those are among the images of `fit`, a
    warning tells how many: scores of a cross-validation around the featurizer are flattered then, those on images that the
    weights have not seen are not.

    Examples
    --------
    >>> from hybridfer import CNNFeaturizer, make_faces
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> X, y = make_faces(60, random_state=0).arrays("train")
    >>> pipeline = make_pipeline(CNNFeaturizer(), LogisticRegression(max_iter=1000)).fit(X, y)
    >>> pipeline.predict(X[:3]).shape
    (3,)
    """

    def __init__(
        self,
        network: str = "compact",
        *,
        weights: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = "builtin",
        layers: str | Sequence[str] = "embedding",
        views: Literal["single", "flip", "ten-crop"] = "single",
        device: str = "auto",
        precision: str = "auto",
        batch_size: int | Literal["auto"] = "auto",
        store: str | os.PathLike[str] | None = None,
        image_shape: tuple[int, ...] | None = None,
        image_size: int | None = None,
        training: str | os.PathLike[str] | FeatureRecipe | None = None,
        random_state: int | np.random.RandomState | None = 0,
        verbose: int = 0,
    ) -> None:
        self.network = network
        self.weights = weights
        self.layers = layers
        self.views = views
        self.device = device
        self.precision = precision
        self.batch_size = batch_size
        self.store = store
        self.image_shape = image_shape
        self.image_size = image_size
        self.training = training
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def from_recipe(cls, recipe: str | os.PathLike[str] | FeatureRecipe, **parameters: Any) -> Self:
        """Build the featurizer that a feature recipe describes; keywords override it.

        Examples
        --------
        >>> CNNFeaturizer.from_recipe("compact", views="flip")
        CNNFeaturizer(layers=('embedding',), views='flip')
        """
        found = load_recipe("feature", recipe)
        described = {
            "network": found.network,
            "weights": found.weights,
            "layers": found.layers,
            "views": found.views,
            "precision": found.precision,
            "image_size": found.image_size if found.weights and is_backbone(found.network) else None,
            "training": recipe if parameters.get("weights", found.weights) is None else None,
            "random_state": found.training.random_state,
        }
        return cls(**{**described, **parameters})

    def fit(self, X: NDArray, y: NDArray | None = None) -> Self:
        """Load the network, or train it where there are no weights.

        Parameters
        ----------
        X : ndarray
            Images.
        y : array-like of shape (n,), optional
            Labels; needed with ``weights=None`` alone.

        Returns
        -------
        self

        Raises
        ------
        RecipeError, WeightsError
            If a parameter is none of those above, or the network cannot be had.
        """
        _check_names(self.network, self.weights, self.store)
        layers = asked_layers(self.layers)
        refuse_no_images(X)
        if self.weights is None:
            X, y = validate_data(self, X, y, **CHECKS)
            check_classification_targets(y)
            assert_all_finite(X, input_name="X")
            images = as_images(X, self.image_shape)
            network = self._trained(images, y)
        else:
            X = validate_data(self, X, **CHECKS)
            assert_all_finite(X, input_name="X")
            images = as_images(X, self.image_shape)
            network = loaded_once(self.network, self.weights, self.image_size)
            warn_of_known_images(network, images, self.network, self.weights)
        if not layers:
            raise RecipeError(f"layers must name at least one of {list(network.layers)}; got none.")
        embedding = {"views": self.views, "precision": self.precision}
        # before anything is kept of a fit that fails by a wrong parameter
        embedder = self._built_embedder(network, layers, embedding)
        self._network, self.layers_, self._embedding = network, layers, embedding
        self._size, self._of_rows = images.shape[1:3], X.ndim == 2
        self.__dict__.pop("network_", None)
        self.embedder_ = embedder
        return self

    @cached_property
    def network_(self) -> Network:
        """A copy of what embeds; without the digests, so that one that is changed is not taken for what it was."""
        copied = copy.deepcopy(self._network)
        return replace(copied, members=tuple(replace(member) for member in copied.members))

    @cached_property
    def embedder_(self) -> Embedder:
        """What runs the network; of a featurizer that was pickled it is built where it is first used, on ``device``."""
        return self._built_embedder(self._network, self.layers_, self._embedding)

    def transform(self, X: NDArray) -> NDArray[np.float32]:
        """Embed images; those seen before are looked up.

        Parameters
        ----------
        X : ndarray
            Images of the size that `fit` got, in any layout.

        Returns
        -------
        ndarray of shape (n, d), dtype float32

        Raises
        ------
        ValueError
            If X is no images, or images of another size.
        StoreError
            If the store holds features of other weights, layers or preprocessing.
        """
        check_is_fitted(self)
        images = images_as_fitted(self, X, self.image_shape)
        store, rows = self._open_store()
        digests = image_digests(images)
        # a store that holds everything is only read: no lock, no right to write
        if store.missing(digests).any():
            with alone(store):
                embed_missing(blocks_of(images), store, rows, total=len(images), progress=bool(self.verbose))
        return store.get(digests) if isinstance(store, MemoryStore) else store.get(digests, self.layers_)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name the columns after their layers: ``embedding_0``, ``embedding_1``, ..."""
        check_is_fitted(self)
        widths = layer_widths(self._network, self.layers_)
        return np.array([f"{layer}_{i}" for layer, width in widths.items() for i in range(width)], dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = self.weights is None
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        # a fit that fails leaves n_features_in_
        return hasattr(self, "layers_")

    def __getstate__(self) -> dict[str, Any]:
        state = without_path_objects(super().__getstate__())
        return {name: value for name, value in state.items() if name not in BUILT}

    def _built_embedder(self, network: Network, layers: tuple[str, ...], embedding: dict[str, str]) -> Embedder:
        riding = with_riding(layers, network)
        return Embedder(network, riding, device=self.device, batch_size=self.batch_size, **embedding)

    def _trained(self, images: NDArray, y: NDArray) -> Network:
        recipe = self._training_recipe()
        classifier = recipe_classifier(recipe, device=self.device, verbose=self.verbose, random_state=self._seed())
        if self.image_size is not None:
            classifier.set_params(image_size=self.image_size)
        training = recipe.training
        if training.patience is None and training.schedule != "plateau" and not training.calibrate:
            # nothing would be chosen on images that are held out
            classifier.set_params(validation_fraction=0)
        if self.random_state is None:
            # nobody could find it again
            return trained_anew(classifier, images, y)
        return trained_once(classifier, images, y)

    def _training_recipe(self) -> FeatureRecipe:
        find_architecture(self.network)
        try:
            recipe = load_recipe("feature", self.training if self.training is not None else self.network)
        except RecipeError as error:
            if self.training is not None:
                raise
            raise RecipeError(
                f"weights=None trains by the shipped recipe of the network's name, and there is none of {self.network!r}. "
                f"Give training: a recipe's file, or FeatureRecipe(name='mine', network={self.network!r}). Or give weights."
            ) from error
        if recipe.network != self.network:
            raise RecipeError(
                f"training must be a recipe of {self.network!r}; {recipe.name!r} is one of {recipe.network!r}."
            )
        return recipe

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _open_store(self) -> tuple[FeatureStore | MemoryStore, RowSource]:
        """Open the store, and say what gives the rows that it lacks."""
        features = self._network, self.embedder_, self.layers_
        shelf: Callable[..., Kept] = in_memory
        if self.store is not None:
            path = given_path(self.store)
            if path.suffix == ".store" or is_store(path):
                return open_store(path, *features), row_source(*features, on_loan)
            # any other folder is a shelf for stores, so that a grid over layers or weights finds each its own
            shelf = partial(on_disk, root=path)
        return shelf(*features).store, row_source(*features, shelf)


def _check_names(network: object, weights: object, store: object) -> None:
    """Refuse live networks: estimators are cloned, pickled and sent to other processes."""
    if isinstance(network, Network | Module):
        raise RecipeError(
            "network must be a name or the path of a weights file, as an estimator is cloned and sent to other processes; "
            f"got a {type(network).__name__}. Save one of the catalogue by hybridfer.networks.save_network(network, "
            "'a.safetensors') and give that path. Give what load_network makes of a module of your own to "
            "extract_features(images, network) or run_benchmark(images, network)."
        )
    members = weights if isinstance(weights, list | tuple) else (weights,)
    for name, values in (("network", (network,)), ("weights", () if weights is None else members)):
        for value in values:
            if not isinstance(value, str | os.PathLike):
                raise RecipeError(f"{name} must be a name or the path of a weights file; got a {type(value).__name__}.")
    if store is not None and not isinstance(store, str | os.PathLike):
        raise RecipeError(f"store must be the path of a feature store, or of a folder for some; got {store!r}.")

"""extract_features: from a dataset to a feature store on disk."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hybridfer.datasets import Dataset
from hybridfer.datasets.dataset import Problem
from hybridfer.datasets.index import DatasetIndex, check_problems
from hybridfer.datasets.read import scan_dataset
from hybridfer.errors import DatasetError, RecipeError, WeightsError
from hybridfer.extraction.embedding import RowSource, alone, blocks_of, embed_missing, read_ahead
from hybridfer.extraction.keys import asked_layers, default_store_path, open_store, store_key, with_riding
from hybridfer.extraction.members import on_disk, on_loan, row_source
from hybridfer.home import given_path
from hybridfer.networks import Embedder, Network, Preprocessing, is_backbone, load_network, network_preprocessing
from hybridfer.networks.weights import is_weights_file
from hybridfer.recipes import FeatureRecipe, load_recipe
from hybridfer.store import FeatureStore, Listing, is_store
from hybridfer.suggestion import suggest

log = logging.getLogger("hybridfer")

# what a source is read with, as by `read_dataset`
READING = ("classes", "image_size", "mode", "test_split", "index")


@dataclass(frozen=True)
class Extraction:
    """What an extraction did.

    Attributes
    ----------
    store : FeatureStore
        Holds the rows and the dataset's labels, splits, names and classes.
    images : int
        Images of the dataset.
    embedded : int
        Images that went through the network: the others were in the store, or are twins of one that went. Of an ensemble
        those that went through one member or more: the others were in the members' stores.
    seconds : float
        Wall time, decoding and writing included.
    listing : Listing
        The dataset as the store remembers it. Where the store remembers others too, such as those of another recipe of the
        same features, ``store.load(source=listing.digest)`` reads this one.
    problems : tuple of Problem
        Images that were skipped.
    """

    store: FeatureStore
    images: int
    embedded: int
    seconds: float
    listing: Listing
    problems: tuple[Problem, ...] = ()


def extract_features(
    source: str | os.PathLike[str] | Dataset,
    features: str | os.PathLike[str] | FeatureRecipe | Network = "compact",
    *,
    store: str | os.PathLike[str] | None = None,
    weights: str | os.PathLike[str] | None = None,
    layers: str | Sequence[str] | None = None,
    views: str | None = None,
    device: str = "auto",
    precision: str | None = None,
    batch_size: int | Literal["auto"] = "auto",
    on_error: Literal["raise", "skip"] = "raise",
    progress: bool = True,
    **reading: Any,
) -> Extraction:
    """Embed every image of a source into a feature store, computing only what the store lacks.

    May be killed at any time: what was sealed stays, and the next call goes on from there. A benchmark of the same recipe
    finds the same store: the network's ``"logits"``, which its softmax row needs, ride along and are read only by name. Of
    an ensemble the rows are made of those in its members' own stores, which are filled on the way; only where `store` is
    given, they are read and left as they are.

    Recipes that differ in their names alone share a store. It may then remember several datasets, of which
    ``extraction.store.load(source=extraction.listing.digest)`` reads the one that was extracted.

    Parameters
    ----------
    source : path or Dataset
        Whatever `read_dataset` reads; archives are decoded while the network works.
    features : str, path, FeatureRecipe or Network
        A recipe: its name, its file, or itself; or a network from `load_network`, whose ``"embedding"`` is taken.
    store : path, optional
        The store's folder; by default the one of the store's key in `hybridfer.home.home`, or a new one there, named after
        the recipe and the key.
    weights : path, optional
        A weights file, instead of the recipe's; not beside a network.
    layers, views, precision : optional
        Instead of the recipe's.
    device, batch_size : str, int or "auto"
        As for `CNNFeaturizer`.
    on_error : {"raise", "skip"}
        What to do about unreadable images.
    progress : bool
        Show a bar on a terminal.
    **reading
        ``classes``, ``image_size``, ``mode``, ``test_split`` and ``index``, as for `read_dataset`.

    Returns
    -------
    Extraction
        With the store in ``extraction.store``.

    Raises
    ------
    DatasetError
        If the source cannot be read.
    RecipeError, WeightsError
        If `features` is none of these, or its network cannot be had; a recipe that trains needs `weights`, and a network
        takes none.
    StoreError
        If the store at `store` holds other features; the message names the field that differs.

    Examples
    --------
    >>> import tempfile
    >>> from hybridfer import extract_features, make_faces
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     extraction = extract_features(make_faces(20), "compact", store=folder + "/faces.store", progress=False)
    ...     X, y = extraction.store.load(split="train")
    >>> extraction.embedded, X.shape[1]
    (20, 192)
    """
    start = time.perf_counter()
    check_features(features)
    if isinstance(features, Network) and weights is not None:
        raise RecipeError(
            f"weights is for recipes; {features.name} is a network that has its own. Leave weights out, or give what "
            f"load_network(..., weights={str(weights)!r}) returns."
        )
    images = _Reading(source, on_error, reading)
    if isinstance(features, Network):
        # networks of one's own have names of all kinds
        network, name, recipe = features, features.name, FeatureRecipe(name="given")
    else:
        recipe = load_recipe("feature", features)
        name = recipe.name
        network = network_of(recipe, weights)
    asked = asked_layers(recipe.layers if layers is None else layers) or recipe.layers
    embedder = Embedder(
        network,
        with_riding(asked, network),
        views=views or recipe.views,
        device=device,
        precision=precision or recipe.precision,
        batch_size=batch_size,
    )
    rows = row_source(network, embedder, asked, on_disk if store is None else on_loan)
    given = None if store is None else given_path(store)
    path = given or default_store_path(store_key(network, embedder), name, asked=asked)
    blocks = images.blocks()
    if not is_store(path):
        # a source that cannot be read leaves no empty store behind
        blocks = read_ahead(blocks)
    return _extract(open_store(path, network, embedder, asked), images, blocks, rows, progress, start)


def extract_into(
    store: FeatureStore,
    source: str | os.PathLike[str] | Dataset,
    embedder: RowSource,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    progress: bool = True,
    **reading: Any,
) -> Extraction:
    """Embed a source into a store that is open; the embedder, or what `row_source` gives, must give its key's layers."""
    start = time.perf_counter()
    images = _Reading(source, on_error, reading)
    return _extract(store, images, images.blocks(), embedder, progress, start)


def _extract(
    store: FeatureStore,
    images: _Reading,
    blocks: Iterator[NDArray[np.uint8]],
    embedder: RowSource,
    progress: bool,
    start: float,
) -> Extraction:
    before = embedder.images_embedded
    with alone(store):
        log.info("%s", _begun(store, images))
        digests = embed_missing(blocks, store, embedder, total=len(images), progress=progress)
    dataset = (digests, *images.columns(), images.classes, images.source)
    store.record(*dataset)
    embedded, seconds = embedder.images_embedded - before, time.perf_counter() - start
    return Extraction(store, len(digests), embedded, seconds, Listing.of(*dataset), tuple(images.problems))


def network_of(recipe: FeatureRecipe, weights: str | os.PathLike[str] | None = None) -> Network:
    """Load the network that a recipe names, with its own weights or those of a file.

    Raises
    ------
    WeightsError
        If they cannot be had; a recipe that trains has none.
    """
    chosen = weights or recipe.weights
    if chosen is None:
        raise WeightsError(
            f"There are no weights for {recipe.name!r}: the recipe trains {recipe.network}, and an extraction does not. "
            f"Run: hybridfer train DATA -f RECIPE -o {recipe.network}.safetensors, and give that file as weights. Or run: "
            "hybridfer benchmark DATA -f RECIPE; hybridfer extract finds what a benchmark trained on the same images."
        )
    preprocessing = sized_preprocessing(recipe.network, chosen, recipe.image_size)
    return load_network(recipe.network, weights=chosen, preprocessing=preprocessing)


def sized_preprocessing(
    network: str | os.PathLike[str], weights: str | os.PathLike[str] | Sequence[object], image_size: int | None
) -> Preprocessing | None:
    """Give a model of timm the preprocessing of an image size; None for weights that bring theirs, as files of ours do."""
    published = is_backbone(network) and isinstance(weights, str | os.PathLike) and not is_weights_file(weights)
    if not published or image_size is None:
        return None
    return network_preprocessing(str(network), (image_size, image_size))


def check_features(features: object) -> None:
    """Refuse what names no features, with the way for a module.

    Raises
    ------
    RecipeError
        If it is neither a recipe, named, as a file or itself, nor a network.
    """
    if not isinstance(features, str | os.PathLike | FeatureRecipe | Network):
        raise RecipeError(
            "features must be a feature recipe (its name, its file or itself) or what load_network returns; got a "
            f"{type(features).__name__}. A module of your own: load_network(module, layers=[...])."
        )


def _begun(store: FeatureStore, images: _Reading) -> str:
    """Say what is about to be embedded, and what need not be."""
    known = images.known_in(store)
    if known == len(images):
        return f"all {known:,} images are in {store.path} already"
    told = f"embedding {len(images):,} images (store: {store.path})"
    if known:
        return f"{told}; {known:,} of them are in it already"
    # of a source that is decoded as it is embedded, nobody knows yet
    return f"{told}, which holds {len(store):,} rows already" if known is None and len(store) else told


def _check_reading(source: object, options: Mapping[str, Any]) -> None:
    """Refuse what is no source, and options that reading does not have."""
    if not isinstance(source, str | os.PathLike | Dataset):
        raise DatasetError(
            f"images must come from a path or a Dataset; got a {type(source).__name__}. Rows of an array are given by "
            "CNNFeaturizer().fit_transform(images); hybridfer.datasets.Dataset holds one with its labels, splits and names."
        )
    for name in options:
        if name not in READING:
            raise TypeError(f"an extraction takes no keyword {name!r}; {suggest(name, READING)}")


class _Reading:
    """A source that is decoded block by block; the rows it could not read are known when it has been read."""

    def __init__(self, source: str | os.PathLike[str] | Dataset, on_error: str, options: dict[str, Any]) -> None:
        self._dataset: Dataset | DatasetIndex
        _check_reading(source, options)
        if isinstance(source, Dataset) and not options:
            self._dataset = source
        else:
            self._dataset = scan_dataset(source, on_error=on_error, **options)
        self._on_error = on_error
        self._rows: list[NDArray[np.int64]] = []
        self.classes, self.source = self._dataset.classes, self._dataset.source
        self.problems = list(self._dataset.problems)

    def __len__(self) -> int:
        return len(self._dataset)

    def known_in(self, store: FeatureStore) -> int | None:
        """Count the images that a store has features of; None where they have not been decoded."""
        return int((~store.missing(self._dataset.digests)).sum()) if isinstance(self._dataset, Dataset) else None

    def blocks(self) -> Iterator[NDArray[np.uint8]]:
        if isinstance(self._dataset, Dataset):
            self._rows.append(np.arange(len(self._dataset)))
            yield from blocks_of(self._dataset.images)
            return
        for part in self._dataset.batches():
            self.problems += part.problems
            self._rows.append(part.rows)
            # once there is something to raise, the rest is read only to name all problems at once
            if not self.problems or self._on_error == "skip":
                yield part.images
        check_problems(self.problems, self.source, self._on_error)
        if not sum(map(len, self._rows)):
            raise DatasetError(f"{self.source} holds no image that can be read.")

    def columns(self) -> tuple[NDArray[np.int64], NDArray[np.str_], NDArray[np.str_]]:
        rows = np.concatenate(self._rows)
        return self._dataset.labels[rows], self._dataset.splits[rows], self._dataset.names[rows]

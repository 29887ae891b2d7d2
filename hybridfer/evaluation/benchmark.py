"""run_benchmark: heads against the softmax of the same CNN, by the protocol that the README describes."""

from __future__ import annotations

import hashlib
import logging
import os
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from sklearn.pipeline import Pipeline

from hybridfer.datasets import Dataset, read_dataset
from hybridfer.errors import HybridferError, RecipeError
from hybridfer.evaluation.embedded import Embedded, check_recipe, embed_splits, finished_folder
from hybridfer.evaluation.finished import FinishedHeads
from hybridfer.evaluation.predictions import PredictionTable
from hybridfer.evaluation.report import BenchmarkReport, DatasetSummary, Protocol
from hybridfer.evaluation.rows import Key, Prediction, compare_rows
from hybridfer.evaluation.splits import Splits, three_splits
from hybridfer.evaluation.twins import twin_mask
from hybridfer.heads import build_head, rehearse_recipe, search_grid, search_head
from hybridfer.recipes import FeatureRecipe, PipelineRecipe, load_recipe

log = logging.getLogger("hybridfer")

Features = str | os.PathLike[str] | FeatureRecipe
Pipelines = str | os.PathLike[str] | PipelineRecipe
Recipe = TypeVar("Recipe", Features, Pipelines)

PIPELINES = ("softmax", "svm-linear", "svm-rbf", "linear-svc", "forest", "xgboost", "logistic", "knn")
SEARCH_WORDS = {
    "grid": "every candidate of the recipe's grid",
    "halving": "successive halving of the recipe's grid",
    "random": "candidates drawn from the recipe's grid",
    "off": "no search: the recipe's own parameters",
}
REFITS = ("train", "train+validation")


def run_benchmark(
    source: str | os.PathLike[str] | Dataset = "faces",
    features: Features | Sequence[Features] | None = None,
    pipelines: Pipelines | Sequence[Pipelines] = PIPELINES,
    *,
    weights: str | os.PathLike[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    search: str = "grid",
    n_candidates: int = 10,
    refit: str = "train",
    n_jobs: int | None = None,
    device: str = "auto",
    precision: str | None = None,
    random_state: int = 0,
    verbose: int = 1,
    command: str = "hybridfer.run_benchmark(...)",
    **reading: Any,
) -> BenchmarkReport:
    """Train or load CNNs, embed, tune heads on validation, score test once, and compare with softmax.

    Whatever is finished - trainings, features, heads - is kept and found again by a later call. All that can be known to
    be wrong before images are read is found out first.

    Parameters
    ----------
    source : path or Dataset
        What `read_dataset` reads. A missing test or validation split is carved from train.
    features : str, path or FeatureRecipe, or a sequence of these
        Feature recipes; ``"tiny"`` for drawn faces and ``"compact"`` for everything else by default.
    pipelines : str, path or PipelineRecipe, or a sequence of these
        Pipeline recipes. The softmax row is always there, where the network knows all classes of the dataset.
    weights, store : path, optional
        A weights file and a feature store, for a benchmark of a single feature recipe.
    search : {"grid", "halving", "random", "off"}
        How heads are tuned.
    n_candidates : int
        For ``search="random"``.
    refit : {"train", "train+validation"}
        What each head is fitted on with the chosen parameters.
    n_jobs : int, optional
        Worker processes of a search.
    device, precision : str
        As for `CNNFeaturizer`.
    random_state : int
        Seeds heads, searches and bootstrap; a training has its recipe's own seed, and splits are carved alike in every run.
    verbose : int
        1 shows bars on a terminal.
    command : str
        What the report says it was made by.
    **reading
        ``classes``, ``image_size``, ``mode``, ``test_split`` and ``on_error``, as for `read_dataset`.

    Returns
    -------
    BenchmarkReport

    Raises
    ------
    DatasetError, RecipeError, WeightsError, StoreError
        If something that was named cannot be had; heads are tried on a few synthetic rows before anything long begins.

    Examples
    --------
    >>> from hybridfer import FeatureRecipe, make_faces
    >>> quick = FeatureRecipe(name="quick", network="tiny", training={"max_epochs": 1})
    >>> report = run_benchmark(make_faces(120), quick, "knn", search="off", verbose=0)
    >>> [row.pipeline for row in report.rows]
    ['softmax', 'knn']
    """
    _check_words(search, refit, n_jobs)
    found = [load_recipe("feature", recipe) for recipe in _several(features) or [_default_recipe(source)]]
    heads = _heads(_several(pipelines))
    _check_names(found, heads, weights, store)
    for recipe in found:
        check_recipe(recipe, weights, device, precision)
    for head in heads:
        rehearse_recipe(head)
    dataset = source if isinstance(source, Dataset) and not reading else read_dataset(source, **reading)
    splits = three_splits(dataset, reading.get("test_split", "auto"))
    log.info("%s", splits.summary())
    seen = np.concatenate([splits.digests("train"), splits.digests("validation")])
    twins = twin_mask(splits.digests("test"), seen)
    settings = {"search": search, "n_candidates": n_candidates, "refit": refit, "random_state": random_state}
    predictions: dict[Key, Prediction] = {}
    runs = []
    for recipe in found:
        embedded = embed_splits(
            recipe,
            splits,
            twins,
            weights=weights,
            store=store,
            device=device,
            precision=precision,
            verbose=verbose,
        )
        runs.append(embedded.run)
        softmax = embedded.softmax(splits)
        if softmax is None:
            log.warning(
                "%s does not know all classes of %s: no softmax row. To train a CNN on them, name a recipe without weights, "
                "such as -f tiny or -f model_f.",
                recipe.name,
                splits.dataset.source,
            )
        else:
            predictions[recipe.name, "softmax"] = softmax
        for head in heads:
            predictions[recipe.name, head.name] = _fitted_head(head, embedded, splits, settings, n_jobs)
    test = splits.test
    return BenchmarkReport(
        command=command,
        seed=random_state,
        dataset=_summary(splits, twins),
        protocol=_protocol(found, weights, search, refit),
        features=tuple(runs),
        rows=compare_rows(test.labels, twins, predictions, test.classes, random_state),
        predictions=PredictionTable.collect(test.labels, test.names, test.digests, twins, predictions, test.classes),
    )


def _several(recipes: Recipe | Sequence[Recipe] | None) -> list[Recipe]:
    """Take one recipe for a list of one."""
    if recipes is None:
        return []
    return [recipes] if isinstance(recipes, str) or not isinstance(recipes, Sequence) else list(recipes)


def _default_recipe(source: str | os.PathLike[str] | Dataset) -> str:
    name = source.source if isinstance(source, Dataset) else os.fspath(source)
    return "tiny" if name.partition(":")[0] == "faces" else "compact"


def _check_words(search: str, refit: str, n_jobs: int | None) -> None:
    for name, value, known in (("search", search, tuple(SEARCH_WORDS)), ("refit", refit, REFITS)):
        if value not in known:
            raise RecipeError(f"{name} must be among {list(known)}; got {value!r}.")
    if n_jobs == 0:
        raise RecipeError("n_jobs must be a number of processes, or -1 for all cores; got 0.")


def _heads(pipelines: Sequence[Pipelines]) -> list[PipelineRecipe]:
    """Load the heads; softmax is a row of its own, from the network itself."""
    recipes = [load_recipe("pipeline", recipe) for recipe in pipelines]
    return [recipe for recipe in recipes if recipe.head != "softmax"]


def _check_names(
    features: list[FeatureRecipe], heads: list[PipelineRecipe], weights: object | None, store: object | None
) -> None:
    if any(head.name == "softmax" for head in heads):
        raise RecipeError("The name 'softmax' is the CNN's own row; give the pipeline recipe another one.")
    for kind, recipes in (("feature", features), ("pipeline", heads)):
        names = [recipe.name for recipe in recipes]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise RecipeError(f"Every {kind} recipe must be named once; got {repeated} several times.")
    if len(features) > 1 and (weights is not None or store is not None):
        raise RecipeError(f"weights and store go with one feature recipe; got {[recipe.name for recipe in features]}.")


def _fitted_head(
    recipe: PipelineRecipe, embedded: Embedded, splits: Splits, settings: dict[str, Any], n_jobs: int | None
) -> Prediction:
    """Tune, fit and score one head, unless that was done before."""
    finished = FinishedHeads(finished_folder())
    identity = {
        "store": embedded.store.key.digest,
        "layers": list(embedded.run.layers),
        "recipe": recipe.model_dump(mode="json"),
        "splits": {split: _fold_digest(splits, split) for split in ("train", "validation", "test")},
        "device": embedded.run.device.partition(":")[0],
        **settings,
    }
    prediction = finished.find(identity)
    if prediction is None:
        log.info("fitting %s on %s", recipe.name, embedded.run.recipe)
        try:
            prediction = _fit_head(recipe, embedded, splits, settings, n_jobs)
        except HybridferError:
            raise
        except ValueError as error:
            raise RecipeError(
                f"pipeline recipe {recipe.name!r} cannot be fitted on {len(splits.labels('train'))} train images of "
                f"{splits.dataset.source}: {error} Change its recipe, or leave it out by naming others with -p."
            ) from error
        finished.keep(identity, prediction)
    return prediction


def _fit_head(
    recipe: PipelineRecipe, embedded: Embedded, splits: Splits, settings: dict[str, Any], n_jobs: int | None
) -> Prediction:
    pipeline = build_head(recipe, random_state=settings["random_state"], n_jobs=n_jobs, device=embedded.run.device)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = search_head(
            pipeline,
            search_grid(recipe),
            embedded.features["train"],
            splits.labels("train"),
            embedded.features["validation"],
            splits.labels("validation"),
            strategy=settings["search"],
            n_iter=settings["n_candidates"],
            n_jobs=n_jobs,
            random_state=settings["random_state"],
            refit=settings["refit"],
        )
        start = time.perf_counter()
        labels = result.estimator.predict(embedded.features["test"])
        seconds = time.perf_counter() - start
        probabilities = _probabilities(result.estimator, embedded.features["test"])
    fitted_once = result.strategy == "off" or len(result.candidates) == 1
    return Prediction(
        labels.astype(np.int64),
        probabilities,
        best_params={name.removeprefix("head__"): value for name, value in result.best_params.items()},
        validation_accuracy=result.validation_accuracy,
        search_seconds=0.0 if fitted_once else result.seconds,
        fit_seconds=result.refit_seconds,
        predict_seconds=seconds,
        warnings=tuple(sorted({str(warning.message).partition("\n")[0] for warning in caught})),
    )


def _probabilities(estimator: Pipeline, X: np.ndarray) -> np.ndarray | None:
    """Return probabilities if the head has any."""
    return np.asarray(estimator.predict_proba(X), dtype=np.float64) if hasattr(estimator, "predict_proba") else None


def _fold_digest(splits: Splits, split: str) -> str:
    """Name a split by its images and labels, in their order."""
    return hashlib.sha256(splits.digests(split).tobytes() + splits.labels(split).tobytes()).hexdigest()


def _summary(splits: Splits, twins: np.ndarray) -> DatasetSummary:
    dataset, test = splits.dataset, splits.digests("test")
    counts = dataset.counts()
    return DatasetSummary(
        source=Path(os.path.abspath(dataset.source)).name,
        classes=dataset.classes,
        image_shape=tuple(dataset.images.shape[1:]),
        counts={split: tuple(row.get(name, 0) for name in dataset.classes) for split, row in counts.items()},
        test_split=splits.test_origin,
        validation_origin=splits.validation_origin,
        twins=int(twins.sum()),
        twins_in_train=int(np.isin(test, splits.digests("train")).sum()),
        twins_in_validation=int(np.isin(test, splits.digests("validation")).sum()),
        problems=tuple(str(problem) for problem in dataset.problems),
    )


def _protocol(features: list[FeatureRecipe], weights: object | None, search: str, refit: str) -> Protocol:
    trained = [recipe.name for recipe in features if weights is None and recipe.weights is None]
    loaded = [recipe.name for recipe in features if recipe.name not in trained]
    told = []
    if trained:
        told.append(f"{', '.join(trained)}: trained on train; early stopping and schedules watched validation.")
    if loaded:
        told.append(f"{', '.join(loaded)}: loaded from a weights file, which names the images it was trained on.")
    return Protocol(
        network=" ".join(told),
        tuning=f"Heads were fitted on train and chosen on validation ({SEARCH_WORDS[search]}); "
        "cross-validation inside images that the CNN was trained on would choose for over-separated features.",
        refit=f"With the chosen parameters each head was fitted on {refit}.",
        scoring="The test split was scored once, after every choice. Softmax comes from the same forward pass.",
    )

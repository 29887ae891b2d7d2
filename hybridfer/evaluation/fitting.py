"""The heads' part of a benchmark: each tuned on validation, fitted and asked about the test split once."""

from __future__ import annotations

import hashlib
import logging
import sys
import time
import warnings
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from hybridfer.errors import HybridferError, RecipeError
from hybridfer.evaluation.embedded import PARTS, Embedded, finished_folder
from hybridfer.evaluation.finished import FinishedHeads
from hybridfer.evaluation.grid_ends import find_grid_ends
from hybridfer.evaluation.prediction import Prediction
from hybridfer.evaluation.splits import Part, Splits
from hybridfer.evaluation.summary import SEARCH_WORDS
from hybridfer.heads import SearchResult, build_head, by_name, search_grid, search_head
from hybridfer.heads.search import Refit, Strategy
from hybridfer.recipes import PipelineRecipe

# what settles a head's fit, beside its data and its seed
_SETTLED = {"head", "scaler", "pca", "parameters", "grid"}

log = logging.getLogger("hybridfer")

REFITS = ("train", "train+validation")
#: The largest that NumPy's generators, and so all heads, take.
LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class Tuning:
    """How heads are tuned and fitted.

    Attributes
    ----------
    search : {"grid", "halving", "random", "off"}
        How parameters are looked for.
    n_candidates : int
        For ``"random"``.
    refit : {"train", "train+validation"}
        What each head is fitted on with the chosen parameters; of validation the images that it is tuned on, as train has
        those that are left out.
    random_state : int
        Seeds heads and searches; from 0 to `LARGEST_SEED`.

    Raises
    ------
    RecipeError
        If a word is unknown, or a number is none that it can be.
    """

    search: Strategy = "grid"
    n_candidates: int = 10
    refit: Refit = "train"
    random_state: int = 0

    def __post_init__(self) -> None:
        for name, value, known in (("search", self.search, tuple(SEARCH_WORDS)), ("refit", self.refit, REFITS)):
            if value not in known:
                raise RecipeError(f"{name} must be among {list(known)}; got {value!r}.")
        for name, least, most, told in (
            ("n_candidates", 1, sys.maxsize, "of 1 or more"),
            ("random_state", 0, LARGEST_SEED, f"from 0 to {LARGEST_SEED}"),
        ):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or not least <= value <= most:
                raise RecipeError(f"{name} must be a whole number {told}; got {value!r}.")
            # NumPy's numbers cannot be written as JSON
            object.__setattr__(self, name, int(value))


def finish_head(
    recipe: PipelineRecipe, embedded: Embedded, splits: Splits, tuning: Tuning, n_jobs: int | None
) -> Prediction:
    """Tune, fit and score one head, unless that was done before.

    Raises
    ------
    RecipeError
        If the head cannot be fitted on the images that there are.
    """
    finished = FinishedHeads(finished_folder())
    identity = {
        "store": embedded.store.key.digest,
        "layers": list(embedded.run.layers),
        "recipe": recipe.model_dump(mode="json"),
        "classes": list(splits.dataset.classes),
        "splits": {part: _fold_digest(splits, part) for part in PARTS},
        "device": embedded.run.device.partition(":")[0],
        **asdict(tuning),
    }
    prediction = finished.find(identity)
    if prediction is None:
        log.info("fitting %s on %s", recipe.name, embedded.run.recipe)
        try:
            prediction = fit_head(recipe, embedded, splits, tuning, n_jobs)
        except HybridferError:
            raise
        except ValueError as error:
            reason = str(error).rstrip(".")
            raise RecipeError(
                f"pipeline recipe {recipe.name!r} cannot be fitted on {len(splits.labels('train'))} train images of "
                f"{splits.dataset.source}: {reason}. Change its recipe, or leave it out by naming others with -p; "
                "heads that are finished are kept."
            ) from error
        finished.keep(identity, prediction)
    else:
        log.info("%s on %s was fitted before", recipe.name, embedded.run.recipe)
    return replace(prediction, recipe=recipe.model_dump(mode="json", include=_SETTLED, exclude_defaults=True))


def fit_head(recipe: PipelineRecipe, embedded: Embedded, splits: Splits, tuning: Tuning, n_jobs: int | None) -> Prediction:
    """Tune and fit one head, and predict the test split with it.

    Where the head was fitted on train alone, its probabilities of the validation images are kept too: they are those of
    images that it has not seen, as a temperature asks for.
    """
    classes = splits.dataset.classes
    pipeline = build_head(
        recipe, random_state=tuning.random_state, n_jobs=n_jobs, device=embedded.run.device, classes=classes
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = search_head(
            pipeline,
            search_grid(recipe, classes=classes),
            embedded.features["train"],
            splits.labels("train"),
            embedded.features["tuning"],
            splits.labels("tuning"),
            strategy=tuning.search,
            n_iter=tuning.n_candidates,
            n_jobs=n_jobs,
            random_state=tuning.random_state,
            refit=tuning.refit,
        )
        start = time.perf_counter()
        labels = result.estimator.predict(embedded.features["test"])
        seconds = time.perf_counter() - start
        probabilities = _probabilities(result.estimator, embedded.features["test"])
        unseen = embedded.features["tuning"] if tuning.refit == "train" else None
        validation = None if unseen is None else _probabilities(result.estimator, unseen)
    fitted_once = result.strategy == "off" or len(result.candidates) == 1
    chosen = {name.removeprefix("head__"): by_name(name, value, classes) for name, value in result.best_params.items()}
    told = {str(warning.message).partition("\n")[0] for warning in caught}
    return Prediction(
        labels.astype(np.int64),
        probabilities,
        best_params=chosen,
        validation_accuracy=result.validation_accuracy,
        search_seconds=0.0 if fitted_once else result.seconds,
        fit_seconds=result.refit_seconds,
        predict_seconds=seconds,
        warnings=(*_left_out(result, embedded.features["train"].shape), *sorted(told)),
        validation_probabilities=validation,
        # where all are equally good the first was taken, wherever it stands
        grid_ends=find_grid_ends(search_grid(recipe), chosen) if result.told_apart else {},
    )


def _left_out(result: SearchResult, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Say which settings the search left out, and why."""
    if not result.left_out:
        return ()
    rows, columns = shape
    settings = ", ".join(result.left_out)
    return (f"left out of the search, as {rows:,} train images of {columns:,} features are too few for it: {settings}",)


def _probabilities(estimator: Pipeline, X: NDArray[np.floating]) -> NDArray[np.float64] | None:
    """Return probabilities if the head has any."""
    return np.asarray(estimator.predict_proba(X), dtype=np.float64) if hasattr(estimator, "predict_proba") else None


def _fold_digest(splits: Splits, part: Part) -> str:
    """Name a split by its images and labels, in their order."""
    return hashlib.sha256(splits.digests(part).tobytes() + splits.labels(part).tobytes()).hexdigest()

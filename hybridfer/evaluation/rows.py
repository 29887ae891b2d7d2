"""The rows of the benchmark's table: from predictions to scores and to tests against softmax and the best row."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import JsonValue

from hybridfer.evaluation.calibration import Temperature, scale_temperature
from hybridfer.evaluation.comparisons import (
    BestComparison,
    SoftmaxComparison,
    compare_with_softmax_and_best,
    corrected,
    row_name,
)
from hybridfer.evaluation.grid_ends import End
from hybridfer.evaluation.metrics import Scores, score
from hybridfer.evaluation.prediction import Key, Prediction
from hybridfer.evaluation.subgroups import SubgroupScores, score_subgroups


@dataclass(frozen=True)
class Row:
    """One row of the table: a pipeline on a feature recipe.

    Attributes
    ----------
    feature, pipeline : str
        Names of the two recipes.
    is_softmax : bool
        Whether this is the CNN's own softmax.
    best_params : dict
        What the search chose.
    validation_accuracy : float or None
        The accuracy on validation by which it was chosen; without the images that train has copies of.
    whole : Scores
        On the whole test split: what others publish.
    twin_free : Scores or None
        On the test images without a twin in training or validation, which decide the comparison; None where every
        test image has a twin.
    twins : Scores or None
        On the twins alone; None where there are none.
    versus_softmax : SoftmaxComparison or None
        None for softmax itself, where its feature recipe has no softmax row, and where no image is twin-free.
    search_seconds, fit_seconds, predict_seconds : float
        Seconds that tuning, the last fit, and predicting the test split took.
    warnings : tuple of str
        What the reader should know.
    temperature : Temperature or None
        What temperature scaling does to the calibration error of the whole test split; None without probabilities, for a
        head that was refitted on validation, and where no temperature fits.
    versus_best : BestComparison or None
        None for the best row itself, and where no image is twin-free.
    subgroups : tuple of SubgroupScores
        On the subgroups of the whole test split, where a table of them was given.
    train_accuracy : float or None
        Of the CNN's own softmax on the train images as they are, to be held against `whole`; None for heads, which may
        know them by heart.
    grid_ends : dict of str to {"smallest", "largest"}
        The chosen parameters that are at an end of their grid; a wider grid may do better.
    recipe : dict of str to object
        What a head's pipeline recipe sets: ``head``, and of ``scaler``, ``pca``, ``parameters`` and ``grid`` what is not
        left as it is by default. Empty of softmax, and in reports that do not say.
    """

    feature: str
    pipeline: str
    is_softmax: bool
    best_params: dict[str, JsonValue]
    validation_accuracy: float | None
    whole: Scores
    twin_free: Scores | None
    twins: Scores | None
    versus_softmax: SoftmaxComparison | None
    search_seconds: float
    fit_seconds: float
    predict_seconds: float
    warnings: tuple[str, ...] = ()
    temperature: Temperature | None = None
    versus_best: BestComparison | None = None
    subgroups: tuple[SubgroupScores, ...] = ()
    train_accuracy: float | None = None
    grid_ends: dict[str, End] = field(default_factory=dict)
    recipe: dict[str, JsonValue] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The row in words, such as "svm-rbf on compact"."""
        return row_name((self.feature, self.pipeline))

    @property
    def grid_remarks(self) -> tuple[str, ...]:
        """The chosen parameters at an end of their grid in words, such as "C = 10.0 is the largest of its grid"."""
        return tuple(
            f"{name} = {json.dumps(self.best_params[name])} is the {end} of its grid"
            for name, end in self.grid_ends.items()
            if name in self.best_params
        )

    @property
    def seconds(self) -> float:
        """Search, fit and prediction together, in seconds."""
        return self.search_seconds + self.fit_seconds + self.predict_seconds


def compare_rows(
    y: ArrayLike,
    twins: NDArray[np.bool_],
    predictions: Mapping[Key, Prediction],
    classes: Sequence[str],
    random_state: int = 0,
    *,
    validation_labels: ArrayLike = (),
    groups: Mapping[str, NDArray[np.str_]] | None = None,
) -> tuple[Row, ...]:
    """Score every prediction, and test each head against the softmax of its own CNN and each row against the best.

    The tests are made on the images without a twin, and corrected by Holm's method, so that a report with many heads is not
    surer of itself than one with few.

    Parameters
    ----------
    y : array-like of shape (n,), integers
        The true classes of the test split, as positions in `classes`.
    twins : ndarray of shape (n,), dtype bool
        The test images that have a twin, from `hybridfer.evaluation.twins.twin_mask`.
    predictions : mapping of (feature, pipeline) to Prediction
        What each pipeline on each feature recipe predicted. At most one of a feature recipe is softmax.
    classes : sequence of k str
        The names of the classes.
    random_state : int, default 0
        Seed of the bootstrap intervals.
    validation_labels : array-like of shape (m,), integers
        The true classes of the validation images whose probabilities the predictions hold.
    groups : mapping of str to ndarray of shape (n,), dtype str, optional
        For each column the subgroup of each test image, from `hybridfer.evaluation.subgroups.Groups.of_images`.

    Returns
    -------
    tuple of Row
        In the order of `predictions`.

    Raises
    ------
    ValueError
        If lengths or numbers of classes differ, or a feature recipe has two softmax rows.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([0, 1] * 50)
    >>> rows = compare_rows(
    ...     y,
    ...     np.zeros(100, dtype=bool),
    ...     {
    ...         ("tiny", "softmax"): Prediction(np.zeros(100, dtype=int), is_softmax=True),
    ...         ("tiny", "forest"): Prediction(y.copy()),
    ...     },
    ...     ["happy", "sad"],
    ... )
    >>> rows[1].versus_softmax.points, rows[1].versus_softmax.is_better, rows[0].versus_best.best
    (50.0, True, 'forest on tiny')
    """
    y, y_validation = np.asarray(y), np.asarray(validation_labels, dtype=np.int64)
    for key, prediction in predictions.items():
        _check_prediction(key, prediction, y, twins, y_validation, len(classes))
    decisive = {key: prediction.labels[~twins] for key, prediction in predictions.items()}
    versus_softmax, versus_best = compare_with_softmax_and_best(y[~twins], decisive, _softmax(predictions))
    return tuple(
        Row(
            feature=key[0],
            pipeline=key[1],
            is_softmax=prediction.is_softmax,
            best_params={name: _plain(value) for name, value in prediction.best_params.items()},
            validation_accuracy=prediction.validation_accuracy,
            whole=score(y, prediction.labels, prediction.probabilities, classes, random_state),
            twin_free=_score_part(y, prediction, ~twins, classes, random_state),
            twins=_score_part(y, prediction, twins, classes, random_state),
            versus_softmax=versus_softmax.get(key),
            search_seconds=prediction.search_seconds,
            fit_seconds=prediction.fit_seconds,
            predict_seconds=prediction.predict_seconds,
            warnings=prediction.warnings,
            temperature=scale_temperature(y_validation, prediction.validation_probabilities, y, prediction.probabilities),
            versus_best=versus_best.get(key),
            subgroups=score_subgroups(prediction.labels == y, groups or {}),
            train_accuracy=prediction.train_accuracy,
            grid_ends=dict(prediction.grid_ends),
            recipe=dict(prediction.recipe),
        )
        for key, prediction in predictions.items()
    )


def corrected_anew(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Correct the p-values of rows that were corrected in another way, as reports of earlier versions were."""
    with_softmax, with_best = corrected(
        {(row.feature, row.pipeline): row.versus_softmax for row in rows if row.versus_softmax is not None},
        {(row.feature, row.pipeline): row.versus_best for row in rows if row.versus_best is not None},
        len(rows),
    )
    return tuple(
        replace(
            row,
            versus_softmax=with_softmax.get((row.feature, row.pipeline)),
            versus_best=with_best.get((row.feature, row.pipeline)),
        )
        for row in rows
    )


def count_comparisons(rows: Iterable[Row]) -> tuple[int, int]:
    """Count the tests that Holm's correction is made for: heads against their softmax, and all pairs of rows.

    The latter is 0 where no row is held against the best.

    Examples
    --------
    >>> count_comparisons([])
    (0, 0)
    """
    rows = tuple(rows)
    heads = sum(row.versus_softmax is not None for row in rows)
    return heads, math.comb(len(rows), 2) if any(row.versus_best is not None for row in rows) else 0


def best_row(rows: Iterable[Row]) -> Row | None:
    """Find the row with the highest accuracy on the twin-free part; the first of several, None where there is none.

    Examples
    --------
    >>> best_row([]) is None
    True
    """
    candidates = [row for row in rows if row.twin_free is not None]
    return max(candidates, key=_twin_free_accuracy, default=None)


def preferred_head(rows: Iterable[Row]) -> Row | None:
    """Find the head that was best on validation, as nothing that is shown more closely may be chosen on the test split.

    Parameters
    ----------
    rows : iterable of Row
        Those of a report, or some of them, in its order: of heads that are equally good on validation the first counts.

    Returns
    -------
    Row or None
        Where no head has an accuracy on validation, the best of the twin-free part; the first one where that is empty too;
        None where there is no head.

    Examples
    --------
    >>> preferred_head([]) is None
    True
    """
    heads = [row for row in rows if not row.is_softmax]
    validated = [row for row in heads if row.validation_accuracy is not None]
    if validated:
        return max(validated, key=lambda row: row.validation_accuracy or 0.0)
    return best_row(heads) or next(iter(heads), None)


def _twin_free_accuracy(row: Row) -> float:
    """Accuracy on the twin-free part, below every other where there is none."""
    return row.twin_free.accuracy if row.twin_free else -1.0


def _softmax(predictions: Mapping[Key, Prediction]) -> dict[str, Key]:
    """Map each feature recipe to its softmax row."""
    softmax: dict[str, Key] = {}
    for key, prediction in predictions.items():
        if prediction.is_softmax and softmax.setdefault(key[0], key) != key:
            raise ValueError(f"{key[0]} must have one softmax row; got {softmax[key[0]][1]!r} and {key[1]!r}.")
    return softmax


def _score_part(
    y: NDArray, prediction: Prediction, part: NDArray[np.bool_], classes: Sequence[str], random_state: int
) -> Scores | None:
    """Score some of the images; None where there are none."""
    if not part.any():
        return None
    probabilities = None if prediction.probabilities is None else prediction.probabilities[part]
    return score(y[part], prediction.labels[part], probabilities, classes, random_state)


def _plain(value: Any) -> JsonValue:
    """Turn a parameter that a search chose into something JSON can hold."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, tuple | list | np.ndarray):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)


def _check_prediction(
    key: Key, prediction: Prediction, y: NDArray, twins: NDArray, y_validation: NDArray, n_classes: int
) -> None:
    """Refuse predictions of other images or other classes."""
    if not prediction.labels.shape == y.shape == twins.shape:
        raise ValueError(
            f"{row_name(key)} must predict each test image once; got {prediction.labels.shape[0]} predictions "
            f"and {twins.shape[0]} twin marks for {y.shape[0]} images."
        )
    known = prediction.validation_probabilities
    if known is not None and len(known) != y_validation.size:
        raise ValueError(
            f"{row_name(key)} must give probabilities of {y_validation.size} validation images; got {len(known)}."
        )
    for probabilities in (prediction.probabilities, known):
        if probabilities is not None and probabilities.shape[1] != n_classes:
            raise ValueError(
                f"{row_name(key)} must give probabilities of {n_classes} classes; got {probabilities.shape[1]}."
            )

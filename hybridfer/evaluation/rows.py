"""The rows of the benchmark's table: from predictions to scores and to a test against softmax."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import JsonValue

from hybridfer.evaluation.metrics import Scores, score
from hybridfer.evaluation.significance import ALPHA, Interval, holm, mcnemar_exact, paired_difference_interval

#: A row's name: its feature recipe and its pipeline recipe.
Key = tuple[str, str]

# float32 softmax outputs of a few hundred classes sum to 1 within this
_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class Prediction:
    """What one pipeline on one feature recipe said of the test split, and how it came about.

    Attributes
    ----------
    labels : ndarray of shape (n,), integers
        The predicted class of each test image, as a position among the classes.
    probabilities : ndarray of shape (n, k) or None
        The probabilities of the k classes; None where the head gives none.
    is_softmax : bool
        Whether this is the CNN's own softmax, which the heads are compared with.
    best_params : mapping of str to object
        What the search chose; empty where nothing was searched.
    validation_accuracy : float or None
        The accuracy on validation by which it was chosen.
    search_seconds, fit_seconds, predict_seconds : float
        Seconds that tuning, the last fit, and predicting the test split took.
    warnings : tuple of str
        What the reader should know, such as a head that did not converge.

    Raises
    ------
    ValueError
        If the probabilities do not belong to the labels, or are not probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> Prediction(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]), is_softmax=True).is_softmax
    True
    """

    labels: NDArray[np.integer]
    probabilities: NDArray[np.floating] | None = None
    is_softmax: bool = False
    best_params: Mapping[str, Any] = field(default_factory=dict)
    validation_accuracy: float | None = None
    search_seconds: float = 0.0
    fit_seconds: float = 0.0
    predict_seconds: float = 0.0
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.labels.ndim != 1 or not np.issubdtype(self.labels.dtype, np.integer):
            raise ValueError(
                f"labels must be one row of integers; got shape {self.labels.shape}, dtype {self.labels.dtype}."
            )
        if self.probabilities is not None:
            _check_probabilities(self.probabilities, self.labels.size)


@dataclass(frozen=True)
class SoftmaxComparison:
    """A head against the softmax of the same CNN, on the twin-free part of the test split.

    Attributes
    ----------
    points : float
        Accuracy of the head less that of softmax, in percentage points.
    points_interval : tuple of two floats
        Newcombe's 95 % interval of that difference, in percentage points; for this comparison alone.
    only_head, only_softmax : int
        Images that only the head, or only softmax, got right.
    p_value : float
        Exact two-sided McNemar test.
    p_holm : float
        The same after Holm's correction for all comparisons of the report.
    """

    points: float
    points_interval: Interval
    only_head: int
    only_softmax: int
    p_value: float
    p_holm: float

    @property
    def is_better(self) -> bool:
        """Whether the head beats softmax beyond chance."""
        return self.p_holm < ALPHA and self.points > 0

    @property
    def is_worse(self) -> bool:
        """Whether softmax beats the head beyond chance."""
        return self.p_holm < ALPHA and self.points < 0


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
        The accuracy on validation by which it was chosen.
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

    @property
    def name(self) -> str:
        """The row in words, such as "svm-rbf on compact"."""
        return f"{self.pipeline} on {self.feature}"

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
) -> tuple[Row, ...]:
    """Score every prediction and test each head against the softmax of its own CNN.

    The tests are made on the images without a twin, and Holm's correction over all of them together, so that a report
    with many heads is not surer of itself than one with few.

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
    >>> rows[1].versus_softmax.points, rows[1].versus_softmax.is_better
    (50.0, True)
    """
    y = np.asarray(y)
    for key, prediction in predictions.items():
        _check_prediction(key, prediction, y, twins, len(classes))
    comparisons = _compare(y[~twins], {key: p.labels[~twins] for key, p in predictions.items()}, _softmax(predictions))
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
            versus_softmax=comparisons.get(key),
            search_seconds=prediction.search_seconds,
            fit_seconds=prediction.fit_seconds,
            predict_seconds=prediction.predict_seconds,
            warnings=prediction.warnings,
        )
        for key, prediction in predictions.items()
    )


def best_row(rows: Iterable[Row], *, heads_only: bool = False) -> Row | None:
    """Find the row with the highest accuracy on the twin-free part; the first of several, None where there is none.

    Examples
    --------
    >>> best_row([]) is None
    True
    """
    candidates = [row for row in rows if row.twin_free is not None and not (heads_only and row.is_softmax)]
    return max(candidates, key=_twin_free_accuracy, default=None)


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


def _compare(y: NDArray, labels: Mapping[Key, NDArray], softmax: Mapping[str, Key]) -> dict[Key, SoftmaxComparison]:
    """Test every head against the softmax of its feature recipe, and correct for all tests together."""
    if y.size == 0:
        return {}
    comparisons = {}
    for key, head in labels.items():
        reference = softmax.get(key[0], key)
        if reference == key:
            continue
        test = mcnemar_exact(y, head, labels[reference])
        low, high = paired_difference_interval(y, head, labels[reference])
        comparisons[key] = SoftmaxComparison(
            points=100 * (test.only_a - test.only_b) / y.size,
            points_interval=(100 * low, 100 * high),
            only_head=test.only_a,
            only_softmax=test.only_b,
            p_value=test.p_value,
            p_holm=test.p_value,
        )
    corrected = holm([comparison.p_value for comparison in comparisons.values()])
    return {key: replace(comparisons[key], p_holm=float(p)) for key, p in zip(comparisons, corrected, strict=True)}


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
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)


def _check_probabilities(probabilities: NDArray, n: int) -> None:
    """Refuse what are no probabilities of n images, such as decision values."""
    if probabilities.ndim != 2 or len(probabilities) != n:
        raise ValueError(f"probabilities must have a row for each of {n} labels; got shape {probabilities.shape}.")
    if not np.all(probabilities >= 0) or not np.allclose(probabilities.sum(axis=1), 1, atol=_SUM_TOLERANCE):
        raise ValueError("probabilities must be at least 0 and sum to 1 in each row; pass None where a head has none.")


def _check_prediction(key: Key, prediction: Prediction, y: NDArray, twins: NDArray, n_classes: int) -> None:
    """Refuse predictions of other images or other classes."""
    if not prediction.labels.shape == y.shape == twins.shape:
        raise ValueError(
            f"{key[1]} on {key[0]} must predict each test image once; got {prediction.labels.shape[0]} predictions "
            f"and {twins.shape[0]} twin marks for {y.shape[0]} images."
        )
    if prediction.probabilities is not None and prediction.probabilities.shape[1] != n_classes:
        raise ValueError(
            f"{key[1]} on {key[0]} must give probabilities of {n_classes} classes; got {prediction.probabilities.shape[1]}."
        )

"""The one comparison that was planned: the head that validation chose, against every softmax of the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hybridfer.evaluation.comparisons import SoftmaxComparison, compare_pair, row_name
from hybridfer.evaluation.prediction import Key, Prediction
from hybridfer.evaluation.significance import holm


@dataclass(frozen=True)
class ChosenComparison(SoftmaxComparison):
    """The head that validation chose against one softmax, on the twin-free part of the test split.

    All is as in `SoftmaxComparison` but for these.

    Attributes
    ----------
    p_holm : float
        The p-value after Holm's correction for the comparisons of the chosen head alone.
    feature : str
        The feature recipe of that softmax.
    is_own : bool
        Whether it is the head's own feature recipe.
    """

    feature: str
    is_own: bool


@dataclass(frozen=True)
class ChosenHead:
    """The head that validation chose among all of a report, and how it stands against softmax.

    The choice needs nothing of the test split, so that its comparisons stand for themselves: the other heads, from which it
    was told on other images, cost it no power, and chance does not favour it as it does the row that is the best on test.

    Attributes
    ----------
    feature, pipeline : str
        Names of its two recipes.
    validation_accuracy : float
        The highest on validation; without the images that train has copies of.
    n_heads : int
        Heads that it was chosen among, itself included.
    comparisons : tuple of ChosenComparison
        One for each softmax of the report: first the head's own, then the others in the order of the rows.
    n_tied : int
        Other heads that are as good on validation, of which it is the first; 0 also in reports of before they were counted.
    """

    feature: str
    pipeline: str
    validation_accuracy: float
    n_heads: int
    comparisons: tuple[ChosenComparison, ...]
    n_tied: int = 0

    @property
    def name(self) -> str:
        """The head in words, such as "svm-rbf on compact"."""
        return row_name((self.feature, self.pipeline))

    @property
    def has_own_softmax(self) -> bool:
        """Whether the softmax of its own feature recipe is among those that it is compared with."""
        return any(comparison.is_own for comparison in self.comparisons)


def compare_chosen(y: ArrayLike, twins: NDArray[np.bool_], predictions: Mapping[Key, Prediction]) -> ChosenHead | None:
    """Take the head with the highest accuracy on validation, and test it against every softmax.

    The tests are made on the images without a twin. Holm's correction is made over these tests alone.

    Parameters
    ----------
    y : array-like of shape (n,), integers
        The true classes of the test split.
    twins : ndarray of shape (n,), dtype bool
        The test images that have a twin, from `hybridfer.evaluation.twins.twin_mask`.
    predictions : mapping of (feature, pipeline) to Prediction
        What each pipeline on each feature recipe predicted. Of heads that are equally good on validation the first counts.

    Returns
    -------
    ChosenHead or None
        None where no head has an accuracy on validation, there is no softmax, or no image is twin-free.

    Examples
    --------
    >>> import numpy as np
    >>> y, no_twins = np.array([0, 1] * 50), np.zeros(100, dtype=bool)
    >>> chosen = compare_chosen(
    ...     y,
    ...     no_twins,
    ...     {
    ...         ("tiny", "softmax"): Prediction(np.zeros(100, dtype=int), is_softmax=True),
    ...         ("tiny", "forest"): Prediction(y.copy(), validation_accuracy=0.6),
    ...         ("tiny", "knn"): Prediction(1 - y, validation_accuracy=0.7),
    ...     },
    ... )
    >>> chosen.name, chosen.n_heads, chosen.comparisons[0].points, chosen.comparisons[0].is_worse
    ('knn on tiny', 2, -50.0, True)
    """
    y, labels = np.asarray(y)[~twins], {key: prediction.labels[~twins] for key, prediction in predictions.items()}
    softmax = [key for key, prediction in predictions.items() if prediction.is_softmax]
    heads = _validated_heads(predictions)
    if not heads or not softmax or not y.size:
        return None
    chosen = max(heads, key=lambda key: heads[key])
    softmax.sort(key=lambda key: key[0] != chosen[0])
    figures = [compare_pair(y, labels[chosen], labels[key]) for key in softmax]
    corrected = holm([p_value for *_, p_value in figures]).tolist()
    comparisons = [
        ChosenComparison(*found, p_holm, key[0], key[0] == chosen[0])
        for key, found, p_holm in zip(softmax, figures, corrected, strict=True)
    ]
    n_tied = list(heads.values()).count(heads[chosen]) - 1
    return ChosenHead(*chosen, heads[chosen], len(heads), tuple(comparisons), n_tied)


def _validated_heads(predictions: Mapping[Key, Prediction]) -> dict[Key, float]:
    """The accuracies on validation of all heads that have one."""
    return {
        key: prediction.validation_accuracy
        for key, prediction in predictions.items()
        if not prediction.is_softmax and prediction.validation_accuracy is not None
    }

"""What one classifier said of the test split, before it is scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridfer.evaluation.grid_ends import End

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
    validation_probabilities : ndarray of shape (m, k) or None
        The probabilities of the validation images, from a classifier that was not fitted on them; None where there is none.
    train_accuracy : float or None
        Of the CNN itself on the train images as they are; None for heads, which may know them by heart.
    grid_ends : mapping of str to {"smallest", "largest"}
        The chosen parameters that are at an end of their grid, from `hybridfer.evaluation.grid_ends.find_grid_ends`.
    recipe : mapping of str to object
        Of a head the fields of its `hybridfer.recipes.PipelineRecipe` that settle what is fitted; empty otherwise.

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
    validation_probabilities: NDArray[np.floating] | None = None
    train_accuracy: float | None = None
    grid_ends: Mapping[str, End] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.labels.ndim != 1 or not np.issubdtype(self.labels.dtype, np.integer):
            raise ValueError(
                f"labels must be one row of integers; got shape {self.labels.shape}, dtype {self.labels.dtype}."
            )
        if self.probabilities is not None:
            _check_probabilities("probabilities", self.probabilities, self.labels.size)
        if self.validation_probabilities is not None:
            known = self.validation_probabilities
            _check_probabilities("validation_probabilities", known, len(known))


def _check_probabilities(name: str, probabilities: NDArray[np.floating], n: int) -> None:
    """Refuse what are no probabilities of n images, such as decision values."""
    if probabilities.ndim != 2 or len(probabilities) != n:
        raise ValueError(f"{name} must have a row for each of {n} labels; got shape {probabilities.shape}.")
    if not np.all(probabilities >= 0) or not np.allclose(probabilities.sum(axis=1), 1, atol=_SUM_TOLERANCE):
        raise ValueError(f"{name} must be at least 0 and sum to 1 in each row; pass None where a head has none.")

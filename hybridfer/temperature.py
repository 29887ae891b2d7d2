"""The temperature of a classifier: the one number that its logits are divided by to make its confidence honest."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

#: Temperatures between which the best one is looked for.
TEMPERATURES = (0.05, 20.0)
#: With fewer images no temperature is fitted.
MIN_IMAGES = 30

# nats an image; a gain below it is rounding
_NO_GAIN = 1e-9


def best_temperature(y: ArrayLike, logits: NDArray[np.floating]) -> float | None:
    """Find the temperature that makes given classes most likely.

    Parameters
    ----------
    y : array-like of shape (n,), integers
        True classes as columns of `logits`; of images that the classifier was not fitted on.
    logits : ndarray of shape (n, k)
        Logits of the classes, or logarithms of their probabilities.

    Returns
    -------
    float or None
        Above 1 where the classifier is too sure of itself. None with fewer than 30 images, and where no temperature from
        0.05 to 20 is the best: a classifier without a single error can never be sure enough, one that knows nothing never
        unsure enough.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017, section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> sure = np.log(np.tile([0.99, 0.01], (100, 1)))
    >>> right_in_80_of_100 = np.repeat([0, 1], [80, 20])
    >>> round(best_temperature(right_in_80_of_100, sure), 2)
    3.31
    """
    y, logits = np.asarray(y), np.asarray(logits, dtype=np.float64)
    if y.size < MIN_IMAGES:
        return None
    rows = np.arange(y.size)

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logits / math.exp(log_temperature), axis=1)[rows, y].mean())

    low, high = (math.log(end) for end in TEMPERATURES)
    # in 1 / T the loss is convex, so that there is one valley and a bounded search finds its bottom
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    if loss(0.0) - found.fun < _NO_GAIN:
        return 1.0
    if min(loss(low), loss(high)) - found.fun < _NO_GAIN:
        return None
    return math.exp(found.x)

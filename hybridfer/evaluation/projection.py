"""Embeddings in the plane, for the eye."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

Variances = tuple[float, float]


def project(X: NDArray[np.floating]) -> tuple[NDArray[np.float32], Variances] | tuple[None, None]:
    """Show embeddings on their first two principal components.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Embeddings.

    Returns
    -------
    points : ndarray of shape (n, 2), dtype float32, or None
        None where there is no plane: with a single image or feature, or embeddings that do not differ.
    variances : tuple of two floats, or None
        The share of the variance along each component.

    Examples
    --------
    >>> points, variances = project(np.eye(3) * [[5.0], [1.0], [0.0]])
    >>> points.shape, round(sum(variances), 6)
    ((3, 2), 1.0)
    """
    if min(X.shape) < 2 or not np.ptp(X, axis=0).any():
        return None, None
    # wide embeddings are projected by random vectors; the seed makes the figure the same in every run
    pca = PCA(n_components=2, random_state=0)
    points = pca.fit_transform(X)
    first, second = pca.explained_variance_ratio_.tolist()
    return points.astype(np.float32), (first, second)

import numpy as np
import pytest

from hybridfer.evaluation.projection import project


def test_the_plane_is_that_of_the_largest_variance():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6)) * [0.1, 5.0, 0.1, 2.0, 0.1, 0.1]
    points, variances = project(X.astype(np.float32))
    singular = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2
    assert variances == pytest.approx((singular[:2] / singular.sum()).tolist(), rel=1e-4)
    assert abs(np.corrcoef(points[:, 0], X[:, 1])[0, 1]) > 0.99
    assert abs(np.corrcoef(points[:, 1], X[:, 3])[0, 1]) > 0.99
    assert points.dtype == np.float32


def test_the_same_embeddings_give_the_same_figure():
    X = np.random.default_rng(0).normal(size=(40, 700)).astype(np.float32)
    np.testing.assert_array_equal(project(X)[0], project(X)[0])


@pytest.mark.parametrize("X", [np.ones((5, 4)), np.ones((1, 4)), np.arange(5.0)[:, None]])
def test_embeddings_without_a_plane_have_no_projection(X):
    assert project(X) == (None, None)

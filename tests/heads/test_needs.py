"""Candidates that need more rows or columns than there are."""

import numpy as np
import pytest

from hybridfer.heads import build_head
from hybridfer.heads.needs import most_needed, needs_of, part_candidates
from hybridfer.recipes import PipelineRecipe

COMPONENTS = PipelineRecipe(name="mine", scaler="standard", pca=20, head="svm")


@pytest.mark.parametrize(
    ("recipe", "params", "needs"),
    [
        ("knn", {}, ["n_neighbors = 5"]),
        ("knn", {"head__n_neighbors": 150}, ["n_neighbors = 150"]),
        (COMPONENTS, {"head__C": 1.0}, ["n_components = 20"]),
        (COMPONENTS, {"pca__n_components": 0.9}, []),
        ("svm-rbf", {"head__C": 150}, []),
    ],
)
def test_whole_numbers_of_neighbours_and_components_are_needs(recipe, params, needs):
    assert [str(need) for need in needs_of(build_head(recipe), params)] == needs


@pytest.mark.parametrize(("rows", "columns", "fits"), [(20, 20, True), (19, 64, False), (64, 19, False), (None, 20, True)])
def test_components_need_rows_and_columns(rows, columns, fits):
    fitting, unmet = part_candidates(build_head(COMPONENTS), [{}], rows, columns)
    assert (fitting, unmet) == (([{}], ()) if fits else ([], ("n_components = 20",)))


def test_what_cannot_be_fitted_is_told_once():
    candidates = [{"head__n_neighbors": n, "head__weights": w} for n in (5, 150) for w in ("uniform", "distance")]
    fitting, unmet = part_candidates(build_head("knn"), candidates, 84, 128)
    assert fitting == candidates[:2]
    assert unmet == ("n_neighbors = 150",)
    assert most_needed(build_head("knn"), candidates, "rows") == 150
    assert most_needed(build_head("knn"), candidates, "columns") == 0


@pytest.mark.parametrize(
    ("recipe", "params", "needed"),
    [
        ("knn", {"head__n_neighbors": 30}, 30),
        (PipelineRecipe(name="mine", pca=30, head="logistic"), {}, 30),
    ],
)
def test_a_need_is_what_scikit_learn_asks_for(recipe, params, needed):
    X, y = np.random.default_rng(0).normal(size=(30, 40)), np.arange(30) % 2
    pipeline = build_head(recipe).set_params(**params)
    assert [need.number for need in needs_of(pipeline, {})] == [needed]
    pipeline.fit(X, y).predict(X)
    with pytest.raises(ValueError, match=str(needed)):
        pipeline.fit(X[:-1], y[:-1]).predict(X)

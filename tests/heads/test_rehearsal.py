"""Wrong values are found before anything long is run."""

import pytest

from hybridfer.errors import RecipeError
from hybridfer.heads import rehearse_recipe, search_grid
from hybridfer.recipes import PipelineRecipe, list_recipes


@pytest.mark.parametrize("name", list_recipes("pipeline"))
def test_every_candidate_of_a_shipped_recipe_can_be_fitted(name):
    (grid,) = search_grid(name) or [{}]
    product = 1
    for values in grid.values():
        product *= len(values)

    assert rehearse_recipe(name) == product


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"head": "svm", "parameters": {"C": "ten"}}, "its own parameters: .*C.* Got 'ten'"),
        ({"head": "svm", "grid": {"C": [1, -1]}}, "head__C = -1: .* Got -1"),
        ({"head": "xgboost", "grid": {"max_depth": ["deep"]}}, "max_depth = 'deep'"),
        ({"head": "linear-svc", "parameters": {"loss": "hinge"}}, "dual=False"),
    ],
)
def test_a_value_that_a_head_refuses_is_told_in_its_words(fields, message):
    with pytest.raises(RecipeError, match=message):
        rehearse_recipe(PipelineRecipe(name="mine", **fields))


def test_more_components_than_the_usual_rows_are_rehearsed_with_more_rows():
    recipe = PipelineRecipe(name="mine", pca=100, head="logistic", grid={"pca__n_components": [64, 0.9, 128]})

    assert rehearse_recipe(recipe) == 3

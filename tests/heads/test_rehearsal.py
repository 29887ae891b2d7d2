"""Wrong values are found before anything long is run."""

import pytest

from hybridfer.errors import RecipeError
from hybridfer.heads import check_size, rehearse_recipe, search_grid
from hybridfer.recipes import PipelineRecipe, list_recipes, load_recipe


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
        ({"head": "svm", "grid": {"max_iter": [100, 2**40]}}, "head__max_iter = 1099511627776: value too large"),
    ],
)
def test_a_value_that_a_head_refuses_is_told_in_its_words(fields, message):
    with pytest.raises(RecipeError, match=message):
        rehearse_recipe(PipelineRecipe(name="mine", **fields))


def test_more_components_than_the_usual_rows_are_rehearsed_with_more_rows():
    recipe = PipelineRecipe(name="mine", pca=100, head="logistic", grid={"pca__n_components": [64, 0.9, 128]})

    assert rehearse_recipe(recipe) == 3


@pytest.mark.parametrize("names", [("happy",), ("happy", "sad", "fear", "angry", "neutral")])
def test_weights_of_classes_are_rehearsed_on_classes_of_these_names(names):
    weights = dict.fromkeys(names, 2.0)
    recipe = PipelineRecipe(name="mine", head="svm", parameters={"class_weight": weights}, grid={"class_weight": [weights]})

    assert rehearse_recipe(recipe) == 1


def test_a_weight_that_no_class_can_have_is_told():
    with pytest.raises(RecipeError, match="'mine', parameters: class_weight of 'happy' must be a number above 0; got -1"):
        rehearse_recipe(PipelineRecipe(name="mine", head="svm", parameters={"class_weight": {"happy": -1}}))


@pytest.mark.parametrize(
    ("fields", "rows", "columns", "searched"),
    [
        ({"head": "knn", "grid": {"n_neighbors": [150, 3]}}, 84, 128, True),
        ({"head": "knn", "parameters": {"n_neighbors": 150}, "grid": {"n_neighbors": [3]}}, 84, 128, True),
        ({"head": "svm", "pca": 500}, None, None, True),
        ({"head": "svm", "pca": 500, "grid": {"pca__n_components": [64, 500]}}, 84, 64, True),
    ],
)
def test_one_candidate_that_can_be_fitted_is_enough(fields, rows, columns, searched):
    check_size(PipelineRecipe(name="mine", **fields), rows, columns, searched=searched)


@pytest.mark.parametrize(
    ("fields", "searched", "words"),
    [
        ({"head": "knn", "grid": {"n_neighbors": [85, 150]}}, True, "too few for n_neighbors = 85, n_neighbors = 150"),
        ({"head": "knn", "parameters": {"n_neighbors": 85}, "grid": {"n_neighbors": [3]}}, False, "n_neighbors = 85"),
        ({"head": "svm", "pca": 65}, True, "84 train images with 64 features of tiny: .* n_components = 65"),
    ],
)
def test_a_recipe_without_a_candidate_that_can_be_fitted_is_refused(fields, searched, words):
    with pytest.raises(RecipeError, match=f"'mine' cannot be fitted on .*{words}"):
        check_size(PipelineRecipe(name="mine", **fields), 84, 64, features="tiny", searched=searched)


def test_a_shipped_recipe_can_be_fitted_on_few_images():
    for name in list_recipes("pipeline"):
        check_size(load_recipe("pipeline", name), 20, 64)


def test_what_fails_for_two_classes_alone_is_found_with_two():
    recipe = PipelineRecipe(name="m", head="xgboost", parameters={"objective": "multi:softprob", "n_estimators": 2})
    assert rehearse_recipe(recipe) == 1
    with pytest.raises(RecipeError, match="'m' cannot be fitted with its own parameters"):
        rehearse_recipe(recipe, n_classes=2)

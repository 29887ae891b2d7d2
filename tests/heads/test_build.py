"""From recipes to scikit-learn pipelines."""

import sys
import types
import typing
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import GridSearchCV, ParameterGrid

from hybridfer.errors import MissingExtraError, RecipeError
from hybridfer.heads import HEADS, SCALERS, build_estimator, build_head, build_pipeline, search_grid
from hybridfer.recipes import HeadName, PipelineRecipe, ScalerName, list_recipes, load_recipe

CLASSES = np.array(["angry", "happy", "sad"])
RECIPES = list_recipes("pipeline")


@pytest.fixture(scope="module")
def embeddings():
    """300 x 3 float32, one warm column for each class: logits as well as embeddings."""
    codes = np.arange(300) % 3
    X = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    X[np.arange(300), codes] += 4.0
    return X, CLASSES[codes]


def small(pipeline):
    """The same pipeline with few trees."""
    trees = [name for name in pipeline.get_params() if name.endswith("n_estimators")]
    return pipeline.set_params(**dict.fromkeys(trees, 10))


def test_the_tables_are_exactly_what_recipes_may_name():
    assert set(HEADS) == set(typing.get_args(HeadName))
    assert {*SCALERS, "none"} == set(typing.get_args(ScalerName))


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_recipe_fits_and_predicts_names(name, embeddings):
    X, y = embeddings

    pipeline = small(build_head(name)).fit(X[:200], y[:200])

    assert pipeline.score(X[200:], y[200:]) > 0.9
    assert pipeline.classes_.tolist() == CLASSES.tolist()


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_grid_names_parameters_that_the_pipeline_has(name):
    known = build_head(name).get_params()

    assert all(key in known for grid in search_grid(name) for key in grid)
    assert len(ParameterGrid(search_grid(name) or [{}])) <= 6


@pytest.mark.parametrize("name", RECIPES)
def test_a_pipeline_is_cloned_and_sent_to_workers_whole(name, embeddings):
    X, y = embeddings
    pipeline = small(build_head(name))

    twin = clone(ForkingPickler.loads(ForkingPickler.dumps(pipeline)))

    np.testing.assert_array_equal(twin.fit(X, y).predict(X), pipeline.fit(X, y).predict(X))


@pytest.mark.parametrize("name", ["svm-rbf", "forest", "xgboost", "logistic"])
def test_a_seed_makes_two_fits_equal(name, embeddings):
    X, y = embeddings
    noise = np.random.default_rng(1).permutation(y)

    first, second = (small(build_head(name, random_state=3)).fit(X, noise).predict(X) for _ in range(2))

    np.testing.assert_array_equal(first, second)


def test_another_seed_makes_another_forest(embeddings):
    X, y = embeddings
    noise = np.random.default_rng(1).permutation(y)

    first, second = (small(build_head("forest", random_state=seed)).fit(X, noise).predict_proba(X) for seed in (0, 1))

    assert not np.array_equal(first, second)


def test_steps_are_those_that_the_recipe_has():
    recipe = PipelineRecipe(name="mine", scaler="power", pca=0.9, head="logistic")

    assert list(build_head(recipe).named_steps) == ["scaler", "pca", "head"]
    assert list(build_head("forest").named_steps) == ["head"]


def test_parameters_of_the_recipe_win_and_none_is_spelled_out():
    recipe = PipelineRecipe(
        name="mine", head="forest", parameters={"max_features": "none", "random_state": 5}, grid={"max_depth": ["none", 3]}
    )

    assert build_head(recipe).named_steps["head"].max_features is None
    assert build_head(recipe, random_state=1).named_steps["head"].random_state == 5
    assert search_grid(recipe) == [{"head__max_depth": [None, 3]}]


def test_grids_reach_scaler_pca_and_wrapped_heads():
    recipe = PipelineRecipe(
        name="mine",
        scaler="standard",
        pca=2,
        head="xgboost",
        grid={"max_depth": [3], "scaler__with_std": [True], "pca__n_components": [1, 2]},
    )

    assert search_grid(recipe) == [
        {"head__estimator__max_depth": [3], "scaler__with_std": [True], "pca__n_components": [1, 2]}
    ]


WEIGHED = {"class_weight": {"sad": 2.0, "angry": 0.5}}


@pytest.mark.parametrize("head", ["svm", "linear-svc", "logistic", "forest"])
def test_weights_of_classes_go_by_name_where_labels_are_positions_too(head, embeddings):
    X, names = embeddings
    recipe = PipelineRecipe(name="mine", head=head, parameters=WEIGHED)

    by_name = small(build_head(recipe)).fit(X, names)
    by_position = small(build_head(recipe, classes=CLASSES.tolist())).fit(X, np.searchsorted(CLASSES, names))

    assert by_position.named_steps["head"].class_weight == {2: 2.0, 0: 0.5}
    assert CLASSES[by_position.predict(X)].tolist() == by_name.predict(X).tolist()


def test_weights_of_classes_in_a_grid_go_by_name_too():
    recipe = PipelineRecipe(name="mine", head="svm", grid={"class_weight": [WEIGHED["class_weight"], "balanced", "none"]})

    assert search_grid(recipe, classes=CLASSES.tolist()) == [{"head__class_weight": [{2: 2.0, 0: 0.5}, "balanced", None]}]
    assert search_grid(recipe)[0]["head__class_weight"][0] == WEIGHED["class_weight"]


@pytest.mark.parametrize(
    "fields", [{"parameters": {"class_weight": {"0": 2.0}}}, {"grid": {"head__class_weight": [{"0": 2.0}]}}]
)
def test_weights_of_classes_that_there_are_not_are_refused_with_those_that_there_are(fields):
    (kind,) = fields
    words = rf"'mine', {kind}: class_weight names \['0'\]; the classes are \['angry', 'happy', 'sad'\]"
    with pytest.raises(RecipeError, match=words):
        build_head(PipelineRecipe(name="mine", head="svm", **fields), classes=CLASSES.tolist())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"head": "svm", "parameters": {"gama": 1}}, "parameters: SVC has no parameter 'gama'; did you mean 'gamma'?"),
        ({"head": "svm", "grid": {"c": [1]}}, "grid: there is no parameter 'c'; did you mean 'C'?"),
        ({"head": "xgboost", "parameters": {"max_dept": 1}}, "did you mean 'max_depth'?"),
        ({"head": "xgboost", "grid": {"max_dept": [1]}}, "did you mean 'max_depth'?"),
        (
            {"head": "svm", "scaler": "standard", "grid": {"scaler__with_sd": [True]}},
            "did you mean 'scaler__with_std'?",
        ),
    ],
)
def test_an_unknown_parameter_names_the_recipe_and_the_nearest(fields, message):
    with pytest.raises(RecipeError) as caught:
        build_head(PipelineRecipe(name="mine", **fields))

    assert "'mine'" in str(caught.value)
    assert message in str(caught.value)


def test_an_unknown_head_names_the_nearest():
    with pytest.raises(RecipeError, match="did you mean 'forest'"):
        build_estimator("forrest", {})


@pytest.mark.parametrize(("device", "expected"), [("cuda:1", "cuda:1"), ("cpu", "cpu"), ("mps", "cpu")])
def test_boosted_trees_grow_where_the_network_runs_if_they_can(device, expected):
    assert build_head("xgboost", device=device).get_params()["head__estimator__device"] == expected


def test_without_xgboost_only_its_own_head_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)

    with pytest.raises(MissingExtraError, match=r"hybridfer\[xgboost\]"):
        build_head("xgboost")
    assert all(build_head(name) for name in RECIPES if name != "xgboost")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["svm-rbf", "xgboost", "knn"])
def test_a_grid_search_in_two_processes_finds_what_one_finds(name, embeddings):
    X, y = embeddings

    one, two = (GridSearchCV(small(build_head(name)), search_grid(name), cv=3, n_jobs=jobs).fit(X, y) for jobs in (1, 2))

    assert two.best_params_ == one.best_params_
    np.testing.assert_array_equal(two.cv_results_["mean_test_score"], one.cv_results_["mean_test_score"])


class Flatten(TransformerMixin, BaseEstimator):
    """Stands for the featurizer: images come in, their first row goes out."""

    def __init__(self, recipe=None, layers=(), device="auto", store=None):
        self.recipe, self.layers, self.device, self.store = recipe, layers, device, store

    @classmethod
    def from_recipe(cls, recipe, **parameters):
        return cls(**{"recipe": recipe, "layers": load_recipe("feature", recipe).layers, **parameters})

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X[:, 0, :]


@pytest.fixture
def flatten(monkeypatch):
    module = types.ModuleType("hybridfer.featurizer")
    module.CNNFeaturizer = Flatten
    monkeypatch.setitem(sys.modules, "hybridfer.featurizer", module)


@pytest.mark.usefixtures("flatten")
def test_a_pipeline_goes_from_images_to_names(embeddings):
    X, y = embeddings
    images = np.repeat(X[:, None, :], 3, axis=1)

    pipeline = build_pipeline("tiny", "svm-rbf", device="cpu", store="faces.store")

    assert list(pipeline.named_steps) == ["features", "scaler", "head"]
    assert pipeline.fit(images, y).score(images, y) > 0.9
    assert pipeline.get_params()["features__store"] == "faces.store"
    assert set(search_grid("svm-rbf")[0]) <= set(pipeline.get_params())


@pytest.mark.usefixtures("flatten")
@pytest.mark.parametrize(("head", "layers"), [("softmax", ("logits",)), ("forest", ("embedding",))])
def test_softmax_alone_reads_the_logits(head, layers):
    assert build_pipeline("tiny", head, device="cpu").named_steps["features"].layers == layers


def test_every_shipped_recipe_goes_with_every_network():
    for features in list_recipes("feature"):
        for head in RECIPES:
            known = build_pipeline(features, head, device="cpu").get_params()
            assert all(key in known for grid in search_grid(head) for key in grid)

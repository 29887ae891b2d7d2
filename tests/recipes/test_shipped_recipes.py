"""The recipes that ship: every one of them loads, says what it is, and travels in the wheel."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from hybridfer.recipes import FeatureRecipe, PipelineRecipe, list_recipes, load_recipe

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("feature", {"compact", "model_f", "baseline", "tiny"}),
        (
            "pipeline",
            {"svm-linear", "svm-rbf", "linear-svc", "forest", "xgboost", "logistic", "knn", "softmax"},
        ),
    ],
)
def test_the_recipes_that_are_promised_are_shipped(kind, expected):
    assert expected <= set(list_recipes(kind))


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in ("feature", "pipeline") for name in list_recipes(kind)])
def test_every_shipped_recipe_is_valid_named_after_its_file_and_described(kind, name):
    recipe = load_recipe(kind, name)

    assert isinstance(recipe, {"feature": FeatureRecipe, "pipeline": PipelineRecipe}[kind])
    assert recipe.name == name
    assert recipe.description


@pytest.mark.parametrize("name", list_recipes("feature"))
def test_a_feature_recipes_training_is_plain_data(name):
    params = load_recipe("feature", name).training.to_params()

    assert tomllib.loads(f"value = {params['learning_rate']!r}")["value"] == params["learning_rate"]
    assert params["augmentation"] is None or isinstance(params["augmentation"], dict)


def test_the_forest_and_the_linear_svm_are_those_of_the_report_they_cite():
    forest, svm = load_recipe("pipeline", "forest"), load_recipe("pipeline", "svm-linear")

    assert forest.parameters["n_estimators"] == 100
    assert svm.parameters["kernel"] == "linear"
    assert forest.source
    assert svm.source


@pytest.mark.slow
def test_the_wheel_carries_every_recipe(tmp_path):
    copy = tmp_path / "checkout"
    ignored = shutil.ignore_patterns(
        ".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", "tests", "stores", "runs"
    )
    shutil.copytree(ROOT, copy, ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist", str(copy)]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr

    (wheel,) = (tmp_path / "dist").glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())

    expected = {f"hybridfer/features/{name}.toml" for name in list_recipes("feature")}
    expected |= {f"hybridfer/pipelines/{name}.toml" for name in list_recipes("pipeline")}
    assert expected <= inside

"""What a recipe may say, and what it may not."""

import subprocess
import sys
from functools import partial

import pytest
from pydantic import ValidationError

from hybridfer.recipes import AugmentationRecipe, FeatureRecipe, PipelineRecipe, TrainingRecipe


@pytest.mark.parametrize(
    "field",
    [
        {"learning_rate": 0.0},
        {"learning_rate": float("inf")},
        {"momentum": 1.0},
        {"weight_decay": -1e-4},
        {"max_epochs": 0},
        {"batch_size": True},
        {"batch_size": 1},
        {"patience": 0},
        {"label_smoothing": 1.0},
        {"class_weight": {"happy": 0.0}},
        {"random_state": -1},
        {"mixup": -0.1},
        {"start": ""},
        {"start": ["compact", "other.safetensors"]},
        {"teacher": ""},
        {"teacher": ["compact"]},
        {"teacher": 3},
        {"teacher": "compact", "distillation": 1.5},
        {"teacher": "compact", "temperature": 0.0},
        {"distillation": 0.4},
        {"temperature": 2.0},
        {"optimizer": "lion"},
        {"augmentation": {"erasing": 1.5}},
        {"augmentation": {"rotation": 181}},
        {"augmentation": {"shift": 1.0}},
    ],
)
def test_training_values_out_of_range_are_refused(field):
    with pytest.raises(ValidationError):
        TrainingRecipe(**field)


def test_nesterov_without_momentum_is_refused_for_sgd_alone():
    with pytest.raises(ValidationError, match="nesterov"):
        TrainingRecipe(optimizer="sgd", momentum=0.0)

    assert TrainingRecipe(optimizer="adam", momentum=0.0).momentum == 0.0


def test_training_params_are_every_field_as_plain_values():
    recipe = TrainingRecipe(class_weight="balanced", augmentation=AugmentationRecipe(flip=True, erasing=0.25))

    params = recipe.to_params()

    assert params.keys() == TrainingRecipe.model_fields.keys()
    assert params["augmentation"] == {**dict.fromkeys(AugmentationRecipe.model_fields, 0.0), "flip": True, "erasing": 0.25}
    assert TrainingRecipe(**params) == recipe
    assert TrainingRecipe().to_params()["augmentation"] is None


@pytest.mark.parametrize("teacher", ["compact", ["compact", "other.safetensors"]])
def test_a_taught_training_comes_back_from_its_params(teacher):
    recipe = TrainingRecipe(teacher=teacher, distillation=0.7, temperature=2.0, mixup=0.2)

    assert TrainingRecipe(**recipe.to_params()) == recipe
    assert TrainingRecipe.model_validate(recipe.model_dump(mode="json")) == recipe


@pytest.mark.parametrize("layers", [(), ("embedding", "embedding"), ("embedding", ""), "embedding", (1,)])
def test_layers_are_distinct_names(layers):
    with pytest.raises(ValidationError):
        FeatureRecipe(name="mine", layers=layers)


@pytest.mark.parametrize("name", ["", "../mine", "/mine", "a\\b", "a\0b", "a\nb", "a\x7fb"])
@pytest.mark.parametrize("build", [FeatureRecipe, partial(PipelineRecipe, head="svm")])
def test_a_name_that_is_none_of_a_file_is_refused(build, name):
    with pytest.raises(ValidationError, match="name"):
        build(name=name)


def test_recipes_do_not_change():
    recipe = FeatureRecipe(name="mine")

    with pytest.raises(ValidationError, match="frozen"):
        recipe.network = "tiny"


def test_a_grid_may_be_one_table_or_several_and_empty_ones_are_dropped():
    one = PipelineRecipe(name="mine", head="svm", grid={"C": [1]})
    several = PipelineRecipe(name="mine", head="svm", grid=[{"kernel": ["rbf"], "C": [1]}, {}, {"kernel": ["linear"]}])

    assert one.grid == [{"C": [1]}]
    assert several.grid == [{"kernel": ["rbf"], "C": [1]}, {"kernel": ["linear"]}]
    assert PipelineRecipe(name="mine", head="svm", grid={}).grid == []


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"grid": {"pca__n_components": [2]}}, "pca__n_components"),
        ({"grid": {"scaler__with_std": [True]}}, "scaler__with_std"),
        ({"grid": {"features__layers": ["embedding"]}, "scaler": "standard", "pca": 2}, "features__layers"),
    ],
)
def test_a_grid_key_of_a_step_that_is_not_there_is_refused(fields, key):
    with pytest.raises(ValidationError, match=key):
        PipelineRecipe(name="mine", head="svm", **fields)


@pytest.mark.parametrize("fields", [{"scaler": "standard"}, {"pca": 3}])
def test_softmax_reads_the_logits_untouched(fields):
    with pytest.raises(ValidationError, match="logits as they are"):
        PipelineRecipe(name="mine", head="softmax", **fields)


@pytest.mark.parametrize("pca", [0, -1, 0.0, 1.0, 1.5, True, "all"])
def test_pca_keeps_a_count_or_a_share(pca):
    with pytest.raises(ValidationError):
        PipelineRecipe(name="mine", head="svm", pca=pca)


def test_recipes_and_heads_import_neither_torch_nor_xgboost():
    code = "import sys, hybridfer.recipes, hybridfer.heads; print({'torch', 'xgboost'} & set(sys.modules))"

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "set()"

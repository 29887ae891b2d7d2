"""The recipes of published systems: their settings and figures are those of their sources."""

import pytest

from hybridfer.recipes import expand_recipe, list_recipes, load_recipe

REPORT_A = ["baseline", "baseline-optimizers", "model_b", "model_c", "model_d", "model_e", "model_f"]
REPORT_B = ["model_1", "model_2", "model_3", "model_3-2x2", "model_3-grid"]


def figures(name: str) -> dict[tuple[str, str], float | None]:
    return {(row.pipeline, row.split): row.accuracy for row in load_recipe("feature", name).published}


@pytest.mark.parametrize("name", REPORT_A)
def test_the_protocol_of_the_feature_extraction_report(name):
    training = load_recipe("feature", name).training
    assert training.balance == {"disgust": 1600, "surprise": 2000, "angry": 1500, "fear": 1500}
    assert (training.schedule, training.patience, training.augmentation) == ("plateau", 12, None)
    changed = {field for field, value in training.balance_augmentation.model_dump().items() if value}
    assert changed == {"rotation", "flip", "scale", "brightness", "contrast", "crop", "shift"}


@pytest.mark.parametrize(
    ("name", "softmax", "svm", "forest"),
    [
        ("model_f", 0.6293, 0.6110, 0.6344),
        ("model_b", 0.5602, 0.5644, 0.5759),
        ("model_c", 0.5972, 0.5933, 0.6183),
    ],
)
def test_the_figures_of_the_feature_extraction_report(name, softmax, svm, forest):
    assert figures(name) == {("softmax", "test"): softmax, ("svm-linear", "test"): svm, ("forest", "test"): forest}
    assert {row.n for row in load_recipe("feature", name).published} == {7178}


def test_the_published_table_of_model_f_by_class():
    (softmax, *_) = load_recipe("feature", "model_f").published
    assert (softmax.macro_f1, softmax.f1) == (0.60, {"fear": 0.41, "happy": 0.82})


@pytest.mark.parametrize("name", ["model_b", "model_c", "model_d", "model_e"])
def test_networks_that_are_ours_say_so_and_claim_no_figure(name):
    recipe = load_recipe("feature", name)
    assert "ours" in recipe.description
    assert all("layers are not published" in row.remark for row in recipe.published)


@pytest.mark.parametrize("name", REPORT_B)
def test_the_augmentation_of_the_four_emotions(name):
    changes = load_recipe("feature", name).training.augmentation.model_dump()
    assert {field: value for field, value in changes.items() if value} == {"flip": True, "shear": 0.3, "brightness": 0.2}


def test_the_grid_of_model_3_and_its_published_table():
    recipe = load_recipe("feature", "model_3-grid")
    points = {(member.network_arguments["kernel"], member.training.learning_rate) for member in expand_recipe(recipe)}
    assert points == {(2, 0.001), (2, 0.003), (3, 0.001), (3, 0.003)}
    assert {member.training.optimizer for member in expand_recipe(recipe)} == {"adam"}
    assert [row.accuracy for row in recipe.published] == [0.77, 0.773, 0.789, 0.75]


def test_model_1_and_its_128_images():
    (row,) = load_recipe("feature", "model_1").published
    assert (row.accuracy, row.n) == (0.6719, 128)
    assert "0.61" in row.remark


def test_the_figure_of_the_leaky_cnn_is_of_its_training_split():
    recipe = load_recipe("feature", "leaky_cnn")
    (row,) = recipe.published
    assert (row.split, row.n, row.accuracy) == ("train", 28_709, 0.832)
    assert "training split" in row.remark
    assert (recipe.training.batch_size, recipe.training.max_epochs) == (32, 13)


def test_the_optimizers_that_the_leaky_cnn_is_trained_by():
    members = expand_recipe(load_recipe("feature", "leaky_cnn-optimizers"))
    tried = [(member.training.optimizer, member.training.momentum) for member in members]
    assert tried == [("sgd", 0.0), ("sgd", 0.9), ("adam", 0.9), ("adadelta", 0.9)]
    assert not any(member.training.nesterov for member in members)
    assert {(member.training.batch_size, member.training.max_epochs) for member in members} == {(32, 13)}


def test_grigorasi_and_its_two_figures():
    training = load_recipe("feature", "grigorasi").training
    assert (training.optimizer, training.learning_rate, training.batch_size) == ("adam", 0.001, 128)
    assert figures("grigorasi") == {("softmax", "validation"): 0.6996, ("softmax", "train"): 0.7216}


def test_whatever_has_figures_or_settings_of_others_names_its_source():
    own = {"tiny", "ensemble", *(name for name in list_recipes("feature") if name.partition("-")[0] == "compact")}
    assert all(load_recipe("feature", name).source for name in list_recipes("feature") if name not in own)


def test_the_optimizers_of_the_feature_extraction_report():
    members = expand_recipe(load_recipe("feature", "baseline-optimizers"))
    assert [(member.training.optimizer, member.training.learning_rate) for member in members] == [
        ("adam", 0.001),
        ("sgd", 0.01),
    ]

"""Recipes of one's own: by path, and what is said about each mistake."""

from pathlib import Path

import pytest

from hybridfer.errors import RecipeError
from hybridfer.recipes import PipelineRecipe, list_recipes, load_recipe


@pytest.fixture
def write(tmp_path):
    def _write(text: str, name: str = "mine.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def problems(kind, path):
    with pytest.raises(RecipeError) as caught:
        load_recipe(kind, path)
    return str(caught.value)


@pytest.mark.parametrize("as_given", [str, Path])
def test_a_file_is_a_recipe_named_after_itself(write, as_given):
    path = write('head = "svm"\ngrid = {C = [1, 2.5]}')

    recipe = load_recipe("pipeline", as_given(path))

    assert (recipe.name, recipe.head, recipe.grid) == ("mine", "svm", [{"C": [1, 2.5]}])


def test_a_recipe_comes_back_as_it_is():
    recipe = PipelineRecipe(name="mine", head="knn")

    assert load_recipe("pipeline", recipe) is recipe


def test_a_recipe_of_the_other_kind_is_refused():
    with pytest.raises(RecipeError, match="Expected a feature recipe; got a PipelineRecipe named 'mine'"):
        load_recipe("feature", PipelineRecipe(name="mine", head="knn"))


def test_an_unknown_name_is_answered_with_the_nearest_and_how_to_list():
    message = problems("pipeline", "svm_rbf")

    assert "did you mean 'svm-rbf'?" in message
    assert "hybridfer recipes" in message
    assert "list_recipes('pipeline')" in message


def test_a_name_near_to_nothing_is_answered_with_all_names():
    message = problems("pipeline", "qqqq")

    assert all(name in message for name in list_recipes("pipeline"))


def test_an_unknown_kind_is_an_error():
    with pytest.raises(RecipeError, match="'feature', 'pipeline'"):
        list_recipes("network")


@pytest.mark.parametrize("recipe", ["nowhere.toml", "folder/nowhere"])
def test_a_file_that_is_not_there_is_named(recipe):
    assert problems("feature", recipe).startswith(f"{recipe} could not be read")


@pytest.mark.parametrize(
    "content",
    [b"network = ", b"\xff\xfe", b"a = " + b"[" * 20_000, b"a = " + b"9" * 5000],
    ids=["cut off", "no text", "brackets", "digits"],
)
def test_a_file_that_is_no_toml_is_named(tmp_path, content):
    path = tmp_path / "broken.toml"
    path.write_bytes(content)

    assert f"{path} is not a TOML file" in problems("feature", path)


def test_relative_weights_start_from_the_recipes_folder(write, tmp_path):
    for name in ("w.safetensors", "runs/mine"):
        assert load_recipe("feature", write(f'weights = "{name}"')).weights == str(tmp_path / name)


@pytest.mark.parametrize(
    ("teacher", "found"),
    [
        ('"compact"', "compact"),
        ('"w.safetensors"', "{folder}/w.safetensors"),
        ('"/elsewhere/w.safetensors"', "/elsewhere/w.safetensors"),
        ('["compact", "w.safetensors"]', ("compact", "{folder}/w.safetensors")),
    ],
)
def test_a_teacher_is_a_name_or_a_file_that_starts_from_the_recipes_folder(teacher, found, write, tmp_path):
    text = f"[training]\nteacher = {teacher}\ndistillation = 0.5\nmixup = 0.2"
    training = load_recipe("feature", write(text)).training
    expected = found.format(folder=tmp_path) if isinstance(found, str) else tuple(f.format(folder=tmp_path) for f in found)
    assert (training.teacher, training.mixup) == (expected, 0.2)


@pytest.mark.parametrize(("start", "found"), [("compact", "compact"), ("w.safetensors", "{folder}/w.safetensors")])
def test_a_start_is_a_name_or_a_file_that_starts_from_the_recipes_folder(start, found, write, tmp_path):
    training = load_recipe("feature", write(f'[training]\nstart = "{start}"')).training
    assert training.start == found.format(folder=tmp_path)


@pytest.mark.parametrize("weights", ["builtin", "compact", "/elsewhere/w.safetensors"])
def test_weights_in_the_wheel_and_absolute_paths_stay_as_they_are(write, weights):
    assert load_recipe("feature", write(f'weights = "{weights}"')).weights == weights


def test_an_unknown_key_names_the_file_the_key_and_the_nearest_known_one(write):
    path = write("[training.augmentation]\nrotaton = 3")

    message = problems("feature", path)

    assert str(path) in message
    assert "training.augmentation.rotaton: unknown key, did you mean 'rotation'?" in message


def test_what_a_recipe_is_a_member_of_is_not_for_its_file_to_say(write):
    message = problems("feature", write('member_of = "baseline"'))

    assert "member_of: unknown key" in message
    assert "did you mean 'member_of'" not in problems("feature", write('membr_of = "baseline"'))


def test_all_mistakes_are_told_at_once_one_line_each(write):
    text = """
    netwrk = "tiny"
    views = "flipp"
    image_size = "48"
    colour = 1
    [training]
    batch_size = 0
    patience = 1.5
    class_weight = "balance"
    label_smoothing = 2.0
    [training.augmentation]
    rotation = nan
    """

    lines = [line.strip() for line in problems("feature", write(text)).splitlines()[1:]]

    assert sorted(lines) == [
        "colour: expected true or false, got 1",
        "image_size: expected an integer, got '48'",
        "netwrk: unknown key, did you mean 'network'?",
        "training.augmentation.rotation: expected a finite number, got nan",
        "training.batch_size: expected a number of at least 2, got 0",
        "training.class_weight: expected 'balanced' or a table, got 'balance'; did you mean 'balanced'?",
        "training.label_smoothing: expected a number below 1.0, got 2.0",
        "training.patience: expected an integer, got 1.5",
        "views: expected 'single', 'flip' or 'ten-crop', got 'flipp'; did you mean 'flip'?",
    ]


def test_mistakes_in_a_pipeline_recipe_are_located_in_its_grid(write):
    text = """
    scaler = "standart"
    pca = 1.5
    parameters = {"a b" = 1, x = nan, y = [[1]], z = 9223372036854775808}
    grid = [{C = [1]}, {C = 3, gamma = []}]
    """

    lines = [line.strip() for line in problems("pipeline", write(text)).splitlines()[1:]]

    assert sorted(lines) == [
        "grid.1.C: expected a list, got 3",
        "grid.1.gamma: expected at least 1 of them, got []",
        "head: this key is required",
        "parameters.a b: expected a parameter's name, got 'a b'",
        "parameters.x: expected finite numbers, got nan",
        "parameters.y: expected a string, a number, true, false, or a list or table of these, got [[1]]",
        "parameters.z: expected whole numbers of at most 64 bits, got 9223372036854775808",
        "pca: expected an integer or a number below 1.0, got 1.5",
        "scaler: expected 'none', 'standard', 'minmax', 'l2' or 'power', got 'standart'; did you mean 'standard'?",
    ]

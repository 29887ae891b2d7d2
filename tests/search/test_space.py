"""What a space may say, and what becomes of what a trial drew."""

import optuna
import pytest

from hybridfer.errors import RecipeError, WeightsError
from hybridfer.networks import summarise_network
from hybridfer.recipes import TrainingRecipe
from hybridfer.search import SearchSpace, load_space
from hybridfer.search.space import check_space, count_parameters


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "space.toml"
        path.write_text(text)
        return path

    return write


def test_the_shipped_space_is_the_published_one_and_holds_the_published_winner():
    space = load_space("grigorasi")
    check_space(space)
    filters = space.space.network_arguments["filters"]
    assert (filters.first.low, filters.first.high, filters.first.step) == (32, 256, 32)
    assert (filters.each.low, filters.each.high, filters.each.step) == (64, 512, 64)
    assert (filters.length.low - 1, filters.length.high - 1) == (0, 4)
    for name in ("conv_dropout", "dense_dropout"):
        axis = space.space.network_arguments[name]
        assert (axis.low, axis.high, axis.step) == (0.1, 0.4, 0.1)
    winner = optuna.trial.FixedTrial(
        {
            "filters.length": 5,
            **{f"filters.{place}": width for place, width in enumerate((256, 512, 384, 192, 384), start=1)},
            "conv_dropout": 0.4,
            "dense_dropout": 0.3,
        }
    )
    drawn = space.draw(winner)
    assert count_parameters(space, drawn, 7) == summarise_network("grigorasi").parameters == 5_170_503
    training = space.recipe(drawn).training
    assert (training.optimizer, training.learning_rate, training.batch_size) == ("adam", 0.001, 128)


def test_a_trial_s_recipe_has_what_is_fixed_and_what_was_drawn(small):
    recipe = small.recipe(
        {"network_arguments": {"filters": "4-8", "conv_dropout": 0.1}, "training": {"learning_rate": 0.02}}, "mine"
    )
    assert (recipe.name, recipe.network, recipe.image_size) == ("mine", "conv_stack", 16)
    assert recipe.network_arguments == {"dense": 8, "filters": "4-8", "conv_dropout": 0.1}
    assert recipe.training == TrainingRecipe(max_epochs=2, batch_size=32, learning_rate=0.02)


def test_every_wrong_key_is_told_at_once_by_its_path(written):
    path = written(
        """
        netwrok = "tiny"
        [training]
        optimiser = "adam"
        [space.trainning]
        [space.training.learning_rate]
        low = 1e-4
        hihg = 1e-1
        [space.training.batch_size]
        low = 64
        high = 32
        [space.network_arguments.filters]
        length = { low = 1, high = "3" }
        each = { low = 4, high = 8, stp = 4 }
        """
    )
    with pytest.raises(RecipeError) as caught:
        load_space(path)
    told = str(caught.value)
    for line in (
        "netwrok: unknown key, did you mean 'network'?",
        "training.optimiser: unknown key, did you mean 'optimizer'?",
        "space.trainning: unknown key, did you mean 'training'?",
        "space.training.learning_rate.high: this key is required",
        "space.training.learning_rate.hihg: unknown key, did you mean 'high'?",
        "space.training.batch_size: low is above high: 64 and 32",
        "space.network_arguments.filters.length.high: expected an integer or a number, got '3'",
        "space.network_arguments.filters.each.stp: unknown key, did you mean 'step'?",
    ):
        assert f"\n  {line}" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[space.training.learning_rat]\nlow = 0.1\nhigh = 0.2", "learning_rat: unknown key, did you mean 'learning_rate'?"),
        ("[space.training.learning_rate]\nlow = 0\nhigh = 1", "learning_rate: expected a number above 0"),
        ("[space.training.optimizer]\nchoices = ['adam', 'lion']", "got 'lion'"),
        ("[space]", "expected something to draw"),
        ("network = 'tiny'", "space: this key is required"),
        ("[space]\ntraining = 3", "space.training: expected a table, got 3"),
        ("[space.training]\nmomentum = 0.5", "space.training.momentum: expected a table with low and high"),
        (
            "[network_arguments]\ndense = 3\n[space.network_arguments.dense]\nlow = 1\nhigh = 2",
            "dense cannot be drawn and be",
        ),
        ("[space", "is not a TOML file"),
        ("a = " + "[" * 20_000, "nested too deeply"),
        ("[space.training.'a b']\nlow = 0.1\nhigh = 0.2", "a b"),
    ],
)
def test_a_space_that_draws_no_trainings_is_refused(written, text, told):
    with pytest.raises(RecipeError, match=r"space\.toml") as caught:
        load_space(written(text))
    assert told in str(caught.value)


def test_what_the_network_does_not_take_is_told_before_any_training(small):
    def changed(**network_arguments):
        return SearchSpace(network="conv_stack", space={"network_arguments": network_arguments})

    with pytest.raises(RecipeError, match="takes no argument 'filter'; did you mean 'filters'"):
        check_space(changed(filter={"low": 1, "high": 2}))
    with pytest.raises(RecipeError, match="conv_dropout of conv_stack must be of the kind"):
        check_space(changed(conv_dropout={"choices": ["much"]}))
    with pytest.raises(RecipeError, match="conv_stack cannot be built"):
        check_space(changed(conv_dropout={"low": 0.5, "high": 1.5}))
    with pytest.raises(RecipeError, match="network must be among"):
        check_space(small.model_copy(update={"network": "conv_stak"}))


def test_spaces_are_named_or_given_as_paths(tmp_path):
    with pytest.raises(RecipeError, match="did you mean 'grigorasi'"):
        load_space("grigorasy")
    with pytest.raises(RecipeError, match="could not be read"):
        load_space(tmp_path / "nowhere.toml")


def test_the_number_of_epochs_is_changed_unless_it_is_drawn(small):
    assert small.with_epochs(5).training.max_epochs == 5
    drawn = SearchSpace(network="tiny", space={"training": {"max_epochs": {"low": 1, "high": 2}}})
    with pytest.raises(RecipeError, match="draws max_epochs"):
        drawn.with_epochs(5)


def test_the_quick_space_is_named_where_none_is_found_and_its_networks_are_small():
    with pytest.raises(RecipeError, match="did you mean 'quick'"):
        load_space("quik")
    space = load_space("quick")
    check_space(space)
    widest = {"filters": "32-64-64-64", "conv_dropout": 0.2}
    assert count_parameters(space, {"network_arguments": widest, "training": {}}, 7) < 500_000


PATHS = """
network = "tiny"
[training]
start = "w.safetensors"
teacher = ["compact", "w.safetensors"]
[space.training.start]
choices = ["compact", "../w.safetensors"]
[space.network_arguments.pretrained]
choices = ["hub", "w.pt"]
"""


def test_paths_in_a_file_start_from_its_folder_wherever_it_is_read(written, tmp_path, monkeypatch):
    written(PATHS)
    monkeypatch.chdir(tmp_path)
    space = load_space("space.toml")
    assert space.training.start == str(tmp_path / "w.safetensors")
    assert space.training.teacher == ("compact", str(tmp_path / "w.safetensors"))
    assert space.space.training["start"].choices == ["compact", str(tmp_path / "../w.safetensors")]
    assert space.space.network_arguments["pretrained"].choices == ["hub", str(tmp_path / "w.pt")]


def test_a_fixed_file_that_a_network_begins_with_starts_from_the_space_s_folder_too(written, tmp_path):
    path = written('[network_arguments]\npretrained = "w.pt"\n[space.training.batch_size]\nchoices = [32, 64]')
    assert load_space(path).network_arguments == {"pretrained": str(tmp_path / "w.pt")}


@pytest.mark.parametrize("field", ["start", "teacher"])
@pytest.mark.parametrize("drawn", [False, True])
def test_weights_that_are_missing_are_told_before_any_training(field, drawn, tmp_path, save_tiny):
    there, missing = str(save_tiny(tmp_path / "w.safetensors")), str(tmp_path / "nowhere.safetensors")
    fixed, axes = {field: missing}, {"batch_size": {"choices": [32, 64]}}
    if drawn:
        fixed, axes = {}, {field: {"choices": [there, missing]}}
    space = SearchSpace(network="tiny", image_size=16, training=fixed, space={"training": axes})
    with pytest.raises(WeightsError, match=r"nowhere\.safetensors"):
        check_space(space)


def test_weights_that_no_training_may_begin_with_are_told_before_any_training(tmp_path, save_tiny):
    start = str(save_tiny(tmp_path / "w.safetensors"))
    drawn = {"training": {"batch_size": {"choices": [32, 64]}}}
    check_space(SearchSpace(network="tiny", image_size=16, training={"start": start}, space=drawn))
    with pytest.raises(RecipeError, match="start must hold weights of the network that is to be trained"):
        check_space(SearchSpace(image_size=16, training={"start": start}, space=drawn))


def test_what_is_drawn_may_contradict_itself_in_some_trials():
    drawn = {"training": {"momentum": {"low": 0.0, "high": 0.9}, "optimizer": {"choices": ["sgd", "adam"]}}}
    check_space(SearchSpace(network="tiny", image_size=16, space=drawn))


def test_networks_of_sizes_that_torch_cannot_count_are_told_before_any_training(small):
    axes = {"network_arguments": {"dense": {"low": 8, "high": 99999999999999999999}}}
    space = SearchSpace(image_size=16, space=axes)
    with pytest.raises(RecipeError, match=r"conv_stack cannot be built for .*99999999999999999999.*Give smaller numbers"):
        check_space(space)

"""Recipes that stand for several, and the network's own arguments."""

import pytest
from pydantic import ValidationError

from hybridfer.errors import RecipeError
from hybridfer.recipes import FeatureRecipe, expand_recipe, load_recipe


def recipe(**fields) -> FeatureRecipe:
    return FeatureRecipe(name="mine", network="model_3", **fields)


def test_a_recipe_without_a_grid_stands_for_itself():
    plain = recipe()
    assert expand_recipe(plain) == [plain]


def test_every_value_goes_with_every_other():
    grid = {"network_arguments": {"kernel": [2, 3]}, "training": {"learning_rate": [0.001, 0.003]}}
    members = expand_recipe(recipe(grid=grid, network_arguments={"slope": 0.2}, training={"batch_size": 32}))
    assert [member.name for member in members] == [
        "mine[kernel=2,learning_rate=0.001]",
        "mine[kernel=2,learning_rate=0.003]",
        "mine[kernel=3,learning_rate=0.001]",
        "mine[kernel=3,learning_rate=0.003]",
    ]
    assert [member.network_arguments for member in members] == [{"slope": 0.2, "kernel": kernel} for kernel in (2, 2, 3, 3)]
    assert [member.training.learning_rate for member in members] == [0.001, 0.003, 0.001, 0.003]
    assert {member.training.batch_size for member in members} == {32}
    assert not any(member.grid for member in members)


def test_several_tables_are_tried_one_after_the_other_and_named_by_what_differs():
    grid = [
        {"training": {"optimizer": ["sgd"], "momentum": [0.5, 0.9], "batch_size": [16]}},
        {"training": {"optimizer": ["adam"], "batch_size": [16]}},
    ]
    members = expand_recipe(recipe(grid=grid))
    assert [member.name for member in members] == [
        "mine[optimizer=sgd,momentum=0.5]",
        "mine[optimizer=sgd,momentum=0.9]",
        "mine[optimizer=adam]",
    ]
    assert {member.training.batch_size for member in members} == {16}


def test_a_grid_of_one_point_is_named_by_all_of_it():
    (member,) = expand_recipe(recipe(grid={"training": {"batch_size": [16]}}))
    assert member.name == "mine[batch_size=16]"


def test_members_know_their_grid_and_what_is_published_of_it():
    told = recipe(grid={"training": {"batch_size": [16, 32]}}, published=[{"split": "test", "accuracy": 0.7}])
    assert told.member_of == ""
    for member in expand_recipe(told):
        assert (member.member_of, member.published) == (told.name, told.published)
        assert member.retrained(max_epochs=3).member_of == told.name


def test_members_are_named_by_their_weights_files_without_the_folders():
    starts = ["compact", "/mine/first.v2.safetensors", "/mine/last.safetensors"]
    members = expand_recipe(recipe(grid={"training": {"start": starts, "batch_size": [16, 32]}}))
    assert [member.name for member in members[::2]] == [
        "mine[start=compact,batch_size=16]",
        "mine[start=first.v2,batch_size=16]",
        "mine[start=last,batch_size=16]",
    ]
    assert [member.training.start for member in members[::2]] == starts


def test_weights_files_of_one_name_are_numbered():
    starts = ["/a/best.safetensors", "best-2", "/b/best.safetensors", "/a/best.safetensors"]
    grids = [{"training": {"start": starts[:2]}}, {"training": {"start": starts[2:], "batch_size": [16]}}]
    members = expand_recipe(recipe(grid=grids))
    assert [member.name for member in members] == [
        "mine[start=best]",
        "mine[start=best-2]",
        "mine[start=best-3,batch_size=16]",
        "mine[start=best,batch_size=16]",
    ]


def test_what_a_network_begins_with_is_named_like_a_file_too():
    grid = {"network_arguments": {"pretrained": ["hub", "/mine/w.pt", 3]}}
    members = expand_recipe(FeatureRecipe(name="mine", network="timm:resnetv2_50", grid=grid))
    assert [member.name for member in members] == ["mine[pretrained=hub]", "mine[pretrained=w]", "mine[pretrained=3]"]


def test_values_that_no_file_could_be_named_after_are_told_without_what_does_not_fit():
    members = expand_recipe(recipe(grid={"network_arguments": {"filters": ["8/16", "8\n16-32"]}}))
    assert [member.name for member in members] == ["mine[filters=8-16]", "mine[filters=8-16-32]"]
    assert members[0].network_arguments == {"filters": "8/16"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"grid": {"training": {"learning_rte": [0.1]}}}, "learning_rte: unknown key, did you mean 'learning_rate'"),
        ({"grid": {"training": {"learning_rate": [0.1, 0.0]}}}, "learning_rate: expected a number above 0.0, got 0.0"),
        ({"grid": {"training": {"learning_rate": []}}}, "at least 1"),
        ({"grid": {"training": {"optimizer": ["sgd"], "momentum": [0.0]}}}, "nesterov"),
        ({"grid": {"training": {"learning_rate": [0.1, 0.1]}}}, "one of them twice"),
        ({"grid": [{"training": {"momentum": [0.1]}}, {"training": {"momentum": [0.2, 0.1]}}]}, "one of them twice"),
        ({"grid": {"layers": {"n": [1]}}}, "layers"),
        ({"grid": {"training": {"batch_size": [8]}}, "weights": "builtin"}, "leave out weights or grid"),
        ({"network_arguments": {"kernel": [2]}}, "network_arguments"),
        ({"training": {"balance": {"happy": 0}}}, "balance"),
        ({"training": {"balance": "majority"}}, "balance"),
        ({"training": {"balance_augmentation": {"flip": True}}}, "needs a balance"),
        ({"published": [{"split": "test"}]}, "at least one of accuracy, macro_f1 and f1"),
        ({"published": [{"split": "test", "accuracy": 62.9}]}, "accuracy"),
        ({"published": [{"split": "private", "accuracy": 0.6}]}, "split"),
    ],
)
def test_a_grid_or_figure_that_cannot_be_is_refused(fields, words):
    with pytest.raises(ValidationError, match=words):
        recipe(**fields)


def test_mistakes_in_lists_of_tables_are_located(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[[grid]]\ntrainin.batch_size = [8]\n[[published]]\nsplit = "test"\nacuracy = 0.6\n')
    with pytest.raises(RecipeError) as caught:
        load_recipe("feature", path)
    assert "grid.0.trainin: unknown key, did you mean 'training'?" in str(caught.value)
    assert "published.0.acuracy: unknown key, did you mean 'accuracy'?" in str(caught.value)


def test_one_recipe_of_a_shipped_grid_goes_by_its_name():
    member = load_recipe("feature", "model_3-grid[kernel=2,learning_rate=0.003]")
    assert (member.network_arguments, member.training.learning_rate) == ({"kernel": 2}, 0.003)


def test_a_recipe_that_a_grid_has_not_is_answered_with_the_nearest():
    with pytest.raises(RecipeError, match=r"did you mean 'model_3-grid\[kernel=2,learning_rate=0.003\]'"):
        load_recipe("feature", "model_3-grid[kernel=2,learning_rate=0.03]")

"""The best trial as a recipe that a benchmark takes."""

import tomllib

import pytest

from hybridfer.errors import HybridferError
from hybridfer.recipes import load_recipe
from hybridfer.search import SearchResult, TrialRow, best_recipe, check_replaceable, write_best

DRAWN = {"filters": "4-8", "conv_dropout": 0.30000000000000004, "learning_rate": 1.25e-05}


def result_of(*trials):
    return SearchResult("faces", "conv_stack", 70, 1234, "ab", trials)


def trial(number=3, state="complete", accuracy=0.5, **fields):
    row = {"epochs": 1, "parameters": 9, "seconds": 1.0, "drawn": DRAWN, "coordinates": {}, "curve": (accuracy,), **fields}
    return TrialRow(number, state, accuracy, **row)


def test_the_recipe_survives_its_file(small, tmp_path):
    recipe = best_recipe(result_of(trial(), trial(4, accuracy=0.4)), small, "best")
    path = tmp_path / "new" / "best.toml"

    write_best(path, recipe)

    assert load_recipe("feature", path) == recipe
    assert recipe.network_arguments == {"dense": 8, "filters": "4-8", "conv_dropout": 0.30000000000000004}
    assert recipe.training.learning_rate == 1.25e-05
    assert recipe.description == "Trial 3 of 2: 50.00% of the 1,234 validation images that it was chosen by"


def test_an_augmented_balanced_training_survives_too(small, tmp_path):
    training = {
        "augmentation": {"flip": True, "rotation": 10},
        "class_weight": {"happy": 2.0},
        "balance": {"happy": 3},
        "patience": 4,
    }
    space = type(small).model_validate(
        {**small.model_dump(exclude={"training", "space"}), "training": training, "space": small.space}
    )

    write_best(tmp_path / "best.toml", recipe := best_recipe(result_of(trial()), space, "best"))

    assert load_recipe("feature", tmp_path / "best.toml") == recipe


def test_weights_files_are_found_from_the_folder_of_the_recipe(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    training = small.training.model_copy(update={"start": "w.safetensors", "teacher": ("compact", "w.safetensors")})
    space = small.model_copy(update={"training": training})

    write_best(tmp_path / "new" / "best.toml", best_recipe(result_of(trial()), space, "best"))

    found = load_recipe("feature", tmp_path / "new" / "best.toml").training
    here = str(tmp_path / "w.safetensors")
    assert (found.start, found.teacher) == (here, ("compact", here))


def test_what_are_defaults_today_is_written_all_the_same(small, tmp_path):
    write_best(tmp_path / "best.toml", best_recipe(result_of(trial()), small, "best"))

    assert tomllib.loads((tmp_path / "best.toml").read_text())["training"]["optimizer"] == "adam"


def test_without_a_completed_trial_there_is_none_and_the_reason_is_told(small):
    failed = trial(state="failed", accuracy=None, curve=(), failure="out of memory")

    with pytest.raises(HybridferError, match=r"No trial was completed.*out of memory"):
        best_recipe(result_of(failed), small, "best")


def test_only_an_earlier_best_trial_is_replaced(small, tmp_path):
    path = tmp_path / "best.toml"
    check_replaceable(path)
    write_best(path, best_recipe(result_of(trial()), small, "best"))
    check_replaceable(path)
    path.write_text('network = "tiny"\n')

    with pytest.raises(HybridferError, match="Choose another --best"):
        check_replaceable(path)

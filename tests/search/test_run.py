"""A search: what is drawn, kept, ended early, tried again."""

import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hybridfer.datasets import Dataset
from hybridfer.errors import DatasetError, RecipeError, WeightsError
from hybridfer.search import SearchSpace, StudyError, best_recipe, claims, load_space, run_search
from hybridfer.search.run import Objective
from hybridfer.search.study import opened_study
from hybridfer.training import train_network

TRAINING = "hybridfer.search.trial.train_network"


@pytest.fixture
def rates() -> SearchSpace:
    """Draws a learning rate alone, so that each trial can be known by it."""
    return SearchSpace(
        network="tiny",
        image_size=16,
        training={"max_epochs": 5},
        space={"training": {"learning_rate": {"low": 1e-5, "high": 1e-1, "log": True}}},
    )


@pytest.fixture
def scripted(monkeypatch):
    """Put scripted validation accuracies in the place of trainings; gives the learning rates of those that were begun."""
    begun: list[float] = []

    def script(curve_of):
        def training(dataset, recipe, *, device, verbose, callbacks):
            begun.append(recipe.training.learning_rate)
            net = SimpleNamespace(history=[])
            for accuracy in curve_of(len(begun)):
                net.history.append({"valid_accuracy": accuracy})
                for callback in callbacks:
                    callback.on_epoch_end(net)
            return net

        monkeypatch.setattr(TRAINING, training)
        return begun

    return script


def drawn(result):
    """What the trials that ended drew, in the order of their numbers."""
    ended = [trial for trial in result.trials if trial.state in ("complete", "pruned", "failed")]
    return [dict(trial.coordinates) for trial in sorted(ended, key=lambda trial: trial.number)]


def test_trials_are_trained_and_told_the_best_first(faces, small, study):
    result = run_search(faces, small, study=study, trials=3, verbose=0)

    assert sorted(trial.number for trial in result.trials) == [0, 1, 2]
    assert [trial.accuracy for trial in result.trials] == sorted((t.accuracy for t in result.trials), reverse=True)
    for trial in result.trials:
        assert (trial.state, trial.epochs, len(trial.curve)) == ("complete", 2, 2)
        assert trial.accuracy == max(trial.curve)
        assert trial.parameters > 0
        assert trial.seconds > 0
        assert set(trial.drawn) == {"filters", "conv_dropout", "learning_rate"}
        assert trial.coordinates["filters.length"] == len(trial.drawn["filters"].split("-"))
    assert result.n_validation == (faces.splits == "validation").sum()


def test_a_trial_copies_images_for_its_training_alone(faces, small, study, monkeypatch):
    copied, subset = [], Dataset.subset
    monkeypatch.setattr(Dataset, "subset", lambda *given: copied.append(1) or subset(*given))
    run_search(faces, small, study=study, trials=1, verbose=0)
    assert len(copied) == len(("train", "validation"))


def test_a_trial_is_the_very_training_that_its_recipe_describes(faces, small, study):
    stopped_early = small.model_copy(update={"training": small.training.model_copy(update={"patience": 1, "max_epochs": 4})})
    result = run_search(faces, stopped_early, study=study, trials=1, verbose=0)

    network = train_network(faces, best_recipe(result, stopped_early, "best"), verbose=0)

    assert result.best.curve == tuple(epoch["valid_accuracy"] for epoch in network.history)
    assert result.best.parameters == network.parameters


def test_a_study_goes_on_with_new_draws_and_ends_with_those_of_one_run(faces, rates, tmp_path, scripted):
    begun = scripted(lambda number: [0.5 + number / 100])
    whole = run_search(faces, rates, study=tmp_path / "whole.sqlite", trials=6, verbose=0)
    for trials in (2, 2, 6):
        parts = run_search(faces, rates, study=tmp_path / "parts.sqlite", trials=trials, verbose=0)

    assert drawn(parts) == drawn(whole)
    assert len(begun) == 12
    assert len(set(begun[:6])) == 6


def test_another_seed_draws_others(faces, rates, tmp_path, scripted):
    begun = scripted(lambda number: [0.5])
    for seed in (0, 1):
        run_search(faces, rates, study=tmp_path / f"{seed}.sqlite", trials=2, seed=seed, verbose=0)

    assert len(set(begun)) == 4


def test_what_was_interrupted_is_kept_and_tried_again(faces, rates, study, tmp_path, scripted):
    def interrupted(number):
        yield 0.5
        if number == 2:
            raise KeyboardInterrupt

    begun = scripted(interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_search(faces, rates, study=study, trials=4, verbose=0)
    result = run_search(faces, rates, study=study, trials=4, verbose=0)

    assert (result.count("complete"), result.count("interrupted")) == (4, 1)
    assert begun[1] == begun[2]
    uninterrupted = run_search(faces, rates, study=tmp_path / "other.sqlite", trials=4, verbose=0)
    assert drawn(result) == drawn(uninterrupted)


def test_trials_below_the_median_of_their_epoch_are_ended_and_the_first_five_never(faces, rates, study, scripted):
    scripted(lambda number: [0.3] * 5 if number in (3, 6) else [0.5 + number / 100] * 5)

    result = run_search(faces, rates, study=study, trials=7, verbose=0)

    (pruned,) = [trial for trial in result.trials if trial.state == "pruned"]
    assert (pruned.number, pruned.epochs) == (5, 2)
    assert result.count("complete") == 6


def test_without_a_pruner_none_is_ended(faces, rates, study, scripted):
    scripted(lambda number: [1 / number] * 5)

    assert run_search(faces, rates, study=study, trials=7, pruner="none", verbose=0).count("complete") == 7


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"), "out of memory"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"),
            "out of memory",
        ),
        (MemoryError(), "out of memory"),
        (RecipeError("The training diverged: its loss is nan."), "The training diverged: its loss is nan."),
    ],
)
def test_a_trial_that_cannot_be_trained_is_a_failed_one_and_the_study_goes_on(faces, rates, study, scripted, error, told):
    def failing(number):
        if number == 1:
            raise error
        return [0.5]

    begun = scripted(failing)
    result = run_search(faces, rates, study=study, trials=3, verbose=0)

    assert (result.count("complete"), result.count("failed"), len(begun)) == (2, 1, 3)
    assert result.trials[-1].failure == told
    assert result.trials[-1].drawn["learning_rate"] == begun[0]


def test_a_training_that_diverges_fails_its_trial_alone(faces, study):
    space = SearchSpace(
        network="tiny",
        image_size=16,
        training={"optimizer": "sgd", "max_epochs": 1},
        space={"training": {"learning_rate": {"choices": [1e-2, 1e30]}}},
    )
    result = run_search(faces, space, study=study, trials=5, verbose=0)

    assert {trial.drawn["learning_rate"] for trial in result.trials if trial.state == "failed"} == {1e30}
    assert {trial.drawn["learning_rate"] for trial in result.trials if trial.state == "complete"} == {1e-2}
    assert "diverged" in result.trials[-1].failure


def test_an_error_of_another_kind_ends_the_search_and_its_trial_is_tried_again(faces, rates, study, scripted):
    def broken(number):
        if number == 1:
            raise RuntimeError("no kernel image is available")
        return [0.5]

    begun = scripted(broken)
    with pytest.raises(RuntimeError, match="no kernel image"):
        run_search(faces, rates, study=study, trials=2, verbose=0)
    result = run_search(faces, rates, study=study, trials=2, verbose=0)

    assert result.count("complete") == 2
    assert begun[0] == begun[1]


def test_what_kills_its_process_twice_is_not_tried_a_third_time(faces, rates, study, scripted):
    begun = scripted(lambda number: [0.5])

    def killed(self, trial):
        self.space.draw(trial)
        self.on_drawn()
        raise SystemError("stands for a process that ends without a word")

    for _ in range(2):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Objective, "__call__", killed)
            with pytest.raises(SystemError):
                run_search(faces, rates, study=study, trials=2, verbose=0)
    result = run_search(faces, rates, study=study, trials=2, verbose=0)

    assert (result.count("interrupted"), result.count("failed"), result.count("complete")) == (1, 1, 1)
    assert result.trials[-1].coordinates["learning_rate"] not in begun
    assert "killed more than once" in next(trial.failure for trial in result.trials if trial.state == "failed")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Heartbeat of storage is supposed to be used")
def test_a_trial_of_a_process_that_fell_silent_is_begun_anew(faces, rates, study, scripted, monkeypatch):
    begun = scripted(lambda number: [0.5])
    with opened_study(study, rates, faces) as opened:
        opened.study.sampler = claims.build_sampler("random", 0, 0)
        trial = opened.study.ask()
        rates.draw(trial)
        opened.study._storage.record_heartbeat(trial._trial_id)
    assert run_search(faces, rates, study=study, trials=1, verbose=0).count("running") == 1
    monkeypatch.setattr("hybridfer.search.study.SILENCE_S", 1)
    time.sleep(2.1)
    result = run_search(faces, rates, study=study, trials=1, verbose=0)

    assert (result.count("interrupted"), result.count("complete")) == (1, 1)
    assert begun == [trial.params["learning_rate"]]


def test_what_was_drawn_before_is_not_trained_again(faces, study, scripted):
    space = SearchSpace(network="tiny", image_size=16, space={"training": {"batch_size": {"choices": [32, 64]}}})
    begun = scripted(lambda number: [0.4, 0.4 + number / 10])

    result = run_search(faces, space, study=study, trials=6, verbose=0)

    assert len(begun) == len({trial.drawn["batch_size"] for trial in result.trials}) == 2
    assert result.count("complete") == 6
    assert len({(trial.drawn["batch_size"], trial.curve) for trial in result.trials}) == 2


def test_a_study_of_another_search_is_refused_and_what_differs_is_named(faces, small, study):
    run_search(faces, small, study=study, trials=1, timeout=1e-9, verbose=0)

    with pytest.raises(StudyError, match=r"training\.max_epochs is 2 there and 3 here"):
        run_search(faces, small.with_epochs(3), study=study, verbose=0)
    fewer = faces.split("train").with_validation()
    with pytest.raises(StudyError, match=r"data\.train is"):
        run_search(fewer, small, study=study, verbose=0)
    run_search(faces, small.model_copy(update={"description": "reworded"}), study=study, trials=1, timeout=1e-9, verbose=0)


def test_the_test_split_is_no_part_of_a_search(faces, small, study):
    run_search(faces, small, study=study, trials=1, timeout=1e-9, verbose=0)
    kept = np.flatnonzero(faces.splits != "test")
    without = type(faces)(
        faces.images[kept], faces.labels[kept], faces.splits[kept], faces.names[kept], faces.classes, faces.source
    )

    assert run_search(without, small, study=study, trials=1, verbose=0).count("complete") == 1


def test_no_trial_is_begun_when_time_is_up(faces, small, study):
    assert run_search(faces, small, study=study, trials=3, timeout=1e-9, verbose=0).trials == ()


def test_tpe_draws_from_the_space_too(faces, rates, study, scripted):
    begun = scripted(lambda number: [number / 20])

    result = run_search(faces, rates, study=study, trials=13, sampler="tpe", pruner="none", verbose=0)

    assert result.count("complete") == len(set(begun)) == 13
    assert set(result.importances) == {"learning_rate"}


def test_what_cannot_be_searched_is_told_before_any_training(faces, small, study, tmp_path, scripted):
    begun = scripted(lambda number: [0.5])
    with pytest.raises(RecipeError, match="sampler must be among"):
        run_search(faces, small, study=study, sampler="grid", verbose=0)
    with pytest.raises(RecipeError, match="pruner must be among"):
        run_search(faces, small, study=study, pruner="mean", verbose=0)
    with pytest.raises(DatasetError, match="no validation images"):
        run_search(faces.split("train"), small, study=study, verbose=0)
    astray = small.model_copy(update={"training": small.training.model_copy(update={"teacher": "nowhere.safetensors"})})
    with pytest.raises(WeightsError, match=r"nowhere\.safetensors"):
        run_search(faces, astray, study=study, verbose=0)
    note = tmp_path / "note.txt"
    note.write_text("this is no database, and stays as it is")
    with pytest.raises(StudyError, match="no study file"):
        run_search(faces, small, study=note, verbose=0)
    assert note.read_text() == "this is no database, and stays as it is"
    assert begun == []


@pytest.mark.parametrize("name", ["a%20b.sqlite", "what?.sqlite", "a b#c.sqlite", "{trials}.sqlite"])
def test_a_study_is_kept_in_the_file_that_was_named(faces, rates, tmp_path, scripted, name):
    scripted(lambda number: [0.5])
    run_search(faces, rates, study=tmp_path / name, trials=1, verbose=0)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".sqlite"] == [name]


SCRIPT = """
import sys
from hybridfer import make_faces
from hybridfer.search import load_space, run_search
faces = make_faces(90, classes=("happy", "sad"), image_size=16, random_state=0).with_validation()
run_search(faces, load_space(sys.argv[1]), study=sys.argv[2], trials=8, pruner="none", verbose=0)
"""
SPACE = """
network = "tiny"
image_size = 16
[training]
max_epochs = 2
[space.training.learning_rate]
low = 1e-4
high = 1e-1
log = true
"""


@pytest.mark.slow
def test_two_processes_share_the_trials_of_one_study(faces, study, tmp_path):
    (tmp_path / "space.toml").write_text(SPACE)
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "space.toml"), str(study)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in processes:
        told = process.communicate(timeout=300)[1]
        assert process.returncode == 0, told

    space = load_space(tmp_path / "space.toml")
    shared = run_search(faces, space, study=study, trials=8, pruner="none", verbose=0)
    alone = run_search(faces, space, study=tmp_path / "alone.sqlite", trials=8, pruner="none", verbose=0)
    assert shared.count("complete") == len(shared.trials) == 8
    assert sorted(drawn(shared), key=str) == sorted(drawn(alone), key=str)
    assert {t.drawn["learning_rate"]: t.curve for t in shared.trials} == {
        t.drawn["learning_rate"]: t.curve for t in alone.trials
    }

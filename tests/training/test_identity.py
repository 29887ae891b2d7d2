import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from hybridfer import CNNClassifier
from hybridfer.errors import RecipeError, WeightsError
from hybridfer.training import trained_once


@pytest.fixture
def fits(monkeypatch, tmp_path) -> list[int]:
    """Trainings are remembered in a folder of the test's own; one entry is added for each that is done."""
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path / "home"))
    done: list[int] = []
    fit = CNNClassifier.fit

    def counted(classifier, X, y, **arguments):
        done.append(len(X))
        return fit(classifier, X, y, **arguments)

    monkeypatch.setattr(CNNClassifier, "fit", counted)
    return done


def remembered(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "home" / "weights").glob("*.safetensors"))


def test_a_fold_is_trained_once_whatever_the_order_of_its_rows(quick, faces, fits, tmp_path):
    X, y = faces
    first = trained_once(quick(), X, y)
    order = np.random.default_rng(0).permutation(len(X))
    second = trained_once(quick(), X[order], y[order])
    assert fits == [len(X)]
    assert first.digest == second.digest
    assert len(remembered(tmp_path)) == 1
    assert first.name == "tiny"
    assert len(first.history) == 2


def test_where_it_runs_and_what_it_shows_are_no_part_of_a_training(quick, faces, fits):
    trained_once(quick(), *faces)
    trained_once(quick(device="auto", verbose=1), *faces)
    assert len(fits) == 1


def test_another_fold_labelling_or_recipe_is_another_training(quick, faces, fits, tmp_path):
    X, y = faces
    trained_once(quick(max_epochs=1), X, y)
    trained_once(quick(max_epochs=1), X[1:], y[1:])
    trained_once(quick(max_epochs=1), X, np.roll(y, 1))
    trained_once(quick(max_epochs=1), X, np.array(list("abcdefg"))[y])
    trained_once(quick(max_epochs=1, random_state=1), X, y)
    trained_once(quick(max_epochs=1, learning_rate=0.01), X, y)
    assert len(fits) == len(remembered(tmp_path)) == 6


def test_parameters_that_came_later_do_not_rename_trainings_that_do_without_them():
    # of the parameters that there were before mixup, teachers and starts; a change of it forgets what everybody has trained
    plain = json.dumps(CNNClassifier("tiny", image_size=16).recipe, sort_keys=True)
    assert hashlib.sha256(plain.encode()).hexdigest() == "cf1ea2171eb1debf1e5f6bd7499aa27138e440a8cdcbc974a41afa54f6832713"
    mixed = CNNClassifier("tiny", image_size=16, mixup=0.2).recipe
    assert mixed == {**json.loads(plain), "mixup": 0.2}
    taught = CNNClassifier("tiny", image_size=16, teacher="compact").recipe
    assert {*taught} - {*mixed} == {"teacher", "distillation", "temperature"}
    started = CNNClassifier("tiny", image_size=16, start="compact").recipe
    assert {*started} - {*json.loads(plain)} == {"start"}


def test_a_training_is_called_by_the_rule_that_held_out_its_images_where_it_held_out_any(quick, fits, tmp_path):
    X, y = np.arange(12, dtype=np.uint8).repeat(256).reshape(12, 16, 16), np.arange(12) % 3
    # the names of earlier releases, which held out images row by row; without that nothing has changed
    trained_once(quick(max_epochs=1, validation_fraction=0), X, y)
    (path,) = remembered(tmp_path)
    assert path.name == "tiny-2f1501940f95c1dc964f44b10070d5c0.safetensors"
    trained_once(quick(max_epochs=1), X, y)
    assert len(fits) == len(remembered(tmp_path)) == 2
    assert "tiny-40059a8ebd6cae4e21ae772be88e6749.safetensors" not in {path.name for path in remembered(tmp_path)}


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_a_training_that_never_comes_twice_is_not_remembered(random_state, quick, faces, fits):
    with pytest.raises(RecipeError, match="random_state must be an integer"):
        trained_once(quick(random_state=random_state), *faces)
    assert not fits


def test_a_failed_training_is_tried_again(quick, faces, fits, tmp_path):
    with pytest.raises(RecipeError, match="diverged"):
        trained_once(quick(optimizer="sgd", learning_rate=1e30), *faces)
    assert not remembered(tmp_path)
    trained_once(quick(max_epochs=1), *faces)
    assert len(fits) == 2


def test_a_damaged_memory_is_named(quick, faces, fits, tmp_path):
    trained_once(quick(max_epochs=1), *faces)
    (path,) = remembered(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=path.name):
        trained_once(quick(max_epochs=1), *faces)


def test_whoever_comes_second_waits_for_the_first(quick, faces, fits, tmp_path):
    expected = trained_once(quick(max_epochs=1), *faces).digest
    (path,) = remembered(tmp_path)
    content = path.read_bytes()
    path.unlink()
    found: list[str] = []
    waiting = threading.Thread(target=lambda: found.append(trained_once(quick(max_epochs=1), *faces).digest))
    with FileLock(path.with_suffix(".lock")):
        waiting.start()
        waiting.join(timeout=0.3)
        assert waiting.is_alive()
        assert len(fits) == 1
        path.write_bytes(content)
    waiting.join(timeout=30)
    assert found == [expected]
    assert len(fits) == 1


def test_a_start_that_knows_the_images_is_told_of_each_time(shades, master, quick, saved, fits, caplog):
    caplog.set_level("WARNING", logger="hybridfer")
    classifier = quick(start=saved(master.network_), max_epochs=1, validation_fraction=0)
    for _ in range(2):
        trained_once(classifier, *shades)
        (told,) = caplog.messages
        assert "The start tiny was trained on 90 of the 120 images of this training." in told
        caplog.clear()
    assert len(fits) == 1


ASKING = """
from hybridfer import CNNClassifier, make_faces
from hybridfer.training import trained_once
faces = make_faces(96, image_size=16, random_state=0)
classifier = CNNClassifier("tiny", image_size=16, max_epochs=30, device="cpu", verbose=0)
network = trained_once(classifier, faces.images, faces.labels)
print(hasattr(classifier, "network_"), network.digest)
"""


@pytest.mark.slow
def test_of_several_processes_one_trains(tmp_path):
    environment = {**os.environ, "HYBRIDFER_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen([sys.executable, "-c", ASKING], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = [process.communicate(timeout=120)[0].split() for process in processes]
    assert sorted(trained for trained, _ in answers) == ["False", "False", "True"]
    assert len({digest for _, digest in answers}) == 1

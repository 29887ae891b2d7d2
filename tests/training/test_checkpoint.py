import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from hybridfer import CNNClassifier
from hybridfer.errors import WeightsError
from hybridfer.networks import save_network
from hybridfer.training.net import ImageNet

LIVELY = {"augmentation": {"flip": True, "rotation": 10}, "network": "model_f", "network_arguments": {"dropout": 0.5}}
STOPPING = {"max_epochs": 40, "learning_rate": 0.03, "patience": 2}


@pytest.fixture
def interrupted(monkeypatch):
    """Fit, and press Ctrl-C when so many epochs are done."""

    def run(classifier: CNNClassifier, faces, epochs: int) -> None:
        whole = ImageNet.run_single_epoch

        def run_single_epoch(net, iterator, training, **arguments):
            if len(net.history) == epochs + 1:
                raise KeyboardInterrupt
            whole(net, iterator, training, **arguments)

        with monkeypatch.context() as patch:
            patch.setattr(ImageNet, "run_single_epoch", run_single_epoch)
            with pytest.raises(KeyboardInterrupt):
                classifier.fit(*faces)

    return run


def outcome(classifier: CNNClassifier) -> tuple[str, list[dict]]:
    figures = [{name: value for name, value in epoch.items() if name != "dur"} for epoch in classifier.history_]
    return classifier.network_.digest, figures


@pytest.mark.parametrize("epochs", [1, 2])
@pytest.mark.parametrize(
    "parameters",
    [
        LIVELY,
        {"schedule": "one-cycle", "optimizer": "sgd"},
        {"schedule": "cosine", "optimizer": "adamw"},
        {"schedule": "plateau"},
        {"precision": "bf16"},
        {"initial_scale": 0.5},
        {"optimizer": "adadelta", "learning_rate": 1.0},
        {"optimizer": "rmsprop"},
        {"balance": {0: 7, 3: 40}, "balance_augmentation": {"rotation": 10, "brightness": 0.1}},
        {"mixup": 0.2, "augmentation": {"flip": True}},
    ],
    ids=[
        "dropout and augmentation",
        "one-cycle",
        "cosine",
        "plateau",
        "bf16",
        "resizing",
        "adadelta",
        "rmsprop",
        "balance",
        "mixup",
    ],
)
def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(parameters, epochs, quick, faces, interrupted, tmp_path):
    settings = {"max_epochs": 3, **parameters}
    expected = outcome(quick(**settings).fit(*faces))
    checkpoint = tmp_path / "folder" / "training.checkpoint"
    interrupted(quick(**settings, checkpoint=checkpoint), faces, epochs)
    torch.manual_seed(9)
    resumed = quick(**settings, checkpoint=checkpoint, resume=True).fit(*faces)
    assert outcome(resumed) == expected
    assert [file.name for file in checkpoint.parent.iterdir()] == [checkpoint.name]


def test_a_taught_training_goes_on_as_if_nothing_had_happened(quick, faces, interrupted, tmp_path):
    teacher = save_network(quick(random_state=5).fit(*faces).network_, tmp_path / "teacher.safetensors")
    settings = {**LIVELY, "max_epochs": 3, "teacher": teacher, "mixup": 0.4, "temperature": 2.0}
    expected = outcome(quick(**settings).fit(*faces))
    checkpoint = tmp_path / "training.checkpoint"
    interrupted(quick(**settings, checkpoint=checkpoint), faces, 1)
    torch.manual_seed(9)
    assert outcome(quick(**settings, checkpoint=checkpoint, resume=True).fit(*faces)) == expected


def test_a_training_that_started_with_weights_goes_on_as_if_nothing_had_happened(quick, faces, interrupted, saved, tmp_path):
    settings = {"start": saved(quick(random_state=5).fit(*faces).network_), "max_epochs": 3}
    expected = outcome(quick(**settings).fit(*faces))
    checkpoint = tmp_path / "training.checkpoint"
    interrupted(quick(**settings, checkpoint=checkpoint), faces, 1)
    assert outcome(quick(**settings, checkpoint=checkpoint, resume=True).fit(*faces)) == expected


def test_early_stopping_remembers_its_best_epoch_and_its_misses(quick, faces, interrupted, tmp_path):
    settings = {**STOPPING, "schedule": "plateau"}
    expected = outcome(quick(**settings).fit(*faces))
    ran = len(expected[1])
    assert 3 < ran < 40
    for epochs in range(1, ran):
        checkpoint = tmp_path / f"{epochs}.checkpoint"
        interrupted(quick(**settings, checkpoint=checkpoint), faces, epochs)
        resumed = quick(**settings, checkpoint=checkpoint, resume=True).fit(*faces)
        assert outcome(resumed) == expected, epochs


@pytest.mark.parametrize("parameters", [{}, STOPPING], ids=["all epochs", "stopped early"])
def test_resuming_a_finished_training_gives_its_network_again(parameters, quick, faces, tmp_path):
    checkpoint = tmp_path / "training.checkpoint"
    expected = outcome(quick(**parameters, checkpoint=checkpoint).fit(*faces))
    assert outcome(quick(**parameters, checkpoint=checkpoint, resume=True).fit(*faces)) == expected


def test_a_checkpoint_changes_nothing_of_the_training(quick, faces, tmp_path):
    expected = outcome(quick().fit(*faces))
    assert outcome(quick(checkpoint=tmp_path / "training.checkpoint").fit(*faces)) == expected


def test_without_resume_a_training_begins_anew(quick, faces, interrupted, tmp_path):
    checkpoint = tmp_path / "training.checkpoint"
    interrupted(quick(checkpoint=checkpoint), faces, 1)
    assert len(quick(checkpoint=checkpoint).fit(*faces).history_) == 2


def test_resuming_without_a_checkpoint_file_begins_at_the_start(quick, faces, tmp_path):
    resumed = quick(checkpoint=tmp_path / "training.checkpoint", resume=True).fit(*faces)
    assert outcome(resumed) == outcome(quick().fit(*faces))


@pytest.mark.parametrize(
    ("numbers", "plain"),
    [
        (
            {"learning_rate": np.float64(0.01), "weight_decay": np.float32(0.5)},
            {"learning_rate": 0.01, "weight_decay": 0.5},
        ),
        (
            {"max_epochs": np.int64(1), "image_size": (np.int64(16), 16), "augmentation": {"rotation": np.float32(5)}},
            {"max_epochs": 1, "image_size": (16, 16), "augmentation": {"rotation": 5.0}},
        ),
    ],
    ids=["of the optimiser", "of the name"],
)
def test_a_training_with_numbers_of_numpy_is_resumed_by_those_of_python(numbers, plain, quick, faces, tmp_path):
    settings = {"max_epochs": 1, "checkpoint": tmp_path / "training.checkpoint"}
    expected = outcome(quick(**settings | numbers).fit(*faces))
    assert outcome(quick(**settings | plain, resume=True).fit(*faces)) == expected
    assert quick(**settings | numbers).recipe == quick(**settings | plain).recipe


@pytest.mark.parametrize(
    "change", [{"learning_rate": 0.5}, {"max_epochs": 3}, {"random_state": 1}, {"image_size": 20}, {"batch_size": 16}]
)
def test_a_checkpoint_of_another_recipe_is_refused(change, quick, faces, tmp_path):
    checkpoint = tmp_path / "training.checkpoint"
    quick(checkpoint=checkpoint).fit(*faces)
    (name,) = change
    with pytest.raises(WeightsError, match=rf"belongs to another training: .*\b{name}\b.* differ"):
        quick(**{"checkpoint": checkpoint, "resume": True, **change}).fit(*faces)


def test_of_a_checkpoint_of_an_earlier_release_it_is_not_told_what_differs(quick, faces, tmp_path):
    checkpoint = tmp_path / "training.checkpoint"
    quick(checkpoint=checkpoint, max_epochs=1).fit(*faces)
    rewritten(checkpoint, parts=None)
    with pytest.raises(WeightsError, match="another training: its data, network or recipe differ"):
        quick(checkpoint=checkpoint, resume=True).fit(*faces)


def test_a_checkpoint_of_other_images_or_labels_is_refused(quick, faces, tmp_path):
    X, y = faces
    checkpoint = tmp_path / "training.checkpoint"
    quick(checkpoint=checkpoint).fit(X, y)
    for images, labels, what in ((255 - X, y, "train images"), (X, y[::-1], "train labels")):
        with pytest.raises(WeightsError, match=f"belongs to another training: .*{what}"):
            quick(checkpoint=checkpoint, resume=True).fit(images, labels)


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04", None])
def test_a_damaged_checkpoint_is_refused(content, quick, faces, tmp_path):
    checkpoint = tmp_path / "training.checkpoint"
    quick(checkpoint=checkpoint, max_epochs=1).fit(*faces)
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(WeightsError, match="is no readable checkpoint"):
        quick(checkpoint=checkpoint, max_epochs=1, resume=True).fit(*faces)


def rewritten(checkpoint: Path, **fields) -> None:
    """Replace fields of a checkpoint; those that are None are removed."""
    state = {**torch.load(checkpoint, weights_only=True), **fields}
    torch.save({name: value for name, value in state.items() if value is not None}, checkpoint)


@pytest.mark.parametrize(
    "fields",
    [
        {"generators": {}},
        {"history": 5},
        {"history": [5]},
        {"callbacks": 5},
        {"callbacks": {"schedule": 5}},
        {"optimizer": {}},
        {"module": {}},
        {"module": 5},
        {"parts": 5},
    ],
    ids=str,
)
def test_a_checkpoint_of_this_training_with_damaged_contents_is_refused(fields, quick, faces, tmp_path):
    settings = {"checkpoint": tmp_path / "training.checkpoint", "max_epochs": 1, "schedule": "cosine"}
    quick(**settings).fit(*faces)
    rewritten(settings["checkpoint"], **fields)
    with pytest.raises(WeightsError, match=r"is no readable checkpoint \(.+\)\. Remove it"):
        quick(**settings, resume=True).fit(*faces)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")], ids=repr)
def test_too_little_memory_is_not_taken_for_a_damaged_checkpoint(error, quick, faces, tmp_path, monkeypatch):
    def fail(path):
        raise error

    settings = {"checkpoint": tmp_path / "training.checkpoint", "max_epochs": 1}
    quick(**settings).fit(*faces)
    monkeypatch.setattr("hybridfer.training.checkpoint.load_plain", fail)
    with pytest.raises(type(error)) as caught:
        quick(**settings, resume=True).fit(*faces)
    assert caught.value is error


def test_a_checkpoint_of_another_kind_of_device_is_refused(quick, faces, tmp_path):
    settings = {"checkpoint": tmp_path / "training.checkpoint"}
    quick(**settings, max_epochs=1).fit(*faces)
    generators = torch.load(settings["checkpoint"], weights_only=True)["generators"]
    # what a generator of CUDA's is restored from
    elsewhere = {**generators, "module": torch.zeros(16, dtype=torch.uint8), "cuda": torch.zeros(16, dtype=torch.uint8)}
    told = r"was written on cuda, and this training runs on cpu.*Go on there \(device='cuda'\), or remove it"
    for device in ("cuda", None):
        rewritten(settings["checkpoint"], generators=elsewhere, device=device)
        with pytest.raises(WeightsError, match=told):
            quick(**settings, max_epochs=1, resume=True).fit(*faces)


def test_a_checkpoint_of_an_earlier_release_which_names_no_device_is_gone_on_with(quick, faces, interrupted, tmp_path):
    expected = outcome(quick().fit(*faces))
    checkpoint = tmp_path / "training.checkpoint"
    interrupted(quick(checkpoint=checkpoint), faces, 1)
    assert torch.load(checkpoint, weights_only=True)["device"] == "cpu"
    rewritten(checkpoint, device=None)
    assert outcome(quick(checkpoint=checkpoint, resume=True).fit(*faces)) == expected


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_malicious_checkpoint_is_refused_and_not_run(quick, faces, tmp_path):
    torch.save({"fingerprint": Bomb(tmp_path / "ran"), "format": 1}, tmp_path / "bad.checkpoint")
    with pytest.raises(WeightsError, match=r"is no readable checkpoint \(it is damaged, or holds more than tensors"):
        quick(checkpoint=tmp_path / "bad.checkpoint", resume=True).fit(*faces)
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_that_cannot_be_written_leaves_the_last_one(quick, faces, tmp_path):
    checkpoint = tmp_path / "training.checkpoint"
    quick(checkpoint=checkpoint, max_epochs=1).fit(*faces)
    before = checkpoint.read_bytes()

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            quick(checkpoint=checkpoint).fit(*faces)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert checkpoint.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [checkpoint.name]


TRAINING = """
import sys
from hybridfer import CNNClassifier, make_faces
faces = make_faces(300, image_size=24, random_state=0)
classifier = CNNClassifier(
    "model_f", image_size=24, max_epochs=4, batch_size=32, schedule="one-cycle", patience=3, device="cpu", verbose=0,
    augmentation={"flip": True, "rotation": 10}, checkpoint=sys.argv[1], resume=True,
)
print(classifier.fit(faces.images, faces.labels).network_.digest)
"""


def training(checkpoint: Path) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", TRAINING, checkpoint], env=environment, stdout=subprocess.PIPE, text=True)


def wait_for_a_new_checkpoint(checkpoint: Path, process: subprocess.Popen) -> None:
    def written() -> int:
        return checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0

    before = written()
    while written() == before and process.poll() is None:
        time.sleep(0.01)


@pytest.mark.slow
def test_a_training_that_is_killed_twice_ends_in_the_same_network(tmp_path):
    expected, _ = training(tmp_path / "whole.checkpoint").communicate(timeout=300)
    checkpoint = tmp_path / "killed.checkpoint"
    for _ in range(2):
        with training(checkpoint) as process:
            wait_for_a_new_checkpoint(checkpoint, process)
            # somewhere in the next epoch
            time.sleep(0.2)
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
    found, _ = training(checkpoint).communicate(timeout=300)
    assert len(expected.strip()) == 64
    assert found == expected

from dataclasses import replace

import numpy as np
import pytest
import torch

from hybridfer import make_faces
from hybridfer.networks import Embedder, Preprocessing, catalogue_network
from hybridfer.training.teaching import Teacher

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device; torch sees none"),
]


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-2), ("bf16", 0.1), ("fp16", 0.05)])
@pytest.mark.parametrize("views", ["single", "flip"])
def test_features_on_the_gpu_are_those_of_the_cpu(precision, tolerance, views):
    images = np.random.default_rng(0).integers(0, 256, (9, 48, 48), dtype=np.uint8)
    network = catalogue_network("compact", preprocessing=Preprocessing(standardize="image"))
    expected = Embedder(network, ["embedding", "logits"], views=views, device="cpu").embed(images)
    embedder = Embedder(network, ["embedding", "logits"], views=views, device="cuda", precision=precision, batch_size=4)
    for layer, rows in embedder.embed(images).items():
        assert rows.dtype == np.float32
        np.testing.assert_allclose(rows, expected[layer], atol=tolerance * np.abs(expected[layer]).max())


def test_a_training_on_the_gpu_in_bf16_learns_and_comes_back_to_the_cpu(quick):
    faces = make_faces(420, classes=("happy", "sad", "surprise"), image_size=24, random_state=0)
    (X, y), (X_test, y_test) = faces.arrays("train"), faces.arrays("test")
    settings = {"image_size": 24, "max_epochs": 12, "learning_rate": 0.01, "schedule": "one-cycle", "precision": "bf16"}
    before = torch.cuda.get_rng_state()
    classifier = quick(**settings, device="cuda", augmentation={"flip": True, "rotation": 5, "erasing": 0.1}).fit(X, y)
    assert classifier.score(X_test, y_test) > 0.6
    assert {tensor.device.type for tensor in classifier.network_.module.state_dict().values()} == {"cpu"}
    assert torch.equal(torch.cuda.get_rng_state(), before)


@pytest.mark.parametrize("balance", [None, {0: 20}], ids=["as it is", "balanced"])
def test_a_training_on_the_gpu_can_be_resumed(balance, quick, faces, tmp_path):
    checkpoint = tmp_path / "training.checkpoint"
    changes = {"flip": True, "crop": 0.2} if balance else None
    settings = {"device": "cuda", "precision": "bf16", "patience": 2, "balance": balance, "balance_augmentation": changes}
    settings |= {"checkpoint": checkpoint, "mixup": 0.2 if balance else 0.0}
    first = quick(**settings).fit(*faces)
    resumed = quick(**settings, resume=True).fit(*faces)
    assert resumed.network_.digest == first.network_.digest


def test_a_taught_training_on_the_gpu_goes_by_the_names_of_classes(shades, master, quick, saved):
    X, y = shades
    # sorted, the labels are bright, dark and grey, which the teacher knows as 2, 0 and 1
    labels = np.array(["dark", "grey", "bright"])[y]
    settings = {"max_epochs": 12, "learning_rate": 0.01, "schedule": "one-cycle", "validation_fraction": 0, "mixup": 0.2}
    student = quick(**settings, device="cuda", precision="bf16", teacher=saved(master.network_), distillation=1.0)
    student.fit(X, labels, class_names=["2", "0", "1"])
    assert student.network_.classes == ("2", "0", "1")
    assert student.score(X, labels) > 0.95


def test_the_host_does_not_wait_for_a_teacher_on_the_gpu():
    preprocessing = Preprocessing((24, 24), standardize="image")
    network = replace(catalogue_network("tiny", n_classes=3, preprocessing=preprocessing), classes=("a", "b", "c"))
    teacher = Teacher(network, ["c", "a"], torch.device("cuda"), "bf16")
    pixels = torch.rand(4, 3, 24, 24, device="cuda")
    teacher(pixels)
    torch.cuda.set_sync_debug_mode("error")
    try:
        teacher(pixels)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_building_a_network_leaves_the_gpus_generator():
    before = torch.cuda.get_rng_state()
    catalogue_network("tiny", random_state=3)
    assert torch.equal(torch.cuda.get_rng_state(), before)

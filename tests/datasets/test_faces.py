from itertools import pairwise

import numpy as np
import pytest

from hybridfer.datasets import FER_CLASSES, make_faces
from hybridfer.datasets.expressions import ACTION_UNITS, EXPRESSIONS, draw_strengths
from hybridfer.errors import DatasetError


def person(dataset):
    return np.array([name.split("person")[1][:4] for name in dataset.names])


def test_equal_arguments_draw_equal_faces_and_another_seed_others():
    one, two, other = make_faces(30, random_state=4), make_faces(30, random_state=4), make_faces(30, random_state=5)
    assert np.array_equal(one.images, two.images)
    assert one.names.tolist() == two.names.tolist()
    assert not np.any(np.isin(one.digests, other.digests))


def test_no_face_is_drawn_twice():
    faces = make_faces(200)
    assert len(set(faces.digests.tolist())) == 200


@pytest.mark.parametrize("classes", [FER_CLASSES, ("happy", "sad"), ("surprise",)])
def test_an_identity_shows_several_images_and_never_straddles_splits(classes):
    faces = make_faces(280, classes)
    people = person(faces)
    for identity in np.unique(people):
        of_one = people == identity
        assert of_one.sum() >= 4
        assert len(set(faces.splits[of_one].tolist())) == 1


def test_splits_and_labels_are_balanced():
    counts = make_faces(1400).counts()
    assert [set(row.values()) for row in counts.values()] == [{140}, {30}, {30}]


@pytest.mark.parametrize("n", [1, 6, 15, 29])
def test_any_number_of_faces_can_be_drawn(n):
    faces = make_faces(n)
    assert len(faces) == n
    assert faces.has_split("train")


def test_three_people_are_enough_for_three_splits():
    assert list(make_faces(21).counts()) == ["train", "validation", "test"]


@pytest.mark.parametrize(("size", "shape"), [(64, (64, 64)), ((40, 60), (40, 60)), (160, (160, 160))])
def test_faces_have_the_size_asked_for(size, shape):
    assert make_faces(4, image_size=size).images.shape == (4, *shape)


def test_synonyms_are_drawn_in_the_order_of_fer():
    assert make_faces(8, classes="surprised, Anger").classes == ("angry", "surprise")


def test_a_class_that_cannot_be_drawn_is_an_error_that_names_those_that_can():
    with pytest.raises(DatasetError, match=r"must be among angry, disgust, .*neutral; got contempt"):
        make_faces(10, classes="happy,contempt")


@pytest.mark.parametrize(("n", "size"), [(0, 48), (5, 8), (5, 4096)])
def test_a_number_out_of_range_is_an_error(n, size):
    with pytest.raises(DatasetError, match="Faces can be drawn from 1 upwards"):
        make_faces(n, image_size=size)


def test_every_expression_moves_the_action_units_of_facs():
    rng = np.random.default_rng(0)
    units = list(ACTION_UNITS)
    for expression in FER_CLASSES:
        strength = draw_strengths([expression] * 400, rng).mean(axis=0)
        moved = {unit for unit, mean in zip(units, strength, strict=True) if mean > 0.12}
        assert moved == {unit for unit, weight in EXPRESSIONS[expression].items() if weight >= 0.2}


def test_images_use_the_range_of_grey():
    faces = make_faces(50).images
    assert 40 < faces.mean() < 200
    assert faces.reshape(50, -1).std(axis=1).min() > 8


@pytest.mark.slow
def test_a_small_cnn_reads_expressions_that_a_linear_machine_on_pixels_does_not():
    import torch
    from sklearn.svm import SVC
    from torch import nn

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    faces = make_faces(2000)
    X, y = faces.arrays("train")
    X_test, y_test = faces.arrays("test")
    linear = SVC(kernel="linear").fit(X.reshape(len(X), -1) / 255, y).score(X_test.reshape(len(X_test), -1) / 255, y_test)

    channels = (1, 16, 32, 64, 96)
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
    network = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(96 * 9, 7))
    pixels, labels = torch.from_numpy(X)[:, None].float() / 255 - 0.5, torch.from_numpy(y)
    epochs, batch = 14, 64
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-2)
    steps = epochs * -(-len(pixels) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(pixels)).split(batch):
            images = pixels[rows].flip(-1) if torch.rand(()) < 0.5 else pixels[rows]
            loss = nn.functional.cross_entropy(network(images), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    network.eval()
    with torch.inference_mode():
        predicted = network(torch.from_numpy(X_test)[:, None].float() / 255 - 0.5).argmax(1).numpy()
    torch.set_num_threads(threads)
    accuracy = (predicted == y_test).mean()
    assert 0.75 <= accuracy <= 0.97
    assert linear <= accuracy - 0.10

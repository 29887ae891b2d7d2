import logging

import numpy as np
import pytest
import torch
from sklearn.base import clone

from hybridfer import CNNClassifier, CNNFeaturizer, FeatureRecipe, make_faces
from hybridfer.datasets.classes import FER_CLASSES
from hybridfer.digest import image_digests
from hybridfer.errors import RecipeError
from hybridfer.networks import Preprocessing, load_network, save_network
from hybridfer.recipes import load_recipe
from hybridfer.training import Augmentation, recipe_classifier, train_network, trained_once
from hybridfer.training.balancing import BalancedBatches, added_counts, balance_of
from hybridfer.training.batches import DeviceImages
from hybridfer.training.net import TrainedModule

CPU = torch.device("cpu")
# of the Kaggle folder release, in Kaggle's order
FER_TRAIN = {"angry": 3995, "disgust": 436, "fear": 4097, "happy": 7215, "sad": 4830, "surprise": 3171, "neutral": 4965}
LABELS = np.repeat([0, 1, 2], [9, 4, 2])


def epochs(added: list[int], number: int, seed: int = 0) -> list[tuple[list[int], list[bool]]]:
    """Numbers of the images of each epoch in their order, and whether they are marked."""
    images = np.arange(len(LABELS), dtype=np.uint8).reshape(-1, 1, 1)
    batches = BalancedBatches(DeviceImages(images, LABELS, CPU), 4, torch.Generator().manual_seed(seed), added)
    found = []
    for _ in range(number):
        parts = list(batches)
        assert len(parts) == len(batches)
        numbers = torch.cat([batch["images"][:, 0, 0] for batch, _ in parts])
        np.testing.assert_array_equal(torch.cat([labels for _, labels in parts]), LABELS[numbers])
        found.append((numbers.tolist(), torch.cat([batch["added"] for batch, _ in parts]).tolist()))
    return found


def test_an_epoch_holds_every_image_once_unmarked_and_the_added_ones_marked():
    ((numbers, marks),) = epochs([0, 5, 7], 1)
    originals = [number for number, marked in zip(numbers, marks, strict=True) if not marked]
    assert sorted(originals) == list(range(15))
    added = [LABELS[number] for number, marked in zip(numbers, marks, strict=True) if marked]
    assert np.bincount(added, minlength=3).tolist() == [0, 5, 7]


def test_the_images_of_a_class_are_copied_equally_often_to_within_one():
    ((numbers, marks),) = epochs([0, 5, 7], 1)
    times = np.bincount([number for number, marked in zip(numbers, marks, strict=True) if marked], minlength=15)
    assert sorted(times[9:13]) == [1, 1, 1, 2]
    assert sorted(times[13:]) == [3, 4]


def test_added_images_come_mixed_with_the_others_and_anew_in_each_epoch():
    first, second = epochs([3, 0, 0], 2)
    assert first != second
    copied = [{number for number, marked in zip(*epoch, strict=True) if marked} for epoch in epochs([3, 0, 0], 6)]
    assert len(set(map(frozenset, copied))) > 1
    # 3 added images stand among 15: unmixed they would all come last
    assert any(marked for _, marks in (first, second) for marked in marks[:12])


def test_the_generator_alone_decides_what_is_added():
    torch.manual_seed(1)
    first = epochs([3, 5, 7], 2)
    torch.manual_seed(2)
    assert epochs([3, 5, 7], 2) == first
    assert epochs([3, 5, 7], 2, seed=1) != first


def test_the_published_numbers_turn_28709_images_into_35309():
    labels = np.repeat(np.arange(7), list(FER_TRAIN.values()))
    balance = load_recipe("feature", "model_f").training.balance
    added = added_counts(balance, labels, list(FER_TRAIN))
    assert (len(labels), len(labels) + added.sum()) == (28_709, 35_309)
    assert dict(zip(FER_TRAIN, added.tolist(), strict=True)) == dict.fromkeys(FER_TRAIN, 0) | balance


def test_matching_the_majority_makes_all_classes_alike():
    assert (added_counts("match-majority", LABELS, "abc") + np.bincount(LABELS)).tolist() == [9, 9, 9]


@pytest.mark.parametrize(
    ("balance", "message"),
    [
        ("even", "balance must be 'match-majority', a dict"),
        (1600, "balance must be 'match-majority', a dict"),
        ({"d": 1}, r"balance names \['d'\]; the classes are \['a', 'b', 'c'\]"),
        ({"a": 0}, "balance of 'a' must be a positive integer"),
        ({"a": 1.5}, "balance of 'a' must be a positive integer"),
    ],
)
def test_a_balance_that_is_none_is_refused(balance, message):
    with pytest.raises(RecipeError, match=message):
        added_counts(balance, LABELS, ["a", "b", "c"])


def test_a_class_of_fer_that_is_not_there_is_left_out_with_a_message(caplog):
    with caplog.at_level(logging.INFO, logger="hybridfer"):
        assert balance_of({"disgust": 16, "happy": 3}, ["happy", "sad"]) == {"happy": 3}
    assert "disgust left out" in caplog.text
    assert balance_of({"disgust": 16}, ["cat", "dog"]) is None
    assert balance_of("match-majority", ["cat", "dog"]) == "match-majority"


def test_a_balance_of_which_nothing_is_left_is_warned_of(caplog):
    caplog.set_level(logging.WARNING, logger="hybridfer")
    assert balance_of({"disgust": 16, "fear": 3}, [0, 1, 2]) is None
    (told,) = caplog.messages
    assert told.startswith("balance adds nothing: it names disgust, fear, and there are images of 0, 1, 2 alone.")
    assert "give labels that are their names" in told
    caplog.clear()
    assert balance_of({"disgust": 16, "fear": 3}, ["fear", "sad"]) == {"fear": 3}
    assert balance_of(None, [0, 1]) is None
    assert not caplog.messages


def test_a_featurizer_that_trains_on_numbers_says_each_time_that_its_recipe_balances_names(
    faces, caplog, monkeypatch, tmp_path
):
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path))
    caplog.set_level(logging.WARNING, logger="hybridfer")
    featurizer = CNNFeaturizer("tiny", weights=None, training=recipe(balance={"happy": 9}), device="cpu")
    for _ in range(2):
        featurizer.fit(*faces)
        (told,) = caplog.messages
        assert told.startswith("balance adds nothing: it names happy")
        caplog.clear()
    names = np.array(FER_CLASSES)[faces[1]]
    featurizer = CNNFeaturizer("tiny", weights=None, training=recipe(balance={"happy": 9}), device="cpu").fit(
        faces[0], names
    )
    training = featurizer.network_.training
    assert sum(training["trained_counts"]) == sum(training["train_counts"]) + 9
    assert not caplog.messages


def test_any_other_name_is_a_mistake():
    with pytest.raises(RecipeError, match=r"balance names \['disgusted'\]; the classes are \['happy', 'sad'\]"):
        balance_of({"disgusted": 16, "happy": 3}, ["happy", "sad"])


def halves(**augmentations) -> torch.Tensor:
    """Pixels as the network gets them: the first half of the images is marked as added."""
    images = torch.full((8, 4, 4), 100, dtype=torch.uint8)
    images[:, :, 2:] = 150
    module = TrainedModule(
        torch.nn.Identity(), Preprocessing((4, 4)), generator=torch.Generator(), precision="fp32", **augmentations
    )
    return module(images, torch.arange(8) < 4)


def test_added_images_are_augmented_by_their_own_rule_and_the_others_not():
    plain = halves(augmentation=None)
    found = halves(augmentation=None, added_augmentation=Augmentation(brightness=0.2))
    torch.testing.assert_close(found[4:], plain[4:])
    assert all(not torch.equal(one, other) for one, other in zip(found[:4], plain[:4], strict=True))


def test_without_a_rule_of_their_own_added_images_are_augmented_like_all_others():
    found = halves(augmentation=Augmentation(brightness=0.2))
    assert not (found == halves(augmentation=None)).all(dim=3).any()


def test_a_classifier_trains_on_the_added_images_and_never_on_copies_of_held_out_ones(quick, faces, monkeypatch):
    X, y = faces
    rare = int(np.unique(y)[1])
    seen = {True: [], False: []}
    forward = TrainedModule.forward

    def watched(module, images, added=None):
        seen[module.training].append(image_digests(images.numpy()))
        return forward(module, images, added)

    monkeypatch.setattr(TrainedModule, "forward", watched)
    classifier = quick(balance={rare: 50}, max_epochs=1).fit(X, y)
    trained, held_out = (np.concatenate(seen[training]) for training in (True, False))
    assert not np.isin(trained, held_out).any()
    counts = np.array([np.isin(trained, image_digests(X[y == label])).sum() for label in classifier.classes_])
    training = classifier.network_.training
    assert counts.tolist() == training["trained_counts"]
    assert sum(training["train_counts"]) == len(X) - len(held_out)
    assert (counts - training["train_counts"]).tolist() == [50 if label == rare else 0 for label in classifier.classes_]
    assert training["balance"] == {str(rare): 50}


def test_without_balance_only_the_training_images_are_counted(quick, faces):
    training = quick(max_epochs=1).fit(*faces).network_.training
    assert sum(training["train_counts"]) == 72
    assert "trained_counts" not in training


def test_counts_are_kept_in_the_weights_file(quick, faces, tmp_path):
    X, y = faces
    kept = (y != y[0]) | (np.arange(len(y)) < 40)
    classifier = quick(balance="match-majority", max_epochs=1).fit(X[kept], y[kept])
    loaded = load_network(save_network(classifier.network_, tmp_path / "weights.safetensors"))
    (count,) = set(loaded.training["trained_counts"])
    assert count == max(loaded.training["train_counts"]) > min(loaded.training["train_counts"])


def test_balance_goes_by_labels_of_any_kind_and_through_clone(quick, faces):
    X, y = faces
    names = np.array(list("gfedcba"))[y]
    classifier = clone(quick(balance={names[0]: 9}, balance_augmentation={"flip": True}, max_epochs=1))
    assert classifier.get_params()["balance"] == {names[0]: 9}
    assert classifier.get_params()["balance_augmentation"] == {"flip": True}
    classifier.fit(X, names)
    training = classifier.network_.training
    added = np.subtract(training["trained_counts"], training["train_counts"])
    assert dict(zip(classifier.classes_, added, strict=True)) == {
        name: 9 * (name == names[0]) for name in classifier.classes_
    }


def test_history_is_over_the_balanced_epoch(quick, faces):
    X, y = faces
    label = int(y[0])
    usual = quick(max_epochs=1).fit(X, y).history_
    balanced = quick(max_epochs=1, balance={label: 400}).fit(X, y).history_
    # nearly all images are of one class, which even a network that knows nothing learns
    assert balanced[0]["train_accuracy"] > 0.6 > usual[0]["train_accuracy"]


def test_one_seed_gives_one_balanced_training(quick, faces):
    settings = {"balance": "match-majority", "balance_augmentation": {"rotation": 10, "crop": 0.2}}
    digests = [quick(**settings, random_state=seed).fit(*faces).network_.digest for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"balance": {99: 3}}, r"balance names \[99\]"),
        ({"balance_augmentation": {"mirror": True}}, "augmentation must have fields among"),
    ],
)
def test_a_classifier_refuses_what_goes_with_no_class(parameters, message, quick, faces):
    with pytest.raises(RecipeError, match=message):
        quick(**parameters).fit(*faces)


@pytest.fixture(scope="module")
def dataset():
    classes = ("happy", "sad", "neutral", "surprise")
    return make_faces(120, classes=classes, image_size=16, random_state=0).with_validation()


def recipe(**training) -> FeatureRecipe:
    training = {"max_epochs": 1, "batch_size": 32, **training}
    return FeatureRecipe(name="mine", network="tiny", image_size=16, training=training)


def test_a_recipe_balances_by_name_and_leaves_out_what_a_dataset_is_without(dataset):
    network = train_network(dataset, recipe(balance={"disgust": 90, "sad": 30}), device="cpu", verbose=0)
    added = np.subtract(network.training["trained_counts"], network.training["train_counts"])
    assert dict(zip(network.classes, added, strict=True)) == {name: 30 * (name == "sad") for name in network.classes}


def test_a_recipe_that_names_no_class_is_refused(dataset):
    with pytest.raises(RecipeError, match=r"balance names \['contempt'\]; the classes are \["):
        train_network(dataset, recipe(balance={"contempt": 90}), device="cpu", verbose=0)


def test_a_recipe_for_fers_classes_trains_on_labels_that_are_numbers(dataset, monkeypatch, tmp_path):
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path))
    classifier = recipe_classifier(recipe(balance={"disgust": 90}), device="cpu", verbose=0)
    assert isinstance(classifier, CNNClassifier)
    assert "trained_counts" not in trained_once(classifier, *dataset.arrays("train")).training

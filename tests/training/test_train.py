import numpy as np
import pytest

from hybridfer import FeatureRecipe, make_faces
from hybridfer.datasets import Dataset
from hybridfer.errors import RecipeError
from hybridfer.training import recipe_classifier, remembered_path, train_network


@pytest.fixture(scope="module")
def dataset():
    classes = ("happy", "sad", "neutral", "surprise")
    return make_faces(120, classes=classes, image_size=16, random_state=0).with_validation()


def recipe(**training) -> FeatureRecipe:
    return FeatureRecipe(
        name="mine", network="tiny", image_size=16, training={"max_epochs": 1, "batch_size": 32, **training}
    )


def test_a_network_is_trained_on_train_and_has_seen_train_and_validation_alone(dataset):
    network = train_network(dataset, recipe(max_epochs=2), device="cpu", verbose=0)
    assert network.name == "tiny"
    assert network.classes == tuple(dataset.classes)
    assert [epoch["epoch"] for epoch in network.history] == [1, 2]
    seen = np.concatenate([dataset.split(name).digests for name in ("train", "validation")])
    np.testing.assert_array_equal(network.trained_on, np.unique(seen))
    learnt = np.setdiff1d(network.trained_on, network.watched)
    np.testing.assert_array_equal(learnt, np.unique(dataset.split("train").digests))
    assert not np.isin(dataset.split("test").digests, network.trained_on).any()


def test_class_weights_of_a_recipe_go_by_name(dataset):
    heavy = dataset.classes[2]
    network = train_network(
        dataset, recipe(class_weight={heavy: 50.0}, max_epochs=10, learning_rate=0.01), device="cpu", verbose=0
    )
    assert network.training["class_weight"] == {"2": 50.0}


def test_weights_and_balance_are_recorded_by_the_classes_that_the_network_knows(dataset):
    first = dataset.labels == 0
    trimmed = dataset.subset(~first)
    training = {"class_weight": {dataset.classes[0]: 3.0, dataset.classes[2]: 2.0}, "balance": {dataset.classes[3]: 7}}
    network = train_network(trimmed, recipe(**training), device="cpu", verbose=0)
    assert network.classes == dataset.classes[1:]
    assert network.training["class_weight"] == {"1": 2.0}
    assert network.training["balance"] == {"2": 7}
    assert np.subtract(network.training["trained_counts"], network.training["train_counts"]).tolist() == [0, 0, 7]


def test_a_class_weight_for_no_class_is_refused(dataset):
    with pytest.raises(RecipeError, match=r"class_weight names \['contempt'\]; the classes are"):
        train_network(dataset, recipe(class_weight={"contempt": 2.0}), device="cpu", verbose=0)


def test_parameters_override_the_recipe():
    classifier = recipe_classifier(recipe(), max_epochs=7)
    assert (classifier.network, classifier.image_size, classifier.max_epochs) == ("tiny", 16, 7)


def test_a_training_that_was_remembered_is_found_by_later_releases_in_any_order_of_its_images():
    pixels = np.arange(8, dtype=np.uint8).repeat(256).reshape(8, 16, 16)
    splits = np.array(["train"] * 6 + ["validation"] * 2)
    shades = Dataset(pixels, np.arange(8) % 2, splits, np.array(list("abcdefgh")), ("happy", "sad"), "shades")
    turned = shades.subset(np.arange(8)[::-1])
    # a change of it forgets what everybody has trained
    for images in (shades, turned):
        assert remembered_path(recipe(), images).name == "mine-32ad629c7d3a.safetensors"


def test_a_training_copies_images_for_itself_alone(dataset, monkeypatch):
    copied, subset = [], Dataset.subset
    monkeypatch.setattr(Dataset, "subset", lambda *given: copied.append(1) or subset(*given))
    remembered_path(recipe(), dataset)
    assert not copied
    train_network(dataset, recipe(), device="cpu", verbose=0)
    assert len(copied) == len(("train", "validation"))


def test_a_training_is_remembered_by_its_recipe_its_images_and_its_labels(dataset, monkeypatch, tmp_path):
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path))
    path = remembered_path(recipe(), dataset)
    assert path.parent == tmp_path / "weights"
    assert path.name.startswith("mine-")
    assert remembered_path(recipe(), dataset) == path
    smaller = make_faces(100, classes=dataset.classes, image_size=16, random_state=0).with_validation()
    assert len({path, remembered_path(recipe(max_epochs=2), dataset), remembered_path(recipe(), smaller)}) == 3


def test_a_recipe_of_a_long_name_is_remembered_in_a_file_of_a_short_one(dataset, monkeypatch, tmp_path):
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path))
    longest = [recipe().model_copy(update={"name": name}) for name in ("m" * 300, "ü" * 300)]
    for path in (remembered_path(one, dataset) for one in longest):
        path.parent.mkdir(exist_ok=True)
        # room for what stands around it while it is written
        path.with_name(f".{path.name}.1234567-123456789012345.partial").touch()

"""Trainings that start with trained weights."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback

from hybridfer.digest import image_digests
from hybridfer.errors import RecipeError, WeightsError
from hybridfer.networks import Network, Preprocessing, catalogue_network, load_network, save_network
from hybridfer.training import check_training, remembered_path, train_network
from hybridfer.training.fine_tuning import begin_with, check_start

# so small that nothing but the statistics of BatchNorm moves
STILL = {"learning_rate": 1e-12, "max_epochs": 1, "validation_fraction": 0}
ARGUMENTS = {"filters": "4-8", "dense": 6}


@pytest.fixture(scope="module")
def start(master, tmp_path_factory) -> Path:
    """Weights of a network that knows the shades, by the names 0, 1 and 2."""
    return save_network(master.network_, tmp_path_factory.mktemp("start") / "start.safetensors")


def trained(classes=("a", "b", "c"), name="tiny", image_size=(16, 16), seed=7, **arguments) -> Network:
    network = catalogue_network(
        name, n_classes=len(classes), preprocessing=Preprocessing(image_size), random_state=seed, arguments=arguments
    )
    return replace(network, classes=tuple(classes))


class Beginning(Callback):
    """Keeps what the training begins with."""

    def on_train_begin(self, net, **kwargs) -> None:
        self.state = {name: tensor.clone() for name, tensor in net.module_.module.state_dict().items()}


def test_a_training_begins_with_the_weights_and_statistics_of_its_start(shades, master, start, quick):
    beginning = Beginning()
    quick(start=start, max_epochs=1).fit(*shades, callbacks=[beginning])
    expected = master.network_.module.state_dict()
    assert any("running_var" in name for name in expected)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in beginning.state.items())


def test_what_hardly_learns_says_what_its_start_says(shades, master, start, quick):
    X, y = shades
    noise = np.random.default_rng(1).permutation(y)
    student = clone(quick(start=str(start), **STILL)).fit(X, noise)
    assert (student.predict(X) == master.predict(X)).mean() > 0.95


def test_classes_in_another_order_are_the_same_classes(shades, master, start, quick):
    X, y = shades
    # sorted, the labels are bright, dark and grey, which the start knows as 2, 0 and 1
    labels = np.array(["dark", "grey", "bright"])[y]
    student = quick(start=start, **STILL).fit(X, labels, class_names=["2", "0", "1"])
    assert student.network_.classes == ("2", "0", "1")
    assert student.score(X, labels) == pytest.approx(master.score(X, y), abs=0.05)


@pytest.mark.parametrize(
    ("names", "places"),
    [
        ("abc", [0, 1, 2]),
        ("cab", [2, 0, 1]),
        ("ca", [2, 0]),
        ("bd", [1, None]),
        ("dbea", [None, 1, None, 0]),
        ("xyz", [None, None, None]),
    ],
)
def test_rows_of_the_last_layer_go_with_the_names_of_their_classes(names, places):
    before, fresh, network = trained(), trained(names, seed=0), trained(names, seed=0)
    begin_with(before, network, list(names))
    for row, place in enumerate(places):
        origin, theirs = (fresh, row) if place is None else (before, place)
        for kind in ("weight", "bias"):
            expected = getattr(origin.module.logits, kind)[theirs]
            torch.testing.assert_close(getattr(network.module.logits, kind)[row], expected, rtol=0, atol=0)
    kept = {name: tensor for name, tensor in network.module.state_dict().items() if not name.startswith("logits.")}
    assert all(torch.equal(tensor, before.module.state_dict()[name]) for name, tensor in kept.items())


def test_classes_that_begin_anew_or_are_left_out_are_told(caplog):
    caplog.set_level("INFO", logger="hybridfer")
    begin_with(trained(), trained("dba"), list("dba"))
    assert any("begins anew for d, as the weights know a, b, c" in message for message in caplog.messages)
    assert any("know of c is left out" in message for message in caplog.messages)
    caplog.clear()
    begin_with(trained(), trained("cab"), list("cab"))
    assert len(caplog.messages) == 1


def test_weights_that_share_no_class_with_the_labels_are_warned_of(caplog):
    caplog.set_level("WARNING", logger="hybridfer")
    begin_with(trained(), trained("012"), list("012"))
    (told,) = caplog.messages
    assert "begins anew for 0, 1, 2, as the weights know a, b, c (where labels are no names, give labels that are" in told
    caplog.clear()
    begin_with(trained(), trained("xyb"), list("xyb"))
    begin_with(replace(trained(), classes=()), trained("012"), list("012"))
    assert not caplog.messages


def test_weights_that_tell_no_classes_give_all_but_the_last_layer():
    before, network, fresh = replace(trained(), classes=()), trained(seed=0), trained(seed=0)
    begin_with(before, network, ["a", "b", "c"])
    assert torch.equal(network.module.logits.weight, fresh.module.logits.weight)
    assert torch.equal(network.module.conv1.conv.weight, before.module.conv1.conv.weight)


def test_new_classes_begin_as_those_of_an_untrained_network_of_the_seed(shades, start, quick):
    X, y = shades
    rows = []
    for parameters in ({"start": start}, {}):
        beginning = Beginning()
        quick(**parameters, max_epochs=1, random_state=4).fit(X, y, callbacks=[beginning], class_names=["x", "y", "1"])
        rows.append(beginning.state["logits.weight"])
    assert torch.equal(rows[0][:2], rows[1][:2])
    assert not torch.equal(rows[0][2], rows[1][2])


def test_another_image_size_is_taken_where_no_layer_is_bound_to_one(shades, start, quick, caplog):
    caplog.set_level("INFO", logger="hybridfer")
    assert quick(start=start, image_size=24, max_epochs=1).fit(*shades).network_.preprocessing.image_size == (24, 24)
    assert any("trained on images of 16 x 16 pixels; now it is 24 x 24" in message for message in caplog.messages)
    bound = [trained(name="conv_stack", image_size=sides, **ARGUMENTS) for sides in ((16, 16), (24, 20))]
    with pytest.raises(RecipeError, match=r"the weights have 16 x 16 pixels, the training 24 x 20 \(embedding\.linear"):
        check_start(*bound)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"standardize": "image"}, "the weights have standardize='none', the training standardize='image'"),
        ({"colour": True}, "the weights have colour=False, the training colour=True"),
        (
            {"network": "conv_stack", "network_arguments": ARGUMENTS},
            r"the weights have network='tiny', the training network='conv_stack'\. Set the training",
        ),
    ],
)
def test_weights_of_another_network_are_refused(parameters, words, shades, start, quick):
    with pytest.raises(RecipeError, match=words):
        quick(**parameters, start=start).fit(*shades)


def test_arguments_must_be_the_same_but_for_rates_of_dropout():
    before = trained(name="conv_stack", **ARGUMENTS)
    check_start(before, trained(name="conv_stack", **ARGUMENTS, kernel=3, dense_dropout=0.5))
    with pytest.raises(RecipeError, match=r"have filters='4-8', kernel=3, the training filters='4-4', kernel=5\."):
        check_start(before, trained(name="conv_stack", filters="4-4", dense=6, kernel=5))


def test_what_a_training_leaves_open_of_its_network_is_as_its_start_has_it(shades, quick, saved):
    start = saved(trained("012", name="conv_stack", dense_dropout=0.5, **ARGUMENTS))
    settings = {"network": "conv_stack", "start": start, "max_epochs": 1}
    for given in (None, {"dense": 6}):
        network = quick(**settings, network_arguments=given).fit(*shades).network_
        assert network.arguments == {"n_classes": 3, **ARGUMENTS}
    with pytest.raises(RecipeError, match="the weights have dense=6, the training dense=8"):
        quick(**settings, network_arguments={"dense": 8}).fit(*shades)


def test_how_an_untrained_network_would_have_begun_is_no_matter():
    before = trained(name="leaky_cnn", initialisation="default")
    begin_with(before, fresh := trained(name="leaky_cnn", seed=0), list("abc"))
    assert fresh.digest == before.digest


def test_a_start_whose_past_is_unknown_is_recorded_as_such(shades, quick, saved):
    settings = {"start": saved(trained("012")), "max_epochs": 1}
    network = load_network(saved(quick(**settings).fit(*shades).network_, "student"))
    assert network.untold == ("the start tiny",)
    assert "untold" not in quick(**settings).recipe["start"]


def test_what_the_start_and_the_teacher_have_seen_is_seen(shades, master, start, quick, saved):
    X, y = shades
    taught, new = 255 - X, X // 2
    teacher = quick(max_epochs=1).fit(taught[:60], y[:60], validation=(taught[60:], y[60:])).network_
    student = quick(start=start, teacher=saved(teacher), max_epochs=1)
    network = load_network(saved(student.fit(new[:60], y[:60], validation=(new[60:], y[60:])).network_, "student"))
    np.testing.assert_array_equal(network.trained_on, np.unique(image_digests(np.concatenate([X, taught, new]))))
    watched = np.concatenate([X[90:], taught[60:], new[60:]])
    np.testing.assert_array_equal(network.watched, np.unique(image_digests(watched)))
    assert network.training["start"]["digest"] == master.network_.digest
    assert network.training["teacher"]["digest"] == teacher.digest


def test_a_start_that_learnt_from_validation_images_is_told_of(shades, master, start, quick, saved, caplog):
    X, y = shades
    caplog.set_level("WARNING", logger="hybridfer")
    quick(start=start, max_epochs=1).fit(X[:60], y[:60], validation=(X[80:], y[80:]))
    (told,) = caplog.messages
    assert "validation figures are flattered: the start tiny was trained on 10 of the 40 validation images" in told
    caplog.clear()
    quick(start=start, max_epochs=1).fit(X[:90], y[:90], validation=(X[90:], y[90:]))
    assert not caplog.messages
    quick(start=saved(replace(master.network_, trained_on=master.network_.trained_on[:0])), max_epochs=1).fit(X, y)
    assert "weights of the start tiny do not say which images" in caplog.messages[0]


def test_a_start_that_learnt_from_the_images_of_a_training_without_validation_images_is_told_of(
    shades, start, quick, saved, caplog
):
    X, y = shades
    caplog.set_level("WARNING", logger="hybridfer")
    settings = {"start": start, "max_epochs": 1, "validation_fraction": 0}
    # of the last 40 the start has only watched 30
    quick(**settings).fit(X[80:], y[80:])
    (told,) = caplog.messages
    assert "The start tiny was trained on 10 of the 40 images of this training." in told
    assert "a cross-validation or a grid search holds out from it are flattered (a leak)" in told
    caplog.clear()
    quick(**{**settings, "validation_fraction": 0.25}, teacher=start).fit(X[80:], y[80:])
    assert sum("trained on 10 of the 40 images of this training" in message for message in caplog.messages) == 2
    caplog.clear()
    quick(**settings).fit(X[:60], y[:60], validation=(X[90:], y[90:]))
    quick(**settings).fit(255 - X, y)
    assert not caplog.messages


def test_a_training_is_remembered_by_the_weights_that_it_starts_with(recipe, dataset, saved, monkeypatch, tmp_path):
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path / "home"))
    path, copy = (saved(trained(dataset.classes), name) for name in ("one.safetensors", "copy.safetensors"))
    first = remembered_path(recipe(start=path), dataset)
    assert remembered_path(recipe(start=copy), dataset) == first
    assert remembered_path(recipe(), dataset) != first
    saved(trained(dataset.classes, seed=8), "one.safetensors")
    assert remembered_path(recipe(start=path), dataset) != first


def test_a_recipe_starts_by_the_names_of_the_datasets_classes(recipe, dataset, saved, caplog):
    caplog.set_level(logging.INFO, logger="hybridfer")
    path = saved(trained(("sad", "surprise", "fear")))
    network = train_network(dataset, recipe(start=path), device="cpu", verbose=0)
    assert network.classes == ("happy", "sad", "surprise")
    assert any("begins anew for happy, as" in message for message in caplog.messages)


def test_resuming_with_another_start_is_refused(shades, start, quick, saved, tmp_path):
    settings = {"checkpoint": tmp_path / "training.checkpoint", "max_epochs": 1}
    quick(**settings, start=start).fit(*shades)
    for changed in ({"start": saved(trained("012"))}, {}):
        with pytest.raises(WeightsError, match="belongs to another training"):
            quick(**settings, **changed, resume=True).fit(*shades)
    with pytest.raises(WeightsError, match="belongs to another training"):
        quick(**settings, start=start, resume=True).fit(*shades, class_names=["1", "0", "2"])


def test_a_training_from_random_weights_is_the_same_whatever_its_classes_are_called(shades, quick, tmp_path):
    settings = {"checkpoint": tmp_path / "training.checkpoint", "max_epochs": 1}
    first = quick(**settings).fit(*shades)
    resumed = quick(**settings, resume=True).fit(*shades, class_names=["a", "b", "c"])
    assert resumed.network_.digest == first.network_.digest
    assert resumed.network_.classes == ("a", "b", "c")


def test_what_a_recipe_starts_with_is_checked_without_images(recipe, start, tmp_path):
    network = check_training(recipe(start=str(start)))
    assert (network.name, network.arguments["n_classes"]) == ("tiny", 3)
    with pytest.raises(WeightsError, match=r"nobody\.safetensors does not exist"):
        check_training(recipe(start=str(tmp_path / "nobody.safetensors")))
    with pytest.raises(WeightsError, match=r"nobody\.safetensors does not exist"):
        check_training(recipe(teacher=str(tmp_path / "nobody.safetensors")))
    with pytest.raises(RecipeError, match="the training standardize='image'"):
        check_training(recipe(start=str(start), standardize="image"))

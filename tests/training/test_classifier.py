import copy
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch.callbacks import Callback

from hybridfer import CNNClassifier, make_faces
from hybridfer.digest import image_digests
from hybridfer.errors import WeightsError
from hybridfer.networks import Embedder, Preprocessing, catalogue_network, load_network, save_network
from hybridfer.training.construction import loss_weights
from hybridfer.training.net import TrainedModule
from hybridfer.training.optimizers import OPTIMIZERS

LIVELY = {"augmentation": {"flip": True, "rotation": 10, "erasing": 0.5}, "label_smoothing": 0.1}


def identical(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def timeless(classifier: CNNClassifier) -> list[dict]:
    return [{name: value for name, value in epoch.items() if name != "dur"} for epoch in classifier.history_]


def test_one_seed_gives_one_network_to_the_last_bit(quick, faces, weights):
    settings = {**LIVELY, "network": "model_f", "network_arguments": {"dropout": 0.5}, "max_epochs": 1}
    torch.manual_seed(1)
    first = quick(**settings).fit(*faces)
    torch.manual_seed(2)
    np.random.seed(2)
    second = quick(**settings).fit(*faces)
    assert identical(weights(first), weights(second))
    assert timeless(first) == timeless(second)
    other = quick(**settings, random_state=1).fit(*faces)
    assert not identical(weights(first), weights(other))


def test_global_generators_are_left_as_they_were(quick, faces):
    torch.manual_seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    quick(**LIVELY).fit(*faces)
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])


def test_pixels_as_floats_train_the_network_that_they_train_as_bytes(quick, faces):
    X, y = faces
    trained = [quick(validation_fraction=0.2).fit(same, y).network_.digest for same in (X, X / 255, X.astype(np.float32))]
    assert len(set(trained)) == 1


def test_trainings_in_threads_are_those_that_they_are_alone(quick, faces):
    settings = {"network": "conv_stack", "network_arguments": {"filters": "8-8", "dense": 16, "dense_dropout": 0.5}}
    expected = quick(**settings).fit(*faces).network_.digest
    before = torch.get_rng_state()
    with ThreadPoolExecutor(2) as pool:
        trained = list(pool.map(lambda _: quick(**settings).fit(*faces), range(3)))
    assert {classifier.network_.digest for classifier in trained} == {expected}
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_are_loaded_while_another_thread_trains(quick, faces, tmp_path):
    path = save_network(catalogue_network("tiny"), tmp_path / "weights.safetensors")
    loaded = []

    class Loading(Callback):
        def on_epoch_end(self, net, **arguments):
            thread = threading.Thread(target=lambda: loaded.append(load_network(path)), daemon=True)
            thread.start()
            thread.join(timeout=60)
            assert loaded

    quick(max_epochs=1).fit(*faces, callbacks=[Loading()])


def test_a_training_on_the_cpu_seeds_no_generator_of_a_gpu(quick, faces, monkeypatch):
    seeds = []
    for name in ("manual_seed", "manual_seed_all"):
        monkeypatch.setattr(torch.cuda, name, seeds.append)
    quick(max_epochs=1).fit(*faces)
    assert not seeds


def test_the_default_dtype_of_torch_changes_nothing(quick, faces, tmp_path):
    settings = {"augmentation": {"flip": True, "rotation": 10, "erasing": 0.5}, "initial_scale": 0.5, "calibrate": True}
    expected = quick(**settings).fit(*faces)
    path = save_network(expected.network_, tmp_path / "weights.safetensors")
    torch.set_default_dtype(torch.float64)
    try:
        trained = quick(**settings).fit(*faces)
        loaded = load_network(path)
        probabilities = trained.predict_proba(faces[0][:5])
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert trained.network_.digest == loaded.digest == expected.network_.digest
    np.testing.assert_array_equal(probabilities, expected.predict_proba(faces[0][:5]))


def test_a_random_state_object_moves_on_between_fits(quick, faces, weights):
    random_state = np.random.RandomState(0)
    first = quick(random_state=random_state, max_epochs=1).fit(*faces)
    second = quick(random_state=random_state, max_epochs=1).fit(*faces)
    assert not identical(weights(first), weights(second))


def test_it_learns_drawn_faces():
    faces = make_faces(420, classes=("happy", "sad", "surprise"), image_size=24, random_state=0)
    (X, y), (X_test, y_test) = faces.arrays("train"), faces.arrays("test")
    classifier = CNNClassifier(
        "tiny",
        image_size=24,
        max_epochs=12,
        batch_size=32,
        learning_rate=0.01,
        schedule="one-cycle",
        verbose=0,
        device="cpu",
    ).fit(X, y)
    assert classifier.score(X_test, y_test) > 0.6
    losses = [epoch["train_loss"] for epoch in classifier.history_]
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize("kind", [np.int64, np.uint8, str, object])
def test_labels_of_any_kind_come_back(kind, quick, faces):
    X, y = faces
    names = np.array(["anger", "zest", "calm", "mirth", "a", "b", "c"])[y] if kind in (str, object) else y * 3 + 10
    labels = names.astype(kind)
    classifier = quick(max_epochs=1).fit(X, labels)
    np.testing.assert_array_equal(classifier.classes_, np.unique(labels))
    assert set(classifier.predict(X)) <= set(labels)
    assert classifier.network_.classes == tuple(str(label) for label in np.unique(labels))


def test_probabilities_are_those_of_the_network(quick, faces):
    X, y = faces
    classifier = quick(standardize="image").fit(X, y)
    probabilities = classifier.predict_proba(X)
    assert probabilities.shape == (len(X), 4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    logits = Embedder(classifier.network_, ["logits"], device="cpu").embed(X)["logits"]
    np.testing.assert_allclose(probabilities, torch.softmax(torch.from_numpy(logits), dim=1), atol=1e-6)
    np.testing.assert_array_equal(classifier.predict(X), classifier.classes_[probabilities.argmax(axis=1)])


def test_images_of_the_size_of_fit_are_predicted_in_any_layout(quick, faces):
    X, y = faces
    classifier = quick(max_epochs=1).fit(X, y)
    expected = classifier.predict_proba(X)
    for layout in (X[..., None], X[:, None], X.reshape(len(X), -1)):
        np.testing.assert_array_equal(classifier.predict_proba(layout), expected)
    np.testing.assert_array_equal(quick(max_epochs=1).fit(X.reshape(len(X), -1), y).predict_proba(X), expected)


def test_images_of_another_size_than_in_fit_are_refused(quick, faces):
    X, y = faces
    classifier = quick(max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="were given to fit; got some of 12 x 60"):
        classifier.predict(np.zeros((3, 12, 60), dtype=np.uint8))


def test_a_fit_that_failed_is_none(quick, faces):
    X, y = faces
    classifier = quick(start="nowhere.safetensors")
    with pytest.raises(WeightsError):
        classifier.fit(X, y)
    with pytest.raises(NotFittedError):
        classifier.predict(X)


def test_layouts_of_the_same_images_train_the_same_network(quick, faces, weights):
    X, y = faces
    first = weights(quick(max_epochs=1).fit(X, y))
    for layout in (X[..., None], X[:, None], X.reshape(len(X), -1), X.astype(np.int64)):
        assert identical(weights(quick(max_epochs=1).fit(layout, y)), first)


def test_held_out_images_are_stratified_and_never_trained_on(quick, faces, monkeypatch):
    X, y = faces
    seen = {True: [], False: []}
    forward = TrainedModule.forward

    def watched(module, images):
        seen[module.training].append(image_digests(images.numpy()))
        return forward(module, images)

    monkeypatch.setattr(TrainedModule, "forward", watched)
    quick(validation_fraction=0.25).fit(X, y)
    trained, watched_only = (np.unique(np.concatenate(seen[training])) for training in (True, False))
    assert not np.isin(watched_only, trained).any()
    digests = image_digests(X)
    assert len(trained) + len(watched_only) == len(np.unique(digests))
    held_out = np.bincount(y[np.isin(digests, watched_only)])
    everything = np.bincount(y)
    assert np.abs(held_out[everything > 0] - 0.25 * everything[everything > 0]).max() <= 1


def test_validation_images_that_are_given_are_watched_and_nothing_is_held_out(quick, faces, monkeypatch):
    X, y = faces
    sizes = {True: 0, False: 0}
    forward = TrainedModule.forward

    def watched(module, images):
        sizes[module.training] += len(images)
        return forward(module, images)

    monkeypatch.setattr(TrainedModule, "forward", watched)
    classifier = quick(max_epochs=1).fit(X[:60], y[:60], validation=(X[60:], y[60:]))
    assert sizes == {True: 60, False: len(X) - 60}
    assert {"valid_loss", "valid_accuracy"} <= set(classifier.history_[0])
    np.testing.assert_array_equal(classifier.network_.trained_on, np.unique(image_digests(X)))


def test_without_validation_there_are_no_validation_figures(quick, faces):
    classifier = quick(validation_fraction=0).fit(*faces)
    assert set(classifier.history_[0]) == {"epoch", "dur", "train_loss", "train_accuracy", "learning_rate"}


def test_history_holds_the_loss_and_accuracy_over_all_validation_images(quick, faces):
    X, y = faces
    classifier = quick(max_epochs=1, batch_size=16).fit(X[:50], y[:50], validation=(X[50:], y[50:]))
    probabilities = classifier.predict_proba(X[50:])
    targets = np.searchsorted(classifier.classes_, y[50:])
    last = classifier.history_[-1]
    assert last["valid_accuracy"] == pytest.approx(np.mean(probabilities.argmax(axis=1) == targets))
    assert last["valid_loss"] == pytest.approx(-np.log(probabilities[np.arange(len(targets)), targets]).mean(), rel=1e-4)


def test_early_stopping_restores_the_best_weights(quick, faces):
    X, y = faces
    train, valid = (X[:64], y[:64]), (X[64:], y[64:])
    classifier = quick(max_epochs=60, learning_rate=0.03, patience=3).fit(*train, validation=valid)
    losses = [epoch["valid_loss"] for epoch in classifier.history_]
    best = int(np.argmin(losses))
    assert best + 1 < len(losses) < 60
    assert len(losses) - 1 - best == 3
    probabilities = classifier.predict_proba(valid[0])
    targets = np.searchsorted(classifier.classes_, valid[1])
    loss = -np.log(probabilities[np.arange(len(targets)), targets]).mean()
    assert loss == pytest.approx(losses[best], rel=1e-3)


def test_balanced_classes_weigh_the_rare_more(quick, faces):
    X, y = faces
    first, second = np.unique(y)[:2]
    rows = np.concatenate([np.flatnonzero(y == first)[:20], np.flatnonzero(y == second)[:5]])
    weights = loss_weights("balanced", np.repeat([0, 1], [20, 5]), [first, second])
    torch.testing.assert_close(weights, torch.tensor([25 / 40, 25 / 10]))
    plain = quick(max_epochs=1, validation_fraction=0).fit(X[rows], y[rows])
    even = quick(max_epochs=1, validation_fraction=0, class_weight="balanced").fit(X[rows], y[rows])
    assert even.history_[0]["train_loss"] != plain.history_[0]["train_loss"]


def test_a_heavy_class_is_predicted_more_often(quick, faces):
    X, y = faces
    heavy = np.unique(y)[2]
    light = quick(max_epochs=10, learning_rate=0.01, class_weight={heavy: 0.01}).fit(X, y)
    strong = quick(max_epochs=10, learning_rate=0.01, class_weight={heavy: 100.0}).fit(X, y)
    assert (strong.predict(X) == heavy).mean() > 0.9
    assert (light.predict(X) == heavy).mean() < 0.1


def test_a_class_weight_of_strings_goes_with_its_class(quick, faces):
    X, y = faces
    # names whose order is not that of the numbers
    names = np.array(list("gfedcba"))[y]
    heavy = np.unique(names)[1]
    strong = quick(max_epochs=10, learning_rate=0.01, class_weight={heavy: 100.0}).fit(X, names)
    assert (strong.predict(X) == heavy).mean() > 0.9


def test_label_smoothing_raises_the_loss_of_a_sure_network(quick, faces):
    X, y = faces
    sharp = quick(max_epochs=10, learning_rate=0.01, validation_fraction=0).fit(X, y).history_[-1]["train_loss"]
    soft = quick(max_epochs=10, learning_rate=0.01, validation_fraction=0, label_smoothing=0.4).fit(X, y)
    assert soft.history_[-1]["train_loss"] > sharp + 0.2


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimiser_lowers_the_loss(optimizer, quick, faces):
    classifier = quick(optimizer=optimizer, max_epochs=5, learning_rate=0.01, nesterov=False).fit(*faces)
    assert classifier.history_[-1]["train_loss"] < classifier.history_[0]["train_loss"]


@pytest.mark.parametrize(("optimizer", "weight_decay"), [("adam", 0.5), ("adamw", 20.0), ("sgd", 0.5)])
def test_weight_decay_shrinks_weights(optimizer, weight_decay, quick, faces):
    def size(weight_decay: float) -> float:
        classifier = quick(optimizer=optimizer, max_epochs=3, learning_rate=0.01, weight_decay=weight_decay).fit(*faces)
        return float(classifier.network_.module.get_submodule("logits").weight.detach().norm())

    assert size(weight_decay) < 0.9 * size(0.0)


def test_bf16_trains_on_the_cpu_and_keeps_fp32_weights(quick, faces, weights):
    classifier = quick(precision="bf16", max_epochs=1).fit(*faces)
    assert {tensor.dtype for tensor in weights(classifier)} == {torch.float32, torch.int64}
    assert not identical(weights(classifier), weights(quick(max_epochs=1).fit(*faces)))


def test_sides_and_colour_reach_the_network(quick, faces):
    X, y = faces
    classifier = quick(image_size=(20, 12), colour=True, standardize="image", max_epochs=1).fit(X, y)
    assert classifier.network_.preprocessing == Preprocessing((20, 12), 3, "image")
    assert classifier.predict(np.repeat(X[..., None], 3, axis=3)).shape == y.shape


def test_the_trained_network_can_be_saved_and_brought_back(quick, faces, tmp_path):
    X, y = faces
    classifier = quick(max_epochs=np.int64(1), class_weight={int(y[0]): 2.0}).fit(X, y)
    loaded = load_network(save_network(classifier.network_, tmp_path / "weights.safetensors"))
    assert loaded.digest == classifier.network_.digest
    assert loaded.training["class_weight"] == {str(y[0]): 2.0}
    assert [epoch["epoch"] for epoch in loaded.history] == [1]
    logits = Embedder(loaded, ["logits"], device="cpu").embed(X)["logits"]
    np.testing.assert_allclose(torch.softmax(torch.from_numpy(logits), dim=1), classifier.predict_proba(X), atol=1e-6)


def test_a_fitted_classifier_can_be_copied_and_cloned(quick, faces):
    X, y = faces
    classifier = quick(max_epochs=1).fit(X, y)
    copied = copy.deepcopy(classifier)
    np.testing.assert_array_equal(copied.predict_proba(X), classifier.predict_proba(X))
    assert not hasattr(clone(classifier), "network_")


def test_it_stands_in_a_grid_search(quick, faces):
    search = GridSearchCV(quick(max_epochs=1), {"learning_rate": [1e-3, 1e-2]}, cv=2).fit(*faces)
    assert search.best_params_["learning_rate"] in (1e-3, 1e-2)
    assert cross_val_score(quick(max_epochs=1), *faces, cv=2).shape == (2,)


def test_it_says_that_it_takes_images():
    tags = CNNClassifier().__sklearn_tags__()
    assert tags.input_tags.three_d_array
    assert tags.estimator_type == "classifier"


@pytest.mark.slow
@parametrize_with_checks(
    [
        CNNClassifier(
            "tiny", image_size=16, max_epochs=20, learning_rate=0.01, verbose=0, validation_fraction=0, device="cpu"
        )
    ],
    expected_failed_checks=lambda estimator: {
        "check_methods_subset_invariance": "float32 rounding differs with the batch size"
    },
)
def test_it_keeps_scikit_learns_conventions(estimator, check):
    check(estimator)


def test_a_few_dozen_images_are_enough_for_the_running_statistics_of_batchnorm():
    y = np.arange(86) % 2
    noise = np.random.default_rng(0).integers(0, 40, size=(86, 48, 48))
    X = (noise + np.where(y, 150, 60)[:, None, None]).astype(np.uint8)
    settings = {"learning_rate": 0.01, "schedule": "one-cycle", "max_epochs": 12}
    classifier = CNNClassifier("tiny", **settings, validation_fraction=0, verbose=0).fit(X, y)
    assert classifier.score(X, y) == 1

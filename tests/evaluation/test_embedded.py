from dataclasses import replace

import numpy as np
import pytest
from skorch.callbacks import Callback
from torch import nn

from hybridfer import FeatureRecipe, PipelineRecipe, extract_features, make_faces, run_benchmark
from hybridfer.errors import DatasetError, HybridferError, RecipeError, StoreError
from hybridfer.evaluation import embedded
from hybridfer.evaluation.remembered import find_training
from hybridfer.extraction import layer_widths, store_key
from hybridfer.networks import Embedder, Preprocessing, catalogue_network, load_network, save_network
from hybridfer.networks.ensemble import ensemble_network
from hybridfer.store import FeatureStore

CLASSES = ("happy", "sad", "surprise")
QUICK = FeatureRecipe(name="quick", network="tiny", training={"max_epochs": 1})
TINY = FeatureRecipe(name="tiny", network="tiny")
KNN = PipelineRecipe(name="knn", head="knn", parameters={"n_neighbors": 3})


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def faces():
    return make_faces(120, classes=CLASSES, random_state=2)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_network(replace(catalogue_network("tiny", n_classes=3), classes=CLASSES), path)
    return path


def run(source, features, **options):
    return run_benchmark(source, features, KNN, search="off", audit=False, verbose=0, **options)


def own_network(channels=1, classes=CLASSES, **options):
    """A module that no catalogue has, with a logit for each of three classes."""
    module = nn.Sequential(nn.Conv2d(channels, 6, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(96, 3))
    options = {"preprocessing": Preprocessing(channels=channels), "classes": classes, "name": "mine", **options}
    return load_network(module, layers=["3"], **options)


@pytest.mark.parametrize("store", [None, "shared.store"])
def test_a_benchmark_and_an_extraction_share_one_store_whichever_comes_first(faces, weights, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stored = extract_features(faces, TINY, weights=weights, store=store, progress=False).store
    assert run(faces, TINY, weights=weights, store=store).features[0].forward_passes == 0
    assert stored.load(split="train")[0].shape == (84, 128)
    flip = TINY.model_copy(update={"views": "flip"})
    assert run(faces, flip, weights=weights).features[0].forward_passes == 120
    again = extract_features(faces, flip, weights=weights, progress=False)
    assert (again.embedded, again.store.load(split="train")[0].shape) == (0, (84, 128))


def test_recipes_that_differ_in_their_names_alone_share_a_store(faces, weights):
    assert run(faces, TINY, weights=weights).features[0].forward_passes == 120
    same = TINY.model_copy(update={"name": "same"})
    assert run(faces, same, weights=weights).features[0].forward_passes == 0
    assert extract_features(faces, same, weights=weights, progress=False).embedded == 0
    # a store of its own, as reading it without naming layers gives others
    wider = TINY.model_copy(update={"name": "wider", "layers": ("embedding", "logits")})
    assert extract_features(faces, wider, weights=weights, progress=False).store.load()[0].shape == (120, 128 + 3)


@pytest.mark.parametrize(("member_at", "passes"), [(0, [120, 120]), (1, [120, 0])], ids=["member first", "ensemble first"])
def test_a_benchmark_of_an_ensemble_and_a_member_sends_each_image_through_each_network_once(faces, member_at, passes):
    networks = [replace(catalogue_network("tiny", n_classes=3, random_state=i), classes=CLASSES) for i in range(2)]
    entered = [[], []]
    for network, images in zip(networks, entered, strict=True):
        # the blank image that finds out widths is none of the dataset's
        network.module.register_forward_pre_hook(
            lambda _, inputs, images=images: images.extend(image.numpy().tobytes() for image in inputs[0] if image.any())
        )
    twice = faces.subset(np.r_[0:120, 0:20])
    compared = [ensemble_network(networks)]
    compared.insert(member_at, networks[0])
    assert [found.forward_passes for found in run(twice, compared).features] == passes
    for images in entered:
        assert len(images) == len(set(images)) == 120
    assert run(twice, networks[1]).features[0].forward_passes == 0


def test_train_of_a_shared_store_is_without_the_validation_images_that_a_benchmark_carved(faces, weights):
    whole = replace(faces, splits=np.where(faces.splits == "validation", "train", faces.splits))
    store = extract_features(whole, TINY, weights=weights, progress=False).store
    n = len(store.load(split="train")[1])
    run(whole, TINY, weights=weights)
    parts = {split: store.load(split=split)[1] for split in ("train", "validation", "test")}
    assert 0 < len(parts["validation"]) == n - len(parts["train"])
    assert sum(map(len, parts.values())) == 120


def test_a_benchmark_refuses_a_store_without_logits(faces, weights, tmp_path):
    network = load_network(weights)
    key = store_key(network, Embedder(network, ["embedding"]))
    FeatureStore.create(tmp_path / "a.store", key, layer_widths(network, ["embedding"]))
    with pytest.raises(StoreError, match="layers: the store holds"):
        run(faces, TINY, weights=weights, store=tmp_path / "a.store")


def test_what_was_found_and_need_not_be_done_again_is_told(faces, caplog):
    caplog.set_level("INFO", logger="hybridfer")
    run(faces, QUICK)
    assert any(message.startswith("training quick on 84 images") for message in caplog.messages)
    assert any(message.startswith("embedding 120 images") for message in caplog.messages)
    caplog.clear()
    run(faces, QUICK)
    assert any(message.startswith("training of quick found, not repeated") for message in caplog.messages)
    assert any(message.startswith("all 120 images are in ") for message in caplog.messages)


def test_a_training_that_was_interrupted_says_with_which_epoch_it_goes_on(faces, caplog, monkeypatch):
    caplog.set_level("INFO", logger="hybridfer")
    recipe = QUICK.retrained(max_epochs=3)
    train = embedded.train_network

    def interrupted(dataset, recipe, **options):
        train(dataset, recipe.retrained(max_epochs=3), **options, callbacks=[Interruption()])

    monkeypatch.setattr(embedded, "train_network", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(faces, recipe)
    monkeypatch.setattr(embedded, "train_network", lambda *given, **options: train(*given, **{**options, "verbose": 1}))
    run(faces, recipe)
    assert "going on with epoch 3 of 3" in caplog.messages


def test_an_interrupted_training_does_not_keep_the_same_images_in_another_order_from_being_trained(
    faces, caplog, monkeypatch, own_home
):
    caplog.set_level("INFO", logger="hybridfer")
    recipe = QUICK.retrained(max_epochs=3)
    turned = faces.subset(np.arange(len(faces))[::-1])
    train = embedded.train_network
    with monkeypatch.context() as patch:
        patch.setattr(embedded, "train_network", lambda *given, **told: train(*given, **told, callbacks=[Interruption()]))
        for images in (faces, turned):
            with pytest.raises(KeyboardInterrupt):
                run(images, recipe)
    monkeypatch.setattr(embedded, "train_network", lambda *given, **told: train(*given, **{**told, "verbose": 1}))
    trained = run(turned, recipe).features[0]
    assert "going on with epoch 3 of 3" in caplog.messages
    assert not list(own_home.rglob("*.checkpoint"))
    found = run(faces, recipe).features[0]
    assert (found.weights_origin, found.weights_digest) == ("earlier run", trained.weights_digest)


class Interruption(Callback):
    """Ctrl-C in the third epoch."""

    def on_epoch_begin(self, net, **_):
        if len(net.history) == 3:
            raise KeyboardInterrupt


def test_an_extraction_finds_what_a_benchmark_has_trained(faces):
    assert find_training(QUICK, faces) is None
    report = run(faces, QUICK)
    found = find_training(QUICK, faces)
    assert load_network(found).digest == report.features[0].weights_digest
    assert extract_features(faces, QUICK, weights=found, progress=False).embedded == 0
    assert find_training(QUICK, faces, precision="bf16") is None
    assert find_training(QUICK.retrained(max_epochs=2), faces) is None
    assert find_training(QUICK, faces.subset(slice(10, None))) is None


def test_on_images_that_nothing_can_be_trained_on_no_training_is_found(faces):
    assert find_training(QUICK, replace(faces, labels=np.full(120, -1))) is None
    with pytest.raises(DatasetError):
        run(replace(faces, labels=np.full(120, -1)), QUICK)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_of_ones_own_is_compared_with_its_own_softmax(faces, channels):
    network = own_network(channels)
    report = run(faces, network)
    assert [(row.feature, row.pipeline) for row in report.rows] == [("mine", "softmax"), ("mine", "knn")]
    told = report.features[0]
    assert (told.network, told.weights_digest, told.n_features, told.forward_passes) == ("mine", network.digest, 96, 120)
    test = faces.split("test")
    logits = Embedder(network, ["logits"]).embed(test.images)["logits"]
    np.testing.assert_array_equal(report.predictions.predicted["mine", "softmax"], logits.argmax(axis=1))
    assert run(faces, network).features[0].forward_passes == 0


def test_a_network_of_ones_own_that_tells_no_classes_has_no_softmax_row(faces):
    assert [row.pipeline for row in run(faces, own_network(classes=())).rows] == ["knn"]


def test_a_leak_of_a_network_of_ones_own_is_reported(faces, caplog):
    seen = np.unique(faces.digests[faces.splits == "test"])
    report = run(faces, replace(own_network(), trained_on=seen))
    assert report.features[0].leak.images == int((faces.splits == "test").sum())
    assert sum("(a leak)" in message for message in caplog.messages) == 1


@pytest.mark.parametrize(
    ("network", "options", "words"),
    [
        (own_network(classes=("happy", "sad")), {}, r"a class for each of its 3 logits; got \['happy', 'sad'\]"),
        (own_network(3, preprocessing=Preprocessing()), {}, "mine cannot take an image of 48 x 48 x 1"),
        (own_network(), {"weights": "a.safetensors"}, "weights go with a feature recipe"),
        (own_network(), {"epochs": 3}, "epochs is for networks that are trained here"),
        (own_network().module, {}, r"got a Sequential\. .*load_network"),
        (7, {}, "got a int"),
    ],
    ids=["classes", "channels", "weights", "epochs", "module", "number"],
)
def test_a_network_that_cannot_be_compared_is_told_before_images_are_read(network, options, words):
    with pytest.raises(RecipeError, match=words):
        run("nowhere.zip", network, **options)


@pytest.mark.parametrize(
    ("training", "words"),
    [
        ({"teacher": "absent.safetensors"}, r"absent\.safetensors does not exist"),
        ({"teacher": ["compact", "absent.safetensors"]}, r"absent\.safetensors does not exist"),
        ({"start": "absent.safetensors"}, r"absent\.safetensors does not exist"),
        ({"start": "compact"}, "the weights have network='compact', the training network='tiny'"),
        ({"start": "timm:vgg16"}, "start must be the name of weights in the wheel"),
    ],
)
def test_a_training_whose_weights_cannot_be_had_is_told_before_images_are_read(training, words):
    with pytest.raises(HybridferError, match=words):
        run("nowhere.zip", QUICK.retrained(**training))


def test_layers_are_looked_for_in_the_network_with_its_arguments(faces):
    deep = {"name": "deep", "network": "conv_stack", "network_arguments": {"filters": "4-4-4-4", "dense": 8}}
    report = run(faces, FeatureRecipe(**deep, layers=["conv4"], training={"max_epochs": 1}))
    assert report.features[0].n_features == 4
    with pytest.raises(RecipeError, match="got 'conv5'"):
        run("nowhere.zip", FeatureRecipe(**deep, layers=["conv5"]))

import signal
import subprocess
import sys
import zipfile
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from hybridfer import FeatureStore, extract_features, make_faces
from hybridfer.errors import DatasetError, RecipeError, StoreError, WeightsError
from hybridfer.extraction import default_store_path, layer_widths, store_key
from hybridfer.extraction import extract as extract_module
from hybridfer.networks import Embedder, Preprocessing, load_network, save_network
from hybridfer.recipes import FeatureRecipe
from hybridfer.store import verify_store

# Runs in a process of its own, which kills itself in the middle: of a forward pass, or of sealing a lot.
KILLED = """
import os, signal, sys
from hybridfer import extract_features, make_faces
from hybridfer.extraction import embedding
from hybridfer.networks import Embedder
from hybridfer.store import sealing, shard

embedding.LOT = 16
store, weights, where, after = sys.argv[1:]
owner, name = {"forward": (Embedder, "embed_batch"), "sealing": (shard, "seal")}[where]
original, calls = getattr(owner, name), []

def counted(*arguments):
    calls.append(1)
    if len(calls) > int(after):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)

# after the network was loaded: finding out its widths is a forward pass too
create = embedding.FeatureStore.create
def created(*arguments):
    setattr(owner, name, counted)
    return create(*arguments)
embedding.FeatureStore.create = created
extract_features(make_faces(100), "tiny", store=store, weights=weights, progress=False)
"""


@pytest.fixture
def faces():
    return make_faces(60, random_state=3)


@pytest.fixture
def archive(tmp_path, faces):
    """Ten images in a zip; a.png and b.png cannot be read."""
    path = tmp_path / "faces.zip"
    with zipfile.ZipFile(path, "w") as file:
        for number, image in enumerate(faces.images[:10]):
            file.writestr(f"train/{'happy' if number % 2 else 'sad'}/{number}.png", cv2.imencode(".png", image)[1].tobytes())
        for name in ("a", "b"):
            file.writestr(f"train/happy/{name}.png", b"no image")
    return path


def extract(source, store, weights, **options):
    return extract_features(source, "tiny", store=store, weights=weights, progress=False, **options)


def test_the_store_holds_what_the_network_gives_and_the_dataset_beside_it(faces, weights, tmp_path):
    extraction = extract(faces, tmp_path / "s.store", weights)
    X, y = extraction.store.load(split="train")
    images, labels = faces.arrays("train")
    expected = Embedder(load_network(weights), ["embedding"]).embed(images)["embedding"]
    np.testing.assert_allclose(X, expected, atol=1e-5)
    assert np.array_equal(y, labels)
    assert extraction.store.classes == faces.classes
    assert extraction.embedded == extraction.images == 60


def test_a_second_extraction_sends_nothing_through_the_network(faces, weights, tmp_path):
    extract(faces, tmp_path / "s.store", weights)
    shuffled = faces.subset(np.random.default_rng(0).permutation(60))
    assert extract(shuffled, tmp_path / "s.store", weights).embedded == 0


def test_copies_are_embedded_once_and_listed_each(faces, weights, tmp_path):
    doubled = faces.subset(np.r_[0:60, 0:60, 5:10])
    extraction = extract(doubled, tmp_path / "s.store", weights)
    assert (extraction.images, extraction.embedded, len(extraction.store)) == (125, 60, 60)
    assert len(extraction.store.load()[1]) == 125


def test_several_layers_come_from_one_pass(faces, weights, tmp_path):
    extraction = extract(faces, tmp_path / "s.store", weights, layers=["conv2", "embedding"])
    assert extraction.embedded == 60
    assert extraction.store.widths == {"conv2": 32, "embedding": 128}


def test_a_single_layer_may_be_named_without_a_list(faces, weights, tmp_path):
    assert extract(faces, tmp_path / "s.store", weights, layers="conv2").store.widths == {"conv2": 32}


@pytest.mark.parametrize(
    ("field", "changed"),
    [("layers", {"layers": ["conv3"]}), ("views", {"views": "flip"}), ("precision", {"precision": "bf16"})],
)
def test_a_store_of_other_features_is_refused_with_the_field_that_differs(faces, weights, tmp_path, field, changed):
    extract(faces, tmp_path / "s.store", weights)
    with pytest.raises(StoreError, match=f"{field}: the store holds"):
        extract(faces, tmp_path / "s.store", weights, **changed)


def test_a_store_of_other_weights_is_refused(faces, weights, other_weights, tmp_path):
    extract(faces, tmp_path / "s.store", weights)
    with pytest.raises(StoreError, match="weights: the store holds"):
        extract(faces, tmp_path / "s.store", other_weights)


def test_preprocessing_and_the_place_of_a_layer_are_part_of_the_key():
    module = nn.Sequential(nn.Flatten(), nn.Linear(2304, 8), nn.ReLU(), nn.Linear(8, 8), nn.Linear(8, 2))
    first, second = (load_network(module, layers={"embedding": path}) for path in "13")
    keys = [store_key(network, Embedder(network, ["embedding"])) for network in (first, second)]
    assert keys[0].digest != keys[1].digest
    changed = replace(first, preprocessing=replace(first.preprocessing, standardize="image"))
    assert "preprocessing" in str(keys[0].difference(store_key(changed, Embedder(changed, ["embedding"]))))


def test_unnamed_stores_of_different_features_lie_apart(faces, weights, other_weights, own_home):
    first, second = (extract(faces, None, path).store.path for path in (weights, other_weights))
    assert first != second
    assert first.parent == second.parent == own_home / "stores"
    network = load_network(weights)
    assert first == default_store_path(store_key(network, Embedder(network, ["embedding", "logits"])), "tiny")


@pytest.mark.parametrize("mistake", [{"source": "nowhere.zip"}, {"layers": ["embeding"]}, {"weights": "no.safetensors"}])
def test_a_mistake_leaves_no_empty_store_behind(faces, weights, tmp_path, mistake):
    given = {"source": faces, "weights": weights, **mistake}
    with pytest.raises((DatasetError, RecipeError, ValueError)):
        extract(store=tmp_path / "s.store", **given)
    assert not (tmp_path / "s.store").exists()


def test_unreadable_images_are_all_named_before_anything_is_recorded(archive, weights, tmp_path):
    with pytest.raises(DatasetError, match=r"(?s)2 problems.*train/happy/a\.png.*train/happy/b\.png"):
        extract(archive, tmp_path / "s.store", weights)
    assert not (tmp_path / "s.store").exists()


def test_a_source_that_cannot_be_read_leaves_no_empty_store_behind(archive, weights, tmp_path):
    store = tmp_path / "a.store"
    with pytest.raises(DatasetError):
        extract_features(archive, "tiny", weights=weights, store=store, progress=False)
    assert not store.exists()
    extract_features(archive, "tiny", weights=weights, store=store, on_error="skip", progress=False)
    with pytest.raises(DatasetError):
        extract_features(archive, "tiny", weights=weights, store=store, progress=False)
    assert len(FeatureStore(store))


def test_unreadable_images_are_skipped_and_told(archive, weights, tmp_path):
    extraction = extract(archive, tmp_path / "s.store", weights, on_error="skip")
    assert sorted(problem.where for problem in extraction.problems) == ["train/happy/a.png", "train/happy/b.png"]
    names = extraction.store.names().tolist()
    assert len(names) == extraction.embedded == 10
    assert not {"train/happy/a.png", "train/happy/b.png"} & set(names)


def test_problems_that_show_without_decoding_may_be_skipped_too(archive, weights, tmp_path):
    with zipfile.ZipFile(archive, "a") as file:
        file.mkdir("train/fear")
    with pytest.raises(DatasetError, match="train/fear"):
        extract(archive, tmp_path / "s.store", weights)
    skipped = extract(archive, tmp_path / "s.store", weights, on_error="skip")
    assert "train/fear" in {problem.where.rstrip("/") for problem in skipped.problems}


def test_an_archive_and_its_dataset_in_memory_give_the_same_rows(archive, faces, weights, tmp_path):
    streamed = extract(archive, tmp_path / "zip.store", weights, on_error="skip").store
    in_memory = extract(faces.subset(slice(10)), tmp_path / "memory.store", weights).store
    assert not in_memory.missing(streamed.listings()[0].digests).any()


def test_a_killed_extraction_resumes_to_the_store_of_an_undisturbed_one(weights, tmp_path, monkeypatch):
    monkeypatch.setattr("hybridfer.extraction.embedding.LOT", 16)
    faces = make_faces(100)
    whole = extract(faces, tmp_path / "whole.store", weights).store
    path, sealed = tmp_path / "killed.store", 0
    for where, after in (("forward", 3), ("sealing", 1)):
        ended = subprocess.run([sys.executable, "-c", KILLED, path, weights, where, str(after)], capture_output=True)
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
        now = FeatureStore(path)
        assert now.verify().ok
        assert sealed < len(now) < 100
        sealed = len(now)
    resumed = extract(faces, path, weights)
    assert resumed.embedded == 100 - sealed
    assert resumed.store.verify().ok
    assert len(resumed.store) == len(whole)
    for split in ("train", "validation", "test"):
        for part, expected in zip(resumed.store.load(split), whole.load(split), strict=True):
            assert np.array_equal(part, expected)


def test_a_network_of_ones_own_embeds_into_a_store(tmp_path):
    module = nn.Sequential(nn.Flatten(), nn.Linear(2304, 5), nn.ReLU(), nn.Linear(5, 7))
    network = load_network(module, layers=["1", "2"], name="mine")
    faces = make_faces(20, random_state=0)
    extraction = extract_features(faces, network, store=tmp_path / "mine.store", progress=False)
    X, _ = extraction.store.load()
    assert extraction.store.key.network.startswith("mine")
    with torch.inference_mode():
        expected = module[:3](torch.as_tensor(faces.images, dtype=torch.float32)[:, None] / 255).numpy()
    np.testing.assert_allclose(X, expected, rtol=1e-4, atol=1e-5)


def test_logits_ride_along_and_are_read_by_name(faces, weights, tmp_path):
    store = extract(faces, tmp_path / "s.store", weights).store
    X, _ = store.load(layers="logits")
    expected = Embedder(load_network(weights), ["logits"]).embed(faces.images)["logits"]
    np.testing.assert_allclose(X, expected, atol=1e-5)
    assert store.load()[0].shape == (60, 128)


@pytest.mark.parametrize("layers", ["logits", ["embedding", "logits"], ["logits", "embedding"]])
def test_logits_that_are_asked_for_are_read_unasked(faces, weights, tmp_path, layers):
    store = extract(faces, tmp_path / "s.store", weights, layers=layers).store
    assert list(store.widths) == [layers] if isinstance(layers, str) else layers
    assert store.riding == {}


def former_store(path, network, layers=("embedding",)):
    """A store as they were made before logits rode along."""
    return FeatureStore.create(path, store_key(network, Embedder(network, layers)), layer_widths(network, layers))


def test_a_store_that_was_written_without_logits_is_gone_on_with_as_it_is(faces, weights, tmp_path):
    former_store(tmp_path / "s.store", load_network(weights))
    assert extract(faces.subset(slice(40)), tmp_path / "s.store", weights).embedded == 40
    extraction = extract(faces, tmp_path / "s.store", weights)
    assert (extraction.embedded, extraction.store.riding) == (20, {})
    assert extraction.store.load(split="test")[0].shape[1] == 128


def test_a_store_without_logits_is_still_refused_for_other_features(faces, weights, other_weights, tmp_path):
    former_store(tmp_path / "s.store", load_network(weights))
    with pytest.raises(StoreError, match="weights: the store holds"):
        extract(faces, tmp_path / "s.store", other_weights)


def test_a_recipe_that_trains_names_both_ways_to_its_weights(faces, tmp_path):
    for recipe in ("tiny", FeatureRecipe(name="mine", network="compact")):
        with pytest.raises(WeightsError, match=r"(?s)hybridfer train DATA.*hybridfer benchmark DATA"):
            extract_features(faces, recipe, store=tmp_path / "s.store", progress=False)
    assert not (tmp_path / "s.store").exists()


def test_what_names_no_features_is_told_the_way(faces):
    with pytest.raises(RecipeError, match=r"got a Sequential.*load_network"):
        extract_features(faces, nn.Sequential(nn.Flatten()))


def own_colour_network(**options):
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 7))
    return load_network(module, layers=["2"], name="nets/mine", **options)


def test_a_network_of_ones_own_with_three_channels_sees_grey_images_in_each(faces, tmp_path, own_home):
    network = own_colour_network(preprocessing=Preprocessing(channels=3))
    grey = extract_features(faces, network, progress=False).store
    assert grey.path.parent == own_home / "stores"
    colour = replace(faces, images=np.repeat(faces.images[..., None], 3, axis=-1))
    np.testing.assert_allclose(
        extract_features(colour, network, store=tmp_path / "c.store", progress=False).store.load()[0], grey.load()[0]
    )


def test_a_network_that_cannot_take_what_it_says_is_told_before_anything_is_made(faces, tmp_path):
    with pytest.raises(RecipeError, match=r"nets/mine cannot take an image of 48 x 48 x 1.*channels=3"):
        extract_features(faces, own_colour_network(), store=tmp_path / "s.store", progress=False)
    assert not (tmp_path / "s.store").exists()


def test_it_is_told_at_the_start_what_the_store_holds_already(faces, archive, weights, tmp_path, caplog):
    caplog.set_level("INFO", logger="hybridfer")
    path = tmp_path / "s.store"
    for source in (faces.subset(slice(40)), faces, faces):
        extract(source, path, weights)
    extract(archive, path, weights, on_error="skip")
    assert caplog.messages == [
        f"embedding 40 images (store: {path})",
        f"embedding 60 images (store: {path}); 40 of them are in it already",
        f"all 60 images are in {path} already",
        f"embedding 12 images (store: {path}), which holds 60 rows already",
    ]


@pytest.mark.parametrize("image_size", [None, 96])
def test_a_backbone_with_published_weights_sees_images_of_the_recipes_size(monkeypatch, image_size):
    given = []
    monkeypatch.setattr(extract_module, "network_preprocessing", lambda _name, sides: Preprocessing(sides, 3))
    monkeypatch.setattr(extract_module, "load_network", lambda *_, preprocessing, **__: given.append(preprocessing))
    extract_module.network_of(FeatureRecipe(name="any", network="timm:any", weights="hub", image_size=image_size))
    assert given == [image_size and Preprocessing((image_size, image_size), 3)]


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (
            {"source": np.zeros((3, 48, 48), dtype=np.uint8)},
            DatasetError,
            "a path or a Dataset; got a ndarray.*fit_transform",
        ),
        ({"clases": ["happy"]}, TypeError, "no keyword 'clases'; did you mean 'classes'"),
        ({"layers": 3}, RecipeError, "layers must be the name of a layer, or a sequence of names; got 3"),
    ],
)
def test_a_mistake_in_the_call_is_told_in_its_own_words(faces, weights, tmp_path, given, error, words):
    with pytest.raises(error, match=words):
        extract(**{"source": faces, "store": tmp_path / "s.store", "weights": weights, **given})


def test_weights_beside_a_network_are_refused(faces, weights):
    with pytest.raises(RecipeError, match=r"tiny is a network that has its own.*weights='absent\.safetensors'"):
        extract_features(faces, load_network(weights), weights="absent.safetensors", progress=False)


def test_weights_files_of_backbones_bring_their_size_whatever_the_recipe_says(timm, tmp_path):
    sides = Preprocessing((64, 64))
    path = save_network(load_network("timm:test_resnet", weights=None, preprocessing=sides), tmp_path / "a.safetensors")
    recipe = FeatureRecipe(name="any", network="timm:test_resnet", image_size=96)
    assert extract_module.network_of(recipe, path).preprocessing.image_size == (64, 64)


def test_a_store_may_lie_in_the_users_own_folder(faces, weights, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path)
    extraction = extract_features(faces, load_network(weights), store="~/faces.store", progress=False)
    assert extraction.store.path == tmp_path / "user" / "faces.store"
    assert FeatureStore("~/faces.store").path == extraction.store.path
    assert verify_store("~/faces.store").ok
    assert not (tmp_path / "~").exists()

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.base import clone
from torch import nn

from hybridfer import CNNFeaturizer, extract_features, make_faces, run_benchmark
from hybridfer.errors import RecipeError, WeightsError
from hybridfer.networks import Embedder, Preprocessing, catalogue_network, load_network, save_network
from hybridfer.networks.ensemble import ensemble_network
from hybridfer.recipes import load_recipe


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path / "home"))


@pytest.fixture
def members():
    networks = [catalogue_network("tiny"), catalogue_network("compact", random_state=1)]
    for network in networks:
        # running statistics as training would leave them, so that folding them is put to the test
        for part in network.module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.uniform_(-0.5, 0.5)
                part.running_var.uniform_(0.5, 2)
    return networks


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 48, 48), dtype=np.uint8)


def rows(network, images):
    return Embedder(network, ["embedding", "logits"], device="cpu", precision="fp32").embed(images)


def test_embeddings_stand_side_by_side_and_probabilities_are_averaged(members, images):
    single = [rows(network, images) for network in members]
    both = rows(ensemble_network(members), images)
    np.testing.assert_allclose(both["embedding"], np.hstack([row["embedding"] for row in single]), rtol=1e-4, atol=1e-5)
    mean = np.mean([softmax(row["logits"], axis=1) for row in single], axis=0)
    np.testing.assert_allclose(np.exp(both["logits"]), mean, rtol=1e-4)


@pytest.mark.parametrize("views", ["flip", "ten-crop"])
def test_each_member_is_averaged_over_views_before_they_are_joined(members, images, views):
    alone = [Embedder(network, ["logits", "embedding"], views=views, device="cpu").embed(images) for network in members]
    both = Embedder(ensemble_network(members), ["logits", "embedding"], views=views, device="cpu").embed(images)
    np.testing.assert_array_equal(both["embedding"], np.hstack([row["embedding"] for row in alone]))
    mean = np.mean([softmax(row["logits"], axis=1) for row in alone], axis=0)
    np.testing.assert_allclose(np.exp(both["logits"]), mean, rtol=1e-5)


def test_an_image_that_goes_through_every_member_counts_once(members, images):
    embedder = Embedder(ensemble_network(members), ["embedding"], views="flip", device="cpu", batch_size=2)
    embedder.embed(images)
    assert [member.images_embedded for member in embedder.members] == [5, 5]
    assert embedder.images_embedded == 5


def test_its_module_gives_what_embedding_it_gives(members, images):
    network = ensemble_network(members)
    with torch.inference_mode():
        logits = network.module(torch.from_numpy(images)[:, None] / 255)
    np.testing.assert_allclose(logits, rows(network, images)["logits"], rtol=1e-4, atol=1e-5)


def test_the_members_stay_as_they_were(members, images):
    before = [network.digest for network in members]
    ensemble_network(members)
    assert [replace(network).digest for network in members] == before


def test_its_identity_is_that_of_its_members_in_their_order(members):
    one, same = ensemble_network(members), ensemble_network(members)
    assert one.digest == same.digest
    assert one.digest != ensemble_network(members[::-1]).digest
    with torch.no_grad():
        members[0].module.logits.bias += 1
    assert one.digest != ensemble_network(members).digest


def digests(*names):
    return np.array(sorted(names), dtype="S16")


def test_it_has_seen_what_any_member_has_seen_and_watched_what_none_learnt_from(members):
    first = replace(members[0], trained_on=digests("a", "b", "c"), watched=digests("b", "c"))
    second = replace(members[1], trained_on=digests("b", "c", "d"), watched=digests("c", "d"))
    both = ensemble_network([first, second])
    assert both.trained_on.tolist() == [b"a", b"b", b"c", b"d"]
    assert both.watched.tolist() == [b"c", b"d"]
    assert ensemble_network([first, replace(second, watched=None)]).watched is None


def test_members_that_do_not_say_what_they_were_trained_on_are_named_and_hide_nothing_of_the_others(members):
    first = replace(members[0], trained_on=digests("a", "b"), watched=digests("b"))
    assert ensemble_network([first, first]).untold == ()
    both = ensemble_network([first, members[1]])
    assert both.untold == ("the member compact",)
    assert (both.trained_on.tolist(), both.watched.tolist()) == ([b"a", b"b"], [b"b"])
    assert ensemble_network(members).untold == ("ensemble",)


def test_members_that_do_not_go_together_are_refused(members):
    first, second = members
    with pytest.raises(RecipeError, match="two members or more; got 1"):
        ensemble_network([first])
    with pytest.raises(RecipeError, match="agree in their classes"):
        ensemble_network([first, replace(second, classes=("cat", "dog"))])
    standardized = catalogue_network("tiny", preprocessing=Preprocessing(standardize="image"))
    with pytest.raises(RecipeError, match="agree in their preprocessing"):
        ensemble_network([first, standardized])
    own = load_network(nn.Sequential(nn.Flatten(), nn.Linear(2304, 7)), ["0"], name="mine")
    with pytest.raises(RecipeError, match="mine is none"):
        ensemble_network([first, own])


@pytest.fixture
def saved(tmp_path):
    """A second network beside the one in the wheel."""
    path = tmp_path / "second.safetensors"
    shipped = load_network("compact")
    second = catalogue_network("tiny", preprocessing=shipped.preprocessing)
    save_network(replace(second, classes=shipped.classes), path)
    return path


def test_members_are_named_as_weights_in_the_wheel_or_files(saved):
    both = load_network("ensemble", weights=["compact", saved])
    assert both.widths == {"embedding": 192 + 128, "logits": 7}
    assert len(both.trained_on) == len(load_network("compact").trained_on)
    with pytest.raises(RecipeError, match="sequence of weights, one of each member; got None"):
        load_network("ensemble", weights=None)
    with pytest.raises(RecipeError, match="several weights make an 'ensemble'; 'compact' takes those of one"):
        load_network("compact", weights=["compact", saved])
    with pytest.raises(WeightsError, match=r"nowhere\.safetensors"):
        load_network("ensemble", weights=["compact", "nowhere.safetensors"])


def test_a_recipe_names_members_from_its_own_folder_and_everything_takes_it(saved, tmp_path):
    recipe = tmp_path / "both.toml"
    recipe.write_text('network = "ensemble"\nweights = ["compact", "second.safetensors"]\n')
    assert load_recipe("feature", recipe).weights == ("compact", str(saved))
    faces = make_faces(30, random_state=0)
    X, _ = extract_features(faces, recipe, store=tmp_path / "a.store", progress=False).store.load()
    featurizer = CNNFeaturizer.from_recipe(recipe, store=tmp_path / "a.store").fit(faces.images)
    np.testing.assert_array_equal(clone(featurizer).fit(faces.images).transform(faces.images), X)
    assert featurizer.transform(faces.images).shape == (30, 320)
    assert featurizer.embedder_.images_embedded == 0
    report = run_benchmark(faces, recipe, "knn", search="off", verbose=0)
    assert [row.pipeline for row in report.rows] == ["softmax", "knn"]
    assert report.features[0].parameters == load_network("compact").parameters + 98_535

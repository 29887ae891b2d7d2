import importlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from joblib.externals.loky import get_reusable_executor
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from hybridfer import CNNFeaturizer, FeatureRecipe, FeatureStore, extract_features, make_faces
from hybridfer.digest import image_digests
from hybridfer.errors import RecipeError, StoreError, WeightsError
from hybridfer.extraction import MEMORY, layer_widths, store_key
from hybridfer.networks import Embedder, Preprocessing, catalogue_network, load_network, save_network
from hybridfer.training import CNNClassifier

WEIGHTS, OTHER = "tiny.safetensors", "other.safetensors"
QUICK = FeatureRecipe(name="quick", network="tiny", training={"max_epochs": 1})
CANDIDATES = np.logspace(-4, 0, 12).tolist()


# A module of its own, so that worker processes can import it.
COUNTING = """
from pathlib import Path
from hybridfer import CNNFeaturizer

class CountingFeaturizer(CNNFeaturizer):
    def transform(self, X):
        before = self.embedder_.images_embedded
        features = super().transform(X)
        with Path(self.store).with_suffix(".count").open("a") as file:
            print(self.embedder_.images_embedded - before, file=file)
        return features
"""


@pytest.fixture(scope="session")
def weights_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    save_network(catalogue_network("tiny"), folder / WEIGHTS)
    save_network(catalogue_network("tiny", random_state=1), folder / OTHER)
    return folder


@pytest.fixture(autouse=True)
def workplace(tmp_path, weights_folder, monkeypatch):
    """Weights files in the working folder, nothing remembered, nothing kept outside."""
    for name in (WEIGHTS, OTHER):
        (tmp_path / name).write_bytes((weights_folder / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path / "home"))
    MEMORY.clear()
    return tmp_path


@pytest.fixture
def new_workers():
    """Worker processes with this test's environment."""
    get_reusable_executor().shutdown(wait=True)
    yield
    get_reusable_executor().shutdown(wait=True)


@pytest.fixture
def forward_passes(monkeypatch):
    """Count the images that embedders take, in this process; the blank image that finds out widths is none of them."""
    counts = []
    original = Embedder.embed_batch

    def counted(self, images):
        if images.any():
            counts.append(len(images))
        return original(self, images)

    monkeypatch.setattr(Embedder, "embed_batch", counted)
    return counts


@pytest.fixture(scope="module")
def faces():
    return make_faces(60, random_state=3)


@pytest.fixture(scope="module")
def copies(faces):
    """72 images, 60 of them distinct."""
    rows = np.random.default_rng(0).permutation(np.r_[0:60, 0:12])
    return faces.images[rows], faces.labels[rows] % 2


@pytest.mark.filterwarnings("ignore:X has", "ignore:Float pixels")
@parametrize_with_checks([CNNFeaturizer(), CNNFeaturizer("tiny", weights=WEIGHTS)])
def test_scikit_learn_finds_nothing_wrong_with_trained_weights(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:X has", "ignore:Float pixels")
@parametrize_with_checks([CNNFeaturizer("tiny", weights=None, training=QUICK)])
def test_scikit_learn_finds_nothing_wrong_with_training_in_fit(estimator, check):
    check(estimator)


def test_no_check_is_skipped_where_the_array_api_is_on():
    script = (
        "from sklearn.utils.estimator_checks import check_estimator\n"
        "from hybridfer import CNNFeaturizer\n"
        f"results = check_estimator(CNNFeaturizer('tiny', weights={WEIGHTS!r}), on_fail=None, on_skip=None)\n"
        "print(*[result['check_name'] for result in results if result['status'] != 'passed'], len(results) > 40)\n"
    )
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    told = subprocess.run([sys.executable, "-W", "ignore", "-c", script], env=environment, capture_output=True, text=True)
    assert told.stdout.split() == ["True"], told.stderr


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_grid_search_sends_each_distinct_image_through_the_network_once(copies, workplace, monkeypatch, new_workers, jobs):
    X, y = copies
    name = f"counting_with_{jobs}_jobs"
    Path(f"{name}.py").write_text(COUNTING)
    monkeypatch.syspath_prepend(workplace)
    counting = importlib.import_module(name).CountingFeaturizer("tiny", weights=WEIGHTS, store="f.store")
    pipeline = Pipeline([("features", counting), ("head", LogisticRegression())])
    search = GridSearchCV(pipeline, {"head__C": CANDIDATES}, cv=5, n_jobs=jobs).fit(X, y)
    counts = [int(line) for line in Path("f.count").read_text().split()]
    # 12 candidates on 5 folds, each transforms train and test part; and the refit
    assert len(counts) == 12 * 5 * 2 + 1
    assert sum(counts) == len(np.unique(image_digests(X))) == len(FeatureStore("f.store")) == 60
    assert len(search.cv_results_["params"]) == 12


def test_a_grid_search_without_a_store_does_so_too(copies, forward_passes):
    X, y = copies
    pipeline = Pipeline([("features", CNNFeaturizer("tiny", weights=WEIGHTS)), ("head", LogisticRegression())])
    GridSearchCV(pipeline, {"head__C": CANDIDATES}, cv=5).fit(X, y)
    assert sum(forward_passes) == 60


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_grid_over_the_head_trains_once_a_fold(copies, new_workers, monkeypatch, jobs, workplace):
    X, y = copies
    fits, fit = [], CNNClassifier.fit
    monkeypatch.setattr(CNNClassifier, "fit", lambda self, *arguments: fits.append(1) or fit(self, *arguments))
    featurizer = CNNFeaturizer("tiny", weights=None, training=QUICK, store="shelf")
    pipeline = Pipeline([("features", featurizer), ("head", LogisticRegression())])
    search = GridSearchCV(pipeline, {"head__C": [0.01, 0.1, 1.0]}, cv=KFold(2), n_jobs=jobs).fit(X, y)
    assert len(list((workplace / "home" / "weights").glob("*.safetensors"))) == 2 + 1
    if jobs == 1:
        assert len(fits) == 2 + 1
    assert len(search.best_estimator_.named_steps["features"].network_.trained_on) == 60


def test_each_candidate_of_a_grid_over_layers_gets_a_store_of_its_own(copies):
    X, y = copies
    pipeline = Pipeline(
        [("features", CNNFeaturizer("tiny", weights=WEIGHTS, store="shelf")), ("head", LogisticRegression())]
    )
    GridSearchCV(pipeline, {"features__layers": ["conv2", ["conv2", "embedding"]]}, cv=3).fit(X, y)
    stores = [FeatureStore(path) for path in Path("shelf").iterdir()]
    assert sorted(tuple(store.widths) for store in stores) == [("conv2",), ("conv2", "embedding")]
    assert [len(store) for store in stores] == [60, 60]


def test_rows_do_not_depend_on_what_was_embedded_before(faces):
    featurizer = CNNFeaturizer("tiny", weights=WEIGHTS).fit(faces.images)
    featurizer.transform(faces.images[::-3])
    mixed = featurizer.transform(faces.images)
    MEMORY.clear()
    np.testing.assert_allclose(mixed, featurizer.transform(faces.images), atol=1e-5)


def test_layers_stand_side_by_side_in_the_order_asked_for(faces):
    whole = CNNFeaturizer("tiny", weights=WEIGHTS, layers=["embedding", "conv2"]).fit(faces.images)
    single = CNNFeaturizer("tiny", weights=WEIGHTS, layers="conv2").fit(faces.images)
    np.testing.assert_allclose(whole.transform(faces.images)[:, 128:], single.transform(faces.images), atol=1e-6)
    names = whole.get_feature_names_out()
    assert (names[0], names[127], names[128], names[-1]) == ("embedding_0", "embedding_127", "conv2_0", "conv2_31")


def test_every_layout_of_the_same_pixels_gives_the_same_rows(faces):
    images = faces.images[:9]
    featurizer = CNNFeaturizer("tiny", weights=WEIGHTS)
    expected = featurizer.fit_transform(images)
    assert (expected.dtype, expected.shape) == (np.float32, (9, 128))
    for same in (images[..., None], images[:, None], images.reshape(9, -1), images.astype(np.int64), images / 255):
        np.testing.assert_allclose(featurizer.fit_transform(same), expected, atol=1e-5)
    shaped = clone(featurizer).set_params(image_shape=(48, 48, 1))
    np.testing.assert_allclose(shaped.fit_transform(images.reshape(9, -1)), expected, atol=1e-5)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_output_may_be_a_data_frame(faces, library):
    pytest.importorskip(library)
    featurizer = CNNFeaturizer("tiny", weights=WEIGHTS).set_output(transform=library)
    table = featurizer.fit_transform(faces.images[:5])
    assert type(table).__module__.partition(".")[0] == library
    assert list(table.columns) == featurizer.get_feature_names_out().tolist()


def test_a_clone_is_unfitted_and_shares_rows_in_memory(faces, forward_passes):
    fitted = CNNFeaturizer("tiny", weights=WEIGHTS).fit(faces.images)
    fitted.transform(faces.images)
    cloned = clone(fitted)
    with pytest.raises(NotFittedError):
        cloned.transform(faces.images)
    cloned.fit(faces.images).transform(faces.images)
    assert sum(forward_passes) == 60


def test_a_pickle_carries_the_network_once_and_embeds_alike(faces):
    fitted = CNNFeaturizer("tiny", weights=WEIGHTS, views="flip").fit(faces.images)
    expected = fitted.transform(faces.images)
    # what was set after fit has no say before the next one
    fitted.set_params(views="single", layers="conv2")
    joblib.dump(fitted, "fitted")
    weight_bytes = sum(tensor.nbytes for tensor in fitted.network_.module.state_dict().values())
    assert Path("fitted").stat().st_size < 1.5 * weight_bytes
    MEMORY.clear()
    np.testing.assert_allclose(joblib.load("fitted").transform(faces.images), expected, atol=1e-6)
    assert hasattr(fitted, "embedder_")


def test_an_unfitted_featurizer_can_be_pickled():
    joblib.dump(CNNFeaturizer("tiny", layers="conv2"), "unfitted")
    assert joblib.load("unfitted").layers == "conv2"


def test_parameters_set_after_fit_count_from_the_next_fit_on(faces):
    featurizer = CNNFeaturizer("tiny", weights=WEIGHTS).fit(faces.images)
    before = featurizer.transform(faces.images)
    featurizer.set_params(layers="conv2", weights=OTHER)
    assert np.array_equal(featurizer.transform(faces.images), before)
    after = featurizer.fit(faces.images).transform(faces.images)
    assert np.array_equal(after, CNNFeaturizer("tiny", weights=OTHER, layers="conv2").fit_transform(faces.images))
    assert featurizer.get_feature_names_out()[0] == "conv2_0"


def test_a_weights_file_that_was_replaced_is_read_again(faces):
    before = CNNFeaturizer("tiny", weights=WEIGHTS).fit_transform(faces.images)
    os.replace(OTHER, WEIGHTS)
    assert not np.allclose(CNNFeaturizer("tiny", weights=WEIGHTS).fit_transform(faces.images), before)


def test_a_weights_file_may_stand_for_the_network_and_is_read_again_when_replaced(faces):
    by_name = CNNFeaturizer("tiny", weights=WEIGHTS).fit_transform(faces.images)
    assert np.array_equal(CNNFeaturizer(WEIGHTS).fit_transform(faces.images), by_name)
    os.replace(OTHER, WEIGHTS)
    assert not np.allclose(CNNFeaturizer(WEIGHTS).fit_transform(faces.images), by_name)


def test_the_second_axis_is_remembered(faces):
    assert CNNFeaturizer("tiny", weights=WEIGHTS).fit(faces.images.reshape(60, -1)).n_features_in_ == 2304


@pytest.mark.parametrize("store", ["new.store", "shelf"])
def test_a_store_that_holds_everything_is_only_read(faces, forward_passes, monkeypatch, store):
    featurizer = CNNFeaturizer("tiny", weights=WEIGHTS, store=store).fit(faces.images)
    expected = featurizer.transform(faces.images)

    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr("hybridfer.extraction.embedding.FileLock", refuse)
    monkeypatch.setattr(FeatureStore, "append", refuse)
    assert np.array_equal(featurizer.transform(faces.images[::-1]), expected[::-1])
    assert sum(forward_passes) == 60


def test_a_store_is_known_by_what_is_in_it_whatever_its_name(faces):
    CNNFeaturizer("tiny", weights=WEIGHTS, store="a.store").fit_transform(faces.images)
    os.rename("a.store", "renamed")
    again = CNNFeaturizer("tiny", weights=WEIGHTS, store="renamed").fit(faces.images)
    again.transform(faces.images)
    assert again.embedder_.images_embedded == 0


def test_a_store_whose_making_was_cut_short_is_finished_and_no_shelf(faces):
    Path("new.store").mkdir()
    CNNFeaturizer("tiny", weights=WEIGHTS, store="new.store").fit_transform(faces.images)
    assert len(FeatureStore("new.store")) == 60


def test_a_store_of_other_features_is_refused_with_the_field_that_differs(faces):
    CNNFeaturizer("tiny", weights=WEIGHTS, store="a.store").fit_transform(faces.images)
    for changed, field in (({"layers": "conv2"}, "layers"), ({"weights": OTHER}, "weights"), ({"views": "flip"}, "views")):
        featurizer = CNNFeaturizer(**{"network": "tiny", "weights": WEIGHTS, "store": "a.store", **changed})
        with pytest.raises(StoreError, match=f"{field}: the store holds"):
            featurizer.fit_transform(faces.images)


def test_a_store_is_shared_with_an_extraction_of_the_same_features(faces, forward_passes):
    stored = extract_features(faces, "tiny", weights=WEIGHTS, store="a.store", progress=False).store
    features = CNNFeaturizer("tiny", weights=WEIGHTS, store="a.store").fit_transform(faces.images)
    np.testing.assert_array_equal(features, stored.load()[0])
    CNNFeaturizer("tiny", weights=WEIGHTS, store="b.store").fit_transform(faces.images)
    assert extract_features(faces, "tiny", weights=WEIGHTS, store="b.store", progress=False).embedded == 0
    assert sum(forward_passes) == 2 * 60


@pytest.mark.parametrize("store", [None, "shelf"])
@pytest.mark.parametrize("layers", ["embedding", ["logits", "embedding"]])
def test_an_ensemble_shares_rows_with_featurizers_of_its_members(faces, forward_passes, store, layers):
    members = [CNNFeaturizer("tiny", weights=path, layers=layers, store=store) for path in (WEIGHTS, OTHER)]
    both = CNNFeaturizer("ensemble", weights=[WEIGHTS, OTHER], layers=layers, store=store).fit(faces.images)
    before = members[0].fit_transform(faces.images[:40])
    features = both.transform(faces.images)
    np.testing.assert_array_equal(features[:40, -256:-128], before[:, -128:])
    np.testing.assert_array_equal(members[1].fit_transform(faces.images)[:, -128:], features[:, -128:])
    members[0].fit_transform(faces.images)
    assert sum(forward_passes) == 2 * 60
    assert (both.embedder_.images_embedded, members[1].embedder_.images_embedded) == (60, 0)


def test_beside_a_single_store_an_ensemble_reads_what_an_extraction_of_a_member_has_kept(faces, forward_passes, workplace):
    extract_features(faces, "tiny", weights=WEIGHTS, progress=False)
    CNNFeaturizer("ensemble", weights=[WEIGHTS, OTHER], store="a.store").fit_transform(faces.images)
    assert sum(forward_passes) == 2 * 60
    assert len(list((workplace / "home" / "stores").iterdir())) == 1


def test_a_pickle_carries_the_members_of_an_ensemble_once(faces):
    fitted = CNNFeaturizer("ensemble", weights=[WEIGHTS, OTHER]).fit(faces.images)
    expected = fitted.transform(faces.images)
    joblib.dump(fitted, "fitted")
    weight_bytes = sum(tensor.nbytes for tensor in fitted.network_.module.state_dict().values())
    assert Path("fitted").stat().st_size < 1.5 * weight_bytes
    MEMORY.clear()
    np.testing.assert_allclose(joblib.load("fitted").transform(faces.images), expected, atol=1e-6)


def test_a_store_that_reads_other_layers_by_default_gives_those_asked_for(faces, forward_passes):
    extract_features(faces, "tiny", weights=WEIGHTS, layers=["embedding", "logits"], store="a.store", progress=False)
    featurizer = CNNFeaturizer("tiny", weights=WEIGHTS, store="a.store").fit(faces.images)
    assert featurizer.transform(faces.images).shape == (60, len(featurizer.get_feature_names_out())) == (60, 128)
    assert sum(forward_passes) == 60


def test_a_store_that_was_written_without_logits_is_gone_on_with(faces):
    network = catalogue_network("tiny")
    embedder = Embedder(network, ["embedding"])
    FeatureStore.create("a.store", store_key(network, embedder), layer_widths(network, ["embedding"]))
    assert CNNFeaturizer("tiny", weights=WEIGHTS, store="a.store").fit_transform(faces.images).shape == (60, 128)
    assert FeatureStore("a.store").riding == {}


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"layers": "embeding"}, RecipeError, "layers of tiny must be among .*got 'embeding'"),
        ({"layers": ()}, RecipeError, "at least one"),
        ({"views": "both"}, RecipeError, "views must be among"),
        ({"device": "gpu"}, RecipeError, "device must be"),
        ({"batch_size": 0}, RecipeError, "batch_size must be"),
        ({"weights": "absent.safetensors"}, WeightsError, "absent.safetensors"),
        ({"weights": "builtin"}, WeightsError, "no weights for 'tiny'"),
        ({"weights": 3}, RecipeError, "weights must be a name or the path"),
        ({"network": catalogue_network("tiny")}, RecipeError, "network must be a name or the path .* got a Network"),
        ({"network": catalogue_network("tiny"), "weights": None}, RecipeError, "save_network.*run_benchmark"),
        ({"network": catalogue_network("tiny").module}, RecipeError, "got a Sequential.*load_network"),
        ({"network": 3, "weights": None}, RecipeError, "network must be a name or the path .* got a int"),
        ({"network": "compact"}, WeightsError, "holds weights of 'tiny'"),
        ({"weights": None, "training": "compact"}, RecipeError, "training must be a recipe of 'tiny'"),
    ],
)
def test_a_wrong_parameter_is_told_in_fit(faces, changed, error, words):
    featurizer = CNNFeaturizer(**{"network": "tiny", "weights": WEIGHTS, **changed})
    with pytest.raises(error, match=words):
        featurizer.fit(faces.images, faces.labels)


def test_a_file_of_the_same_name_size_and_time_in_another_folder_is_another(faces, tmp_path, monkeypatch):
    times = (1_000_000_000, 1_000_000_000)
    for folder, weights in (("first", WEIGHTS), ("second", OTHER)):
        path = tmp_path / folder / "a.safetensors"
        path.parent.mkdir()
        path.write_bytes((tmp_path / weights).read_bytes())
        os.utime(path, ns=times)
    rows = []
    for folder in ("first", "second"):
        monkeypatch.chdir(tmp_path / folder)
        rows.append(CNNFeaturizer("tiny", weights="a.safetensors").fit_transform(faces.images))
    expected = CNNFeaturizer("tiny", weights=tmp_path / OTHER).fit_transform(faces.images)
    np.testing.assert_array_equal(rows[1], expected)
    assert not np.array_equal(rows[0], rows[1])


def test_a_file_that_is_replaced_by_one_of_its_size_and_time_is_another(faces):
    rows = []
    for weights in (WEIGHTS, OTHER):
        Path("a.safetensors").write_bytes(Path(weights).read_bytes())
        os.utime("a.safetensors", ns=(1_000_000_000, 1_000_000_000))
        rows.append(CNNFeaturizer("tiny", weights="a.safetensors").fit_transform(faces.images))
    assert not np.array_equal(*rows)


def test_fitted_on_flattened_rows_it_takes_a_list_of_images(faces):
    featurizer = CNNFeaturizer("tiny", weights=WEIGHTS)
    expected = featurizer.fit(faces.images.reshape(len(faces), -1)).transform(faces.images)
    np.testing.assert_array_equal(featurizer.transform(list(faces.images)), expected)
    np.testing.assert_array_equal(featurizer.transform(faces.images.reshape(len(faces), -1).tolist()), expected)


def test_training_in_fit_needs_labels(faces):
    with pytest.raises(ValueError, match="requires y"):
        CNNFeaturizer("tiny", weights=None).fit(faces.images)


def test_training_in_fit_holds_nothing_out_where_nothing_is_chosen_by_it(faces):
    quick = CNNFeaturizer("tiny", weights=None, training=QUICK).fit(faces.images, faces.labels)
    assert "valid_loss" not in quick.network_.history[0]
    patient = QUICK.model_copy(update={"training": QUICK.training.model_copy(update={"patience": 3})})
    watched = CNNFeaturizer("tiny", weights=None, training=patient).fit(
        np.tile(faces.images, (2, 1, 1)), np.tile(faces.labels, 2)
    )
    assert "valid_loss" in watched.network_.history[0]


def test_training_in_fit_is_taught_where_labels_are_the_names_of_classes(faces):
    kept = faces.labels < 2
    names = np.array(["sad", "happy"])[faces.labels[kept]]
    save_network(replace(catalogue_network("tiny", n_classes=2), classes=("happy", "sad")), "taught.safetensors")
    featurizer = CNNFeaturizer("tiny", weights=None, training=QUICK.retrained(teacher="taught.safetensors"))
    assert featurizer.fit(faces.images[kept], names).network_.classes == ("happy", "sad")
    with pytest.raises(RecipeError, match=r"tiny lacks \['0', '1'\].*give labels that are the names"):
        featurizer.fit(faces.images[kept], faces.labels[kept])


def test_a_pipeline_learns_expressions_from_the_shipped_weights():
    faces = make_faces(300, classes=("happy", "surprise"), random_state=5)
    pipeline = make_pipeline(CNNFeaturizer(), LogisticRegression(max_iter=1000)).fit(*faces.arrays("train"))
    assert pipeline.score(*faces.arrays("test")) > 0.7


def test_whoever_changes_a_fitted_network_changes_no_featurizer(faces, workplace):
    expected = CNNFeaturizer("tiny", weights=WEIGHTS).fit_transform(faces.images)
    fitted = CNNFeaturizer("tiny", weights=WEIGHTS).fit(faces.images)
    known = fitted.network_.digest
    for parameter in fitted.network_.module.parameters():
        torch.nn.init.zeros_(parameter)
    MEMORY.clear()
    joblib.dump(fitted, "fitted")
    for featurizer in (
        fitted,
        joblib.load("fitted"),
        CNNFeaturizer("tiny", weights=WEIGHTS, store="shelf").fit(faces.images),
    ):
        np.testing.assert_allclose(featurizer.transform(faces.images), expected, atol=1e-5)
    assert CNNFeaturizer("tiny", weights=WEIGHTS).fit(faces.images).network_.digest == known


def test_a_changed_copy_of_a_fitted_network_is_not_taken_for_what_it_was(faces):
    fitted = CNNFeaturizer("tiny", weights=WEIGHTS).fit(faces.images)
    fitted.transform(faces.images)
    extract_features(faces, "tiny", weights=WEIGHTS, progress=False)
    torch.nn.init.zeros_(fitted.network_.module.conv1[0].weight)
    assert extract_features(faces, fitted.network_, progress=False).embedded == 60


def test_a_pickle_of_another_device_is_read_and_goes_on_where_it_can(faces, monkeypatch):
    fitted = CNNFeaturizer("tiny", weights=WEIGHTS).fit(faces.images)
    expected = fitted.transform(faces.images)
    joblib.dump(fitted.set_params(device="cuda:99"), "fitted")
    elsewhere = joblib.load("fitted")
    with pytest.raises(RecipeError, match="device 'cuda:99' was asked for"):
        elsewhere.transform(faces.images)
    assert np.array_equal(elsewhere.set_params(device="cpu").transform(faces.images), expected)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"network": WEIGHTS}, "both trained weights"),
        ({"network": "conv_stack", "weights": None}, "there is none of 'conv_stack'.*Give training"),
        ({"layers": 3}, "name of a layer, or a sequence of names; got 3"),
        ({"store": 5}, "store must be the path .*got 5"),
        ({"image_size": 64}, "image_size is for models of timm"),
    ],
)
def test_a_parameter_that_does_not_apply_is_told_in_fit(faces, changed, words):
    with pytest.raises(RecipeError, match=words):
        CNNFeaturizer(**{"network": "tiny", "weights": OTHER, **changed}).fit(faces.images, faces.labels)


def test_another_size_than_that_of_a_backbones_weights_file_is_refused(faces, timm):
    sides = Preprocessing((64, 64))
    save_network(load_network("timm:test_resnet", weights=None, preprocessing=sides), "mine.safetensors")
    named = CNNFeaturizer("timm:test_resnet", weights="mine.safetensors", image_size=64)
    assert named.fit(faces.images).network_.preprocessing.image_size == (64, 64)
    with pytest.raises(RecipeError, match="takes images of 64 x 64 pixels"):
        named.set_params(image_size=32).fit(faces.images)


def test_a_training_in_fit_takes_the_size_that_is_asked_for(faces):
    featurizer = CNNFeaturizer("tiny", weights=None, training=QUICK, image_size=16).fit(faces.images, faces.labels)
    assert featurizer.network_.preprocessing.image_size == (16, 16)


def test_without_a_seed_each_fit_is_a_training_of_its_own(faces, workplace):
    quick = CNNFeaturizer("tiny", weights=None, training=QUICK, image_size=16, random_state=None)
    first, second = (clone(quick).fit(faces.images, faces.labels).network_.digest for _ in range(2))
    assert first != second
    # nobody could find them again
    assert not list((workplace / "home").rglob("*.safetensors"))


def test_a_recipe_without_its_weights_is_trained_as_it_says(faces):
    shipped = QUICK.retrained(max_epochs=2).model_copy(update={"weights": "builtin"})
    trained = CNNFeaturizer.from_recipe(shipped, weights=None).fit(faces.images, faces.labels)
    assert len(trained.network_.history) == 2
    assert CNNFeaturizer.from_recipe(shipped).training is None


def test_a_recipe_that_tells_of_no_training_is_not_trained_by_another(faces):
    for featurizer in (
        CNNFeaturizer.from_recipe("compact-views", weights=None),
        CNNFeaturizer(weights=None, training="compact-plain"),
    ):
        with pytest.raises(RecipeError, match=r"no \[training\] that says how.*training='compact'"):
            featurizer.fit(faces.images, faces.labels)


@pytest.mark.parametrize("wrong", [{"layers": "embeding"}, {"weights": "absent.safetensors"}])
def test_a_fit_that_failed_is_none(faces, wrong):
    featurizer = CNNFeaturizer("tiny", **{"weights": WEIGHTS, **wrong})
    with pytest.raises((RecipeError, WeightsError)):
        featurizer.fit(faces.images)
    with pytest.raises(NotFittedError):
        featurizer.transform(faces.images)
    with pytest.raises(NotFittedError):
        featurizer.get_feature_names_out()


def test_a_store_may_be_in_the_users_folder(faces, workplace, monkeypatch):
    monkeypatch.setenv("HOME", str(workplace / "user"))
    monkeypatch.setenv("USERPROFILE", str(workplace / "user"))
    CNNFeaturizer("tiny", weights=WEIGHTS, store="~/a.store").fit_transform(faces.images[:3])
    assert (workplace / "user" / "a.store" / "key.json").exists()
    assert not Path("~").exists()


@pytest.mark.parametrize("shape", [2304, (48, 40), "ab", (48.0, 48.0), (-48, -48)])
def test_a_shape_that_does_not_fit_flattened_rows_is_told(faces, shape):
    with pytest.raises(ValueError, match="image_shape must be"):
        CNNFeaturizer("tiny", weights=WEIGHTS, image_shape=shape).fit(faces.images.reshape(60, -1))


@pytest.mark.parametrize("channels", [3, 4])
def test_one_colour_image_is_not_taken_for_many_narrow_ones(faces, channels):
    featurizer = CNNFeaturizer("tiny", weights=WEIGHTS).fit(faces.images)
    with pytest.raises(ValueError, match="looks like one colour image of 48 x 48"):
        featurizer.transform(np.zeros((48, 48, channels), dtype=np.uint8))


def test_weights_that_know_the_images_are_told_once(faces, caplog):
    known = replace(catalogue_network("tiny", random_state=7), trained_on=np.unique(faces.digests[:25]))
    save_network(replace(known, watched=np.unique(faces.digests[:5])), "seen.safetensors")
    pipeline = make_pipeline(CNNFeaturizer("tiny", weights="seen.safetensors"), LogisticRegression())
    search = GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1.0]}, cv=KFold(2), refit=False)
    search.fit(faces.images[30:], faces.labels[30:] % 2)
    assert caplog.messages == []
    # the second fold is the first that holds any of them
    for _ in range(2):
        search.fit(faces.images, faces.labels % 2)
    (message,) = caplog.messages
    assert "The weights seen.safetensors of tiny were trained on 20 of these 30 images" in message


@pytest.mark.parametrize("given", ["floats", "channels"])
def test_weights_know_the_images_as_floats_and_with_three_channels_too(faces, caplog, given):
    seed = {"floats": 9, "channels": 10}[given]
    known = replace(catalogue_network("tiny", random_state=seed), trained_on=np.unique(faces.digests[:25]))
    save_network(known, f"{given}.safetensors")
    images = {"floats": faces.images.astype(np.float32) / 255, "channels": np.repeat(faces.images[..., None], 3, axis=-1)}
    CNNFeaturizer("tiny", weights=f"{given}.safetensors").fit(images[given])
    (message,) = caplog.messages
    assert "of tiny were trained on or watched 25 of these 60 images" in message


def test_a_store_holds_an_image_once_whatever_its_type(faces, tmp_path):
    featurizer = CNNFeaturizer("tiny", weights=WEIGHTS, store=tmp_path / "faces.store")
    for same in (faces.images, faces.images / 255, (faces.images / 255).astype(np.float32), faces.images.astype(float)):
        featurizer.fit_transform(same)
    assert len(FeatureStore(tmp_path / "faces.store")) == len(np.unique(faces.digests))


def test_weights_that_stand_for_the_network_are_named_by_their_file(faces, caplog):
    known = replace(catalogue_network("tiny", random_state=8), trained_on=np.unique(faces.digests[:25]))
    save_network(known, "standing.safetensors")
    CNNFeaturizer("standing.safetensors").fit(faces.images)
    (message,) = caplog.messages
    assert message.startswith("The weights standing.safetensors of tiny were trained on")


@pytest.fixture
def fitted(faces):
    return CNNFeaturizer("tiny", weights=WEIGHTS).fit(faces.images)


@pytest.mark.parametrize("shape", [(3, 96, 96), (3, 48, 60), (3, 3, 96, 96)])
def test_images_of_another_size_than_in_fit_are_told_with_both_sizes(fitted, shape):
    height, width = shape[-2:]
    with pytest.raises(ValueError, match=f"Images of 48 x 48 pixels were given to fit; got some of {height} x {width}"):
        fitted.transform(np.zeros(shape, dtype=np.uint8))


def test_images_of_the_size_of_fit_may_have_another_layout_than_there(fitted, faces):
    images = faces.images[:9]
    expected = fitted.transform(images)
    for same in (images.reshape(9, -1), images[:, None], np.repeat(images[:, None], 3, axis=1)):
        np.testing.assert_allclose(fitted.transform(same), expected, atol=1e-2)
    of_rows = CNNFeaturizer("tiny", weights=WEIGHTS).fit(images.reshape(9, -1))
    np.testing.assert_array_equal(of_rows.transform(images), expected)


@pytest.mark.filterwarnings("error")
def test_one_image_is_not_taken_for_rows(fitted, faces):
    with pytest.raises(ValueError, match=r"got the shape \(48, 48\).*One image\? Give X\[None\]"):
        fitted.transform(faces.images[0])


def test_rows_of_another_length_than_in_fit_are_told_in_the_words_of_scikit_learn(faces):
    of_rows = CNNFeaturizer("tiny", weights=WEIGHTS).fit(faces.images.reshape(60, -1))
    with pytest.raises(ValueError, match="X has 100 features, but CNNFeaturizer is expecting 2304 features as input"):
        of_rows.transform(np.zeros((5, 100)))


@pytest.mark.parametrize("method", ["fit", "transform"])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["a.png", "b.png"], "got the path 'a.png'.*hybridfer.read_dataset"),
        ([Path("a.png")], "got the path 'a.png'"),
        (np.array(["a.png"]), "got the path 'a.png'"),
        ("a.png", "got the path 'a.png'"),
        ([np.zeros((48, 48)), np.zeros((96, 96))], r"of one size; got \(48, 48\), \(96, 96\)\. Resize"),
    ],
    ids=["names", "paths", "array of names", "name", "sizes"],
)
def test_what_is_no_array_of_images_is_told_as_what_it_is(fitted, method, given, words):
    with pytest.raises(ValueError, match=words):
        getattr(fitted, method)(given)


def test_missing_values_are_told_without_advice_that_does_not_fit_images(fitted, faces):
    images = faces.images / 255
    images[0, 0, 0] = np.nan
    for method in (fitted.fit, fitted.transform):
        with pytest.raises(ValueError, match=r"^Input X contains NaN\.$"):
            method(images)

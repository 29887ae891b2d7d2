import datetime
import functools
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path, PurePath

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC

from hybridfer import CNNClassifier, CNNFeaturizer, FeatureRecipe, PipelineRecipe, load, make_faces, save
from hybridfer.errors import MissingExtraError, ModelError, RecipeError
from hybridfer.heads import HEADS, SoftmaxHead, build_head
from hybridfer.model_files import NOTE
from hybridfer.model_schema import TRUSTED
from hybridfer.networks import catalogue_network, load_network, save_network
from hybridfer.recipes import load_recipe

QUICK = FeatureRecipe(name="quick", network="tiny", training={"max_epochs": 1, "augmentation": {"flip": True}})


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def faces():
    return make_faces(84, image_size=24, random_state=0).arrays("train")


@pytest.fixture
def matrix():
    rng = np.random.default_rng(0)
    y = np.array(["happy", "sad", "ärgerlich"]).repeat(20)
    return rng.normal(np.arange(60)[:, None] // 20, 1.0, (60, 3)).astype(np.float32), y


class Shifted(TransformerMixin, BaseEstimator):
    """A step of the user's own."""

    def fit(self, X, y=None):
        self.shift_ = X.mean()
        return self

    def transform(self, X):
        return X - self.shift_


def doubled(X):
    return 2 * X


def head(matrix, model=None):
    return save((model or make_pipeline(StandardScaler(), SVC())).fit(*matrix), "head.skops")


def local():
    def inner(X):
        return X

    return inner


def nameless(matrix):
    """Fit a pipeline that holds a lambda."""
    return make_pipeline(FunctionTransformer(lambda X: X), SVC()).fit(*matrix)


def edited(path, name, edit):
    """Write an archive again with one member changed by `edit`, which gives None to leave it out."""
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    members[name] = edit(members.get(name))
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            if content is not None:
                archive.writestr(member, content)
    return path


def retold(path, **changes):
    return edited(path, NOTE, lambda note: json.dumps({**json.loads(note), **changes}))


@pytest.mark.parametrize("name", HEADS)
def test_every_head_comes_back_as_it_was(name, matrix):
    X, y = matrix
    scaler = "none" if name == "softmax" else "power"
    model = build_head(PipelineRecipe(name="mine", head=name, scaler=scaler)).fit(X, y)
    loaded = load(save(model, "head.skops"))
    answer = "predict_proba" if hasattr(model, "predict_proba") else "decision_function"
    np.testing.assert_array_equal(getattr(loaded, answer)(X), getattr(model, answer)(X))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    np.testing.assert_array_equal(loaded.classes_, model.classes_)


@pytest.mark.parametrize(
    ("network", "weights"),
    [("compact", "builtin"), ("compact", "compact-plain"), ("ensemble", ["compact", "compact-plain"]), ("tiny", None)],
)
def test_a_pipeline_from_images_to_labels_comes_back_as_it_was(network, weights, faces):
    X, y = faces
    features = CNNFeaturizer(network, weights=weights, views="flip", training=QUICK if weights is None else None)
    model = make_pipeline(features, LogisticRegression(max_iter=1000)).fit(X, y)
    loaded = load(save(model, "model.skops"))
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert list(loaded[:-1].get_feature_names_out()) == list(model[:-1].get_feature_names_out())
    assert loaded[0]._network.digest == features._network.digest
    assert [member.digest for member in loaded[0]._network.members] == [
        member.digest for member in features._network.members
    ]


def test_a_cnn_comes_back_with_its_history(faces):
    X, y = faces
    model = CNNClassifier("tiny", image_size=24, max_epochs=2, verbose=0, checkpoint=Path("a.ckpt")).fit(X, y)
    loaded = load(save(model, "cnn.skops"))
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.history_ == model.history_
    assert loaded.network_.history == model.network_.history


def test_a_model_needs_nothing_but_its_file(faces, tmp_path):
    X, y = faces
    weights = save_network(catalogue_network("tiny"), tmp_path / "mine.safetensors")
    model = make_pipeline(CNNFeaturizer("tiny", weights=weights), LogisticRegression()).fit(X, y)
    expected = model.predict_proba(X)
    path = save(model, "model.skops")
    weights.unlink()
    program = (
        "import sys, numpy as np; from hybridfer import load;"
        f"np.save('found.npy', load({str(path)!r}).predict_proba(np.load('X.npy')))"
    )
    np.save("X.npy", X)
    subprocess.run([sys.executable, "-c", program], check=True)
    np.testing.assert_array_equal(np.load("found.npy"), expected)


def test_a_loaded_featurizer_still_knows_what_its_weights_have_seen(faces, caplog):
    X, y = faces
    features = CNNFeaturizer("tiny", weights=None, training=QUICK).fit(X, y)
    path = save(features, "features.skops")
    assert len(load(path)._network.trained_on) == len(np.unique(features._network.trained_on)) > 0
    save_network(load(path)._network, "tiny.safetensors")
    CNNFeaturizer("tiny", weights="tiny.safetensors").fit(X)
    assert "trained on" in caplog.text


def test_paths_are_kept_as_texts_which_every_system_knows(faces, tmp_path):
    X, _ = faces
    weights = [save_network(catalogue_network("tiny", random_state=seed), Path(f"{seed}.safetensors")) for seed in (0, 1)]
    features = CNNFeaturizer("ensemble", weights=weights, store=tmp_path / "shelf").fit(X)
    loaded = load(save(features, "features.skops"))
    assert loaded.get_params()["weights"] == ["0.safetensors", "1.safetensors"]
    assert not any(isinstance(value, PurePath) for value in loaded.get_params().values())
    assert features.weights is weights
    np.testing.assert_array_equal(loaded.transform(X), features.transform(X))


@pytest.mark.parametrize(
    "model",
    [
        GridSearchCV(SVC(), {"C": [0.1, 1]}, cv=2),
        GridSearchCV(SVC(), {"C": [0.1, 1]}, cv=PredefinedSplit([-1, 0] * 30)),
        VotingClassifier([("svm", SVC()), ("boosted", build_head("xgboost"))]),
        StackingClassifier([("svm", SVC()), ("forest", build_head("forest"))], cv=2),
        CalibratedClassifierCV(LinearSVC(), cv=2),
        make_pipeline(FeatureUnion([("a", StandardScaler()), ("b", StandardScaler())]), SVC()),
        make_pipeline(FunctionTransformer(np.tanh), SVC()),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.filterwarnings("error")
def test_what_scikit_learn_makes_of_heads_is_trusted(model, matrix):
    X, _ = matrix
    np.testing.assert_array_equal(load(head(matrix, model)).predict(X), model.predict(X))


def test_a_scorer_calls_methods_by_name_and_has_to_be_named(matrix):
    search = GridSearchCV(SVC(), {"C": [0.1, 1]}, cv=2, scoring="f1_macro")
    with pytest.warns(UserWarning, match="_Scorer"):
        path = head(matrix, search)
    names = ["sklearn.metrics._classification.f1_score", "sklearn.metrics._scorer._Scorer"]
    with pytest.raises(ModelError, match=r"f1_score, sklearn\.metrics\._scorer\._Scorer, which hybridfer does not know"):
        load(path)
    np.testing.assert_array_equal(load(path, trusted=names).predict(matrix[0]), search.predict(matrix[0]))


@pytest.mark.parametrize("step", [Shifted(), FunctionTransformer(doubled)], ids=["class", "function"])
def test_steps_of_ones_own_are_kept_and_read_when_they_are_named(step, matrix):
    X, _ = matrix
    name = f"{__name__}.{'Shifted' if isinstance(step, Shifted) else 'doubled'}"
    model = make_pipeline(step, SVC())
    with pytest.warns(UserWarning, match=f"trusted=.*{name}"):
        path = head(matrix, model)
    with pytest.raises(ModelError, match=f"holds {name}, which hybridfer does not know.*trusted="):
        load(path)
    np.testing.assert_array_equal(load(path, trusted=[name]).predict(X), model.predict(X))


@pytest.mark.parametrize(
    "step", [lambda X: X, functools.partial(np.add, 1).__call__, local()], ids=["lambda", "bound", "inner"]
)
def test_what_could_not_be_read_again_is_not_kept(step, matrix):
    model = make_pipeline(FunctionTransformer(step), SVC()).fit(*matrix)
    with pytest.raises(ModelError, match="Pipeline holds something that cannot be kept"):
        save(model, "a.skops")
    assert not list(Path().iterdir())


@pytest.mark.parametrize("key", [True, np.True_, None, (1, 2)])
def test_parameters_whose_keys_would_come_back_as_others_are_not_kept(key, matrix):
    model = SVC().fit(*matrix)
    model.class_weight = {key: 2.0}
    with pytest.raises(ModelError, match="SVC holds something that cannot be kept"):
        save(model, "a.skops")


@pytest.mark.parametrize("key", [1, 2.5, "happy", np.int64(3), np.float32(1.5), np.str_("sad")])
def test_parameters_with_numbers_and_texts_for_keys_come_back(key, matrix):
    model = SVC().fit(*matrix)
    model.class_weight = {key: 2.0}
    assert load(save(model, "a.skops")).class_weight == {key: 2.0}


def test_what_is_partly_given_is_named(matrix):
    model = make_pipeline(FunctionTransformer(functools.partial(doubled)), SVC())
    names = ["functools.partial", f"{__name__}.doubled"]
    with pytest.warns(UserWarning, match=r"functools\.partial"):
        path = head(matrix, model)
    with pytest.raises(ModelError, match=r"functools\.partial"):
        load(path, trusted=names[1:])
    np.testing.assert_array_equal(load(path, trusted=names).predict(matrix[0]), model.predict(matrix[0]))


def test_a_function_that_reads_files_is_not_trusted(matrix):
    model = make_pipeline(FunctionTransformer(), SVC()).fit(*matrix)
    model[0].func = open
    with pytest.warns(UserWarning, match=r"io\.open"):
        save(model, "a.skops")
    with pytest.raises(ModelError, match=r"io\.open, which hybridfer does not know"):
        load("a.skops")


def test_nothing_that_is_forged_into_a_file_is_run(matrix):
    path = head(matrix, make_pipeline(FunctionTransformer(np.tanh), SVC()))
    forged = edited(
        path,
        "schema.json",
        lambda schema: schema.replace(b'"tanh"', b'"system"').replace(b'"__module__": "numpy"', b'"__module__": "os"'),
    )
    with pytest.raises(ModelError, match=r"os\.system, which hybridfer does not know"):
        load(forged)


def test_a_loaded_model_may_be_fitted_again(faces, tmp_path, monkeypatch):
    X, y = faces
    model = make_pipeline(CNNFeaturizer("tiny", weights=None, training=QUICK), LogisticRegression()).fit(X, y)
    loaded = load(save(model, "model.skops"))
    # where no training is remembered
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path / "elsewhere"))
    np.testing.assert_array_equal(loaded.fit(X, y).predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (SVC, "got the class SVC. Call it, and fit it"),
        (None, "got a NoneType"),
        (catalogue_network("tiny"), "got a Network. A network alone is kept by hybridfer.networks.save_network"),
    ],
)
def test_only_estimators_are_kept(model, told):
    with pytest.raises(ModelError, match=told):
        save(model, "a.skops")


@pytest.mark.parametrize("model", [SVC(), make_pipeline(CNNFeaturizer(), SVC()), CNNFeaturizer(), CNNClassifier()])
def test_what_was_not_fitted_is_not_kept(model):
    with pytest.raises(NotFittedError):
        save(model, "a.skops")
    assert not Path("a.skops").exists()


def test_a_file_that_exists_is_replaced_only_when_that_is_asked_for(matrix):
    path = head(matrix)
    with pytest.raises(ModelError, match=r"head.skops exists already. Choose another name, or replace it by overwrite=True"):
        head(matrix)
    save(LogisticRegression().fit(*matrix), path, overwrite=True)
    assert isinstance(load(path), LogisticRegression)


def test_a_file_that_could_not_be_replaced_stays(matrix):
    path = head(matrix)
    with pytest.raises(ModelError):
        save(nameless(matrix), path, overwrite=True)
    assert load(path).predict(matrix[0]).shape == (60,)
    assert os.listdir() == ["head.skops"]


def test_a_folder_is_no_name_for_a_model(matrix, tmp_path):
    with pytest.raises(ModelError, match="is a folder; a model is kept in a file"):
        save(SVC().fit(*matrix), tmp_path)
    with pytest.raises(ModelError, match=r"is a folder; a model is a file that hybridfer\.save wrote"):
        load(tmp_path)


def test_the_home_folder_goes_by_its_sign(matrix, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert save(SVC().fit(*matrix), "~/here.skops") == tmp_path / "here.skops"
    assert load("~/here.skops").predict(matrix[0]).shape == (60,)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "could not be read"), (b"junk" * 99, "could not be read"), (None, "does not exist")],
)
def test_what_is_no_model_is_said_to_be_none(content, told):
    if content is not None:
        Path("a.skops").write_bytes(content)
    with pytest.raises(ModelError, match=rf"a.skops {told}.*hybridfer\.save"):
        load("a.skops")


def test_weights_are_pointed_to_their_reader():
    save_network(catalogue_network("tiny"), "a.safetensors")
    with pytest.raises(ModelError, match=r"weights of a network alone: load_network\('a.safetensors'\)"):
        load("a.safetensors")


@pytest.mark.parametrize("note", [None, b"[]", b"{}", b"[" * 99_999, b'{"format": "hybridfer-model/2"}'])
def test_a_file_of_others_or_of_a_later_format_is_not_opened(note, matrix):
    with pytest.raises(ModelError, match="could not be read"):
        load(edited(head(matrix), NOTE, lambda _: note))


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_half_a_file_is_no_model(share, matrix):
    path = head(matrix)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError, match=r"could not be read.*is damaged, or was not written by hybridfer\.save"):
        load(path)


def test_a_flipped_byte_of_the_network_is_found(faces):
    X, _ = faces
    path = save(CNNFeaturizer("compact").fit(X), "features.skops")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="could not be read"):
        load(path)


@pytest.mark.parametrize(
    "schema", [b"{}", b'{"protocol": 99}', b"no json", b'{"protocol": 1}', b'{"protocol": 2, "__loader__": "ObjectNode"}']
)
def test_a_schema_that_makes_no_sense_is_told_with_the_versions(schema, matrix):
    path = retold(edited(head(matrix), "schema.json", lambda _: schema), versions={"scikit-learn": "0.1"})
    with pytest.raises(ModelError, match=r"could not be read.*written by scikit-learn 0.1; here is python"):
        load(path)


def test_an_archive_that_unpacks_without_bound_is_not_opened(matrix):
    path = head(matrix)
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("zeros.npy", "w", force_zip64=True) as bomb,
    ):
        for _ in range(300):
            bomb.write(bytes(1 << 20))
    with pytest.raises(ModelError, match="says that it holds 314,"):
        load(path)


def test_another_version_of_scikit_learn_is_warned_of(matrix):
    path = head(matrix, SVC())
    with zipfile.ZipFile(path) as archive:
        schema = archive.read("schema.json")
    import sklearn

    assert sklearn.__version__.encode() in schema
    edited(path, "schema.json", lambda schema: schema.replace(sklearn.__version__.encode(), b"0.24.1"))
    with pytest.warns(InconsistentVersionWarning, match=r"0\.24\.1"):
        load(path)


def test_a_text_is_no_list_of_names(matrix):
    path = head(matrix)
    for given in ("a.B", None, True):
        with pytest.raises(ModelError, match="trusted must be a list of names"):
            load(path, trusted=given)


def test_naming_what_is_known_does_no_harm(matrix):
    model = build_head("forest").fit(*matrix)
    loaded = load(save(model, "forest.skops"), trusted=["sklearn.tree._tree.Tree"])
    np.testing.assert_array_equal(loaded.predict(matrix[0]), model.predict(matrix[0]))


def test_what_is_called_to_be_built_is_warned_of_and_read_when_it_is_named(matrix):
    model = SVC().fit(*matrix)
    model.zone_ = datetime.timezone(datetime.timedelta(hours=1))
    with pytest.warns(UserWarning, match=r"datetime\.timezone"):
        path = save(model, "a.skops")
    with pytest.raises(ModelError, match=r"datetime\.timezone"):
        load(path)
    assert load(path, trusted=["datetime.timezone", "datetime.timedelta"]).zone_ == model.zone_


def test_classes_may_be_given_themselves(matrix):
    with pytest.warns(UserWarning, match="Shifted"):
        path = head(matrix, make_pipeline(Shifted(), SVC()))
    assert load(path, trusted=[Shifted]).predict(matrix[0]).shape == (60,)


@pytest.mark.parametrize("missing", ["skops", "xgboost"])
def test_a_missing_package_is_named(missing, matrix, monkeypatch):
    path = head(matrix, build_head("xgboost"))
    for module in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtraError, match=missing):
        load(path)


@pytest.mark.parametrize("name", ["tiny", "compact-finetune", "model_3-grid", "model_f"])
def test_every_recipe_may_be_a_parameter(name, faces):
    features = CNNFeaturizer().fit(faces[0])
    features.training = load_recipe("feature", name)
    assert load(save(features, "features.skops")).training == features.training


@pytest.mark.parametrize("failing", [CNNFeaturizer(layers="nope"), CNNClassifier("tiny", image_size=0)])
def test_an_estimator_whose_fit_failed_is_not_kept(failing, faces):
    with pytest.raises(RecipeError):
        failing.fit(*faces)
    with pytest.raises(NotFittedError):
        save(failing, "a.skops")


def test_heads_whose_fit_failed_are_not_kept(matrix):
    X, y = matrix
    for failing, labels in ((SoftmaxHead(), y[:, None].repeat(1, axis=1).ravel()), (build_head("xgboost")[-1], y)):
        with pytest.raises(ValueError, match="expected"):
            failing.fit(X[:, :2], labels if isinstance(failing, SoftmaxHead) else labels[:1].repeat(60))
        with pytest.raises(NotFittedError):
            save(failing, "a.skops")


def test_only_files_are_written_over(matrix, tmp_path):
    os.mkfifo("pipe")
    with pytest.raises(ModelError, match="is no file that could be written over"):
        save(SVC().fit(*matrix), "pipe", overwrite=True)
    Path("link.skops").symlink_to(head(matrix))
    save(LogisticRegression().fit(*matrix), "link.skops", overwrite=True)
    assert Path("link.skops").is_symlink()
    assert isinstance(load("head.skops"), LogisticRegression)


@pytest.mark.parametrize("name", TRUSTED)
def test_everything_trusted_is_there(name):
    module, _, attribute = name.rpartition(".")
    # calibration by a temperature came with scikit-learn 1.8
    if attribute == "_TemperatureScaling":
        pytest.importorskip("sklearn", minversion="1.8")
    __import__(module)
    assert hasattr(sys.modules[module], attribute)


def test_a_network_of_the_wheel_is_kept_bit_by_bit(faces):
    X, _ = faces
    loaded = load(save(CNNFeaturizer().fit(X), "features.skops"))._network
    shipped = load_network("compact")
    assert loaded.digest == shipped.digest
    assert loaded.training == shipped.training
    np.testing.assert_array_equal(loaded.watched, shipped.watched)

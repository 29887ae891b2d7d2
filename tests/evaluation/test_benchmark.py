import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hybridfer import FeatureRecipe, PipelineRecipe, make_faces, run_benchmark
from hybridfer.errors import DatasetError, RecipeError, StoreError
from hybridfer.evaluation import benchmark, embedded, fitting
from hybridfer.evaluation.finished import FinishedHeads
from hybridfer.evaluation.prediction import Prediction
from hybridfer.networks import catalogue_network, save_network

QUICK = FeatureRecipe(name="quick", network="tiny", training={"max_epochs": 1})
LOGISTIC = PipelineRecipe(name="logistic", head="logistic", parameters={"max_iter": 200})
KNN = PipelineRecipe(name="knn", head="knn", parameters={"n_neighbors": 3}, grid=[{"n_neighbors": [1, 3]}])


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def faces():
    return make_faces(120, classes=("happy", "sad", "surprise"), random_state=2)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Untrained weights that know the three classes."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    network = catalogue_network("tiny", n_classes=3)
    save_network(replace(network, classes=("happy", "sad", "surprise")), path)
    return path


@pytest.fixture
def fits(monkeypatch):
    """Names of the heads that are fitted, not found."""
    fitted, original = [], fitting.fit_head
    monkeypatch.setattr(fitting, "fit_head", lambda recipe, *rest: fitted.append(recipe.name) or original(recipe, *rest))
    return fitted


@pytest.fixture
def no_training(monkeypatch):
    """Fail if something long begins."""

    def refuse(*_, **__):
        raise AssertionError("something long began")

    monkeypatch.setattr(embedded, "train_network", refuse)
    monkeypatch.setattr(benchmark, "embed_splits", refuse)


def run(source, weights=None, pipelines=(LOGISTIC, KNN), features=None, **options):
    recipe = features or (FeatureRecipe(name="tiny", network="tiny") if weights else QUICK)
    return run_benchmark(source, recipe, pipelines, weights=weights, verbose=0, **options)


def test_each_head_stands_beside_the_softmax_of_its_network(faces, weights):
    report = run(faces, weights)
    assert {row.pipeline for row in report.rows} == {"softmax", "logistic", "knn"}
    assert [row.is_softmax for row in report.rows_of("tiny")] == [True, False, False]
    assert len(report.predictions.labels) == int((faces.splits == "test").sum())
    assert report.features[0].forward_passes == 120


def test_a_second_run_trains_embeds_and_fits_nothing(faces, fits, monkeypatch):
    first = run(faces)
    assert fits == ["logistic", "knn"]
    monkeypatch.setattr(embedded, "train_network", None)
    second = run(faces)
    assert fits == ["logistic", "knn"]
    assert (first.features[0].forward_passes, second.features[0].forward_passes) == (120, 0)
    assert second.rows_of("quick")[1:] == first.rows_of("quick")[1:]
    assert np.array_equal(second.predictions.predicted["quick", "softmax"], first.predictions.predicted["quick", "softmax"])


def test_an_interrupted_run_uses_all_that_was_finished(faces, weights, fits, monkeypatch):
    whole = fitting.fit_head

    def interrupted(recipe, *rest):
        if recipe.name == "knn":
            raise KeyboardInterrupt
        return whole(recipe, *rest)

    monkeypatch.setattr(fitting, "fit_head", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(faces, weights)
    monkeypatch.setattr(fitting, "fit_head", whole)
    report = run(faces, weights)
    assert fits == ["logistic", "knn"]
    assert report.features[0].forward_passes == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"search": "off"},
        {"refit": "train+validation"},
        {"random_state": 1},
        {"pipelines": [KNN.model_copy(update={"scaler": "minmax"})]},
    ],
)
def test_a_head_is_fitted_again_when_what_it_depends_on_has_changed(faces, weights, fits, changed):
    run(faces, weights, [KNN])
    run(faces, **{"weights": weights, "pipelines": [KNN], **changed})
    assert fits == ["knn", "knn"]


def test_a_head_is_fitted_again_when_labels_have_changed(faces, weights, fits):
    run(faces, weights, [KNN])
    labels = faces.labels.copy()
    labels[np.flatnonzero(faces.splits == "train")[0]] ^= 1
    run(replace(faces, labels=labels), weights, [KNN])
    assert fits == ["knn", "knn"]


def test_of_two_runs_at_once_one_trains_and_the_other_waits(faces, monkeypatch):
    trained, original = [], embedded.train_network
    monkeypatch.setattr(embedded, "train_network", lambda *a, **k: trained.append(1) or original(*a, **k))
    reports = []
    threads = [threading.Thread(target=lambda: reports.append(run(faces, pipelines=[KNN]))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(trained), len(reports)) == (1, 2)
    assert sum(report.features[0].forward_passes for report in reports) == 120


def test_two_feature_recipes_are_compared_each_with_its_own_softmax(faces):
    other = QUICK.model_copy(update={"name": "other", "layers": ("conv4", "embedding")})
    report = run(faces, features=[QUICK, other], pipelines=[KNN])
    assert [run.recipe for run in report.features] == ["quick", "other"]
    assert {(row.feature, row.pipeline) for row in report.rows} == {
        (feature, pipeline) for feature in ("quick", "other") for pipeline in ("softmax", "knn")
    }
    assert report.features[1].n_features > report.features[0].n_features
    best = max((row for row in report.rows if not row.is_softmax), key=lambda row: row.validation_accuracy)
    assert (report.chosen.name, report.chosen.n_heads) == (best.name, 2)
    assert {one.feature for one in report.chosen.comparisons} == {"quick", "other"}
    assert report.chosen.comparisons[0].points == best.versus_softmax.points


def test_a_colour_dataset_stays_in_colour(faces, weights):
    colour = replace(faces, images=np.stack([faces.images, faces.images // 2, faces.images // 3], axis=-1))
    assert run(colour, weights, [KNN]).dataset.image_shape == (48, 48, 3)


def test_problems_that_were_skipped_are_told_again_not_raised(faces, weights):
    from hybridfer.datasets.dataset import Problem

    report = run(replace(faces, problems=(Problem("train/happy/a.jpg", "is no readable image"),)), weights, [KNN])
    assert report.dataset.problems == ("train/happy/a.jpg: is no readable image",)


def test_options_of_reading_are_passed_on(weights):
    report = run("faces:120", weights, [KNN], classes="happy,sad,surprise", image_size=32)
    assert (report.dataset.classes, report.dataset.image_shape) == (("happy", "sad", "surprise"), (32, 32))


def test_one_recipe_needs_no_list(faces, weights):
    assert {row.pipeline for row in run_benchmark(faces, QUICK, KNN, verbose=0).rows} == {"softmax", "knn"}


@pytest.mark.parametrize("named", [False, True])
def test_without_a_recipe_the_weights_in_the_wheel_are_run_in_both_views_unless_a_store_is_named(faces, named, tmp_path):
    store = tmp_path / "photos.store" if named else None
    report = run_benchmark(replace(faces, source="photos"), None, KNN, store=store, verbose=0)
    assert [run.recipe for run in report.features] == ["compact"] + ["compact-views"] * (not named)
    assert store is None or store.exists()


def test_two_classes_of_ones_own_are_enough(tmp_path):
    faces = make_faces(60, classes=("happy", "sad"), random_state=4)
    np.savez(tmp_path / "pets.npz", images=faces.images, labels=faces.labels, classes=np.array(["cat", "dog"]))
    report = run(str(tmp_path / "pets.npz"), pipelines=[KNN])
    assert (report.dataset.source, report.dataset.classes) == ("pets.npz", ("cat", "dog"))
    assert "no test split" in report.dataset.test_split
    assert str(tmp_path) not in report.to_json()


def test_fewer_than_ten_images_a_class_are_enough(tmp_path):
    faces = make_faces(40, classes=("happy", "sad"), random_state=4)
    few = faces.subset(np.r_[np.flatnonzero(faces.labels == 0)[:5], np.flatnonzero(faces.labels == 1)[:5]])
    report = run(replace(few, splits=np.full(10, "train")), pipelines=[LOGISTIC])
    assert sum(report.dataset.counts["test"]) == 2


def test_without_the_classes_of_the_dataset_there_is_no_softmax_row(faces, weights, caplog):
    renamed = replace(faces, classes=("bird", "cat", "dog"))
    report = run(renamed, weights, [KNN])
    assert [row.pipeline for row in report.rows] == ["knn"]
    assert report.chosen is None
    assert "no softmax row" in caplog.text


def test_a_head_that_the_data_cannot_bear_is_named_before_anything_long_begins(faces, weights, no_training):
    many = KNN.model_copy(update={"name": "many", "parameters": {"n_neighbors": 100}, "grid": []})
    with pytest.raises(RecipeError, match="'many' cannot be fitted on 84 train images with 128 features of tiny"):
        run(faces, weights, [KNN, many])


def test_candidates_that_need_more_images_than_there_are_are_left_out_and_told(faces, weights, fits):
    grid = KNN.model_copy(update={"grid": [{"n_neighbors": [3, 85, 5, 150]}]})
    for search in ("grid", "halving"):
        first, again = (run(faces, weights, [grid], search=search).rows_of("tiny")[1] for _ in range(2))
        assert first.best_params["n_neighbors"] in (3, 5)
        assert first.warnings == again.warnings
        assert "84 train images of 128 features are too few for it: n_neighbors = 85, n_neighbors = 150" in first.warnings[0]
    assert fits == ["knn", "knn"]


def test_a_head_that_fails_is_named_and_those_before_it_are_kept(faces, weights, fits, monkeypatch):
    whole = fitting.search_head

    def odd(pipeline, *rest, **options):
        if "Neighbors" in repr(pipeline):
            raise ValueError("odd rows.")
        return whole(pipeline, *rest, **options)

    monkeypatch.setattr(fitting, "search_head", odd)
    with pytest.raises(RecipeError, match=r"'knn' cannot be fitted on 84 train images of .*: odd rows\. Change .* are kept"):
        run(faces, weights)
    monkeypatch.setattr(fitting, "search_head", whole)
    run(faces, weights)
    assert fits == ["logistic", "knn", "knn"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"search": "grit"}, "search must be among"),
        ({"refit": "test"}, "refit must be among"),
        ({"n_jobs": 0}, "n_jobs must be"),
        ({"random_state": 2**32}, "random_state must be a whole number from 0 to 4294967295; got 4294967296"),
        ({"random_state": -1}, "random_state must be"),
        ({"random_state": True}, "random_state must be"),
        ({"n_candidates": 0}, "n_candidates must be a whole number of 1 or more; got 0"),
        ({"n_candidates": 2.5}, "n_candidates must be"),
        ({"random_state": 0.5}, "random_state must be"),
        ({"pipelines": [LOGISTIC.model_copy(update={"pca": 500})]}, "128 features of quick: .* n_components = 500"),
        ({"device": "gpu"}, "device must be"),
        ({"precision": "fp16"}, "needs a GPU"),
        ({"features": "tyny"}, "no feature recipe 'tyny'"),
        ({"pipelines": "florest"}, "no pipeline recipe 'florest'"),
        ({"features": QUICK.model_copy(update={"layers": ("embeding",)})}, "got 'embeding'"),
        ({"features": QUICK.model_copy(update={"network": "tyny"})}, "network must be among"),
        ({"features": [QUICK, QUICK]}, "named once"),
        ({"pipelines": [LOGISTIC.model_copy(update={"name": "softmax"})]}, "'softmax' is the CNN's own row"),
        ({"features": [QUICK, "tiny"], "store": "a.store"}, "one feature recipe"),
        ({"pipelines": [LOGISTIC.model_copy(update={"parameters": {"C": -1.0}})]}, "cannot be fitted"),
    ],
)
def test_a_mistake_is_found_before_anything_long_begins(no_training, changed, words):
    with pytest.raises(RecipeError, match=words):
        run("nowhere.zip", **{"features": QUICK, **changed})


@pytest.mark.parametrize("classes", [("happy",), None])
def test_data_that_cannot_be_compared_is_refused_before_anything_long_begins(no_training, classes):
    faces = make_faces(30, classes=classes or ("happy", "sad"))
    source = faces if classes else faces.subset(faces.splits == "test")
    with pytest.raises(DatasetError):
        run(source)


def test_weights_of_classes_that_the_dataset_has_not_are_refused_before_anything_long_begins(faces, no_training):
    strange = LOGISTIC.model_copy(update={"parameters": {"class_weight": {"0": 2.0}}})
    with pytest.raises(RecipeError, match=r"class_weight names \['0'\]; the classes are \['happy', 'sad', 'surprise'\]"):
        run(faces, pipelines=[strange])


def test_weights_of_classes_are_given_and_told_by_name(faces, weights):
    tables = [{"sad": 1000.0}, {"happy": 1000.0, "surprise": 0.001}]
    weighed = LOGISTIC.model_copy(update={"grid": [{"class_weight": [tables[0]]}]})
    report = run(
        faces, weights, [weighed, weighed.model_copy(update={"name": "other", "grid": [{"class_weight": tables[1:]}]})]
    )
    sad, happy = (report.predictions.predicted["tiny", name] for name in ("logistic", "other"))
    assert set(sad) == {1}
    assert set(happy) == {0}
    again = run(faces, weights, [weighed]).rows_of("tiny")[1]
    assert again.best_params == report.rows[1].best_params == {"class_weight": {"sad": 1000.0}}


def with_copies(faces, n):
    """The faces, of which the first n validation images are copies of train images of another class."""
    validation = np.flatnonzero(faces.splits == "validation")
    images = faces.images.copy()
    for place in validation[:n]:
        images[place] = images[np.flatnonzero((faces.splits == "train") & (faces.labels != faces.labels[place]))[0]]
    return replace(faces, images=images)


def test_validation_images_with_a_copy_in_train_neither_tune_nor_judge(faces, weights, caplog):
    caplog.set_level("INFO", logger="hybridfer")
    copies = with_copies(faces, 5)
    without = faces.subset(np.delete(np.arange(len(faces)), np.flatnonzero(faces.splits == "validation")[:5]))
    report, clean = run(copies, weights), run(without, weights)
    assert [row.validation_accuracy for row in report.rows] == [row.validation_accuracy for row in clean.rows]
    assert [row.best_params for row in report.rows] == [row.best_params for row in clean.rows]
    assert [row.temperature for row in report.rows] == [row.temperature for row in clean.rows]
    assert sum(report.dataset.counts["validation"]) == sum(clean.dataset.counts["validation"]) + 5
    told = "5 of 18 validation images are copies of train images"
    assert told in report.protocol.tuning
    assert sum(told in message for message in caplog.messages) == 1
    assert "copies" not in clean.protocol.tuning


def test_where_all_validation_images_are_copies_that_is_warned_of(faces, weights, caplog):
    n = int((faces.splits == "validation").sum())
    report = run(with_copies(faces, n), weights, [KNN])
    assert f"All {n} validation images are copies" in report.protocol.tuning
    assert [r.levelname for r in caplog.records if "are copies of train images" in r.getMessage()] == ["WARNING"]


def test_a_store_of_other_features_is_refused(faces, weights, tmp_path):
    run(faces, weights, [KNN], store=tmp_path / "a.store")
    with pytest.raises(StoreError, match="views: the store holds"):
        run(
            faces,
            weights,
            [KNN],
            FeatureRecipe(name="tiny", network="tiny", views="flip"),
            store=tmp_path / "a.store",
        )


def test_probabilities_of_validation_images_are_kept_with_a_finished_head(tmp_path):
    heads, identity = FinishedHeads(tmp_path), {"recipe": "knn"}
    known = np.full((5, 3), 1 / 3)
    heads.keep(identity, Prediction(np.arange(2), np.eye(3)[:2], validation_probabilities=known))
    np.testing.assert_array_equal(heads.find(identity).validation_probabilities, known)
    heads.keep(identity, Prediction(np.arange(2)))
    assert heads.find(identity).validation_probabilities is None


@pytest.mark.parametrize("damage", ["cut", "byte", "empty"])
def test_a_damaged_file_of_a_finished_head_is_as_none(tmp_path, damage):
    heads, identity = FinishedHeads(tmp_path), {"recipe": "knn"}
    heads.keep(identity, Prediction(np.arange(200) % 3, np.full((200, 3), 1 / 3), best_params={"k": np.int64(3)}))
    assert heads.find(identity).best_params == {"k": 3}
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        changed = {"cut": content[:place], "empty": b"", "byte": content[:place] + b"\xff" + content[place + 1 :]}[damage]
        path.write_bytes(changed)
        found = heads.find(identity)
        assert found is None or np.array_equal(found.labels, np.arange(200) % 3)


def test_a_file_of_a_finished_head_that_claims_more_than_the_memory_holds_is_as_none(tmp_path, greedy_npz):
    heads, identity = FinishedHeads(tmp_path), {"recipe": "knn"}
    heads.keep(identity, Prediction(np.arange(2)))
    (path,) = tmp_path.iterdir()
    path.write_bytes(greedy_npz)
    assert heads.find(identity) is None


def test_a_source_is_named_without_the_folders_above_it(faces, weights, tmp_path):
    for source in (str(tmp_path / "faces.zip"), os.path.join(tmp_path, "sub", "")):
        told = run(replace(faces, source=source), weights, [KNN]).dataset.source
        assert told == Path(source).name


def test_a_cnn_that_learned_nothing_is_told_beside_its_softmax(faces, weights):
    softmax = run(faces, weights).rows_of("tiny")[0]
    assert softmax.validation_accuracy is not None
    assert any("not trained enough" in warning for warning in softmax.warnings)


def copied(faces, n, into):
    """The faces, with copies of the first n test images in another split."""
    copies = faces.subset(np.flatnonzero(faces.splits == "test")[:n])
    return replace(
        faces,
        images=np.concatenate([faces.images, copies.images]),
        labels=np.concatenate([faces.labels, copies.labels]),
        names=np.concatenate([faces.names, np.char.add("copy of ", copies.names)]),
        splits=np.concatenate([faces.splits, [into] * n]),
    )


def test_dropped_twins_are_neither_trained_nor_fitted_nor_tuned_on(faces):
    source = copied(copied(faces, 4, "train"), 2, "validation")
    report, clean = run(source, pipelines=[KNN], drop_twins=True), run(faces, pipelines=[KNN])
    assert (report.dataset.dropped_twins, report.dataset.twins) == (6, 0)
    assert report.dataset.counts == clean.dataset.counts
    assert report.features[0].weights_digest == clean.features[0].weights_digest
    assert report.features[0].leak.images == 0
    assert report.rows[0].twin_free == report.rows[0].whole
    assert clean.dataset.dropped_twins is None


def test_loaded_weights_have_seen_twins_that_are_dropped_now(faces, tmp_path):
    source = copied(faces, 4, "train")
    network = catalogue_network("tiny", n_classes=3)
    seen = np.unique(source.digests[source.splits == "train"])
    save_network(replace(network, classes=faces.classes, trained_on=seen), tmp_path / "seen.safetensors")
    kept, dropped = (run(source, tmp_path / "seen.safetensors", [KNN], drop_twins=drop) for drop in (False, True))
    assert kept.leaks == ()
    assert (kept.features[0].leak.images, kept.features[0].leak.twin_free) == (4, 0)
    assert "was trained on 4 of the test images" in dropped.leaks[0]


def test_what_loaded_weights_have_seen_is_told_once_and_before_anything_is_embedded(faces, tmp_path, monkeypatch, caplog):
    test, validation = (np.unique(faces.digests[faces.splits == split]) for split in ("test", "validation"))
    network = replace(catalogue_network("tiny", n_classes=3), classes=faces.classes)
    seen = replace(network, trained_on=np.union1d(test[:5], validation[:2]), watched=test[:0])
    save_network(seen, tmp_path / "seen.safetensors")
    told_before, original = [], benchmark.embed_splits
    monkeypatch.setattr(benchmark, "embed_splits", lambda *a, **k: told_before.extend(caplog.messages) or original(*a, **k))
    report = run(faces, tmp_path / "seen.safetensors", [KNN])
    assert len(report.leaks) == 2
    assert [told_before.count(leak) for leak in report.leaks] == [1, 1]
    assert [caplog.messages.count(leak) for leak in report.leaks] == [1, 1]


@pytest.mark.parametrize("role", ["start", "teacher"])
def test_what_a_training_inherits_is_told_before_it_begins_as_in_the_report(faces, role, tmp_path, monkeypatch, caplog):
    test, validation = (np.unique(faces.digests[faces.splits == split]) for split in ("test", "validation"))
    network = replace(catalogue_network("tiny", n_classes=3), classes=faces.classes)
    seen = replace(network, trained_on=np.union1d(test[:5], validation[:2]), watched=test[:0])
    path = save_network(seen, tmp_path / "seen.safetensors")
    told_before, original = [], benchmark.embed_splits
    monkeypatch.setattr(benchmark, "embed_splits", lambda *a, **k: told_before.extend(caplog.messages) or original(*a, **k))
    report = run(faces, features=QUICK.retrained(**{role: str(path)}), pipelines=[KNN])
    assert len(report.leaks) == 2
    assert [told_before.count(leak) for leak in report.leaks] == [1, 1]
    assert "seen.safetensors" in report.protocol.network


def test_splits_without_a_class_are_warned_of_before_anything_is_embedded(faces, weights, no_training, caplog):
    sad = faces.labels == faces.classes.index("sad")
    for split, words in (("test", "The test split has no image of sad"), ("validation", "Validation has no image of sad")):
        caplog.clear()
        with pytest.raises(AssertionError, match="something long began"):
            run(faces.subset(~(sad & (faces.splits == split))), weights, [KNN])
        warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert [message.startswith(words) for message in warned] == [True]


def test_a_test_split_without_a_class_is_scored_on_the_others(faces, weights):
    sad = faces.labels == faces.classes.index("sad")
    report = run(faces.subset(~(sad & (faces.splits == "test"))), weights, [KNN])
    scores = report.rows[0].whole
    present = [one.f1 for one in scores.per_class if one.name != "sad"]
    assert scores.macro_f1 == pytest.approx(np.mean(present))
    (missing,) = [warning for warning in report.warnings if "no image of" in warning]
    assert "no image of sad" in missing


def test_where_weights_came_from_and_how_they_were_trained_is_told(faces, tmp_path):
    recipe = QUICK.model_copy(update={"training": QUICK.training.model_copy(update={"random_state": 5, "max_epochs": 2})})
    first, second = (run(faces, features=recipe, pipelines=[KNN]).features[0] for _ in range(2))
    assert (first.weights_origin, second.weights_origin) == ("this run", "earlier run")
    assert (first.training_seed, first.max_epochs) == (second.training_seed, second.max_epochs) == (5, 2)
    save_network(catalogue_network("tiny", n_classes=3), tmp_path / "untrained.safetensors")
    loaded = run(faces, tmp_path / "untrained.safetensors", [KNN]).features[0]
    assert (loaded.weights_origin, loaded.training_seed, loaded.max_epochs) == ("file", None, None)
    given = replace(catalogue_network("tiny", n_classes=3), classes=faces.classes)
    assert run(faces, features=given, pipelines=[KNN]).features[0].weights_origin == "memory"


def test_a_choice_at_the_end_of_its_grid_is_told_by_finished_heads_too(faces, weights, fits):
    grid = KNN.model_copy(update={"grid": [{"n_neighbors": [80, 3]}]})
    rows = [run(faces, weights, [grid]).rows_of("tiny")[1] for _ in range(2)]
    assert fits == ["knn"]
    end = {3: "smallest", 80: "largest"}[rows[0].best_params["n_neighbors"]]
    assert rows[0].grid_ends == rows[1].grid_ends == {"n_neighbors": end}
    assert run(faces, weights, [grid], search="off").rows_of("tiny")[1].grid_ends == {}


def test_what_settles_a_head_and_the_arithmetic_of_the_cnn_are_told_of_finished_heads_too(faces, weights, fits):
    recipe = KNN.model_copy(update={"scaler": "standard", "parameters": {"weights": "distance"}, "description": "mine"})
    reports = [run(faces, weights, [recipe], precision="bf16") for _ in range(2)]
    assert fits == ["knn"]
    for report in reports:
        softmax, head = report.rows_of("tiny")
        told = {"head": "knn", "scaler": "standard", "parameters": {"weights": "distance"}, "grid": recipe.grid}
        assert (softmax.recipe, head.recipe) == ({}, told)
        assert report.features[0].precision == "bf16"


def test_no_end_of_a_grid_is_told_where_all_candidates_are_equally_good(faces, weights):
    alike = LOGISTIC.model_copy(update={"grid": [{"tol": [0.0001, 0.0001001, 0.0001002]}]})
    row = run(faces, weights, [alike]).rows_of("tiny")[1]
    assert (row.best_params, row.grid_ends) == ({"tol": 0.0001}, {})


def test_a_cnn_that_learnt_from_validation_images_is_told_and_one_that_watched_them_is_not(faces, tmp_path):
    source = copied(faces, 4, "validation")
    train, validation = (np.unique(source.digests[source.splits == split]) for split in ("train", "validation"))
    network = replace(catalogue_network("tiny", n_classes=3), classes=faces.classes)
    for name, learnt, watched in [
        ("honest", train, validation),
        ("carved-otherwise", np.union1d(train, validation[:3]), validation[3:]),
        ("silent", train, None),
    ]:
        seen = learnt if watched is None else np.union1d(learnt, watched)
        save_network(replace(network, trained_on=seen, watched=watched), tmp_path / f"{name}.safetensors")
    honest, otherwise, silent = (
        run(source, tmp_path / f"{name}.safetensors", [KNN]) for name in ("honest", "carved-otherwise", "silent")
    )
    assert (honest.features[0].validation_leak, honest.leaks) == (0, ())
    assert otherwise.features[0].validation_leak == 3
    assert "was trained on 3 of the" in otherwise.leaks[0]
    assert silent.features[0].validation_leak is None
    assert silent.leaks == ()


def test_train_images_passed_as_test_are_told_before_anything_long_and_in_the_report(faces, weights, caplog):
    train = faces.subset(faces.splits == "train")
    test = replace(train, splits=np.full(len(train), "test"), names=np.char.add("test ", train.names))
    parts = (train, test)
    both = replace(
        train,
        **{name: np.concatenate([getattr(p, name) for p in parts]) for name in ("images", "labels", "splits", "names")},
    )
    report = run(both, weights, [KNN])
    (leak,) = report.leaks
    assert leak.startswith("Do not trust this comparison: 84 of 84 test images are also training images")
    assert leak in caplog.text
    assert report.verdict.endswith("every test image has a pixel-identical twin in train or validation.")
    assert report.rows[0].versus_softmax is None
    assert report.rows[0].versus_best is None


def test_a_temperature_is_fitted_where_validation_was_not_fitted_on(weights):
    source = make_faces(240, classes=("happy", "sad", "surprise"), random_state=2)
    rows = {row.pipeline: row for row in run(source, weights).rows}
    assert rows["knn"].temperature.error_before == rows["knn"].whole.calibration_error
    refitted = {row.pipeline: row for row in run(source, weights, refit="train+validation").rows}
    assert refitted["knn"].temperature is None
    assert refitted["logistic"].temperature is None
    assert refitted["softmax"].temperature == rows["softmax"].temperature


def test_a_head_that_was_found_finished_has_the_same_temperature(weights):
    source = make_faces(240, classes=("happy", "sad", "surprise"), random_state=2)
    assert run(source, weights).rows[1:] == run(source, weights).rows[1:]


def test_the_training_is_told_epoch_by_epoch(faces):
    recipe = QUICK.model_copy(update={"training": QUICK.training.model_copy(update={"max_epochs": 3, "patience": 1})})
    told = run(faces, features=recipe, pipelines=[KNN]).features[0]
    assert [epoch.epoch for epoch in told.history] == list(range(1, told.epochs + 1))
    assert all(epoch.train_loss is not None and epoch.valid_accuracy is not None for epoch in told.history)
    assert told.restored_epoch in range(1, told.epochs + 1)
    assert sum(epoch.seconds for epoch in told.history) == pytest.approx(told.train_seconds)
    assert told.trained_counts is None


def test_balanced_training_is_told_by_class_in_the_order_of_the_dataset(faces):
    rare = faces.subset(~((faces.labels == 1) & (faces.splits == "train") & (np.arange(len(faces)) % 2 == 0)))
    recipe = QUICK.model_copy(update={"training": QUICK.training.model_copy(update={"balance": "match-majority"})})
    report = run(rare, features=recipe, pipelines=[KNN])
    counts = report.dataset.counts["train"]
    assert min(counts) < max(counts)
    assert report.features[0].trained_counts == (max(counts),) * 3


def test_embeddings_are_projected_for_each_feature_recipe(faces):
    other = QUICK.model_copy(update={"name": "other", "layers": ("conv4",)})
    report = run(faces, features=[QUICK, other], pipelines=[KNN])
    n = sum(report.dataset.counts["test"])
    assert {name: points.shape for name, points in report.predictions.projections.items()} == {
        "quick": (n, 2),
        "other": (n, 2),
    }
    for told in report.features:
        first, second = told.projection_variance
        assert 1 >= first >= second >= 0


def test_subgroups_come_from_a_file_beside_the_images(faces, weights, tmp_path):
    test = faces.split("test")
    lines = [f"{name},{'female' if i % 2 else 'male'}" for i, name in enumerate(test.names)]
    (tmp_path / "groups.csv").write_text("\n".join(["name,gender", *lines]))
    report = run(faces, weights, [KNN], groups=tmp_path / "groups.csv")
    for row in report.rows:
        right = report.predictions.predicted[row.feature, row.pipeline] == test.labels
        female, male = row.subgroups
        assert (female.value, female.n, female.accuracy) == ("female", right[1::2].size, right[1::2].mean())
        assert (male.value, male.n, male.accuracy) == ("male", right[::2].size, right[::2].mean())


def test_a_broken_file_of_subgroups_is_found_before_anything_long_begins(no_training, tmp_path):
    with pytest.raises(DatasetError, match=r"absent\.csv could not be read"):
        run("nowhere.zip", groups=tmp_path / "absent.csv")
    (tmp_path / "other.csv").write_text("name,gender\nx.jpg,male\n")
    with pytest.raises(DatasetError, match="names no test image"):
        run("faces:90", groups=tmp_path / "other.csv")


def test_the_dataset_is_audited_as_it_was_read(faces, weights):
    source = copied(faces, 4, "train")
    audit = run(source, weights, [KNN], drop_twins=True).audit
    assert audit.n_images == len(source)
    assert (audit.exact.groups, audit.exact.across_splits) == (4, 4)
    assert run(source, weights, [KNN], audit=False).audit is None


def test_reading_is_timed_where_something_is_read(faces, weights):
    assert run(faces, weights, [KNN]).dataset.read_seconds is None
    assert run("faces:120", weights, [KNN], classes="happy,sad,surprise").dataset.read_seconds > 0


def test_a_recipe_with_a_grid_stands_for_its_members(faces):
    grid = FeatureRecipe.model_validate({**QUICK.model_dump(), "grid": {"training": {"learning_rate": [0.01, 0.001]}}})
    report = run(faces, features=grid, pipelines=[KNN])
    assert [told.recipe for told in report.features] == ["quick[learning_rate=0.01]", "quick[learning_rate=0.001]"]

from dataclasses import replace

import pytest

from hybridfer import FeatureRecipe, make_faces, run_benchmark
from hybridfer.evaluation.published import compare_published
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.evaluation.significance import wilson_interval
from hybridfer.recipes import PublishedFigure

PUBLISHED = (
    PublishedFigure(pipeline="softmax", split="test", n=7178, accuracy=0.6, macro_f1=0.5, f1={"happy": 0.8, "bored": 0.1}),
    PublishedFigure(pipeline="softmax", split="train", n=28709, accuracy=0.832, remark="called test data"),
    PublishedFigure(pipeline="softmax", split="validation", accuracy=0.7),
    PublishedFigure(pipeline="forest", split="test", accuracy=0.63),
)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HYBRIDFER_HOME", str(tmp_path_factory.mktemp("home")))
        recipe = FeatureRecipe(
            name="quick", network="tiny", source="A paper", published=PUBLISHED, training={"max_epochs": 1}
        )
        return run_benchmark(make_faces(200), recipe, "knn", search="off", audit=False, verbose=0)


def line(report, pipeline, measure, split="test"):
    found = [
        one for one in compare_published(report) if (one.pipeline, one.measure, one.split) == (pipeline, measure, split)
    ]
    (only,) = found
    return only


def test_scores_on_test_stand_beside_what_is_published(report):
    softmax = next(row for row in report.rows if row.is_softmax)
    accuracy = line(report, "softmax", "accuracy")
    assert (accuracy.published, accuracy.published_n) == (0.6, 7178)
    assert (accuracy.ours.value, accuracy.ours.n) == (softmax.whole.accuracy, report.dataset.n_test)
    assert accuracy.ours.interval == softmax.whole.accuracy_interval
    assert line(report, "softmax", "macro-F1").ours.value == softmax.whole.macro_f1
    happy = next(one for one in softmax.whole.per_class if one.name == "happy")
    assert (line(report, "softmax", "F1 of happy").ours.value, happy.support) == (happy.f1, happy.support)


def test_copies_of_train_images_in_validation_do_not_narrow_the_interval_of_ours(report):
    fewer = line(replace(report, dataset=replace(report.dataset, tuning=7)), "softmax", "accuracy", "validation")
    assert fewer.ours.n == 7
    assert fewer.ours.interval == wilson_interval(round(fewer.ours.value * 7), 7)


def test_a_figure_on_training_images_is_compared_with_ours_on_training_images(report):
    softmax = next(row for row in report.rows if row.is_softmax)
    n = sum(report.dataset.counts["train"])
    train = line(report, "softmax", "accuracy", "train")
    assert (train.ours.value, train.ours.n, train.remark) == (softmax.train_accuracy, n, "called test data")
    assert train.ours.interval == wilson_interval(round(softmax.train_accuracy * n), n)
    validation = line(report, "softmax", "accuracy", "validation")
    assert (validation.ours.value, validation.ours.n) == (
        softmax.validation_accuracy,
        sum(report.dataset.counts["validation"]),
    )


def test_a_figure_of_a_grid_stands_beside_the_member_that_validation_chooses(report):
    (run,), softmax, knn = report.features, *report.rows
    members = {"quick[kernel=2]": (0.7, 0.5), "quick[kernel=3]": (0.6, 0.6)}
    rows = [
        replace(row, feature=name, validation_accuracy=on_validation, whole=replace(row.whole, accuracy=on_test))
        for name, (on_validation, on_test) in members.items()
        for row in (softmax, knn)
    ]
    grid = replace(
        report,
        features=tuple(replace(run, recipe=name, member_of="quick", published=PUBLISHED[::3]) for name in members),
        rows=tuple(rows),
    )
    first, *others = (one for one in compare_published(grid) if one.measure == "accuracy")
    assert (first.recipe, first.published, first.ours.value) == ("quick", 0.6, 0.5)
    assert first.remark == "ours: quick[kernel=2], the best of 2 on validation"
    assert [(one.recipe, one.pipeline, one.published is None) for one in others] == [
        ("quick", "forest", False),
        ("quick[kernel=2]", "knn", True),
        ("quick[kernel=3]", "softmax", True),
        ("quick[kernel=3]", "knn", True),
    ]


def test_of_a_member_that_stands_alone_nothing_was_chosen(report):
    (run,) = report.features
    alone = replace(
        report,
        features=(replace(run, recipe="quick[kernel=2]", member_of="quick", published=PUBLISHED[:1]),),
        rows=tuple(replace(row, feature="quick[kernel=2]") for row in report.rows),
    )
    assert compare_published(alone)[0].remark == "ours: quick[kernel=2], the only one of the grid here"


def test_what_only_one_side_has_stands_alone(report):
    assert line(report, "forest", "accuracy").ours is None
    assert line(report, "softmax", "F1 of bored").ours is None
    knn = line(report, "knn", "accuracy")
    assert (knn.published, knn.ours.n) == (None, report.dataset.n_test)


def test_recipes_of_which_nothing_is_published_are_left_out(report):
    assert not compare_published(replace(report, features=tuple(replace(run, published=()) for run in report.features)))


def test_what_is_published_and_how_it_was_trained_is_in_the_json(report):
    (run,) = BenchmarkReport.from_json(report.to_json()).features
    assert (run.source, run.published) == ("A paper", PUBLISHED)
    assert (run.training["network"], run.training["max_epochs"]) == ("tiny", 1)


def test_only_softmax_is_scored_on_train(report):
    assert [row.train_accuracy is None for row in report.rows] == [False, True]

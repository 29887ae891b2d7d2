from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from hybridfer.evaluation.calibration import scale_temperature
from hybridfer.evaluation.metrics import score
from hybridfer.evaluation.prediction import Key, Prediction
from hybridfer.evaluation.rows import best_row, compare_rows, count_comparisons, preferred_head
from hybridfer.evaluation.subgroups import score_subgroups

CLASSES = ("angry", "happy", "sad")
N = 400


@pytest.fixture
def y() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 3, N)


@pytest.fixture
def twins() -> np.ndarray:
    return np.arange(N) % 5 == 0


@pytest.fixture
def predictions(y) -> dict[Key, Prediction]:
    """Two CNNs, each with its softmax and two heads."""
    rng = np.random.default_rng(1)
    found = {}
    for feature in ("compact", "tiny"):
        for pipeline, accuracy in (("forest", 0.8), ("softmax", 0.7), ("knn", 0.65)):
            labels = np.where(rng.random(N) < accuracy, y, rng.integers(0, 3, N))
            probabilities = (0.8 * np.eye(3)[labels] + 0.2 / 3) if pipeline != "knn" else None
            found[feature, pipeline] = Prediction(labels, probabilities, is_softmax=pipeline == "softmax")
    return found


def test_the_tests_are_made_without_twins_and_counted(y, twins, predictions):
    rows = compare_rows(y, twins, predictions, CLASSES)
    right = {key: p.labels[~twins] == y[~twins] for key, p in predictions.items()}

    def p_value(a: Key, b: Key) -> float:
        table = [[(right[a] & right[b]).sum(), (right[a] & ~right[b]).sum()], [(~right[a] & right[b]).sum(), 0]]
        return mcnemar(table, exact=True).pvalue

    best = max(right, key=lambda key: right[key].mean())
    for row in rows:
        key, softmax = (row.feature, row.pipeline), (row.feature, "softmax")
        if not row.is_softmax:
            assert row.versus_softmax.p_value == pytest.approx(p_value(key, softmax))
            assert row.versus_softmax.points == pytest.approx(100 * (right[key].mean() - right[softmax].mean()))
            low, high = row.versus_softmax.points_interval
            assert low < row.versus_softmax.points < high
        if key != best:
            assert row.versus_best.p_value == pytest.approx(p_value(key, best))
    heads, k = sum(not row.is_softmax for row in rows), len(rows)
    assert count_comparisons(rows) == (heads, k * (k - 1) // 2)


def test_the_best_row_is_compared_with_no_other(y, twins, predictions):
    rows = compare_rows(y, twins, predictions, CLASSES)
    (best,) = [row for row in rows if row.versus_best is None]
    assert best == best_row(rows)
    assert {row.versus_best.best for row in rows if row != best} == {best.name}


def test_rows_keep_the_order_of_the_predictions(y, twins, predictions):
    rows = compare_rows(y, twins, predictions, CLASSES)
    assert [(row.feature, row.pipeline) for row in rows] == list(predictions)


def test_each_part_is_scored_by_itself(y, twins, predictions):
    row = compare_rows(y, twins, predictions, CLASSES)[0]
    labels, probabilities = predictions["compact", "forest"].labels, predictions["compact", "forest"].probabilities
    assert row.whole == score(y, labels, probabilities, CLASSES)
    assert row.twins == score(y[twins], labels[twins], probabilities[twins], CLASSES)
    assert row.twin_free == score(y[~twins], labels[~twins], probabilities[~twins], CLASSES)


def test_without_twins_the_twin_free_part_is_the_whole(y, predictions):
    row = compare_rows(y, np.zeros(N, bool), predictions, CLASSES)[0]
    assert row.twins is None
    assert row.twin_free == row.whole


def test_where_every_image_is_a_twin_nothing_is_tested(y, predictions):
    row = compare_rows(y, np.ones(N, bool), predictions, CLASSES)[0]
    assert row.twin_free is None
    assert row.versus_softmax is None
    assert row.twins == row.whole


def test_a_head_is_compared_with_the_softmax_of_its_own_cnn_only(y, twins, predictions):
    del predictions["tiny", "softmax"]
    rows = {(row.feature, row.pipeline): row for row in compare_rows(y, twins, predictions, CLASSES)}
    assert rows["tiny", "forest"].versus_softmax is None
    assert rows["compact", "forest"].versus_softmax is not None
    assert rows["compact", "softmax"].versus_softmax is None


def test_better_and_worse_ask_for_the_corrected_p_value(y, twins):
    softmax = np.where(np.arange(N) % 4 == 1, (y + 1) % 3, y)
    barely = softmax.copy()
    mended = np.flatnonzero((softmax != y) & ~twins)[:6]
    barely[mended] = y[mended]
    one: Mapping[Key, Prediction] = {
        ("tiny", "softmax"): Prediction(softmax, is_softmax=True),
        ("tiny", "forest"): Prediction(barely),
    }
    # 6 discordant images of one sign: p = 0.031 alone, 0.063 with a second comparison
    assert compare_rows(y, twins, one, CLASSES)[1].versus_softmax.is_better
    two = {**one, ("tiny", "knn"): Prediction(softmax)}
    assert not compare_rows(y, twins, two, CLASSES)[1].versus_softmax.is_better
    swapped = {("tiny", "forest"): Prediction(softmax), ("tiny", "softmax"): Prediction(barely, is_softmax=True)}
    assert compare_rows(y, twins, swapped, CLASSES)[0].versus_softmax.is_worse


def test_the_temperature_is_fitted_on_validation_and_judged_on_the_whole_test_split(y, twins, predictions):
    y_validation, softmax = y[:100], predictions["tiny", "softmax"]
    known = np.roll(softmax.probabilities, 1, axis=0)[:100]
    told = {("tiny", "softmax"): replace(softmax, validation_probabilities=known)}
    (row,) = compare_rows(y, twins, told, CLASSES, validation_labels=y_validation)
    assert row.temperature == scale_temperature(y_validation, known, y, softmax.probabilities)
    assert row.temperature.error_before == row.whole.calibration_error
    assert compare_rows(y, twins, predictions, CLASSES)[0].temperature is None


def test_subgroups_are_scored_on_the_whole_test_split(y, twins, predictions):
    groups = {"gender": np.where(np.arange(N) % 3 == 0, "female", "male")}
    for row in compare_rows(y, twins, predictions, CLASSES, groups=groups):
        labels = predictions[row.feature, row.pipeline].labels
        assert row.subgroups == score_subgroups(labels == y, groups)
        assert sum(group.n for group in row.subgroups) == N


def test_probabilities_of_other_validation_images_are_refused(y, twins):
    prediction = Prediction(y, validation_probabilities=np.full((7, 3), 1 / 3))
    with pytest.raises(ValueError, match="forest on tiny must give probabilities of 9 validation images; got 7"):
        compare_rows(y, twins, {("tiny", "forest"): prediction}, CLASSES, validation_labels=y[:9])


def test_parameters_of_a_search_become_plain_values(y, twins):
    parameters = {"C": np.float64(2.0), "n": np.int64(3), "layers": (64, np.int32(32)), "gamma": "scale", "max": np.inf}
    row = compare_rows(y, twins, {("tiny", "svm"): Prediction(y, best_params=parameters)}, CLASSES)[0]
    assert row.best_params == {"C": 2.0, "n": 3, "layers": [64, 32], "gamma": "scale", "max": "inf"}
    assert type(row.best_params["C"]) is float
    assert type(row.best_params["n"]) is int


def test_parameters_at_an_end_of_their_grid_are_told_in_words(y, twins):
    chosen = {"C": np.float64(100.0), "gamma": "scale", "n": 3}
    prediction = Prediction(y, best_params=chosen, grid_ends={"C": "largest", "n": "smallest"})
    row = compare_rows(y, twins, {("tiny", "svm"): prediction}, CLASSES)[0]
    assert row.grid_ends == {"C": "largest", "n": "smallest"}
    assert row.grid_remarks == ("C = 100.0 is the largest of its grid", "n = 3 is the smallest of its grid")


def test_the_best_row_is_the_best_without_twins(y):
    twins = np.arange(N) < N // 2
    by_heart, honest = np.where(twins, y, (y + 1) % 3), np.where(~twins & (np.arange(N) % 2 == 0), y, (y + 1) % 3)
    rows = compare_rows(
        y,
        twins,
        {
            ("tiny", "by-heart"): Prediction(by_heart),
            ("tiny", "honest"): Prediction(honest),
            ("tiny", "softmax"): Prediction(y, is_softmax=True),
        },
        CLASSES,
    )
    assert rows[0].whole.accuracy > rows[1].whole.accuracy
    assert best_row(rows).pipeline == "softmax"
    assert best_row(row for row in rows if not row.is_softmax).pipeline == "honest"


def test_two_softmax_rows_of_one_cnn_are_refused(y, twins):
    predictions = {("tiny", name): Prediction(y, is_softmax=True) for name in ("softmax", "logits")}
    with pytest.raises(ValueError, match="tiny must have one softmax row; got 'softmax' and 'logits'"):
        compare_rows(y, twins, predictions, CLASSES)


def test_predictions_of_other_images_are_refused(y, twins):
    with pytest.raises(ValueError, match="forest on tiny must predict each test image once; got 3 predictions"):
        compare_rows(y, twins, {("tiny", "forest"): Prediction(y[:3])}, CLASSES)


def test_probabilities_of_other_classes_are_refused(y, twins):
    prediction = Prediction(y, np.full((N, 4), 0.25))
    with pytest.raises(ValueError, match="probabilities of 3 classes; got 4"):
        compare_rows(y, twins, {("tiny", "forest"): prediction}, CLASSES)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((2, 2), 0.9), "sum to 1"),
        (np.array([[1.5, -0.5]] * 2), "at least 0"),
        (np.full((2, 2), np.nan), "at least 0"),
        (np.full((3, 2), 0.5), "a row for each of 2 labels"),
    ],
)
def test_what_are_no_probabilities_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Prediction(np.array([0, 1]), values)


def test_labels_that_are_names_are_refused():
    with pytest.raises(ValueError, match="one row of integers"):
        Prediction(np.array(["happy", "sad"]))


def shown_of(y, right: Mapping[str, int], validation: Mapping[str, float | None]) -> str | None:
    """The name of the head that is shown, of heads that are right on so many test images."""
    said = {name: np.where(np.arange(len(y)) < n, y, (y + 1) % 3) for name, n in right.items()}
    predictions = {
        ("tiny", name): Prediction(labels, is_softmax=name == "softmax", validation_accuracy=validation.get(name))
        for name, labels in said.items()
    }
    head = preferred_head(compare_rows(y, np.zeros(len(y), dtype=bool), predictions, ["a", "b", "c"]))
    return None if head is None else head.pipeline


@pytest.mark.parametrize(
    ("validation", "shown"),
    [
        ({"softmax": 0.9, "forest": 0.7, "knn": 0.6}, "forest"),
        # of heads that are equally good the first, not the one that is better on test
        ({"softmax": 0.9, "forest": 0.7, "knn": 0.7}, "forest"),
        ({"forest": None, "knn": 0.1}, "knn"),
        ({"forest": 0.0, "knn": None}, "forest"),
        ({}, "knn"),
    ],
)
def test_the_head_that_is_shown_closely_is_not_chosen_on_the_test_split(validation, shown):
    y = np.arange(90) % 3
    assert shown_of(y, {"softmax": 40, "forest": 50, "knn": 60}, validation) == shown


def test_softmax_alone_has_no_head_to_show():
    assert shown_of(np.arange(90) % 3, {"softmax": 40}, {"softmax": 0.5}) is None

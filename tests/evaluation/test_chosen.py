import numpy as np
import pytest

from hybridfer.evaluation.chosen import ChosenHead, compare_chosen
from hybridfer.evaluation.prediction import Prediction
from hybridfer.evaluation.rows import compare_rows

N = 40
Y = np.zeros(N, dtype=np.int64)
NO_TWINS = np.zeros(N, dtype=bool)
CLASSES = ("happy", "sad")


def right_on(*images: int) -> np.ndarray:
    labels = np.ones(N, dtype=np.int64)
    labels[list(images)] = 0
    return labels


def softmax(labels: np.ndarray) -> Prediction:
    # better on validation than any head, and yet never chosen
    return Prediction(labels, is_softmax=True, validation_accuracy=0.99)


def head(validation_accuracy: float | None, labels: np.ndarray | None = None) -> Prediction:
    return Prediction(right_on(*range(20)) if labels is None else labels, validation_accuracy=validation_accuracy)


@pytest.fixture
def predictions() -> dict[tuple[str, str], Prediction]:
    """Of the two heads the one that validation prefers is the worse on test, and two networks have a softmax."""
    return {
        ("compact", "softmax"): softmax(right_on(*range(7, 21))),
        ("compact", "lucky"): head(0.6, right_on(*range(N))),
        ("views", "softmax"): softmax(right_on(*range(6, 20))),
        ("views", "knn"): head(0.7),
    }


def chosen_of(predictions, twins=NO_TWINS) -> ChosenHead:
    chosen = compare_chosen(Y, twins, predictions)
    assert chosen is not None
    return chosen


def test_validation_chooses_and_not_the_test_split(predictions):
    chosen = chosen_of(predictions)
    assert (chosen.name, chosen.validation_accuracy, chosen.n_heads) == ("knn on views", 0.7, 2)


def test_every_softmax_is_compared_with_the_heads_own_first(predictions):
    chosen = chosen_of({**predictions, ("tiny", "softmax"): softmax(right_on())})
    assert [one.feature for one in chosen.comparisons] == ["views", "compact", "tiny"]
    assert [one.is_own for one in chosen.comparisons] == [True, False, False]
    own, other, _ = chosen.comparisons
    assert (own.points, own.only_head, own.only_softmax) == (15.0, 6, 0)
    assert (other.points, other.only_head, other.only_softmax) == (15.0, 7, 1)
    assert own.points_interval[0] < 15 < own.points_interval[1]


def test_holm_corrects_for_the_softmax_rows_alone(predictions):
    own, other = chosen_of(predictions).comparisons
    # two-sided binomial: no head in 6 throws of a coin, and at most one in 8
    assert own.p_value == pytest.approx(2 / 2**6)
    assert other.p_value == pytest.approx(2 * (1 + 8) / 2**8)
    # the smaller times two, the larger times one, and never below the smaller
    assert (own.p_holm, other.p_holm) == pytest.approx((0.0625, 0.0703125))
    assert not own.is_better
    more = {**predictions, **{("views", f"head-{i}"): head(0.5, right_on(i)) for i in range(9)}}
    assert chosen_of(more).comparisons == (own, other)
    assert chosen_of(more).n_heads == 11


def test_the_larger_p_value_is_not_corrected_below_the_smaller(predictions):
    predictions["compact", "softmax"] = softmax(right_on(*range(6, 20)))
    assert [one.p_holm for one in chosen_of(predictions).comparisons] == pytest.approx([0.0625, 0.0625])


def test_a_single_comparison_is_not_corrected_whatever_else_is_in_the_table(predictions):
    del predictions["compact", "softmax"]
    (own,) = chosen_of(predictions).comparisons
    assert own.p_holm == own.p_value == pytest.approx(0.03125)
    assert own.is_better


def test_a_head_that_softmax_beats_is_worse():
    predictions = {("a", "softmax"): softmax(right_on(*range(N))), ("a", "knn"): head(0.7)}
    (own,) = chosen_of(predictions).comparisons
    assert own.is_worse
    assert (own.points, own.only_head, own.only_softmax) == (-50.0, 0, 20)


def test_heads_that_are_as_good_on_validation_are_counted(predictions):
    assert chosen_of(predictions).n_tied == 0
    equals = {("tiny", "svm"): head(0.7), ("tiny", "forest"): head(0.7), ("tiny", "worse"): head(0.1)}
    assert chosen_of({**predictions, **equals}).n_tied == 2


def test_of_equals_on_validation_the_first_row_is_chosen(predictions):
    predictions["views", "forest"] = head(0.7)
    assert chosen_of(predictions).pipeline == "knn"
    assert chosen_of(dict(reversed(predictions.items()))).pipeline == "forest"


def test_a_head_without_an_accuracy_on_validation_is_not_among_them(predictions):
    predictions["views", "given"] = head(None)
    assert chosen_of(predictions).n_heads == 2
    predictions["views", "knn"] = predictions["compact", "lucky"] = head(None)
    assert compare_chosen(Y, NO_TWINS, predictions) is None


def test_an_accuracy_of_zero_on_validation_is_an_accuracy(predictions):
    del predictions["compact", "lucky"]
    predictions["views", "knn"] = head(0.0)
    assert chosen_of(predictions).validation_accuracy == 0.0


def test_twins_do_not_count(predictions):
    twins = np.arange(N) < 2
    own, other = chosen_of(predictions, twins).comparisons
    assert (own.only_head, other.only_head, other.only_softmax) == (4, 5, 1)
    assert own.points == pytest.approx(100 * 4 / 38)


def test_without_a_twin_free_image_there_is_nothing(predictions):
    assert compare_chosen(Y, ~NO_TWINS, predictions) is None


def test_without_a_softmax_row_there_is_nothing(predictions):
    del predictions["compact", "softmax"], predictions["views", "softmax"]
    assert compare_chosen(Y, NO_TWINS, predictions) is None


def test_without_a_head_there_is_nothing(predictions):
    del predictions["compact", "lucky"], predictions["views", "knn"]
    assert compare_chosen(Y, NO_TWINS, predictions) is None


def test_a_head_without_a_softmax_of_its_own_is_compared_with_the_others(predictions):
    assert chosen_of(predictions).has_own_softmax
    del predictions["views", "softmax"]
    chosen = chosen_of(predictions)
    assert [(one.feature, one.is_own) for one in chosen.comparisons] == [("compact", False)]
    assert not chosen.has_own_softmax


def test_against_its_own_softmax_all_but_the_correction_is_that_of_the_row(predictions):
    row = next(row for row in compare_rows(Y, NO_TWINS, predictions, CLASSES) if row.pipeline == "knn")
    own = chosen_of(predictions).comparisons[0]
    for name in ("points", "points_interval", "only_head", "only_softmax", "p_value"):
        assert getattr(own, name) == getattr(row.versus_softmax, name)

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from hybridfer.evaluation.comparisons import compare_pair, compare_with_softmax_and_best

N = 300
SOFTMAX = {"compact": ("compact", "softmax"), "tiny": ("tiny", "softmax")}


@pytest.fixture
def y() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 3, N)


@pytest.fixture
def labels(y) -> dict[tuple[str, str], np.ndarray]:
    rng = np.random.default_rng(1)
    shares = {("compact", "forest"): 0.85, ("compact", "softmax"): 0.7, ("tiny", "softmax"): 0.6, ("tiny", "knn"): 0.5}
    return {key: np.where(rng.random(N) < share, y, (y + 1) % 3) for key, share in shares.items()}


def p_of(y: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    a, b = a == y, b == y
    return mcnemar([[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]], exact=True).pvalue


def test_every_row_but_the_best_is_compared_with_it(y, labels):
    _, best = compare_with_softmax_and_best(y, labels, SOFTMAX)
    assert set(best) == set(labels) - {("compact", "forest")}
    assert {comparison.best for comparison in best.values()} == {"forest on compact"}
    right = {key: found == y for key, found in labels.items()}
    for key, comparison in best.items():
        assert comparison.points == pytest.approx(100 * (right[key].mean() - right["compact", "forest"].mean()))
        assert comparison.only_this == (right[key] & ~right["compact", "forest"]).sum()
        assert comparison.only_best == (~right[key] & right["compact", "forest"]).sum()
        assert comparison.p_value == pytest.approx(p_of(y, labels[key], labels["compact", "forest"]))
        low, high = comparison.points_interval
        assert low < comparison.points < high


def test_heads_are_corrected_for_heads_and_the_best_for_all_pairs_of_rows(y, labels):
    softmax, best = compare_with_softmax_and_best(y, labels, SOFTMAX)
    planned = [p_of(y, labels[key], labels[key[0], "softmax"]) for key in softmax]
    expected = multipletests(planned, method="holm")[1]
    assert [one.p_holm for one in softmax.values()] == pytest.approx(expected.tolist())
    # the three pairs without the best row are not tested, and count as if they had come to 1
    found = [p_of(y, labels[key], labels["compact", "forest"]) for key in best]
    expected = multipletests([*found, 1.0, 1.0, 1.0], method="holm")[1][:3]
    assert [one.p_holm for one in best.values()] == pytest.approx(expected.tolist())


def test_of_equal_rows_none_is_worse_than_the_best_more_often_than_one_time_in_twenty():
    rng, y = np.random.default_rng(0), np.zeros(300, dtype=int)

    def any_is_worse() -> bool:
        rows = {("tiny", str(i)): (rng.random(300) > 0.7).astype(int) for i in range(12)}
        _, best = compare_with_softmax_and_best(y, rows, {})
        return any(one.is_worse for one in best.values())

    assert sum(any_is_worse() for _ in range(200)) <= 10


def test_of_equally_good_rows_the_first_is_the_best(y):
    labels = {("tiny", "a"): y, ("tiny", "b"): y.copy()}
    _, best = compare_with_softmax_and_best(y, labels, {})
    assert list(best) == [("tiny", "b")]
    assert (best["tiny", "b"].points, best["tiny", "b"].p_holm) == (0.0, 1.0)


def test_a_row_is_worse_than_the_best_only_beyond_chance(y, labels):
    _, best = compare_with_softmax_and_best(y, labels, SOFTMAX)
    assert best["tiny", "knn"].is_worse
    close = labels["compact", "forest"].copy()
    wrong = np.flatnonzero(close == y)[:2]
    close[wrong] = (y[wrong] + 1) % 3
    _, best = compare_with_softmax_and_best(y, {("a", "b"): labels["compact", "forest"], ("a", "c"): close}, {})
    assert best["a", "c"].points < 0
    assert not best["a", "c"].is_worse


def test_without_images_and_without_rows_nothing_is_compared(y, labels):
    assert compare_with_softmax_and_best(y[:0], {key: found[:0] for key, found in labels.items()}, SOFTMAX) == ({}, {})
    assert compare_with_softmax_and_best(y, {}, {}) == ({}, {})


def test_figures_of_a_pair_go_by_names(y, labels):
    forest, softmax = labels["compact", "forest"], labels["compact", "softmax"]
    figures = compare_pair(y, forest, softmax)
    assert figures.only_first == ((forest == y) & (softmax != y)).sum()
    assert figures.only_second == ((forest != y) & (softmax == y)).sum()
    assert figures.points == pytest.approx(100 * (figures.only_first - figures.only_second) / N)
    found = compare_with_softmax_and_best(y, labels, SOFTMAX)[0]["compact", "forest"]
    assert (found.only_head, found.only_softmax, found.p_value) == (figures.only_first, figures.only_second, figures.p_value)

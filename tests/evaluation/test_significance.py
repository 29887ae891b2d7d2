import numpy as np
import pytest
from sklearn.metrics import f1_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from hybridfer.evaluation.significance import (
    bootstrap_macro_f1,
    holm,
    mcnemar_exact,
    paired_difference_interval,
    wilson_interval,
)


def from_table(both: int, only_a: int, only_b: int, neither: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Answers of two classifiers that are right together, alone or never on so many images; the truth is 1."""
    cells = [both, only_a, only_b, neither]
    return np.ones(sum(cells), int), np.repeat([1, 1, 0, 0], cells), np.repeat([1, 0, 1, 0], cells)


# M. W. Fagerland, S. Lydersen, P. Laake, "Statistical Analysis of Contingency Tables" (2017), chapter 8: complete
# response before and after consolidation therapy (Cavo et al., 2012). The figures are those of the book's own package,
# contingencytables on CRAN.
CAVO_2012 = (59, 6, 16, 80)


def test_mcnemar_gives_the_p_value_of_a_published_example():
    result = mcnemar_exact(*from_table(*CAVO_2012))
    assert (result.only_a, result.only_b) == (6, 16)
    assert result.p_value == pytest.approx(0.052479, abs=5e-7)


@pytest.mark.parametrize("table", [(50, 30, 12, 8), (3, 0, 5, 2), (10, 1, 1, 0), (900, 210, 260, 400)])
def test_mcnemar_agrees_with_statsmodels(table):
    both, only_a, only_b, neither = table
    expected = mcnemar([[both, only_a], [only_b, neither]], exact=True).pvalue
    assert mcnemar_exact(*from_table(*table)).p_value == pytest.approx(expected, rel=1e-12)


def test_mcnemar_counts_two_wrong_answers_as_neither():
    # the classifiers disagree, but both are wrong: that says nothing about which is better
    assert mcnemar_exact([0, 0], [1, 1], [2, 2]).p_value == 1.0


def test_mcnemar_refuses_rows_of_different_length():
    with pytest.raises(ValueError, match="rows of one length"):
        mcnemar_exact([0, 1], [0, 1], [0])


@pytest.mark.parametrize("n", [0, 1, 2, 7, 40])
def test_holm_agrees_with_statsmodels(n):
    p = np.random.default_rng(n).beta(0.5, 3, n)
    expected = multipletests(p, method="holm")[1] if n else p
    np.testing.assert_allclose(holm(p), expected, rtol=1e-12)


def test_holm_stays_monotone_and_at_most_one():
    np.testing.assert_allclose(holm([0.9, 0.02, 0.021, 0.8]), [1.0, 0.08, 0.08, 1.0])


@pytest.mark.parametrize("p", [[0.1, float("nan")], [-0.1], [1.2]])
def test_holm_refuses_what_is_no_p_value(p):
    with pytest.raises(ValueError, match="from 0 to 1"):
        holm(p)


# R. G. Newcombe, "Two-sided confidence intervals for the single proportion: comparison of seven methods", Statistics in
# Medicine 17 (1998) 857-872, table I, method 3.
@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_intervals_of_a_published_table(correct, n, low, high):
    assert wilson_interval(correct, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_wilson_agrees_with_statsmodels(confidence):
    expected = proportion_confint(2230, 3589, alpha=1 - confidence, method="wilson")
    assert wilson_interval(2230, 3589, confidence) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("correct", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_wilson_refuses_counts_that_cannot_be(correct, n):
    with pytest.raises(ValueError, match="between 0 and n"):
        wilson_interval(correct, n)


def test_paired_difference_gives_the_interval_of_a_published_example():
    low, high = paired_difference_interval(*from_table(*CAVO_2012))
    assert (low, high) == pytest.approx((-0.1186, -0.0046), abs=5e-5)


def test_paired_difference_turns_its_sign_with_the_classifiers():
    y, a, b = from_table(*CAVO_2012)
    low, high = paired_difference_interval(y, a, b)
    assert paired_difference_interval(y, b, a) == pytest.approx((-high, -low))


@pytest.mark.parametrize("table", [(10, 0, 0, 0), (0, 10, 0, 0), (0, 0, 0, 10), (1, 0, 0, 0), (5, 0, 0, 5)])
def test_paired_difference_stays_within_bounds_where_nothing_varies(table):
    low, high = paired_difference_interval(*from_table(*table))
    assert -1 <= low <= (table[1] - table[2]) / sum(table) <= high <= 1


def test_paired_difference_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    cells, n_trials = [0.55, 0.09, 0.06, 0.30], 1000
    tables = rng.multinomial(300, cells, size=n_trials)
    intervals = [paired_difference_interval(*from_table(*table)) for table in tables]
    covered = sum(low <= 0.03 <= high for low, high in intervals)
    # three standard errors of 1,000 trials around 95 %
    assert 0.929 < covered / n_trials < 0.971


def test_bootstrapped_matrices_are_the_bootstrap_of_images():
    rng = np.random.default_rng(0)
    y = rng.choice(4, 300, p=[0.6, 0.2, 0.15, 0.05])
    prediction = np.where(rng.random(300) < 0.7, y, rng.integers(0, 4, 300))
    samples = rng.integers(0, 300, (600, 300))
    macro_f1 = [f1_score(y[i], prediction[i], labels=range(4), average="macro", zero_division=0) for i in samples]
    expected = np.quantile(macro_f1, [0.025, 0.975])
    assert bootstrap_macro_f1(y, prediction, 4, n_resamples=20_000) == pytest.approx(tuple(expected), abs=0.015)


def test_bootstrap_repeats_with_its_seed_and_varies_without():
    y, prediction = np.arange(200) % 3, np.arange(200) % 7 % 3
    one = bootstrap_macro_f1(y, prediction, 3, random_state=1)
    assert one == bootstrap_macro_f1(y, prediction, 3, random_state=1)
    assert one != bootstrap_macro_f1(y, prediction, 3, random_state=2)


def test_bootstrap_of_perfect_predictions_has_no_width():
    y = np.zeros(20, int)
    assert bootstrap_macro_f1(y, y, 1000) == (1.0, 1.0)


def test_bootstrap_widens_with_confidence():
    y, prediction = np.arange(200) % 3, np.arange(200) % 7 % 3
    low_90, high_90 = bootstrap_macro_f1(y, prediction, 3, confidence=0.9)
    low_99, high_99 = bootstrap_macro_f1(y, prediction, 3, confidence=0.99)
    assert low_99 < low_90 < high_90 < high_99


def test_a_class_that_is_not_drawn_does_not_count_against_a_classifier():
    assert bootstrap_macro_f1(range(7), range(7), 7) == (1.0, 1.0)
    rng = np.random.default_rng(0)
    y = np.append(rng.integers(0, 2, 60), 2)
    prediction = np.where(rng.random(61) < 0.9, y, 1 - y % 2)
    prediction[-1] = 2
    samples = rng.integers(0, 61, (150, 61))
    macro_f1 = [f1_score(y[i], prediction[i], labels=np.unique(y[i]), average="macro", zero_division=0) for i in samples]
    expected = np.quantile(macro_f1, [0.025, 0.975])
    assert bootstrap_macro_f1(y, prediction, 3, n_resamples=20_000) == pytest.approx(tuple(expected), abs=0.04)

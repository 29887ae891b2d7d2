"""Heads are tuned on the validation split, and on nothing else."""

import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import Pipeline

from hybridfer.heads import SearchResult, build_head, search_grid, search_head


class Recorder(ClassifierMixin, BaseEstimator):
    """Predicts right for a share of the rows that its parameter sets, and remembers the rows it saw."""

    def __init__(self, share=0.5, n_jobs=None):
        self.share = share
        self.n_jobs = n_jobs

    def fit(self, X, y):
        self.classes_, self.seen_ = np.unique(y), X[:, 0].copy()
        return self

    def predict(self, X):
        right = X[:, 1].astype(int)
        return np.where(np.arange(len(X)) < round(self.share * len(X)), right, 1 - right)


@pytest.fixture
def splits():
    """90 training and 30 validation rows: a number of its own, and the label, in each."""
    labels = np.arange(120) % 2
    X = np.column_stack([np.arange(120.0), labels])
    return X[:90], labels[:90], X[90:], labels[90:]


@pytest.fixture
def recorder():
    return Pipeline([("head", Recorder())])


SHARES = {"head__share": [0.1, 0.8, 0.2, 0.8, 0.3, 0.4, 0.5, 0.6, 0.7]}


@pytest.mark.parametrize("strategy", ["grid", "halving", "random"])
def test_the_best_on_validation_is_found_and_fitted_on_train(strategy, recorder, splits):
    found = search_head(recorder, SHARES, *splits, strategy=strategy, n_iter=9)

    assert isinstance(found, SearchResult)
    assert found.best_params == {"head__share": 0.8}
    assert found.validation_accuracy == pytest.approx(0.8)
    assert found.strategy == strategy
    np.testing.assert_array_equal(found.estimator.named_steps["head"].seen_, splits[0][:, 0])


@pytest.mark.parametrize("strategy", ["grid", "random", "off"])
def test_every_candidate_sees_all_training_rows_and_no_other(strategy, recorder, splits):
    found = search_head(recorder, SHARES, *splits, strategy=strategy, n_iter=4)

    assert {candidate.rows for candidate in found.candidates} == {90}
    assert len(found.candidates) == {"grid": 9, "random": 4, "off": 1}[strategy]
    assert all(candidate.seconds >= 0 for candidate in found.candidates)


def test_halving_scores_on_the_whole_validation_split_and_ends_on_all_training_rows(recorder, splits):
    found = search_head(recorder, SHARES, *splits, strategy="halving")

    assert [candidate.rows for candidate in found.candidates] == [10] * 9 + [30] * 3 + [90]
    # any share of 30 rows is exact; a sample of 3 of them could not tell 0.7 from 0.8
    for candidate in found.candidates:
        assert candidate.score == pytest.approx(candidate.params["head__share"])


@pytest.mark.parametrize(
    ("shares", "n", "rounds"),
    [
        ([0.1 * i for i in range(9)], 280, [31] * 9 + [93] * 3 + [280]),
        ([0.1 * i for i in range(5)], 280, [93] * 5 + [280] * 2),
        ([0.1, 0.2], 280, [280] * 2),
        ([0.1 * i for i in range(9)], 20, [4] * 9 + [6] * 3 + [20]),
    ],
)
def test_the_last_round_of_halving_has_all_rows_whatever_their_number(shares, n, rounds, recorder):
    y = np.arange(n + 10) % 2
    X = np.column_stack([np.arange(n + 10), y])

    found = search_head(recorder, {"head__share": shares}, X[:n], y[:n], X[n:], y[n:], strategy="halving")

    assert [candidate.rows for candidate in found.candidates] == rounds


def test_no_round_of_halving_has_fewer_rows_than_a_candidate_needs(splits):
    grid = {"head__n_neighbors": [1, 3, 5, 7, 40]}

    found = search_head(build_head("knn"), grid, *splits, strategy="halving")

    assert [candidate.rows for candidate in found.candidates] == [40] * 5 + [90] * 2
    assert found.left_out == ()


def test_every_round_of_halving_has_rows_of_every_class(splits):
    X, _, X_val, _ = splits
    y, y_val = np.zeros(90, dtype=int), np.zeros(30, dtype=int)
    y[7] = y_val[3] = 1

    found = search_head(build_head("svm-linear"), {"head__C": [1.0, 2.0, 3.0] * 3}, X, y, X_val, y_val, strategy="halving")

    assert found.candidates[0].rows == 10


@pytest.mark.parametrize("strategy", ["grid", "halving", "random"])
def test_candidates_that_need_more_rows_than_there_are_are_left_out_and_told(strategy, splits):
    grid = {"head__n_neighbors": [3, 91, 5, 150]}

    found = search_head(build_head("knn"), grid, *splits, strategy=strategy)

    assert {candidate.params["head__n_neighbors"] for candidate in found.candidates} == {3, 5}
    assert found.left_out == ("n_neighbors = 91", "n_neighbors = 150")


@pytest.mark.parametrize(("strategy", "told"), [("grid", "150, n_neighbors = 91"), ("off", "200")])
def test_where_no_candidate_can_be_fitted_nothing_is(strategy, told, splits):
    head = build_head("knn").set_params(head__n_neighbors=200)

    with pytest.raises(ValueError, match=f"^90 rows of 2 columns are too few for n_neighbors = {told}$"):
        search_head(head, {"head__n_neighbors": [150, 91]}, *splits, strategy=strategy)


def test_a_single_candidate_that_is_left_is_fitted_and_the_others_told(splits):
    found = search_head(build_head("knn"), {"head__n_neighbors": [3, 150]}, *splits)

    assert (found.best_params, found.left_out) == ({"head__n_neighbors": 3}, ("n_neighbors = 150",))


@pytest.mark.parametrize(
    ("shares", "strategy", "apart"),
    [
        ([0.5, 0.6], "grid", True),
        ([0.5, 0.5], "grid", False),
        ([0.5] * 9, "halving", False),
        ([0.5] * 8 + [0.6], "halving", True),
        ([0.5], "grid", False),
    ],
)
def test_whether_validation_told_candidates_apart_is_known(shares, strategy, apart, recorder, splits):
    assert search_head(recorder, {"head__share": shares}, *splits, strategy=strategy).told_apart is apart


class Complaining(Recorder):
    """Warns of its share whenever it is fitted or asked."""

    def fit(self, X, y):
        warnings.warn(f"fitted with {self.share} on {len(X)}", stacklevel=1)
        return super().fit(X, y)


@pytest.mark.parametrize("strategy", ["grid", "halving", "random", "off"])
@pytest.mark.parametrize(("refit", "rows"), [("train", 90), ("train+validation", 120)])
def test_the_last_fit_of_the_winner_alone_may_warn(strategy, refit, rows, splits):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = search_head(
            Pipeline([("head", Complaining())]), {"head__share": [0.1, 0.8, 0.5]}, *splits, strategy=strategy, refit=refit
        )

    best = found.best_params.get("head__share", 0.5)
    assert [str(warning.message) for warning in caught] == [f"fitted with {best} on {rows}"]


@pytest.mark.slow
def test_workers_do_not_print_what_candidates_warn_of(splits, capfd):
    X, y, X_val, y_val = splits
    noisy = np.random.default_rng(0).normal(size=X.shape)
    head = build_head("logistic").set_params(head__max_iter=1)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search_head(head, search_grid("logistic"), noisy, y, X_val, y_val, n_jobs=2)

    assert len(caught) <= 1
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("strategy", ["grid", "halving", "random"])
def test_of_equals_the_first_in_the_grid_wins(strategy, splits):
    X, y, X_val, y_val = splits
    grid = {"head__C": [10.0, 1.0]}

    found = search_head(build_head("svm-linear"), grid, X, y, X_val, y_val, strategy=strategy, n_iter=2)

    assert found.validation_accuracy == 1.0
    assert found.best_params == {"head__C": 10.0}


def test_off_fits_the_pipelines_own_parameters(recorder, splits):
    found = search_head(recorder, SHARES, *splits, strategy="off")

    assert found.best_params == {}
    assert found.validation_accuracy == pytest.approx(0.5)


@pytest.mark.parametrize("grid", [[], {}, {"head__share": [0.8]}])
def test_where_there_is_nothing_to_choose_the_head_is_fitted_once(grid, splits, monkeypatch):
    fits = []
    monkeypatch.setattr(Recorder, "fit", lambda self, X, y, fit=Recorder.fit: fits.append(len(X)) or fit(self, X, y))

    found = search_head(Pipeline([("head", Recorder())]), grid, *splits)

    assert fits == [90]
    assert found.best_params == ({"head__share": 0.8} if grid else {})


@pytest.mark.parametrize("grid", [SHARES, {}])
def test_the_winner_can_be_refitted_on_both_splits_but_its_accuracy_is_that_without(grid, recorder, splits):
    found = search_head(recorder, grid, *splits, refit="train+validation")

    assert found.refit == "train+validation"
    np.testing.assert_array_equal(found.estimator.named_steps["head"].seen_, np.arange(120.0))
    assert found.validation_accuracy == pytest.approx(0.8 if grid else 0.5)


def test_the_given_pipeline_is_left_as_it_was(recorder, splits):
    before = clone(recorder).get_params()["head"].get_params()

    search_head(recorder, SHARES, *splits)

    assert recorder.named_steps["head"].get_params() == before
    assert not hasattr(recorder.named_steps["head"], "seen_")


def test_names_are_labels_too(splits):
    X, y, X_val, y_val = splits
    names = np.array(["happy", "sad"])

    found = search_head(build_head("logistic"), search_grid("logistic"), X, names[y], X_val, names[y_val])

    assert found.estimator.predict(X_val).tolist() == names[y_val].tolist()


@pytest.mark.parametrize("option", [{"strategy": "bayes"}, {"refit": "everything"}])
def test_unknown_options_are_refused_with_the_known(option, recorder, splits):
    with pytest.raises(ValueError, match=r"must be among \['"):
        search_head(recorder, SHARES, *splits, **option)


@pytest.mark.parametrize("strategy", ["grid", "halving", "random"])
def test_a_candidate_that_cannot_be_fitted_stops_the_search(strategy, splits):
    with pytest.raises(ValueError, match="The 'C' parameter"):
        search_head(build_head("svm-linear"), {"head__C": [1.0, -1.0, 2.0]}, *splits, strategy=strategy)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["grid", "halving", "random"])
def test_two_workers_find_what_one_finds(strategy, splits):
    X, y, X_val, y_val = splits
    noisy = np.random.default_rng(0).normal(size=X.shape)

    one, two = (
        search_head(
            build_head("forest", n_jobs=jobs),
            {"head__n_estimators": [2, 5], "head__max_depth": [1, 2, 3]},
            X + noisy,
            y,
            X_val,
            y_val,
            strategy=strategy,
            n_iter=4,
            n_jobs=jobs,
        )
        for jobs in (1, 2)
    )

    assert [(c.params, c.score, c.rows) for c in two.candidates] == [(c.params, c.score, c.rows) for c in one.candidates]
    assert two.best_params == one.best_params
    assert two.estimator.named_steps["head"].n_jobs == 2

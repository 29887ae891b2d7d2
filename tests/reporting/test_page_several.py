from dataclasses import replace

import numpy as np
import pytest

from hybridfer.errors import HybridferError
from hybridfer.reporting.several import SeveralError, SeveralRuns, comparison_text, write_comparison


@pytest.fixture(scope="module")
def report(make_report):
    return make_report(n=400, n_twins=40)


def shifted(report, seed: int, points: float):
    """The same run with another seed, whose accuracies are all higher."""
    rows = [
        replace(
            row,
            whole=replace(row.whole, accuracy=row.whole.accuracy + points / 100),
            twin_free=replace(row.twin_free, accuracy=row.twin_free.accuracy + points / 100),
        )
        for row in report.rows
    ]
    features = tuple(replace(run, weights_digest=f"{seed:064d}") for run in report.features)
    return replace(report, seed=seed, rows=tuple(rows), features=features)


@pytest.fixture(scope="module")
def runs(report) -> SeveralRuns:
    return SeveralRuns(("a", "b", "c"), tuple(shifted(report, seed, 2.0 * seed) for seed in range(3)))


def test_mean_and_deviation_are_those_over_the_runs(report, runs):
    row = next(row for row in runs.rows if (row.feature, row.pipeline) == ("compact", "svm-rbf"))
    whole = next(r.whole.accuracy for r in report.rows if (r.feature, r.pipeline) == ("compact", "svm-rbf"))
    assert row.seeds == (0, 1, 2)
    assert row.weights == 3
    np.testing.assert_allclose(row.whole, [whole, whole + 0.02, whole + 0.04])
    assert f"{100 * whole + 2:.1f} ± 2.0" in comparison_text(runs)


def test_softmax_comes_first_and_then_the_best_head(runs):
    rows = [row for row in runs.rows if row.feature == "compact"]
    assert rows[0].is_softmax
    means = [np.mean(row.decisive) for row in rows[1:]]
    assert means == sorted(means, reverse=True)


def test_a_row_that_some_runs_lack_counts_the_runs_that_have_it(report):
    fewer = replace(report, seed=1, rows=tuple(row for row in report.rows if row.pipeline != "knn"))
    rows = {row.pipeline: row for row in SeveralRuns(("a", "b"), (report, fewer)).rows}
    assert rows["knn"].seeds == (0,)
    assert rows["forest"].seeds == (0, 1)


def test_shared_weights_are_told(report):
    text = comparison_text(SeveralRuns(("a", "b"), (report, replace(report, seed=1))))
    assert "share the weights of compact, model_f" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: replace(table, digests=table.digests[::-1].copy()), "different test images"),
        (lambda table: replace(table, labels=(table.labels + 1) % 7), "different labels of the test images"),
        (lambda table: replace(table, twins=~table.twins), "different twin-free parts"),
        (lambda table: replace(table, classes=tuple(reversed(table.classes))), "different classes"),
    ],
)
def test_runs_on_different_images_are_not_averaged(report, change, message):
    other = replace(report, predictions=change(report.predictions))
    with pytest.raises(SeveralError, match=message):
        SeveralRuns(("a", "b"), (report, other))


def test_a_run_without_predictions_is_refused(report):
    with pytest.raises(SeveralError, match=r"b has no predictions\.npz"):
        SeveralRuns(("a", "b"), (report, replace(report, predictions=None)))


def test_a_run_counts_once(report, tmp_path):
    report.write(tmp_path / "a")
    with pytest.raises(SeveralError, match="several times"):
        SeveralRuns.read([tmp_path / "a", tmp_path / "a" / ".." / "a"])


def test_a_damaged_report_is_named(report, tmp_path):
    for name in "ab":
        report.write(tmp_path / name)
    (tmp_path / "b" / "report.json").write_text('{"format_version": 2}')
    with pytest.raises(HybridferError, match=r"b/report\.json"):
        SeveralRuns.read([tmp_path / "a", tmp_path / "b"])


def test_the_page_shows_every_row_and_run(runs, tmp_path):
    path = write_comparison(runs, tmp_path)
    html = path.read_text(encoding="utf-8")
    for row in runs.rows:
        assert row.pipeline in html
    assert html.count("<tr>") == 2 + len(runs.rows) + 3
    assert (tmp_path / "figures" / "runs.svg").exists()

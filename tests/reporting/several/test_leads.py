"""Heads against softmax over several runs."""

import pytest

from hybridfer.evaluation.comparisons import SoftmaxComparison
from hybridfer.evaluation.over_runs import OverRuns
from hybridfer.reporting.several.leads import Lead, corrected, lead_over_runs
from hybridfer.reporting.several.repeats import Repeat, RunRow


def test_all_heads_share_one_correction():
    leads = [Lead(OverRuns.of((1.0, 2.0), ("a", "b")), (0, 3), p, p) for p in (0.01, 0.04, 0.03)]
    assert [lead.p_holm for lead in corrected(leads)] == pytest.approx([0.03, 0.06, 0.06])
    assert [lead.p_value for lead in corrected(leads)] == [0.01, 0.04, 0.03]


def test_a_single_run_keeps_its_exact_test(make_report):
    report = make_report(n=300, n_twins=20)
    row = next(row for row in report.rows if row.pipeline == "forest")
    assert isinstance(row.versus_softmax, SoftmaxComparison)
    lead = lead_over_runs([RunRow(Repeat("a", report, report.features[0]), row)])
    assert (lead.points.runs, lead.p_value) == ((row.versus_softmax.points,), row.versus_softmax.p_value)

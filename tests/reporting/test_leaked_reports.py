"""What a report shows of wins where something has leaked."""

from dataclasses import replace

from hybridfer.evaluation.twins import Leak
from hybridfer.reporting.markdown import render_markdown
from hybridfer.reporting.page_tables import chosen_table, results_table
from hybridfer.reporting.tables import render_latex
from hybridfer.reporting.terminal import render_table


def test_nothing_stands_out_where_something_has_leaked(make_report):
    clean = make_report(n=600, heads={"compact": {"forest": (0.2, 0.02)}})
    (head,) = [row for row in clean.rows if not row.is_softmax]
    leaked = replace(clean, features=tuple(replace(run, leak=Leak(3, 3)) for run in clean.features))
    assert clean.stands_out(head)
    assert not leaked.stands_out(head)
    assert not any(clean.stands_out(row) for row in clean.rows if row.is_softmax)
    assert "bfseries" in render_latex(clean)
    assert "bfseries" not in render_latex(leaked)
    table, none = (render_markdown(one).partition("## The table")[2].partition("\n## ")[0] for one in (clean, leaked))
    assert "| **forest" in table
    assert "| **forest" not in none
    legend = "* the best of its CNN, and better than softmax"
    assert legend in " ".join(render_table(clean, width=100, colour=False).split())
    assert legend not in " ".join(render_table(leaked, width=100, colour=False).split())
    assert any(cell.strong for row in results_table(clean).rows for cell in row)
    assert not any(cell.strong for row in results_table(leaked).rows for cell in row)


def test_the_chosen_head_stands_out_of_its_table_only_where_nothing_has_leaked(make_report):
    report = make_report(n=600)
    won = [replace(one, points=5.0, p_holm=0.001) for one in report.chosen.comparisons]
    chosen = replace(report.chosen, comparisons=tuple(won))
    assert any(cell.strong for row in chosen_table(chosen).rows for cell in row)
    assert not any(cell.strong for row in chosen_table(chosen, leaked=True).rows for cell in row)

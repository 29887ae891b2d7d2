from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.reporting.folder import write_report
from hybridfer.reporting.markdown import render_markdown
from hybridfer.reporting.tables import render_csv, render_latex


def test_a_folder_holds_the_pages_and_the_values(make_report, tmp_path):
    report = make_report(n=200)
    write_report(report, tmp_path / "results")
    names = sorted(path.name for path in (tmp_path / "results").iterdir())
    values = ["predictions.csv", "predictions.npz", "report.json"]
    assert names == sorted([*values, "figures", "report.html", "report.md", "table.csv", "table.tex"])
    assert (tmp_path / "results" / "report.md").read_text() == render_markdown(report)
    assert (tmp_path / "results" / "table.csv").read_text() == render_csv(report)
    assert (tmp_path / "results" / "table.tex").read_text() == render_latex(report)


def test_the_page_can_be_rendered_again_from_the_folder(make_report, tmp_path):
    report = make_report(n=200)
    write_report(report, tmp_path, page=False)
    assert not (tmp_path / "report.html").exists()
    assert render_markdown(BenchmarkReport.read(tmp_path)) == (tmp_path / "report.md").read_text()

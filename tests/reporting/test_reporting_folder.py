from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.reporting.folder import write_report
from hybridfer.reporting.markdown import render_markdown


def test_a_folder_holds_the_pages_and_the_values(make_report, tmp_path):
    report = make_report(n=200)
    write_report(report, tmp_path / "results")
    names = sorted(path.name for path in (tmp_path / "results").iterdir())
    assert names == ["predictions.csv", "predictions.npz", "report.json", "report.md"]
    assert (tmp_path / "results" / "report.md").read_text() == render_markdown(report)


def test_the_page_can_be_rendered_again_from_the_folder(make_report, tmp_path):
    report = make_report(n=200)
    write_report(report, tmp_path)
    assert render_markdown(BenchmarkReport.read(tmp_path)) == (tmp_path / "report.md").read_text()

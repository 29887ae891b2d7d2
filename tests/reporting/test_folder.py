from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hybridfer.evaluation.gallery import Gallery
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


ONE = {"compact": {"svm-rbf": (0.2, 0.05)}}
OTHER = {"tiny": {"knn": (0.2, 0.05)}}


@pytest.fixture
def no_pixels(monkeypatch):
    """Write PNG files without drawing them."""
    monkeypatch.setattr("hybridfer.reporting.page.figure_png", lambda _figure: b"png")


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_report_in_the_place_of_another_leaves_nothing_of_it(make_report, tmp_path, no_pixels):
    first, second = make_report(n=60, n_twins=6, heads=ONE), make_report(n=60, n_twins=6, heads=OTHER)
    images = np.zeros((60, 48, 48), dtype=np.uint8)
    write_report(replace(first, gallery=Gallery.collect(first.predictions, first.rows, images)), tmp_path / "replaced")
    assert "figures/f1-compact.svg" in files(tmp_path / "replaced")
    write_report(second, tmp_path / "replaced")
    write_report(second, tmp_path / "fresh")
    assert files(tmp_path / "replaced") == files(tmp_path / "fresh")
    write_report(replace(second, predictions=None), tmp_path / "replaced", page=False)
    assert files(tmp_path / "replaced") == {"report.json", "report.md", "table.csv", "table.tex"}
    assert not (tmp_path / "replaced" / "figures").exists()


def test_names_that_are_no_utf_8_are_written_all_the_same(make_report, tmp_path, no_pixels):
    report = make_report(n=60, n_twins=6, heads=ONE, problems=("ann\udce9.jpg: empty",))
    names = np.array(["test/ann\udce9.jpg", *report.predictions.names[1:]])
    dataset = replace(report.dataset, source="caf\udce9", classes=("happy\udce9", *report.dataset.classes[1:]))
    write_report(replace(report, dataset=dataset, predictions=replace(report.predictions, names=names)), tmp_path)
    read = BenchmarkReport.read(tmp_path)
    assert (read.dataset.source, read.dataset.problems) == (r"caf\udce9", (r"ann\udce9.jpg: empty",))
    np.testing.assert_array_equal(read.predictions.names, names)
    # Markdown shows one backslash of the two
    assert r"caf\\udce9" in (tmp_path / "report.md").read_text()
    assert r"caf\udce9" in (tmp_path / "report.html").read_text()


def test_files_of_others_stay(make_report, tmp_path, no_pixels):
    write_report(make_report(n=60, n_twins=6, heads=ONE), tmp_path)
    own = {"notes.txt", "figures/f1-mine.svg", "figures/confusion-compact-softmax.pdf", "gallery.zip"}
    for name in own:
        (tmp_path / name).write_text("mine")
    outside = tmp_path.parent / "outside.svg"
    outside.write_text("mine")
    with (tmp_path / "figures" / "report.txt").open("a") as listed:
        listed.write("../../outside.svg\n/etc/passwd\nreport.txt\n..\n")
    write_report(make_report(n=60, n_twins=6, heads=OTHER), tmp_path, page=False)
    assert own <= files(tmp_path)
    assert all((tmp_path / name).read_text() == "mine" for name in own)
    assert outside.exists()
    assert not (tmp_path / "figures" / "f1-compact.svg").exists()


def test_a_page_that_is_no_earlier_report_stays(make_report, tmp_path):
    (tmp_path / "report.html").write_text("mine")
    write_report(make_report(n=60, n_twins=6, heads=ONE), tmp_path, page=False)
    assert (tmp_path / "report.html").read_text() == "mine"


def test_figures_are_listed_before_they_are_written(make_report, tmp_path, monkeypatch):
    def interrupted(_panels, folder):
        (folder / "accuracy.svg").write_text("half of the figures")
        raise KeyboardInterrupt

    monkeypatch.setattr("hybridfer.reporting.page.write_figures", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_report(make_report(n=60, n_twins=6, heads=ONE), tmp_path)
    assert "accuracy.svg" in (tmp_path / "figures" / "report.txt").read_text().splitlines()

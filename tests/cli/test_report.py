import json
from dataclasses import replace
from pathlib import Path

import pytest

from hybridfer import make_faces, run_benchmark
from hybridfer.evaluation.gallery import Gallery
from hybridfer.recipes import FeatureRecipe


@pytest.fixture(scope="module")
def made():
    """A benchmark of drawn faces and its gallery."""
    faces = make_faces(210, random_state=0)
    quick = FeatureRecipe(name="quick", network="tiny", training={"max_epochs": 1})
    report = run_benchmark(faces, quick, "logistic", search="off", verbose=0)
    test = faces.split("test")
    return report, Gallery.collect(report.predictions, report.rows, test.images)


@pytest.fixture
def folder(made, workplace: Path) -> Path:
    report, gallery = made
    report.write(workplace / "run")
    gallery.write(workplace / "run")
    return workplace / "run"


def contents(folder: Path, *names: str) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names}


def test_a_run_is_rendered_again_and_its_results_are_only_read(run, folder):
    kept = ("report.json", "predictions.npz", "predictions.csv", "gallery.npz")
    before = contents(folder, *kept)
    result = run("report", folder)
    assert result.exit_code == 0
    assert contents(folder, *kept) == before
    assert b"data:image/png" in (folder / "report.html").read_bytes()
    assert (folder / "report.md").read_text().startswith("#")
    assert (folder / "figures" / "accuracy.png").exists()


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_names_of_a_foreign_report_do_not_command_the_terminal(run, made, workplace, option):
    report = made[0]
    rows = tuple(replace(row, pipeline=f"{row.pipeline}\x1b[2J\x9b2J") for row in report.rows)
    replace(report, rows=rows, predictions=None).write(workplace / "foreign")
    result = run("report", workplace / "foreign", *option)
    assert result.exit_code == 0
    assert "logistic" in result.stdout
    assert not set(result.stdout) & {"\x1b", "\x9b"}


def test_a_page_without_a_gallery_goes_where_out_says(run, folder, workplace):
    (folder / "gallery.npz").unlink()
    assert run("report", folder, "--out", workplace / "elsewhere").exit_code == 0
    assert b"data:image/png" not in (workplace / "elsewhere" / "report.html").read_bytes()
    assert not (folder / "report.html").exists()


def test_runs_are_laid_side_by_side(run, made, folder, workplace):
    replace(made[0], seed=1).write(workplace / "again")
    result = run("report", folder, workplace / "again")
    assert result.exit_code == 0
    assert "of the heads: 0, 1" in result.stdout
    assert "± 0.0" in result.stdout
    assert "share the weights of quick" in result.stdout
    for name in ("comparison.html", "comparison.json", "comparison.csv", "comparison.tex", "figures/runs-1-quick.png"):
        assert (workplace / "comparison" / name).exists()
    told = json.loads(run("report", folder, workplace / "again", "--out", "other", "--json").stdout)
    assert [(row["pipeline"], row["seeds"]) for row in told["rows"]] == [("softmax", [0, 1]), ("logistic", [0, 1])]


def test_a_comparison_is_replaced_only_when_asked_to(run, made, folder, workplace):
    replace(made[0], seed=1).write(workplace / "again")
    (workplace / "comparison").mkdir()
    page = workplace / "comparison" / "comparison.html"
    page.write_text("another")
    result = run("report", folder, workplace / "again")
    assert result.exit_code == 1
    assert "comparison/comparison.html exists already" in result.stderr
    assert page.read_text() == "another"
    assert run("report", folder, workplace / "again", "--overwrite").exit_code == 0
    assert page.read_text() != "another"


def test_the_page_of_another_run_is_replaced_only_when_asked_to(run, folder, workplace):
    (workplace / "other").mkdir()
    (workplace / "other" / "report.html").write_text("another")
    result = run("report", folder, "--out", "other")
    assert result.exit_code == 1
    assert "other/report.html exists already" in result.stderr
    assert (workplace / "other" / "report.html").read_text() == "another"


def test_a_folder_without_a_report_is_named(run, folder, workplace):
    result = run("report", folder, workplace / "nothing")
    assert result.exit_code == 1
    assert "There is no report.json in" in result.stderr
    assert str(workplace / "nothing") in result.stderr
    assert not (workplace / "comparison").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"format_version": 99}', '{"format_version": 2, "rows": 3}'])
def test_a_damaged_report_is_told_without_a_traceback(run, folder, text):
    (folder / "report.json").write_text(text)
    result = run("report", folder)
    assert result.exit_code == 1
    assert "report.json" in result.stderr
    assert not (folder / "report.html").exists()


def test_runs_on_other_test_images_are_shown_apart(run, folder, workplace):
    other = run_benchmark(
        make_faces(210, random_state=1),
        FeatureRecipe(name="quick", network="tiny", training={"max_epochs": 1}),
        "logistic",
        search="off",
        verbose=0,
    )
    other.write(workplace / "other")
    result = run("report", folder, workplace / "other")
    assert result.exit_code == 0
    told = " ".join(result.stdout.split())
    assert "quick of other stands apart as quick (2): test images" in told
    assert "±" not in told
    assert "the exact McNemar test" in told

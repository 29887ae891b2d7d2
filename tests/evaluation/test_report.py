import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hybridfer.audit.report import AuditReport
from hybridfer.evaluation.calibration import ReliabilityBin, Temperature
from hybridfer.evaluation.chosen import ChosenComparison, ChosenHead
from hybridfer.evaluation.comparisons import BestComparison, SoftmaxComparison
from hybridfer.evaluation.environment import Environment
from hybridfer.evaluation.feature_run import Epoch, FeatureRun
from hybridfer.evaluation.metrics import ClassScores, Scores
from hybridfer.evaluation.report import FORMAT_VERSION, BenchmarkReport, ReportError
from hybridfer.evaluation.rows import Row
from hybridfer.evaluation.selective import SelectiveCurve
from hybridfer.evaluation.subgroups import SubgroupScores
from hybridfer.evaluation.summary import DatasetSummary, Protocol
from hybridfer.evaluation.twins import Leak

DOCUMENT = Path(__file__).parents[2] / "docs" / "report-json.md"


def test_a_report_survives_json(report):
    found = BenchmarkReport.from_json(report.to_json())
    assert found == report
    assert found.to_json() == report.to_json()
    assert found.predictions is None


def test_the_json_begins_with_its_version_and_the_verdict(report):
    values = json.loads(report.to_json())
    assert list(values)[:3] == ["format_version", "verdict", "leaks"]
    assert values["format_version"] == 3
    assert values["verdict"] == report.verdict
    assert "predictions" not in values


def test_what_validation_chose_survives_json_and_may_be_missing(report):
    assert report.chosen.comparisons
    assert BenchmarkReport.from_json(report.to_json()).chosen == report.chosen
    values = json.loads(report.to_json())
    del values["chosen"]
    assert BenchmarkReport.from_json(json.dumps(values)) == dataclasses.replace(report, chosen=None)


def test_a_broken_comparison_of_the_chosen_head_is_refused_with_its_place(report):
    values = json.loads(report.to_json())
    del values["chosen"]["comparisons"][0]["is_own"]
    with pytest.raises(ReportError, match=r"chosen\.comparisons\.0\.is_own: Field required"):
        BenchmarkReport.from_json(json.dumps(values))


def test_an_unknown_version_is_refused(report):
    text = report.to_json().replace('"format_version": 3', '"format_version": 9', 1)
    with pytest.raises(ReportError, match="format_version must be 1 or 2 or 3; got 9"):
        BenchmarkReport.from_json(text)


def as_version_1(text: str) -> str:
    """The report as version 1 wrote it."""
    values = json.loads(text)
    values["format_version"] = 1
    del values["chosen"]
    del values["leaks"], values["audit"], values["dataset"]["read_seconds"], values["dataset"]["dropped_twins"]
    for run in values["features"]:
        for name in ("history", "restored_epoch", "trained_counts", "projection_variance"):
            del run[name]
        for name in ("weights_origin", "training_seed", "max_epochs", "precision"):
            del run[name]
    for row in values["rows"]:
        for name in ("temperature", "versus_best", "subgroups", "grid_ends", "recipe"):
            del row[name]
        for part in ("whole", "twin_free", "twins"):
            for name in ("reliability", "selective"):
                row[part].pop(name)
    return json.dumps(values)


def test_version_1_is_read_with_nothing_in_place_of_what_it_lacks(report):
    found = BenchmarkReport.from_json(as_version_1(report.to_json()))
    assert found.format_version == 3
    assert found.audit is None
    assert found.chosen is None
    assert found.features[0].history == ()
    assert found.features[0].weights_origin is None
    assert found.features[0].training_seed is None
    assert found.features[0].precision is None
    assert found.rows[0].grid_ends == {}
    assert found.rows[0].recipe == {}
    assert found.rows[0].versus_best is None
    assert found.rows[0].whole.selective is None
    assert found.rows[1].versus_softmax == report.rows[1].versus_softmax
    assert BenchmarkReport.from_json(found.to_json()) == found


def test_p_values_of_earlier_versions_are_corrected_as_todays(report):
    values = json.loads(report.to_json())
    values["format_version"] = 2
    for row in values["rows"]:
        for name in ("versus_softmax", "versus_best"):
            if row[name] is not None:
                row[name]["p_holm"] = 0.5
    assert BenchmarkReport.from_json(json.dumps(values)) == report
    values["format_version"] = 3
    assert BenchmarkReport.from_json(json.dumps(values)) != report


def test_the_committed_results_are_read():
    paths = sorted((DOCUMENT.parents[1] / "benchmarks" / "results").glob("fer2013*.json"))
    assert paths
    for path in paths:
        assert BenchmarkReport.from_json(path.read_bytes()).rows


def test_a_missing_field_is_refused_with_its_place(report):
    values = json.loads(report.to_json())
    del values["rows"][1]["whole"]["accuracy"]
    with pytest.raises(ReportError, match=r"rows\.1\.whole\.accuracy: Field required"):
        BenchmarkReport.from_json(json.dumps(values))


def test_a_row_without_its_feature_recipe_is_refused(report):
    with pytest.raises(ReportError, match=r"feature recipes \[\]; got \['tiny'\]"):
        dataclasses.replace(report, features=())


def test_a_folder_holds_the_report_and_its_predictions(report, tmp_path):
    report.write(tmp_path / "new" / "folder")
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["predictions.csv", "predictions.npz", "report.json"]
    found = BenchmarkReport.read(tmp_path / "new" / "folder")
    assert found == report
    assert found.predictions.names.tolist() == report.predictions.names.tolist()


def test_a_report_without_predictions_is_a_file_alone(report, tmp_path):
    dataclasses.replace(report, predictions=None).write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
    assert BenchmarkReport.read(tmp_path) == report


def test_a_folder_without_a_report_is_refused_with_the_way_to_make_one(tmp_path):
    with pytest.raises(ReportError, match=r"report\.json could not be read .*hybridfer benchmark --out"):
        BenchmarkReport.read(tmp_path)


def test_a_broken_report_is_refused_with_its_path(tmp_path):
    (tmp_path / "report.json").write_text("{")
    with pytest.raises(ReportError, match=re.escape(str(tmp_path / "report.json")) + ": this is no JSON"):
        BenchmarkReport.read(tmp_path)


def test_rows_of_a_recipe_begin_with_softmax_and_then_the_best(report):
    rows = report.rows_of("tiny")
    assert rows[0].is_softmax
    heads = [row.twin_free.accuracy for row in rows[1:]]
    assert heads == sorted(heads, reverse=True)
    assert len(heads) == 2
    assert report.rows_of("compact") == ()


def test_twins_that_the_cnn_has_seen_are_no_leak_into_the_decisive_part(report):
    assert report.leaks == ()


def test_a_leak_into_the_decisive_part_stands_before_the_verdict(report):
    run = dataclasses.replace(report.features[0], leak=Leak(12, 3))
    leaking = dataclasses.replace(report, features=(run,))
    assert leaking.verdict.startswith("Do not trust this comparison: the CNN of tiny was trained on 3 of the twin-free")
    assert leaking.verdict.endswith(report.verdict)
    assert json.loads(leaking.to_json())["leaks"] == list(leaking.leaks)


def test_dropped_twins_that_loaded_weights_have_seen_are_told_with_the_way_out(report):
    run, dataset = dataclasses.replace(report.features[0], leak=Leak(9, 9)), dataclasses.replace(report.dataset, twins=0)
    (leak,) = dataclasses.replace(report, features=(run,), dataset=dataset).leaks
    assert leak.endswith("Train without them, or leave the twins in train.")


def test_few_images_and_missing_classes_are_warned_of_in_the_json_and_are_no_part_of_the_verdict(report):
    counts = {**report.dataset.counts, "validation": (20, 0, 20)}
    lacking = dataclasses.replace(report, dataset=dataclasses.replace(report.dataset, counts=counts))
    few_test, few_validation, missing = lacking.warnings
    assert few_test.startswith("Only 81 test images decide")
    assert few_validation.startswith("Only 40 validation images choose")
    assert missing.startswith("Validation has no image of sad")
    values = json.loads(lacking.to_json())
    assert values["warnings"] == [few_test, few_validation, missing]
    assert values["verdict"] == report.verdict
    assert BenchmarkReport.from_json(lacking.to_json()) == lacking


def test_a_test_split_of_training_images_stands_before_the_verdict(report):
    leaking = dataclasses.replace(report, dataset=dataclasses.replace(report.dataset, twins=90))
    assert leaking.verdict.startswith("Do not trust this comparison: 90 of 90 test images are also training images")
    assert json.loads(leaking.to_json())["leaks"] == list(leaking.leaks)


def test_the_time_is_in_utc(report):
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", report.created)


@pytest.mark.parametrize(
    "kind",
    [
        BenchmarkReport,
        DatasetSummary,
        Protocol,
        FeatureRun,
        Epoch,
        Leak,
        Row,
        Scores,
        ClassScores,
        ReliabilityBin,
        SelectiveCurve,
        SoftmaxComparison,
        BestComparison,
        ChosenHead,
        ChosenComparison,
        Temperature,
        SubgroupScores,
        AuditReport,
        Environment,
    ],
)
def test_every_field_is_documented(kind):
    text = DOCUMENT.read_text()
    fields = {field.name for field in dataclasses.fields(kind)} - {"predictions", "gallery"}
    assert {name for name in fields if f"`{name}`" not in text} == set()


def test_reading_a_report_imports_neither_torch_nor_xgboost():
    code = "import sys, hybridfer.evaluation.report; sys.exit(bool({'torch', 'xgboost', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_is_written_and_read_below_the_home_folder(report, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))

    report.write("~/run")

    assert BenchmarkReport.read("~/run").to_json() == BenchmarkReport.read(tmp_path / "run").to_json() == report.to_json()


def test_the_page_on_the_layout_names_the_version_that_is_written():
    page = DOCUMENT.read_text(encoding="utf-8")
    assert f"This page describes version {FORMAT_VERSION}." in page
    assert f"| `format_version` | integer | {FORMAT_VERSION} |" in page

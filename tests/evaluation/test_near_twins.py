import json
import logging
from dataclasses import replace

import numpy as np
import pytest

from hybridfer import BenchmarkReport, Dataset, FeatureRecipe, PipelineRecipe, audit_dataset, make_faces, run_benchmark
from hybridfer.evaluation import benchmark
from hybridfer.evaluation.near_twins import find_near_twins
from hybridfer.evaluation.summary import DatasetSummary
from hybridfer.reporting.audit_table import render_audit
from hybridfer.reporting.markdown import render_markdown
from hybridfer.reporting.terminal import render_table

TINY = FeatureRecipe(name="tiny", network="tiny", training={"max_epochs": 1})
KNN = PipelineRecipe(name="knn", head="knn", parameters={"n_neighbors": 1})
CARVED = DatasetSummary(
    "own", ("no", "yes"), (48, 48), {"train": (90, 90), "validation": (10, 10), "test": (50, 50)}, "test", "train", 0, 0, 0
)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def bursts():
    """Ten people, eight noisy frames of each, of classes that mean nothing; no test split."""
    people = make_faces(10, random_state=3).images
    noise = np.random.default_rng(0).normal(0, 4, (80, *people.shape[1:]))
    frames = np.clip(np.repeat(people, 8, axis=0) + noise, 0, 255).astype(np.uint8)
    names = np.array([f"{number:02d}.png" for number in range(80)])
    return Dataset(frames, np.repeat(np.arange(10) % 2, 8), np.full(80, "train"), names, ("no", "yes"), "bursts")


def run(source, **options):
    return run_benchmark(source, TINY, KNN, search="off", verbose=0, **options)


def test_a_test_split_that_was_drawn_through_bursts_is_warned_of_before_anything_is_embedded(bursts, caplog, monkeypatch):
    embed = benchmark.embed_splits

    def after_the_warning(*given, **options):
        assert "16 of 16 test images look nearly like an image of train or validation" in caplog.text
        return embed(*given, **options)

    monkeypatch.setattr(benchmark, "embed_splits", after_the_warning)
    with caplog.at_level(logging.WARNING, logger="hybridfer"):
        report = run(bursts)
    assert report.dataset.near_twins == report.dataset.n_test == 16
    told = report.warnings[0]
    assert told.endswith("Put each person's images into one split: DATA/train/<class>/..., DATA/test/<class>/...")
    assert json.loads(report.to_json())["warnings"][0] == told
    text = render_markdown(report)
    assert "16 of 16 test images look nearly like" in text
    assert (
        "Groups across splits are counted before test and validation were carved. In the splits that were used, 16 " in text
    )
    assert "16 of 16 test images look nearly like" in " ".join(render_table(report, width=100).split())


def test_nothing_is_said_where_each_person_is_in_one_split(bursts):
    splits = np.repeat(["train", "validation", "test"], [48, 16, 16])
    report = run(replace(bursts, splits=splits))
    assert report.dataset.near_twins == 0
    assert not any("look nearly like" in warning for warning in report.warnings)


def test_a_test_image_whose_twin_was_dropped_is_known_by_the_frames_that_are_left(bursts):
    splits = np.repeat(["train", "validation", "train", "test", "test"], [48, 16, 2, 1, 8])
    source = replace(bursts.subset(np.r_[0:66, 64, 72:80]), splits=splits)
    kept, dropped = (run(source, drop_twins=drop).dataset for drop in (False, True))
    assert (kept.twins, kept.near_twins) == (1, 0)
    assert (dropped.dropped_twins, dropped.twins, dropped.near_twins) == (1, 0, 1)


def test_without_an_audit_nobody_looked(bursts):
    report = run(bursts, audit=False)
    assert report.dataset.near_twins is None
    assert not any("look nearly like" in warning for warning in report.warnings)


def test_a_few_near_duplicates_are_not_warned_of():
    assert find_near_twins(replace(CARVED, near_twins=5), None) == ()
    (told,) = find_near_twins(replace(CARVED, near_twins=6), None)
    assert told.startswith("6 of 100 test images look nearly like")


def test_twins_are_counted_elsewhere():
    (told,) = find_near_twins(replace(CARVED, twins=80, near_twins=5), None)
    assert told.startswith("5 of 20 twin-free test images look nearly like")
    assert find_near_twins(replace(CARVED, twins=100, near_twins=0), None) == ()


def test_of_a_split_of_the_source_it_is_said_how_to_drop_what_looks_alike(bursts):
    audit = audit_dataset(replace(bursts, splits=np.tile(["train", "test"], 40)), n_jobs=1)
    (told,) = find_near_twins(replace(CARVED, near_twins=50), audit)
    assert "hybridfer audit DATA --fix cleaned.csv --drop-near" in told
    assert "DATA/test" not in told


def test_a_report_of_before_it_was_counted_is_read_and_says_nothing(bursts):
    values = json.loads(run(bursts).to_json())
    del values["dataset"]["near_twins"]
    older = BenchmarkReport.from_json(json.dumps(values))
    assert older.dataset.near_twins is None
    assert not any("look nearly like" in warning for warning in older.warnings)
    assert "In the splits that were used" not in render_markdown(older)


def test_an_audit_of_bursts_without_a_test_split_says_to_keep_them_together(bursts):
    text = render_audit(audit_dataset(bursts, n_jobs=1), width=100, colour=False)
    assert "Nothing to mend." not in text
    assert "There are 10 groups of near-duplicates (80 images) and no test split yet" in text
    assert "groups across splits (no test split yet)          0                0" in text

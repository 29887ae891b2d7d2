"""The audit as a value, and its file."""

import json
from dataclasses import replace

import pytest

from hybridfer.audit import AuditError, AuditReport, Duplicates, Group, NearDuplicates


@pytest.fixture
def report():
    return AuditReport(
        source="fer2013.zip",
        n_images=12,
        classes=("happy", "sad"),
        counts={"train": (6, 2), "test": (2, 1)},
        imbalance=3.0,
        exact=Duplicates(1, 2, 1, 1, 0),
        near=NearDuplicates("hashes", 11, 40, 3, 1, 2, 0, 1),
        blanks=1,
        unreadable=("train/sad/a.png: is an empty file",),
        worst=(Group("exact", "2 identical images", ("a.png", "b.png"), ("train", "test"), ("sad", ""), (3, 7), 2),),
        unlabelled=1,
    )


def test_an_audit_that_names_no_blank_images_is_still_read(report):
    older = json.loads(replace(report, blank_names=("a.png",)).to_json())
    assert older.pop("blank_names") == ["a.png"]
    assert AuditReport.from_json(json.dumps(older)) == report


@pytest.mark.parametrize("near", [True, False])
def test_an_audit_is_read_as_it_was_written(report, tmp_path, near):
    report = report if near else replace(report, near=None)
    assert AuditReport.from_json(report.to_json()) == report
    report.write(tmp_path / "new")
    assert AuditReport.read(tmp_path / "new") == report
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["audit.json"]


def test_names_that_are_no_utf_8_are_written_and_read_too(report, tmp_path):
    replace(report, blank_names=("caf\udce9.png",)).write(tmp_path)
    assert AuditReport.read(tmp_path).blank_names == (r"caf\udce9.png",)


def test_the_json_begins_with_its_version_and_has_the_counts_by_split(report):
    told = json.loads(report.to_json())
    assert next(iter(told.items())) == ("format_version", 1)
    assert told["counts"] == {"train": [6, 2], "test": [2, 1]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"format_version": 2}, "format_version must be 1"), ({"blanks": "none"}, "blanks"), ({"exact": {}}, "exact.groups")],
)
def test_json_that_is_no_audit_is_told_by_its_field(report, tmp_path, changes, words):
    (tmp_path / "audit.json").write_text(json.dumps(json.loads(report.to_json()) | changes))
    with pytest.raises(AuditError, match=words) as caught:
        AuditReport.read(tmp_path)
    assert "audit.json" in str(caught.value)


def test_a_folder_without_an_audit_says_how_to_make_one(tmp_path):
    with pytest.raises(AuditError, match="hybridfer audit DATA --out"):
        AuditReport.read(tmp_path)

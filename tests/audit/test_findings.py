"""All groups that an audit found, as a table and as CSV."""

import csv
import io
from dataclasses import replace

import cv2
import numpy as np
import pytest

from hybridfer import audit_dataset
from hybridfer.audit import find_faults


@pytest.fixture
def dirty(faces, with_images):
    """Three copies in several splits with different labels, one copy more, two blank copies, a near-copy with a copy."""
    one, two, three = np.flatnonzero(faces.splits == "train")[:3]
    blank = np.zeros((48, 48), dtype=np.uint8)
    near = cv2.convertScaleAbs(faces.images[three], alpha=0.9, beta=9)
    images = [faces.images[one], faces.images[one], faces.images[two], blank, blank, near, near]
    labels = [(faces.labels[one] + 1) % 7, -1, faces.labels[two], 0, 1, faces.labels[three], faces.labels[three]]
    splits = ["train", "test", "train", "train", "train", "validation", "validation"]
    return with_images(faces, images, labels=labels, splits=splits), (one, two, three)


def test_every_group_is_listed_the_worst_first(dirty):
    dataset, (one, two, three) = dirty
    found = find_faults(dataset, n_jobs=1)
    table = found.table()
    rows = list(zip(*(table[name].tolist() for name in ("group", "kind", "position")), strict=True))
    assert rows == [
        *((1, "exact", position) for position in (one, 140, 141)),
        *((2, "near", position) for position in (three, 145, 146)),
        *((3, "exact", position) for position in (143, 144)),
        *((4, "blank", position) for position in (143, 144)),
        *((5, "exact", position) for position in (two, 142)),
        *((6, "exact", position) for position in (145, 146)),
    ]
    first = np.unique(table["group"], return_index=True)[1]
    assert table["across_splits"][first].tolist() == [True, True, False, False, False, False]
    assert table["conflicting_labels"][first].tolist() == [True, False, True, True, False, False]
    positions = table["position"]
    assert table["name"].tolist() == dataset.names[positions].tolist()
    assert table["split"].tolist() == dataset.splits[positions].tolist()
    assert table["class"][:3].tolist() == [dataset.classes[dataset.labels[one]], dataset.classes[dataset.labels[140]], ""]


def test_the_table_and_the_report_count_the_same(faces, with_images):
    rng = np.random.default_rng(0)
    many = [*faces.images[rng.integers(0, 60, 90)], *(cv2.convertScaleAbs(image, alpha=0.9) for image in faces.images[:30])]
    splits, labels = rng.choice(["train", "validation", "test"], 120), rng.integers(-1, 7, 120)
    found = find_faults(with_images(faces, many, splits=splits, labels=labels), n_jobs=1)
    report, table = found.report(), found.table()
    for kind, counts in (("exact", report.exact), ("near", report.near)):
        members = table["kind"] == kind
        first = np.unique(table["group"][members], return_index=True)[1]
        assert (len(first), members.sum()) == (counts.groups, counts.images)
        assert table["across_splits"][members][first].sum() == counts.across_splits > 0
        assert table["conflicting_labels"][members][first].sum() == counts.conflicting_labels > 0
    assert len(report.worst) == 24 < table["group"].max()
    last = [table["position"][table["group"] == number].tolist() for number in range(1, 25)]
    assert [list(group.positions) for group in report.worst] == last


def test_csv_has_a_line_an_image_and_keeps_any_name(dirty):
    dataset, _ = dirty
    names = dataset.names.astype("U40")
    names[140] = 'odd, "name"\udcff.png'
    found = find_faults(replace(dataset, names=names), n_jobs=1)
    lines = list(csv.DictReader(io.StringIO(found.to_csv())))
    table = found.table()
    assert [line["name"] for line in lines] == table["name"].tolist()
    assert names[140] in table["name"]
    assert [int(line["group"]) for line in lines] == table["group"].tolist()
    assert {line["across_splits"] for line in lines} == {"yes", "no"}


def test_clean_data_make_a_table_without_rows(faces):
    found = find_faults(faces, near=None, n_jobs=1)
    assert all(len(column) == 0 for column in found.table().values())
    assert found.to_csv() == "group,kind,across_splits,conflicting_labels,name,split,class\n"
    assert found.report().worst == ()


def test_a_blank_image_alone_is_a_group(faces, with_images):
    table = find_faults(with_images(faces, [np.zeros((48, 48), dtype=np.uint8)]), near=None, n_jobs=1).table()
    assert (table["kind"].tolist(), table["position"].tolist()) == (["blank"], [140])


def test_blank_images_are_named_up_to_a_hundred(faces, with_images):
    blanks = [np.full((48, 48), level, dtype=np.uint8) for level in range(120)]
    report = audit_dataset(with_images(faces, blanks), near=None, n_jobs=1)
    assert report.blanks == 120
    assert report.blank_names == tuple(f"added/{number:02d}.png" for number in range(100))

"""The terminal's audit: figures, room, colours."""

from dataclasses import replace

import pytest

from hybridfer.audit import AuditReport, Duplicates, NearDuplicates
from hybridfer.reporting.audit_table import render_audit

METHOD = "64-bit hashes of a cosine transform that differ in at most 11 bits, found by multi-index hashing; confirmed"


@pytest.fixture
def audited():
    return AuditReport(
        source="fer2013.zip",
        n_images=35_887,
        classes=("angry", "disgust", "happy"),
        counts={"train": (3995, 436, 7215), "validation": (467, 56, 895), "test": (491, 55, 879)},
        imbalance=16.548,
        exact=Duplicates(1516, 3369, 1853, 557, 57),
        near=NearDuplicates(METHOD, 11, 8_898_583, 10_916, 1367, 3803, 363, 199),
        blanks=13,
        unreadable=tuple(f"train/angry/{number}.jpg: is a truncated JPEG" for number in range(8)),
        worst=(),
        unlabelled=21_000,
        blank_names=tuple(f"train/sad/{number}.png" for number in range(13)),
    )


def rows_of(text):
    return {line[:27].strip(): line[27:].split() for line in text.splitlines()}


def test_every_figure_is_shown_beside_its_name(audited):
    text = render_audit(audited, width=100, colour=False)
    lines = text.splitlines()
    assert lines[0] == "fer2013.zip: 35,887 images of 3 classes"
    assert "disgust     436          56     55" in lines
    assert "all      11,646       1,418  1,425" in lines
    assert "without a label   21,000" in lines
    found = rows_of(text)
    assert found["groups"] == ["1,516", "1,367"]
    assert found["copies to spare"] == ["1,853", "-"]
    assert found["groups across splits"] == ["557", "363"]
    assert found["groups whose labels differ"] == ["57", "199"]
    assert "train imbalance   16.5 : 1" in lines
    assert "8,898,583 comparisons of hashes, 10,916 pairs within reach." in " ".join(lines)


def test_the_first_files_of_no_use_are_named_and_the_others_counted(audited):
    lines = render_audit(audited, width=100, colour=False).splitlines()
    assert "  train/angry/4.jpg: is a truncated JPEG" in lines
    assert "  train/angry/5.jpg: is a truncated JPEG" not in lines
    assert "  ... and 3 more" in lines


def test_the_first_blank_images_are_named_and_the_others_counted(audited):
    lines = render_audit(audited, width=100, colour=False).splitlines()
    place = lines.index("blank images      13")
    assert lines[place + 1 : place + 7] == [*(f"  train/sad/{number}.png" for number in range(5)), "  ... and 8 more"]
    older = render_audit(replace(audited, blank_names=()), width=100, colour=False)
    assert "blank images      13\nwithout a label" in older


def test_no_name_reaches_the_terminal_unspelt(audited):
    strange = "\x1b]0;title\x07\x9b1m\u202e\r\n"
    names = (strange, "\udcff", "Zoë 😀")
    report = replace(audited, source=strange, classes=names, unreadable=names, blank_names=names, blanks=3)
    text = render_audit(replace(report, counts={"train": (0, 0, 9)}), width=100, colour=False)
    assert text.replace("\n", "").isprintable()
    assert r"\x1b]0;title\x07\x9b1m\u202e\r\n: 35,887 images" in text
    assert "\n  \\udcff\n  Zoë 😀\n" in text


def test_one_of_a_thing_is_not_told_as_several(audited):
    one = replace(audited, n_images=1, classes=("happy",), near=replace(audited.near, candidates=1, pairs=1))
    text = render_audit(one, width=100, colour=False)
    assert text.startswith("fer2013.zip: 1 image of 1 class\n")
    assert "1 comparison of hashes, 1 pair within" in " ".join(text.split())


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_wider_than_the_window(audited, width):
    assert max(map(len, render_audit(audited, width, colour=False).splitlines())) <= width


def test_an_audit_without_near_duplicates_says_so(audited):
    text = render_audit(replace(audited, near=None), width=80, colour=False)
    assert "Near-duplicates were not looked for." in text
    assert rows_of(text)["groups"] == ["1,516"]


def test_images_without_any_label_are_not_counted_by_class(audited):
    text = render_audit(replace(audited, unlabelled=audited.n_images), width=80, colour=False)
    assert text.startswith(f"{audited.source}: {audited.n_images:,} images without labels\n")
    for words in ("imbalance", "No train image", "classes", "\nangry", "times the train images"):
        assert words not in text


def test_clean_data_has_nothing_to_mend(audited):
    clean = replace(
        audited, exact=Duplicates(0, 0, 0, 0, 0), near=None, blanks=0, unreadable=(), unlabelled=0, imbalance=1.0
    )
    assert render_audit(clean, width=80, colour=False).endswith("\nNothing to mend.\n")


def test_colours_are_used_where_asked_and_change_no_word(audited, monkeypatch):
    painted = render_audit(audited, width=80, colour=True)
    assert "\x1b[" in painted
    import click

    assert click.unstyle(painted) == render_audit(audited, width=80, colour=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in render_audit(audited, width=80)

"""hybridfer audit, and --index of the other commands."""

import csv
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from hybridfer import AuditReport, FeatureStore, make_faces


@pytest.fixture
def dirty(workplace):
    """A folder of drawn faces with a copy in test, a copy with another label, a blank image and a broken file."""
    faces = make_faces(60, classes=("happy", "sad"), random_state=4)
    root = workplace / "dirty"

    def put(name, image):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image)

    for number, (image, label) in enumerate(zip(faces.images, faces.labels, strict=True)):
        put(f"{'test' if number >= 48 else 'train'}/{faces.classes[label]}/{number:02d}.png", image)
    put("test/happy/twin.png", faces.images[0])
    put(f"train/{faces.classes[1 - faces.labels[1]]}/conflict.png", faces.images[1])
    put("train/sad/blank.png", np.full((48, 48), 128, dtype=np.uint8))
    (root / "train" / "sad" / "broken.png").write_bytes(b"no image")
    return root


def done(result):
    assert result.exit_code == 0, result.output
    return result


def fails(result, *words, code=1):
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.stderr
    return result


def rows_of(name):
    with Path(name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_tells_what_was_planted_and_what_to_do(run, dirty):
    told = done(run("audit", dirty)).stdout
    lines = {line.split("  ")[0]: line.split() for line in told.splitlines()}
    assert "dirty: 63 images of 2 classes" in lines
    assert lines["all"][1:] == ["50", "13"]
    assert lines["groups"][1:] == ["2", "0"]
    assert lines["groups across splits"][-2:] == ["1", "0"]
    assert lines["groups whose labels differ"][-2:] == ["1", "0"]
    assert lines["blank images"][-1] == "1"
    assert "  train/sad/blank.png\n" in told
    assert "--on-error" not in told
    assert "train/sad/broken.png: is an empty file" in told or "train/sad/broken.png: is no readable image" in told
    assert "- There is 1 group of identical images in several splits" in told
    assert "\x1b" not in told


def test_json_is_printed_alone_and_written_where_asked(run, dirty):
    result = done(run("audit", dirty, "--json", "--no-near", "--out", "audits/dirty"))
    printed = AuditReport.from_json(result.stdout)
    assert printed == AuditReport.read("audits/dirty")
    assert (printed.exact.groups, printed.near, printed.blanks, len(printed.unreadable)) == (2, None, 1, 1)
    assert json.loads(result.stdout)["source"] == "dirty"


def test_fix_writes_what_other_commands_read(run, dirty, weights):
    result = done(run("audit", dirty, "--fix", "new/cleaned.csv"))
    assert "new/cleaned.csv: 59 kept, 5 dropped" in result.stderr
    rows = {row["name"]: row for row in rows_of("new/cleaned.csv")}
    assert len(rows) == 64
    dropped = {name: row["reason"] for name, row in rows.items() if row["decision"] == "drop"}
    assert dropped.pop("train/sad/broken.png") == "is no readable image"
    assert dropped.pop("train/sad/blank.png") == "is blank"
    assert sorted(dropped.values()) == [
        "has copies with other labels, and none of them is the majority's",
        "has copies with other labels, and none of them is the majority's",
        "is a copy of a test image",
    ]
    command = ["extract", dirty, "-f", "tiny", "--weights", weights, "--store", "a.store"]
    fails(run(*command), "train/sad/broken.png")
    assert "59 images" in done(run(*command, "--index", "new/cleaned.csv")).stdout
    assert len(FeatureStore("a.store")) == 59
    again = json.loads(done(run("audit", dirty, "--index", "new/cleaned.csv", "--json")).stdout)
    assert (again["n_images"], again["exact"]["groups"], again["unreadable"]) == (59, 0, [])


def test_fix_goes_on_from_an_earlier_index(run, dirty):
    done(run("audit", dirty, "--no-near", "--fix", "first.csv"))
    (dirty / "train" / "sad" / "new.png").write_bytes((dirty / "train" / "sad" / "05.png").read_bytes())
    with Path("first.csv").open("a") as file:
        file.write("train/sad/new.png,train,sad,keep,,\n")
    again = ["audit", dirty, "--no-near", "--json", "--index"]
    assert "second.csv: 59 kept, 6 dropped" in done(run(*again, "first.csv", "--fix", "second.csv")).stderr
    reasons = {row["name"]: row["reason"] for row in rows_of("second.csv") if row["decision"] == "drop"}
    assert (reasons["train/sad/blank.png"], reasons["train/sad/new.png"]) == ("is blank", "is a copy of a train image")
    assert json.loads(done(run(*again, "second.csv")).stdout)["n_images"] == 59


def test_all_groups_are_listed_in_a_file(run, dirty):
    result = done(run("audit", dirty, "--list", "new/groups.csv", "--no-near"))
    assert "new/groups.csv lists all groups" in result.stderr
    rows = rows_of("new/groups.csv")
    assert [(row["group"], row["kind"]) for row in rows] == [
        ("1", "exact"),
        ("1", "exact"),
        ("2", "exact"),
        ("2", "exact"),
        ("3", "blank"),
    ]
    assert (rows[0]["across_splits"], rows[-1]["name"]) == ("yes", "train/sad/blank.png")
    assert {row["name"] for row in rows if row["split"] == "test"} == {"test/happy/twin.png"}


def test_names_say_nothing_to_the_terminal_and_need_not_be_utf_8(run, dirty):
    strange = os.fsdecode(b"caf\xe9\r.png")
    (dirty / "train" / "sad" / "blank.png").rename(dirty / "train" / "sad" / strange)
    (dirty / "train" / "sad" / "broken.png").rename(dirty / "train" / "sad" / "bad\x1b]0;title\x07.png")
    command = ["audit", dirty, "--no-near", "--out", "audits", "--list", "groups.csv", "--fix", "cleaned.csv"]
    told = done(run(*command)).stdout
    assert r"  train/sad/bad\x1b]0;title\x07.png: is no readable image" in told
    assert r"  train/sad/caf\udce9\r.png" in told
    assert not {"\x1b", "\x07", "\r", "\udce9"} & set(told)
    assert AuditReport.read("audits").blank_names == ("train/sad/caf\\udce9\r.png",)
    assert done(run(*command, "--json", "--overwrite")).stdout == Path("audits/audit.json").read_text()
    assert b"train/sad/caf\xe9\r.png" in Path("groups.csv").read_bytes()
    done(run("audit", dirty, "--no-near", "--index", "cleaned.csv"))
    shown = fails(run("extract", dirty, "-f", "tiny"), r"  train/sad/bad\x1b]0;title\x07.png: is no readable image").stderr
    assert not {"\x1b", "\x07"} & set(shown)


def test_near_duplicates_are_dropped_where_asked(run, dirty):
    image = cv2.imread(str(dirty / "test" / "happy" / "twin.png"), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(dirty / "train" / "sad" / "paler.png"), cv2.convertScaleAbs(image, alpha=0.9, beta=9))
    done(run("audit", dirty, "--fix", "kept.csv"))
    done(run("audit", dirty, "--fix", "dropped.csv", "--drop-near"))
    kept, dropped = ({row["name"]: row for row in rows_of(name)} for name in ("kept.csv", "dropped.csv"))
    assert kept["train/sad/paler.png"]["decision"] == "keep"
    paler = dropped["train/sad/paler.png"]
    assert (paler["decision"], paler["reason"], paler["kept_instead"]) == (
        "drop",
        "looks like a test image",
        "test/happy/twin.png",
    )


@pytest.mark.parametrize("options", [("--drop-near",), ("--drop-near", "--no-near", "--fix", "a.csv")])
def test_near_duplicates_cannot_be_dropped_where_nothing_is_fixed_or_looked_for(run, options):
    fails(run("audit", "faces:20", *options), "--drop-near", code=2)


@pytest.mark.parametrize("other", [("--list", "./a.csv"), ("--list", "sub/../a.csv"), ("--list", "link/a.csv")])
def test_two_results_need_two_files(run, workplace, other):
    (workplace / "sub").mkdir()
    (workplace / "link").symlink_to(workplace)
    fails(run("audit", "faces:20", "--fix", "a.csv", *other), "file of its own", code=2)
    assert not Path("a.csv").exists()


@pytest.mark.parametrize("option", ["--fix", "--list"])
@pytest.mark.parametrize("written", ["data.csv", "sub/../data.csv", "link.csv", "cleaned.csv"])
def test_what_is_read_is_never_written_over(run, workplace, option, written):
    Path("data.csv").write_text(
        "emotion,pixels\n" + "".join(f"{row % 2},{' '.join(['7'] * 2303)} {row}\n" for row in range(4))
    )
    done(run("audit", "data.csv", "--no-near", "--fix", "cleaned.csv"))
    (workplace / "sub").mkdir()
    (workplace / "link.csv").symlink_to("data.csv")
    before = Path(written).read_bytes()
    command = ["audit", "data.csv", "--index", "cleaned.csv", option, written, "--overwrite"]
    fails(run(*command), f"{written} is what is read", code=2)
    assert Path(written).read_bytes() == before


def test_training_and_benchmark_take_an_index_too(run, quick):
    done(run("audit", "faces:120", "--fix", "cleaned.csv"))
    lines = Path("cleaned.csv").read_text().splitlines()
    shorter = [line.replace(",keep,", ",drop,") if i % 4 == 0 else line for i, line in enumerate(lines)]
    Path("cleaned.csv").write_text("\n".join(shorter) + "\n")
    left = sum(",keep," in line for line in shorter)
    trained = done(run("train", "faces:120", "-f", quick, "-o", "a.safetensors", "--index", "cleaned.csv"))
    assert f"faces:120: {left} grey images" in trained.stderr
    command = [
        "benchmark",
        "faces:120",
        "-f",
        quick,
        "-p",
        "logistic",
        "--grid",
        "off",
        "--no-page",
        "--json",
        "--index",
        "cleaned.csv",
    ]
    counts = json.loads(done(run(*command)).stdout)["dataset"]["counts"]
    assert sum(map(sum, counts.values())) == left


def test_an_index_of_other_data_is_told_in_a_sentence(run, dirty):
    done(run("audit", dirty, "--fix", "cleaned.csv"))
    fails(run("extract", "faces:20", "--index", "cleaned.csv"), "Error: cleaned.csv is no index of faces:20", "59 images")
    fails(run("audit", "faces:20", "--index", "absent.csv"), "Error: The index absent.csv cannot be read")


@pytest.mark.parametrize("option", [("--fix", "cleaned.csv"), ("--out", "audits"), ("--list", "groups.csv")])
def test_nothing_is_replaced_unasked_or_before_the_audit(run, dirty, option, monkeypatch):
    done(run("audit", dirty, *option))
    written = Path("audits/audit.json" if option[0] == "--out" else option[1])
    before = written.read_bytes()
    (dirty / "train" / "sad" / "more.png").write_bytes((dirty / "test" / "happy" / "twin.png").read_bytes())
    with monkeypatch.context() as patch:
        patch.setattr("hybridfer.datasets.read_dataset", None)
        fails(run("audit", dirty, *option), "--overwrite")
    assert written.read_bytes() == before
    done(run("audit", dirty, *option, "--overwrite"))
    assert written.read_bytes() != before


def test_what_cannot_be_written_is_told_before_the_work(run, workplace, monkeypatch):
    (workplace / "file").touch()
    monkeypatch.setattr("hybridfer.datasets.read_dataset", None)
    fails(run("audit", "faces:20", "--fix", "file/cleaned.csv"), "Error: ", "file")
    fails(run("audit", "faces:20", "--out", "file/audits"), "Error: ", "file")


def test_missing_data_and_misuse_are_told(run):
    fails(run("audit", "nowhere.zip"), "Error: nowhere.zip does not exist")
    fails(run("audit"), "Missing argument 'DATA'", code=2)
    fails(run("audit", "faces:20", "--on-error", "skip"), "No such option", code=2)


def test_the_example_of_the_help_runs(run):
    help_text = done(run("audit", "--help")).stdout
    assert "hybridfer audit faces:500" in help_text
    assert "faces:500: 500 images of 7 classes" in done(run("-q", "audit", "faces:500")).stdout

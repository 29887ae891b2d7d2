import csv
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import Result

from hybridfer import make_faces
from hybridfer.cli.benchmark import _fresh_folder
from hybridfer.networks import catalogue_network, save_network

QUICKLY = ("-p", "knn", "--grid", "off", "--no-page")


def done(result: Result) -> Result:
    assert result.exit_code == 0, result.output
    return result


def write_faces(folder: Path, faces, split: str, prefix: str = "face") -> None:
    for number, (image, label) in enumerate(zip(faces.images, faces.labels, strict=True)):
        path = folder / split / faces.classes[label] / f"{prefix}_{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image)


@pytest.fixture
def faces():
    return make_faces(60, classes=("happy", "sad"), random_state=4)


@pytest.mark.parametrize("prefix", ["face", "PublicTest"])
def test_the_train_split_passed_as_test_is_a_leak_everywhere(run, workplace, faces, quick, prefix):
    write_faces(workplace / "photos", faces, "train")
    write_faces(workplace / "photos", faces, "test", prefix)
    result = done(run("benchmark", "photos", "-f", quick, *QUICKLY, "--page", "--out", "report"))
    words = "Do not trust this comparison: 60 of 60 test images are also training images"
    assert words in result.stderr
    assert words in re.sub(r"\s+", " ", result.stdout)
    told = json.loads(Path("report/report.json").read_text())
    assert told["leaks"][0].startswith(words)
    assert told["verdict"].startswith(words)
    assert f"**{words}" in Path("report/report.md").read_text()
    assert f"% {words}" in Path("report/table.tex").read_text()
    assert words in Path("report/report.html").read_text()


def test_a_cnn_that_was_trained_on_the_test_images_is_a_leak_everywhere(run, workplace, faces):
    from dataclasses import replace

    write_faces(workplace / "photos", faces.subset(faces.splits != "test"), "train")
    write_faces(workplace / "photos", faces.subset(faces.splits == "test"), "test")
    network = replace(catalogue_network("tiny", n_classes=2), classes=("happy", "sad"), trained_on=np.unique(faces.digests))
    save_network(network, workplace / "seen.safetensors")
    command = ["benchmark", "photos", "-f", "tiny", "--weights", "seen.safetensors", *QUICKLY, "--out", "report"]
    result = done(run(*command))
    n = int((faces.splits == "test").sum())
    words = f"the CNN of tiny was trained on {n} of the test images"
    assert words in re.sub(r"\s+", " ", result.stdout)
    assert words in json.loads(Path("report/report.json").read_text())["leaks"][0]


def test_an_ordinary_benchmark_has_no_leak(run, pets, quick):
    result = done(run("benchmark", pets, "-f", quick, *QUICKLY, "--json", "--out", "report"))
    told = json.loads(result.stdout)
    assert told["leaks"] == []
    assert told["format_version"] == 3
    assert "Do not trust" not in result.output


def test_twins_are_dropped_and_counted_where_asked(run, workplace, faces, quick):
    test = faces.subset(faces.splits == "test")
    write_faces(workplace / "photos", faces.subset(faces.splits != "test"), "train")
    write_faces(workplace / "photos", test.subset(slice(3)), "train", "twin")
    write_faces(workplace / "photos", test, "test")
    kept, dropped = (
        json.loads(done(run("benchmark", "photos", "-f", quick, *QUICKLY, "--json", *more)).stdout)["dataset"]
        for more in ([], ["--drop-twins"])
    )
    assert (kept["twins"], kept["dropped_twins"]) == (3, None)
    assert (dropped["twins"], dropped["dropped_twins"]) == (0, 3)
    totals = [sum(map(sum, told["counts"].values())) for told in (kept, dropped)]
    assert totals == [63, 60]


def test_subgroups_are_scored_where_a_file_tells_them(run, workplace, faces, quick):
    write_faces(workplace / "photos", faces.subset(faces.splits != "test"), "train")
    write_faces(workplace / "photos", faces.subset(faces.splits == "test"), "test")
    command = ["benchmark", "photos", "-f", quick, *QUICKLY, "--out"]
    done(run(*command, "plain"))
    with Path("plain/predictions.csv").open(newline="") as file:
        names = [line["name"] for line in csv.DictReader(file)]
    lines = [f"{name},{'female' if i % 2 else 'male'}" for i, name in enumerate(names[1:])]
    Path("groups.csv").write_text("\n".join(["name,gender", *lines]))
    done(run(*command, "grouped", "--groups", "groups.csv"))
    for row in json.loads(Path("grouped/report.json").read_text())["rows"]:
        assert [(group["value"], group["n"]) for group in row["subgroups"]] == [
            ("female", len(lines) // 2),
            ("male", (len(lines) + 1) // 2),
            ("(not told)", 1),
        ]
    text = Path("grouped/report.md").read_text()
    assert "(not told) (too few to judge)" in text
    assert "## Subgroups" not in Path("plain/report.md").read_text()


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "could not be read"), ("gender\nmale\n", "column 'name'"), ("name,gender\nx.jpg,male\n", "names no test image")],
)
def test_a_file_that_tells_no_subgroups_is_refused_in_a_sentence(run, pets, quick, content, words):
    if content is not None:
        Path("groups.csv").write_text(content)
    result = run("benchmark", pets, "-f", quick, *QUICKLY, "--groups", "groups.csv")
    assert result.exit_code == 1
    assert words in result.stderr
    assert not Path("runs").exists()


def test_the_audit_can_be_left_out(run, pets, quick):
    command = ["benchmark", pets, "-f", quick, *QUICKLY, "--json"]
    assert json.loads(done(run(*command)).stdout)["audit"]["n_images"] == 60
    assert json.loads(done(run(*command, "--no-audit")).stdout)["audit"] is None


def test_the_tables_stand_beside_the_report(run, pets, quick):
    result = done(run("benchmark", pets, "-f", quick, *QUICKLY, "--out", "report"))
    with Path("report/table.csv").open(newline="") as file:
        assert [line["pipeline"] for line in csv.DictReader(file)] == ["softmax", "knn"]
    assert r"\begin{tabular}" in Path("report/table.tex").read_text()
    assert "table.csv, table.tex" in result.stderr


def test_runs_that_begin_within_a_second_have_folders_of_their_own(workplace):
    with _fresh_folder("photos.zip") as first, _fresh_folder("photos.zip") as second:
        assert first != second
        assert first.is_dir()
        assert second.is_dir()
        assert first.name.startswith("photos-")
        (second / "report.json").touch()
    assert list(Path("runs").iterdir()) == [second]


@pytest.mark.parametrize("before", [True, False])
def test_a_command_line_that_turns_out_wrong_leaves_no_folder_behind(run, workplace, before):
    if before:
        Path("runs").mkdir()
    result = run("benchmark", "nowhere.zip", *QUICKLY)
    assert result.exit_code == 1
    assert Path("runs").exists() is before
    assert not list(Path().glob("runs/*"))


def test_fewer_images_than_neighbours_are_no_mistake(run, pets, quick):
    result = done(run("benchmark", pets, "-f", quick, "-p", "knn", "--no-page", "--json", "--out", "report"))
    knn = json.loads(result.stdout)["rows"][1]
    assert knn["best_params"]["n_neighbors"] <= 35
    assert "too few for it: n_neighbors = 75, n_neighbors = 150" in knn["warnings"][0]

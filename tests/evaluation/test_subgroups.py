import re
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from hybridfer.errors import DatasetError
from hybridfer.evaluation.significance import wilson_interval
from hybridfer.evaluation.subgroups import NOT_TOLD, TOO_FEW, read_groups, score_subgroups


@pytest.fixture
def write(tmp_path: Path):
    def written(text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "groups.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return written


def test_each_image_gets_its_values_whatever_the_order_of_lines_and_columns(write):
    path = write("gender,name,age\nmale,b.jpg,20-29\nfemale,a.jpg,30-39\n")
    groups = read_groups(path).of_images(["a.jpg", "b.jpg"])
    assert {column: values.tolist() for column, values in groups.items()} == {
        "gender": ["female", "male"],
        "age": ["30-39", "20-29"],
    }


def test_images_whose_names_are_no_utf_8_are_found(write):
    groups = read_groups(write("name,gender\nann\xe9.jpg,female\n", "latin-1"))
    assert groups.of_images(["ann\udce9.jpg"])["gender"].tolist() == ["female"]


def test_what_is_not_told_is_a_group_of_its_own_and_other_images_are_passed_over(write):
    path = write("name,gender\na.jpg,female\nb.jpg,\ntrain/x.jpg,male\n")
    assert read_groups(path).of_images(["a.jpg", "b.jpg", "c.jpg"])["gender"].tolist() == ["female", NOT_TOLD, NOT_TOLD]


def test_spreadsheets_with_a_byte_order_mark_blanks_and_quotes_are_read(write):
    path = write('name, group\r\n"a, b.jpg", "x, y"\r\n\r\n'.replace(', "', ',"'), "utf-8-sig")
    assert read_groups(path).of_images(["a, b.jpg"])["group"].tolist() == ["x, y"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must begin with a header of the column 'name'.*got nothing"),
        ("gender,age\nmale,20\n", "must begin with a header of the column 'name'"),
        ("name\na.jpg\n", "one or more others"),
        ("name,gender,gender\na.jpg,x,y\n", "that differ"),
        ("name,gender\n", "a header and no line"),
        ("name,gender\na.jpg\n", "every line must have 2 cells"),
        ("name,gender\na.jpg,x\na.jpg,y\n", "names 'a.jpg' twice"),
        ("name,age\n" + "".join(f"{i}.jpg,{i}\n" for i in range(51)), "'age' has 51 different values"),
    ],
)
def test_what_is_no_table_of_groups_is_refused_with_the_reason(write, text, message):
    with pytest.raises(DatasetError, match=message):
        read_groups(write(text))


@pytest.mark.parametrize("text", ["name,sujet \xe9\na.jpg,x\n", "name,gender\na.jpg,\xe9\n"])
def test_groups_that_are_no_utf_8_are_refused(write, text):
    with pytest.raises(DatasetError, match="no CSV file in UTF-8"):
        read_groups(write(text, "latin-1"))


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"absent\.csv could not be read \(No such file"):
        read_groups(tmp_path / "absent.csv")
    (tmp_path / "image.csv").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(DatasetError, match="no CSV file in UTF-8"):
        read_groups(tmp_path / "image.csv")


def test_a_table_of_other_images_is_refused_with_an_example_of_each(write):
    groups = read_groups(write("name,gender\nx.jpg,male\n"))
    words = r"names no test image of 2\. An image that it lacks is 'test/1\.jpg', one that it names 'x\.jpg'\."
    with pytest.raises(DatasetError, match=words):
        groups.of_images(["test/1.jpg", "test/2.jpg"])


@pytest.mark.parametrize("name", ["2.jpg", "other/2.jpg", r"other\2.jpg"])
def test_names_that_differ_by_their_folders_are_shown_side_by_side(write, name):
    groups = read_groups(write(f"name,gender\nx.jpg,male\n{name},male\n"))
    words = f"Names differ by their folders: {name!r} there, 'test/2.jpg' in the dataset."
    with pytest.raises(DatasetError, match=re.escape(words)):
        groups.of_images(["test/1.jpg", "test/2.jpg"])


def test_a_table_of_a_part_of_the_images_is_told_with_counts_and_one_of_all_is_not(write, caplog):
    groups = read_groups(write("name,gender\ntest/1.jpg,male\n3.jpg,\n"))
    groups.of_images(["test/1.jpg", "test/2.jpg", "test/3.jpg"])
    (record,) = caplog.records
    assert "names 1 of the 3 test images. Names differ by their folders: '3.jpg' there, 'test/3.jpg'" in record.message
    assert record.message.endswith(f"The others are the group {NOT_TOLD!r}.")
    caplog.clear()
    groups.of_images(["test/1.jpg", "3.jpg"])
    assert not caplog.records


def test_scores_are_those_of_each_group_alone():
    right = np.array([True] * 30 + [False] * 10 + [True] * 5 + [False] * 5)
    groups = {"gender": np.array(["male"] * 40 + ["female"] * 8 + [NOT_TOLD] * 2)}
    female, male, unknown = score_subgroups(right, groups)
    assert (female.value, female.n, female.accuracy) == ("female", 8, 5 / 8)
    assert (male.column, male.value, male.n, male.accuracy) == ("gender", "male", 40, 0.75)
    assert (unknown.value, unknown.n, unknown.accuracy) == (NOT_TOLD, 2, 0.0)
    assert male.accuracy_interval == pytest.approx(proportion_confint(30, 40, method="wilson"))
    assert [group.is_small for group in (female, male, unknown)] == [True, False, True]


def test_without_groups_there_are_no_scores():
    assert score_subgroups(np.array([True]), {}) == ()


def test_an_interval_of_too_few_images_is_as_wide_as_the_limit_says():
    def width(right: int) -> float:
        low, high = wilson_interval(right, TOO_FEW - 1)
        return 100 * (high - low)

    assert width(14) > 34
    assert 22 < width(26) < 34

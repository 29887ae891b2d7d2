import csv
import dataclasses
import io

import numpy as np
import pytest

from hybridfer.errors import HybridferError
from hybridfer.evaluation.predictions import PredictionTable


def test_the_csv_has_a_row_for_each_test_image(table, predictions):
    rows = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert [row["name"] for row in rows] == table.names.tolist()
    assert [row["twin"] for row in rows] == ["yes"] * 9 + ["no"] * 81
    assert [row["label"] for row in rows[:3]] == ["happy", "sad", "surprise"]
    labels = predictions["tiny", "knn"].labels
    assert [row["tiny/knn"] for row in rows] == [table.classes[label] for label in labels]


def test_the_csv_gives_confidence_where_there_are_probabilities(table):
    rows = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert {row["tiny/softmax confidence"] for row in rows} == {"0.8000"}
    assert {row["tiny/svm-rbf confidence"] for row in rows} == {""}


def test_what_was_written_is_read_again(table, tmp_path):
    table.write(tmp_path)
    found = PredictionTable.read(tmp_path)
    for name in ("names", "labels", "digests", "twins"):
        np.testing.assert_array_equal(getattr(found, name), getattr(table, name))
    assert found.classes == table.classes
    assert list(found.projections) == ["tiny"]
    np.testing.assert_array_equal(found.projections["tiny"], table.projections["tiny"])
    assert found.projections["tiny"].dtype == np.float32
    assert list(found.predicted) == list(table.predicted)
    assert list(found.probabilities) == [("tiny", "softmax"), ("tiny", "knn")]
    for key, probabilities in table.probabilities.items():
        np.testing.assert_array_equal(found.probabilities[key], probabilities)
        assert found.probabilities[key].dtype == np.float32
    for key, predicted in table.predicted.items():
        np.testing.assert_array_equal(found.predicted[key], predicted)


def test_a_file_of_version_1_has_no_projections(table, tmp_path):
    table.write(tmp_path)
    with np.load(tmp_path / "predictions.npz") as arrays:
        content = {name: arrays[name] for name in arrays.files if not name.startswith("project")}
    np.savez(tmp_path / "predictions.npz", **content)
    assert PredictionTable.read(tmp_path).projections == {}


def test_the_arrays_file_holds_no_pickle(table, tmp_path):
    table.write(tmp_path)
    with np.load(tmp_path / "predictions.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays.files)


def test_a_damaged_arrays_file_is_refused_with_its_name(table, tmp_path):
    table.write(tmp_path)
    path = tmp_path / "predictions.npz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(HybridferError, match=r"predictions\.npz is no readable predictions file"):
        PredictionTable.read(tmp_path)


def test_a_flipped_byte_is_refused_with_the_files_name_wherever_it_is(table, tmp_path):
    table.write(tmp_path)
    path = tmp_path / "predictions.npz"
    content, refused = path.read_bytes(), 0
    for place in range(0, len(content), 29):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            PredictionTable.read(tmp_path)
        except HybridferError as error:
            refused += "predictions.npz is no readable predictions file" in str(error)
    assert refused > len(content) / 29 / 2


def test_an_arrays_file_that_claims_more_than_the_memory_holds_is_refused(tmp_path, greedy_npz):
    (tmp_path / "predictions.npz").write_bytes(greedy_npz)
    with pytest.raises(HybridferError, match=r"predictions\.npz is no readable predictions file \(Unable to allocate .*\)"):
        PredictionTable.read(tmp_path)


def test_a_pickle_in_the_arrays_file_is_refused(table, tmp_path):
    table.write(tmp_path)
    with np.load(tmp_path / "predictions.npz") as arrays:
        content = dict(arrays) | {"names": np.array([object()] * 90)}
    np.savez(tmp_path / "predictions.npz", **content)
    with pytest.raises(HybridferError, match="no readable predictions file"):
        PredictionTable.read(tmp_path)


def test_a_table_without_rows_is_written_and_read(table, tmp_path):
    dataclasses.replace(table, predicted={}, probabilities={}).write(tmp_path)
    assert PredictionTable.read(tmp_path).predicted == {}


def test_parts_of_different_images_are_refused(table, predictions):
    with pytest.raises(ValueError, match=r"the lengths \[89, 90\]"):
        PredictionTable.collect(table.labels, table.names[:89], table.digests, table.twins, predictions, table.classes)
    parts = (table.labels, table.names, table.digests, table.twins, predictions, table.classes)
    with pytest.raises(ValueError, match=r"the lengths \[7, 90\]"):
        PredictionTable.collect(*parts, {"tiny": np.zeros((7, 2))})


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("predicted", lambda predicted: predicted[:, :-5], r"got the lengths \[85, 90\]"),
        ("predicted", lambda predicted: predicted + 90, r"from 0 to 2; got \[90, 91, 92\]"),
        ("predicted", lambda predicted: predicted - 1, r"from 0 to 2; got \[-1\]"),
        ("labels", lambda labels: labels / 2, "integers; got float64"),
        ("labels", lambda labels: labels[0], "unsized"),
        ("classes", lambda classes: classes[:2], r"shape \(90, 2\); got \(90, 3\)"),
        ("probabilities_0", lambda probabilities: probabilities[:, 0], r"shape \(90, 3\); got \(90,\)"),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_refused(table, tmp_path, name, change, message):
    table.write(tmp_path)
    with np.load(tmp_path / "predictions.npz") as arrays:
        content = dict(arrays)
    np.savez(tmp_path / "predictions.npz", **content | {name: change(content[name])})
    with pytest.raises(HybridferError, match=rf"predictions\.npz is no readable predictions file \(.*{message}"):
        PredictionTable.read(tmp_path)

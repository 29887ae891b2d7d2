"""The index= option: what it leaves out, and how an index of something else is noticed."""

from dataclasses import replace

import numpy as np
import pytest

from hybridfer.datasets import read_dataset, scan_dataset
from hybridfer.datasets.selection import Choice, Selection, read_selection
from hybridfer.errors import DatasetError


@pytest.fixture
def indexed(tmp_path):
    """Write an index of a dataset that drops some images, and any change to its lines."""

    def write(dataset, dropped=(), change=lambda lines: lines):
        words = [dataset.classes[label] if label >= 0 else "" for label in dataset.labels]
        rows = zip(dataset.names.tolist(), dataset.splits.tolist(), words, strict=True)
        choices = [Choice(name, split, word, i not in dropped, "planted") for i, (name, split, word) in enumerate(rows)]
        lines = Selection({choice.name: choice for choice in choices}, "index").to_csv().splitlines()
        path = tmp_path / "cleaned.csv"
        path.write_text("\n".join(change(lines)) + "\n")
        return path

    return write


def test_images_that_the_index_drops_are_left_out(tree, indexed):
    whole = read_dataset(tree)
    path = indexed(whole, dropped={0, 5, 83})
    kept = read_dataset(tree, index=path)
    assert kept.names.tolist() == np.delete(whole.names, [0, 5, 83]).tolist()
    assert np.array_equal(kept.images, np.delete(whole.images, [0, 5, 83], axis=0))
    assert np.array_equal(kept.labels, np.delete(whole.labels, [0, 5, 83]))
    assert scan_dataset(tree, index=path).names.tolist() == kept.names.tolist()


def test_a_dataset_in_memory_and_a_packed_one_take_the_same_index(tree, pack, indexed, tmp_path):
    whole = read_dataset(tree)
    path = indexed(whole, dropped={1})
    assert len(read_dataset(whole, index=path)) == 83
    assert len(read_dataset(pack(tree, tmp_path / "a.tar.gz"), index=path)) == 83


def test_what_the_index_drops_need_not_be_readable(tree, indexed):
    name = "train/happy/broken.png"
    path = indexed(
        read_dataset(tree), change=lambda lines: [*lines, f"{name},,,drop,is an empty file,", "notes.png,,,drop,,"]
    )
    (tree / name).write_bytes(b"")
    (tree / "notes.png").write_bytes(b"")
    with pytest.raises(DatasetError, match="2 problems"):
        read_dataset(tree)
    kept = read_dataset(tree, index=path)
    assert len(kept) == 84
    assert kept.problems == ()


def test_some_classes_may_be_read_with_an_index_of_all(tree, indexed):
    path = indexed(read_dataset(tree), dropped=range(10))
    some = read_dataset(tree, classes="happy,sad", index=path)
    whole = read_dataset(tree, index=path)
    assert some.names.tolist() == whole.names[np.isin(whole.labels, [3, 4])].tolist()


def test_an_index_of_some_classes_does_not_do_for_all(tree, indexed):
    path = indexed(read_dataset(tree, classes="happy,sad"))
    assert len(read_dataset(tree, classes="sad", index=path)) == 12
    with pytest.raises(DatasetError, match=r"60 images of the source are not in the index \(test/angry/\S+, .*, \.\.\.\)"):
        read_dataset(tree, index=path)


def test_an_image_that_is_to_be_kept_and_is_gone_is_told(tree, indexed):
    whole = read_dataset(tree)
    path = indexed(whole, dropped={1})
    for name in whole.names[:2]:
        (tree / name).unlink()
    with pytest.raises(DatasetError, match=r"1 images are not in the source \(test/angry/\S+\)\. Run: hybridfer audit"):
        read_dataset(tree, index=path)


def test_an_index_made_for_other_splits_or_labels_is_noticed(tree, indexed):
    whole = read_dataset(tree)
    lines = indexed(whole).read_text().splitlines()
    moved = indexed(whole, change=lambda lines: [line.replace(",train,happy,", ",test,happy,") for line in lines])
    count = sum(",train,happy," in line for line in lines)
    with pytest.raises(
        DatasetError, match=rf"other splits or labels than .*: {count} images differ .*test happy there, train"
    ):
        read_dataset(tree, index=moved)
    relabelled = indexed(whole, change=lambda lines: [line.replace(",train,happy,", ",train,sad,") for line in lines])
    with pytest.raises(DatasetError, match="train sad there, train happy here"):
        read_dataset(tree, index=relabelled)


def test_two_columns_written_by_hand_are_enough(tree, indexed, tmp_path):
    names = read_dataset(tree).names
    path = tmp_path / "by-hand.csv"
    path.write_text(
        "\ufeffdecision,name\n" + "".join(f"{'drop' if i < 3 else 'keep'},{name}\n" for i, name in enumerate(names))
    )
    assert read_dataset(tree, index=path).names.tolist() == names[3:].tolist()


def test_names_with_commas_quotes_and_line_breaks_are_kept_apart(tmp_path):
    names = ['a,"b".png', "c\nd.png", "e\rf.png", "Zoë.png"]
    selection = Selection({name: Choice(name, "train", "sad", name != "Zoë.png") for name in names}, "cleaned.csv")
    path = tmp_path / "cleaned.csv"
    path.write_text(selection.to_csv(), newline="")
    assert read_selection(path) == selection


def test_what_an_earlier_index_dropped_stays_dropped_and_points_to_what_is_kept():
    earlier = [
        Choice("a", "train", "sad", True),
        Choice("b", "train", "sad", False, "is a copy", "a"),
        Choice("by hand", "train", None, False),
    ]
    later = [Choice("a", "train", "sad", False, "looks alike", "c"), Choice("c", "test", "sad", True)]
    first, second = (Selection({choice.name: choice for choice in each}, "index") for each in (earlier, later))
    assert list(second.after(first).choices.values()) == [
        replace(earlier[1], kept_instead="c"),
        replace(earlier[2], split="", class_name=""),
        *later,
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,split\na,train\n", "has no column 'decision'"),
        ("", "has no column 'name'"),
        ("name,decision\na,keep\nb,perhaps\n", "cleaned.csv:3: decision must be keep or drop; got 'perhaps'"),
        ("name,decision\na\n", "cleaned.csv:2: decision must be keep or drop; got None"),
        ("name,decision\na,keep\na,drop\n", "cleaned.csv:3 names a a second time"),
        ('name,decision\n"a"b,keep\n', "is no CSV file"),
    ],
)
def test_a_file_that_is_no_index_is_told(tree, tmp_path, text, words):
    (tmp_path / "cleaned.csv").write_text(text)
    with pytest.raises(DatasetError, match=words):
        read_dataset(tree, index=tmp_path / "cleaned.csv")


def test_an_index_that_is_not_there_is_told(tree, tmp_path):
    with pytest.raises(DatasetError, match=r"none\.csv cannot be read \(No such file"):
        read_dataset(tree, index=tmp_path / "none.csv")


def test_an_index_that_keeps_nothing_is_an_error(tree, indexed):
    with pytest.raises(DatasetError, match="keeps none of the 84 images"):
        read_dataset(tree, index=indexed(read_dataset(tree), dropped=range(84)))


def test_images_of_one_name_cannot_be_chosen_among(tmp_path, faces):
    np.savez(tmp_path / "a.npz", images=faces.images[:2], labels=faces.labels[:2], names=np.array(["a", "a"]))
    (tmp_path / "cleaned.csv").write_text("name,decision\na,keep\n")
    with pytest.raises(DatasetError, match="have one name"):
        read_dataset(tmp_path / "a.npz", index=tmp_path / "cleaned.csv")

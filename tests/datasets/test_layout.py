import pytest

from hybridfer.datasets.layout import Place, class_folder_of, is_unwanted, place_of, resolve_splits, usage_of_file
from hybridfer.errors import DatasetError


@pytest.mark.parametrize(
    ("folder", "home", "word"),
    [
        ("train/happy", "train", "happy"),
        ("Training/happy", "train", "happy"),
        ("archive/fer2013/Val/Sad", "validation", "Sad"),
        ("valid/sad/session1", "validation", "sad"),
        ("TEST/fear", "test", "fear"),
        ("test", "test", ""),
        ("happy", "", "happy"),
        ("data/faces/happy", "", "happy"),
        ("", "", ""),
        ("train/fer/test/angry", "test", "angry"),
    ],
)
def test_split_and_class_are_read_off_folders(folder, home, word):
    assert place_of(folder) == Place(home, word)


def test_the_class_folder_of_a_deeper_folder_is_found():
    assert class_folder_of("x/train/happy/session1") == "x/train/happy"
    assert class_folder_of("x/happy") == "x/happy"
    assert class_folder_of("x/train") == ""


@pytest.mark.parametrize(
    ("name", "usage"),
    [("Training_1.jpg", "train"), ("PublicTest_9.jpg", "public"), ("privatetest-9.jpg", "private"), ("Trainings.jpg", "")],
)
def test_usage_is_read_off_file_names(name, usage):
    assert usage_of_file(name) == usage


@pytest.mark.parametrize("path", ["__MACOSX/train/a.jpg", "train/.DS_Store", ".git/x", "happy/Thumbs.db", "a/desktop.ini"])
def test_litter_is_known(path):
    assert is_unwanted(path)


@pytest.mark.parametrize("path", ["train/happy/a.jpg", "my_faces/thumbs.db.jpg", "a.b/c.png"])
def test_images_are_no_litter(path):
    assert not is_unwanted(path)


FULL = ["train", "public", "private"]


@pytest.mark.parametrize(
    ("test_split", "expected"),
    [
        ("auto", ["train", "validation", "test"]),
        ("public", ["train", "test", "validation"]),
        ("private", ["train", "validation", "test"]),
        ("all", ["train", "test", "test"]),
    ],
)
def test_the_test_part_of_fer2013_can_be_chosen(test_split, expected):
    assert resolve_splits(["", "", ""], FULL, test_split, "csv").tolist() == expected
    # Kaggle's folder release puts both parts into one test folder.
    assert resolve_splits(["train", "test", "test"], FULL, test_split, "folders").tolist() == expected


def test_a_public_test_that_stands_alone_is_the_test_split():
    assert resolve_splits(["train", "test"], ["train", "public"], "auto", "x").tolist() == ["train", "test"]
    assert resolve_splits(["train", "validation"], ["train", "public"], "auto", "x").tolist() == ["train", "validation"]


def test_folders_decide_where_someone_has_drawn_splits_anew():
    homes, usages = ["train", "validation", "test", "test"], ["train", "train", "public", "private"]
    assert resolve_splits(homes, usages, "auto", "x").tolist() == homes


@pytest.mark.parametrize("test_split", ["public", "private"])
def test_asking_for_a_part_that_is_not_there_is_an_error(test_split):
    with pytest.raises(DatasetError, match=f"asks for {test_split.title()}Test images; x has none"):
        resolve_splits(["train", "test"], ["", ""], test_split, "x")


def test_an_unknown_test_split_is_an_error():
    with pytest.raises(DatasetError, match="must be among auto, public, private, all"):
        resolve_splits([], [], "both", "x")

"""Every format gives the same dataset, whatever its file is called."""

import bz2
import gzip
import lzma
import os
import struct
import tarfile
import zipfile
import zlib

import cv2
import numpy as np
import pytest

from hybridfer.datasets import make_faces, read_dataset, scan_dataset
from hybridfer.errors import DatasetError


def test_a_tree_with_splits_is_read(tree, faces, same):
    read = read_dataset(tree)
    assert same(read, faces)
    assert read.classes == faces.classes
    assert read.names.tolist() == sorted(read.names.tolist())
    assert read.names[0].startswith("test/angry/")
    assert read.problems == ()


@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz", "tar.xz", "tar.bz2"])
def test_an_archive_of_a_tree_reads_as_the_tree_does(tree, pack, tmp_path, suffix):
    packed = pack(tree, tmp_path / f"faces.{suffix}")
    read, loose = read_dataset(packed), read_dataset(tree)
    assert np.array_equal(read.images, loose.images)
    assert read.names.tolist() == loose.names.tolist()
    assert read.splits.tolist() == loose.splits.tolist()


@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz"])
def test_content_and_not_the_name_tells_the_format(tree, pack, tmp_path, suffix):
    packed = pack(tree, tmp_path / f"faces.{suffix}")
    renamed = packed.rename(tmp_path / "faces.data")
    assert len(read_dataset(renamed)) == 84


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_compression_of_zip_is_read(tree, faces, same, tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        for path in tree.rglob("*.png"):
            archive.write(path, path.relative_to(tree))
    assert same(read_dataset(tmp_path / "a.zip"), faces)


def pack_raw(tree, target, raw, unicode=None, crc_of=zlib.crc32):
    """Zip a tree whose folder "happy" has raw bytes for a name and, in Info-ZIP's extra field, another one in UTF-8."""
    stand_in = "@" * len(raw)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in tree.rglob("*.png"):
            name = path.relative_to(tree).as_posix()
            info = zipfile.ZipInfo(name.replace("happy", stand_in))
            if unicode is not None and "happy" in name:
                told = name.replace("happy", unicode).encode()
                crc = crc_of(name.encode().replace(b"happy", raw))
                info.extra = struct.pack("<HHBI", 0x7075, 5 + len(told), 1, crc) + told
            archive.writestr(info, path.read_bytes())
    target.write_bytes(target.read_bytes().replace(stand_in.encode(), raw))
    return target


@pytest.mark.parametrize(
    ("raw", "read"),
    [("fröhlich".encode(), "fröhlich"), ("fröhlich".encode("cp437"), "fröhlich"), (b"frohlich", "frohlich")],
    ids=["utf-8", "cp437", "ascii"],
)
def test_a_zip_that_does_not_say_how_names_are_encoded_has_those_of_its_folder(tree, tmp_path, raw, read):
    dataset = read_dataset(pack_raw(tree, tmp_path / "a.zip", raw))
    assert read in dataset.classes
    assert {name.split("/")[1] for name in dataset.names} == set(dataset.classes)


@pytest.mark.parametrize(
    ("crc_of", "read"), [(zlib.crc32, "fröhlich"), (lambda raw: 7, "fr_hlich")], ids=["its", "another's"]
)
def test_the_unicode_path_of_a_zip_member_counts_if_it_was_made_for_its_name(tree, tmp_path, crc_of, read):
    assert read in read_dataset(pack_raw(tree, tmp_path / "a.zip", b"fr_hlich", "fröhlich", crc_of)).classes


def test_a_unicode_path_that_leaves_the_zip_is_refused(tree, tmp_path):
    packed = pack_raw(tree, tmp_path / "a.zip", b"fr_hlich", "../../fröhlich")
    with pytest.raises(DatasetError, match="path leaves the archive"):
        read_dataset(packed)


def test_unicode_paths_that_give_two_members_one_name_are_told(tree, tmp_path):
    for folder in ("sad", "happy"):
        (tree / "train" / folder / "one.png").write_bytes(next(tree.rglob("*.png")).read_bytes())
    packed = pack_raw(tree, tmp_path / "a.zip", b"fr_hlich", "sad")
    with pytest.raises(DatasetError, match=r"train/sad/one\.png: is the name of 2 members of the archive"):
        read_dataset(packed)


def test_wrapping_folders_and_litter_are_passed_over(tree, pack, faces, same, tmp_path):
    deep = tmp_path / "outer" / "archive" / "fer2013"
    deep.parent.mkdir(parents=True)
    tree.rename(deep)
    for litter in ("__MACOSX/._a.png", "archive/.DS_Store", "archive/fer2013/train/happy/Thumbs.db", "README.txt"):
        path = tmp_path / "outer" / litter
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"litter")
    assert same(read_dataset(tmp_path / "outer"), faces)
    assert same(read_dataset(pack(tmp_path / "outer", tmp_path / "outer.zip")), faces)


def test_a_plain_class_tree_is_all_train(tree):
    read = read_dataset(tree / "train")
    assert set(read.splits.tolist()) == {"train"}
    assert read.names[0].startswith("angry/")


def test_synonyms_and_own_classes_live_side_by_side(tree):
    (tree / "train" / "sad").rename(tree / "train" / "Sadness")
    (tree / "train" / "fear").rename(tree / "train" / "Contempt")
    (tree / "test" / "fear").rename(tree / "test" / "contempt")
    (tree / "validation" / "fear").rename(tree / "validation" / "contempt")
    read = read_dataset(tree)
    assert read.classes == ("angry", "disgust", "happy", "sad", "surprise", "neutral", "Contempt")
    assert read.counts()["test"]["Contempt"] > 0


def test_an_image_is_known_by_its_content_without_a_suffix(tree, faces, same):
    for path in tree.rglob("*.png"):
        path.rename(path.with_suffix(".face"))
    assert same(read_dataset(tree), faces)


def test_kaggles_folder_release_follows_file_names(faces, png, tmp_path):
    prefixes = {"train": "train/{}/Training_", "validation": "test/{}/PublicTest_", "test": "test/{}/PrivateTest_"}
    for row, (image, label, split) in enumerate(zip(faces.images, faces.labels, faces.splits, strict=True)):
        path = tmp_path / "k" / f"{prefixes[split].format(faces.classes[label])}{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(image))
    read = read_dataset(tmp_path / "k")
    assert {split: sum(row.values()) for split, row in read.counts().items()} == {
        split: sum(row.values()) for split, row in faces.counts().items()
    }
    both = read_dataset(tmp_path / "k", test_split="all")
    assert not both.has_split("validation")
    assert len(both.split("test")) == np.sum(faces.splits != "train")


def test_linked_folders_are_followed_once(tree, tmp_path):
    (tree / "loop").symlink_to(tree, target_is_directory=True)
    (tmp_path / "linked").symlink_to(tree, target_is_directory=True)
    assert len(read_dataset(tmp_path / "linked")) == 84


@pytest.mark.parametrize(
    ("header", "end"),
    [
        ("emotion,pixels,Usage", "\n"),
        ("emotion, Usage, pixels", "\r\n"),
        ('"emotion","pixels","Usage"', "\n"),
        ("\ufeffemotion,pixels,Usage", "\n"),
    ],
)
def test_a_csv_is_read_whatever_its_header_and_line_ends_look_like(faces, csv_of, same, tmp_path, header, end):
    text = csv_of(faces, header.lstrip("\ufeff"), end)
    (tmp_path / "fer.csv").write_bytes(("\ufeff" * header.startswith("\ufeff") + text).encode())
    read = read_dataset(tmp_path / "fer.csv")
    assert same(read, faces)
    assert read.names[[0, 10]].tolist() == ["fer.csv:2", "fer.csv:12"]
    assert np.array_equal(read.images, faces.images)


@pytest.mark.parametrize("opener", [gzip.open, lzma.open, bz2.open])
def test_a_compressed_csv_is_read(faces, csv_of, same, tmp_path, opener):
    with opener(tmp_path / "fer.csv.packed", "wb") as file:
        file.write(csv_of(faces).encode())
    assert same(read_dataset(tmp_path / "fer.csv.packed"), faces)


@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz"])
def test_a_csv_inside_an_archive_is_read(faces, csv_of, same, pack, tmp_path, suffix):
    folder = tmp_path / "in" / "fer2013"
    folder.mkdir(parents=True)
    (folder / "fer2013.csv").write_text(csv_of(faces))
    (folder / "README").write_text("about")
    read = read_dataset(pack(tmp_path / "in", tmp_path / f"a.{suffix}"))
    assert same(read, faces)
    assert read.names[0] == "fer2013/fer2013.csv:2"


@pytest.mark.parametrize("suffix", ["", "zip", "tar.xz"])
def test_kaggles_train_and_test_csv_are_read_together(faces, csv_of, pack, tmp_path, suffix):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "train.csv").write_text(csv_of(faces.split("train"), "emotion,pixels"))
    (folder / "test.csv").write_text(csv_of(faces.split("test"), "pixels"))
    read = read_dataset(pack(folder, tmp_path / f"a.{suffix}") if suffix else folder)
    assert np.array_equal(read.split("train").images, faces.split("train").images)
    assert np.array_equal(read.split("test").images, faces.split("test").images)
    assert set(read.split("test").labels.tolist()) == {-1}
    assert np.array_equal(read.split("train").labels, faces.split("train").labels)


def test_a_table_with_usage_is_read_alone(faces, csv_of, same, tmp_path):
    (tmp_path / "icml_face_data.csv").write_text(csv_of(faces, "emotion, Usage, pixels"))
    (tmp_path / "train.csv").write_text(csv_of(faces.split("train"), "emotion,pixels"))
    assert same(read_dataset(tmp_path), faces)


def test_folders_that_look_like_splits_and_are_none_are_warned_of(tree, caplog):
    for split in ("train", "validation", "test"):
        (tree / split).rename(tree / f"{split}_set")
    assert set(read_dataset(tree).splits.tolist()) == {"train"}
    told = "test_set, train_set and validation_set of tree hold the same classes and are all taken as train."
    assert told in caplog.text


@pytest.mark.parametrize("names", [("train", "validation", "test"), ("berlin", "paris", "rome")])
def test_other_folders_with_the_same_classes_are_not_warned_of(tree, caplog, names):
    for split, name in zip(("train", "validation", "test"), names, strict=True):
        (tree / split).rename(tree / name)
    read_dataset(tree)
    assert not caplog.records


def test_a_split_that_is_a_link_to_another_one_is_read_too(tree, faces):
    test = int(np.sum(faces.splits == "test"))
    (tree / "validation").rename(tree.parent / "elsewhere")
    (tree / "validation").symlink_to(tree / "test")
    splits = read_dataset(tree).splits
    assert np.sum(splits == "validation") == test
    assert np.sum(splits == "train") == np.sum(faces.splits == "train")


def test_links_that_lead_back_are_not_followed(tree, faces, same):
    (tree / "train" / "happy" / "up").symlink_to(tree)
    (tree / "test" / "again").symlink_to(tree / "test")
    (tree / "loop").symlink_to(tree / "loop")
    assert same(read_dataset(tree), faces)


def test_pipes_and_the_like_in_a_folder_are_passed_over(tree, faces, same):
    os.mkfifo(tree / "pipe")
    os.mkfifo(tree / "train" / "happy" / "pipe.png")
    (tree / "train" / "happy" / "link.png").symlink_to(tree / "pipe")
    assert same(read_dataset(tree), faces)


def test_words_in_a_csv_may_be_classes(tmp_path):
    (tmp_path / "a.csv").write_text("label,pixels\nHappiness,0 1 2 3\nbored,4 5 6 7\n")
    read = read_dataset(tmp_path / "a.csv")
    assert read.classes == ("happy", "bored")
    assert read.images.tolist() == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
    assert read.labels.tolist() == [0, 1]


def test_whole_numbers_written_as_decimals_are_kaggles_integers(tmp_path):
    (tmp_path / "a.csv").write_text("emotion,pixels\n3.0,0 1 2 3\n4.0,4 5 6 7\n")
    read = read_dataset(tmp_path / "a.csv")
    assert read.classes == ("happy", "sad")
    assert read.labels.tolist() == [0, 1]


@pytest.mark.parametrize("keys", [("images", "labels"), ("X", "y")])
def test_an_npz_is_read(faces, same, tmp_path, keys):
    arrays = dict(zip(keys, (faces.images, faces.labels), strict=True))
    np.savez(tmp_path / "a.npz", **arrays, splits=faces.splits, names=faces.names)
    read = read_dataset(tmp_path / "a.npz")
    assert same(read, faces)
    assert read.names.tolist() == faces.names.tolist()


def test_an_npz_may_bring_classes_in_any_order_and_images_with_one_channel(tmp_path):
    images = np.arange(12, dtype=np.uint8).reshape(3, 2, 2, 1)
    np.savez_compressed(tmp_path / "a.npz", images=images, labels=[1, 0, -1], classes=["sadness", "Anger", "bored"])
    read = read_dataset(tmp_path / "a.npz")
    assert read.classes == ("angry", "sad", "bored")
    assert read.labels.tolist() == [0, 1, -1]
    assert read.images.shape == (3, 2, 2)
    assert read.names.tolist() == ["a.npz[0]", "a.npz[1]", "a.npz[2]"]


def test_words_in_an_npz_may_be_bytes(tmp_path):
    images = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    splits, names = np.array([b"train", b"test"]), np.array([b"a.png", b"b.png"])
    np.savez(tmp_path / "a.npz", images=images, labels=np.array([b"sadness", b"happy"]), splits=splits, names=names)
    np.savez(tmp_path / "b.npz", images=images, labels=[1, 0], splits=splits, names=names, classes=[b"happy", b"sad"])
    for file in ("a.npz", "b.npz"):
        read = read_dataset(tmp_path / file)
        assert read.classes == ("happy", "sad")
        assert read.labels.tolist() == [1, 0]
        assert read.splits.tolist() == ["train", "test"]
        assert read.names.tolist() == ["a.png", "b.png"]


@pytest.mark.parametrize("opener", [gzip.open, lzma.open, bz2.open])
def test_a_compressed_npz_is_read(faces, same, tmp_path, opener):
    np.savez(tmp_path / "faces.npz", images=faces.images, labels=faces.labels, splits=faces.splits)
    with opener(tmp_path / "faces.npz.packed", "wb") as file:
        file.write((tmp_path / "faces.npz").read_bytes())
    assert same(read_dataset(tmp_path / "faces.npz.packed"), faces)


def test_an_npz_inside_a_zip_is_read(faces, same, pack, tmp_path):
    (tmp_path / "in").mkdir()
    np.savez(tmp_path / "in" / "faces.npz", images=faces.images, labels=faces.labels, splits=faces.splits)
    assert same(read_dataset(pack(tmp_path / "in", tmp_path / "a.zip")), faces)


@pytest.mark.parametrize("first", ["emotion,pixels,Usage\r", "emotion,pixels,Usage\n"])
def test_lines_of_a_csv_may_end_in_carriage_returns_alone(faces, csv_of, same, tmp_path, monkeypatch, first):
    monkeypatch.setattr("hybridfer.datasets.tables.LONGEST_LINE", 10_000)
    text = csv_of(faces, end="\r").replace("emotion,pixels,Usage\r", first)
    (tmp_path / "mac.csv").write_bytes(text.encode())
    read = read_dataset(tmp_path / "mac.csv")
    assert same(read, faces)
    assert read.names[[0, -1]].tolist() == ["mac.csv:2", "mac.csv:85"]


def test_a_csv_may_mix_its_line_ends(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"label,pixels\nsad,1 1 1 1\rsad,2 2 2 2\nsad,3 3 3 3\r\nsad,4 4 4 4")
    assert read_dataset(tmp_path / "a.csv").images[:, 0, 0].tolist() == [1, 2, 3, 4]


def test_the_word_faces_draws_them():
    read = read_dataset("faces:21", image_size=32)
    drawn = make_faces(21, image_size=32)
    assert np.array_equal(read.images, drawn.images)
    assert read.source == "faces:21"
    assert read_dataset("faces:20", classes="sad,happy").classes == ("happy", "sad")


def test_a_dataset_passes_through_with_options_applied(faces):
    assert read_dataset(faces) is faces
    changed = read_dataset(faces, classes="happy,sad", image_size=24, mode="colour")
    assert changed.images.shape[1:] == (24, 24, 3)
    assert changed.classes == ("happy", "sad")
    assert np.array_equal(changed.labels, (faces.labels[np.isin(faces.labels, [3, 4])] == 4).astype(int))


def test_classes_of_a_dataset_remain_although_no_image_shows_them(faces):
    part = faces.subset(faces.labels == 3)
    assert read_dataset(part, mode="colour").classes == faces.classes


def test_a_subset_of_classes_leaves_the_others_out(tree, faces):
    (tree / "train" / "angry" / "broken.png").write_bytes(b"not looked at")
    read = read_dataset(tree, classes=["sadness", "happy"])
    assert read.classes == ("happy", "sad")
    assert len(read) == np.sum(np.isin(faces.labels, [3, 4]))
    assert {name.split("/")[1] for name, label in zip(read.names, read.labels, strict=True) if label == 0} == {"happy"}


def test_colour_is_red_green_blue_and_grey_is_its_luma(tmp_path):
    red = np.zeros((8, 8, 3), dtype=np.uint8)
    red[..., 2] = 200
    for split in ("train", "test"):
        (tmp_path / split / "happy").mkdir(parents=True)
        cv2.imwrite(str(tmp_path / split / "happy" / "a.png"), red)
    colour, grey = read_dataset(tmp_path, mode="colour"), read_dataset(tmp_path)
    assert colour.images[0, 0, 0].tolist() == [200, 0, 0]
    assert colour.channels == 3
    assert np.allclose(read_dataset(colour).images, grey.images, atol=1)
    assert grey.images[0, 0, 0] == pytest.approx(0.299 * 200, abs=1)


def test_images_are_brought_to_one_size(tree, png):
    (tree / "train" / "happy" / "wide.png").write_bytes(png(np.full((30, 70), 9, dtype=np.uint8)))
    read = read_dataset(tree, image_size=(32, 40))
    assert read.images.shape == (85, 32, 40)
    assert np.all(read.images[read.names == "train/happy/wide.png"] == 9)
    assert read_dataset(tree, image_size=64).image_size == (64, 64)


@pytest.mark.parametrize("kind", ["tree", "zip"])
def test_the_result_does_not_depend_on_the_number_of_threads(tree, pack, tmp_path, kind):
    source = tree if kind == "tree" else pack(tree, tmp_path / "a.zip")
    one, four = read_dataset(source, n_jobs=1), read_dataset(source, n_jobs=4)
    assert np.array_equal(one.images, four.images)
    assert one.names.tolist() == four.names.tolist()


def test_an_index_decodes_any_part_of_what_is_read(tree):
    index, read = scan_dataset(tree), read_dataset(tree)
    assert len(index) == 84
    assert (index.image_size, index.channels, index.classes) == ((48, 48), 1, read.classes)
    assert index.labels.tolist() == read.labels.tolist()
    part = index.decode(40, 50)
    assert part.rows.tolist() == list(range(40, 50))
    assert np.array_equal(part.images, read.images[40:50])
    assert index.decode(84, 90).images.shape == (0, 48, 48)


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_batches_come_in_order_and_name_what_is_missing(tree, n_jobs):
    (tree / "train" / "happy" / "000.png").write_bytes(b"broken" * 20)
    index = scan_dataset(tree)
    parts = list(index.batches(10, n_jobs=n_jobs))
    rows = np.concatenate([part.rows for part in parts])
    missing = sorted(set(range(85)) - set(rows.tolist()))
    assert np.all(np.diff(rows) > 0)
    assert [index.names[row] for row in missing] == ["train/happy/000.png"]
    assert [problem.where for part in parts for problem in part.problems] == ["train/happy/000.png"]


def test_batches_may_be_left_early(tree):
    batches = scan_dataset(tree).batches(4, n_jobs=2)
    assert len(next(batches).images) == 4
    batches.close()


def test_tar_members_are_read_in_place(tree, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT) as archive:
        archive.add(tree, "./data")
    read = read_dataset(tmp_path / "a.tar")
    assert len(read) == 84
    assert read.names[0].startswith("data/test/angry/")


@pytest.mark.data
@pytest.mark.skipif("HYBRIDFER_FER2013" not in os.environ, reason="HYBRIDFER_FER2013 does not name the FER2013 zip")
def test_the_real_zip_has_its_published_counts():
    read = read_dataset(os.environ["HYBRIDFER_FER2013"])
    counts = {split: list(row.values()) for split, row in read.counts().items()}
    assert counts == {"train": [3995, 436, 4097, 7215, 4830, 3171, 4965], "test": [467, 56, 496, 895, 653, 415, 607]}
    assert read.images.shape == (28_709 + 3_589, 48, 48)
    assert len(set(read.names.tolist())) == len(read)


def test_a_missing_source_says_what_to_give(tmp_path):
    with pytest.raises(DatasetError, match=r"does not exist. Give a folder"):
        read_dataset(tmp_path / "none")


@pytest.mark.parametrize("text", ["P5 faces of 100 people", "BM: Berlin's measurements of faces"])
def test_a_text_that_begins_as_an_image_does_is_passed_over(tree, faces, same, text):
    (tree / "README").write_text(text)
    assert same(read_dataset(tree), faces)

import numpy as np
import pytest

from hybridfer.audit.report import AuditReport, Duplicates, Group
from hybridfer.errors import HybridferError
from hybridfer.evaluation.gallery import ConfidentError as Shown
from hybridfer.evaluation.gallery import Gallery, GalleryIndex, RowErrors, thumbnail
from hybridfer.evaluation.prediction import Prediction
from hybridfer.evaluation.predictions import PredictionTable
from hybridfer.evaluation.rows import compare_rows

CLASSES = ("fear", "happy", "sad")
N = 60
IMAGES = np.arange(N, dtype=np.uint8)[:, None, None] * np.ones((1, 48, 48), dtype=np.uint8)


def sure(labels: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    probabilities = np.repeat((1 - confidence)[:, None] / 2, 3, axis=1)
    probabilities[np.arange(N), labels] = confidence
    return probabilities


@pytest.fixture
def collected():
    """Softmax is wrong on the first 40 images, the surer the later; a head on the first five; knn gives no probabilities."""
    y = np.zeros(N, dtype=np.int64)
    wrong, few = np.where(np.arange(N) < 40, 1, 0), np.where(np.arange(N) < 5, 2, 0)
    confidence = 0.5 + np.arange(N) / 200
    predictions = {
        ("tiny", "softmax"): Prediction(wrong, sure(wrong, confidence), is_softmax=True),
        ("tiny", "forest"): Prediction(few, sure(few, confidence)),
        ("tiny", "knn"): Prediction(y.copy()),
    }
    digests = np.array([f"{i:016d}".encode() for i in range(N)], dtype="S16")
    digests[38] = digests[39]
    twins = np.zeros(N, dtype=bool)
    table = PredictionTable.collect(y, [f"{i}.png" for i in range(N)], digests, twins, predictions, CLASSES)
    return table, compare_rows(y, twins, predictions, CLASSES)


def audit(*groups: Group) -> AuditReport:
    none = Duplicates(0, 0, 0, 0, 0)
    return AuditReport("faces", N, CLASSES, {"train": (N, 0, 0)}, 1.0, none, None, 0, (), groups)


def test_the_most_confident_errors_come_first_and_copies_once(collected):
    gallery = Gallery.collect(*collected, IMAGES)
    softmax = gallery.index.errors[0]
    assert (softmax.pipeline, softmax.n_errors, len(softmax.shown)) == ("softmax", 40, 24)
    assert [error.name for error in softmax.shown[:3]] == ["39.png", "37.png", "36.png"]
    assert softmax.shown[0].confidence == pytest.approx(0.695)
    assert (softmax.shown[0].true, softmax.shown[0].predicted) == ("fear", "happy")


def test_each_error_shows_its_own_image(collected):
    gallery = Gallery.collect(*collected, IMAGES)
    for row in gallery.index.errors:
        for error in row.shown:
            assert gallery.images[error.image, 0, 0] == int(error.name.removesuffix(".png"))


def test_the_head_whose_errors_are_shown_is_one_that_gives_probabilities(collected):
    gallery = Gallery.collect(*collected, IMAGES)
    assert [row.pipeline for row in gallery.index.errors] == ["softmax", "forest"]
    rows = {row.pipeline: row for row in collected[1]}
    assert gallery.errors_of(rows["knn"]) is None
    assert gallery.errors_of(rows["forest"]).n_errors == 5


def test_groups_of_the_audit_show_images_of_the_whole_dataset(collected):
    whole = 255 - IMAGES
    group = Group("exact", "8 copies", ("n",) * 8, ("train",) * 8, ("fear",) * 8, tuple(range(50, 58)), 8)
    gallery = Gallery.collect(*collected, IMAGES, audit(group), whole)
    (shown,) = gallery.index.groups
    assert (shown.size, len(shown.members)) == (8, 6)
    assert [gallery.images[member.image, 0, 0] for member in shown.members] == [255 - i for i in range(50, 56)]


def test_a_gallery_is_read_as_it_was_written(collected, tmp_path):
    gallery = Gallery.collect(*collected, IMAGES)
    gallery.write(tmp_path)
    read = Gallery.read(tmp_path)
    assert read.index == gallery.index
    np.testing.assert_array_equal(read.images, gallery.images)
    assert [path.name for path in tmp_path.iterdir()] == ["gallery.npz"]


def test_a_folder_without_a_gallery_has_none(tmp_path):
    assert Gallery.read(tmp_path) is None


def test_a_damaged_gallery_is_named(tmp_path):
    (tmp_path / "gallery.npz").write_bytes(b"PK\x03\x04 half")
    with pytest.raises(HybridferError, match=r"gallery\.npz is no readable gallery"):
        Gallery.read(tmp_path)


def test_a_gallery_that_claims_more_than_the_memory_holds_is_named(tmp_path, greedy_npz):
    (tmp_path / "gallery.npz").write_bytes(greedy_npz)
    with pytest.raises(HybridferError, match=r"gallery\.npz is no readable gallery \(Unable to allocate .*\)\. Remove it"):
        Gallery.read(tmp_path)


def test_a_pickle_in_a_gallery_is_not_loaded(tmp_path):
    np.savez(tmp_path / "gallery.npz", images=np.zeros((1, 2, 2), dtype=np.uint8), index=np.array({"a": 1}, dtype=object))
    with pytest.raises(HybridferError, match="no readable gallery"):
        Gallery.read(tmp_path)


def test_an_index_that_names_a_missing_image_is_refused():
    index = GalleryIndex(errors=(RowErrors("tiny", "softmax", 1, (Shown(3, "a", "fear", "sad", 0.9),)),))
    with pytest.raises(ValueError, match=r"below 2; got \[3\]"):
        Gallery(np.zeros((2, 8, 8), dtype=np.uint8), index)


def test_other_images_than_those_of_the_predictions_are_refused(collected):
    with pytest.raises(ValueError, match="an image for each of 60 labels; got 59"):
        Gallery.collect(*collected, IMAGES[1:])


def test_nothing_wrong_is_an_empty_gallery(collected, tmp_path):
    table, rows = collected
    gallery = Gallery.collect(table, [row for row in rows if row.pipeline == "knn"], IMAGES)
    gallery.write(tmp_path)
    assert Gallery.read(tmp_path).images.shape == (0, 48, 48)


@pytest.mark.parametrize(
    ("shape", "expected"), [((48, 48), (48, 48)), ((200, 100), (96, 48)), ((10, 400, 3), (2, 96, 3)), ((500, 1), (96, 1))]
)
def test_thumbnails_are_small_and_keep_their_proportions(shape, expected):
    assert thumbnail(np.full(shape, 7, dtype=np.uint8)).shape == expected

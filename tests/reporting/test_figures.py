import re
import xml.etree.ElementTree as ET

import cv2
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score

from hybridfer.evaluation.calibration import ReliabilityBin
from hybridfer.evaluation.feature_run import Epoch
from hybridfer.evaluation.metrics import ClassScores
from hybridfer.evaluation.selective import SelectiveCurve
from hybridfer.evaluation.subgroups import SubgroupScores
from hybridfer.reporting import figures
from hybridfer.reporting.figures import style
from hybridfer.reporting.figures.style import ACCENT, COUNTER, series_colours

HISTORY = [Epoch(i, 2.0 / i, 0.1 * i, 2.1 / i, 0.09 * i, 0.001, 5.0) for i in range(1, 6)]


@pytest.fixture
def ax() -> Axes:
    return Figure(figsize=(3.5, 3), layout="constrained").subplots()


DRAWN = {
    "accuracy_intervals": lambda ax: figures.accuracy_intervals(ax, ["a", "b"], [0.5, 0.6], [(0.4, 0.6), (0.5, 0.7)]),
    "class_histogram": lambda ax: figures.class_histogram(ax, ["a", "b"], {"train": [1, 2]}),
    "confusion_matrix": lambda ax: figures.confusion_matrix(ax, [[3, 1], [0, 4]], ["a", "b"]),
    "confusion_difference": lambda ax: figures.confusion_difference(ax, [[3, 1], [0, 4]], [[2, 2], [0, 4]], ["a", "b"]),
    "image_sheet": lambda ax: figures.image_sheet(ax, np.zeros((3, 8, 8), dtype=np.uint8), ["a", "b", "c"]),
    "per_class_bars": lambda ax: figures.per_class_bars(ax, {"softmax": [ClassScores("a", 0.1, 0.2, 0.3, 4)]}),
    "projection": lambda ax: figures.projection(ax, np.zeros((3, 2)), [0, 1, 1], ["a", "b"]),
    "reliability_diagram": lambda ax: figures.reliability_diagram(ax, {"a": [ReliabilityBin(0.5, 0.6, 3, 0.55, 0.4)]}),
    "selective_curve": lambda ax: figures.selective_curve(ax, {"a": SelectiveCurve((0.5, 1.0), (0.9, 0.7), (0.8, 0.2))}),
    "subgroup_bars": lambda ax: figures.subgroup_bars(ax, {"a": [SubgroupScores("sex", "f", 3, 0.5, (0.2, 0.8))]}),
    "training_curves": lambda ax: figures.training_curves(ax, HISTORY, "loss", 3),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_drawn_on_the_given_axes_and_gives_them_back(ax, name):
    assert DRAWN[name](ax) is ax
    assert ax.has_data() or ax.texts


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_figure_is_the_same_bytes(name):
    def drawn() -> Figure:
        with figures.house_style():
            figure = Figure(figsize=(3.5, 3), layout="constrained")
            DRAWN[name](figure.subplots())
        return figure

    first, second = drawn(), drawn()
    assert figures.figure_svg(first) == figures.figure_svg(second)
    assert figures.figure_png(first, dpi=60) == figures.figure_png(second, dpi=60)


def test_files_hold_no_date_and_no_address_of_the_program(ax):
    figures.confusion_matrix(ax, [[1]], ["a"])
    svg = figures.figure_svg(ax.figure)
    ET.fromstring(svg)
    assert not re.search(r"<dc:date>|20\d\d-\d\d-\d\d|matplotlib\.org", svg)
    assert b"matplotlib" not in figures.figure_png(ax.figure)


def test_a_png_has_300_dots_an_inch(ax):
    image = cv2.imdecode(np.frombuffer(figures.figure_png(ax.figure), dtype=np.uint8), cv2.IMREAD_COLOR)
    assert image.shape[:2] == (900, 1050)


def test_a_confusion_matrix_shows_shares_of_the_true_class(ax):
    figures.confusion_matrix(ax, [[30, 10], [0, 0]], ["happy", "sad"])
    assert [text.get_text() for text in ax.texts] == ["75", "25", "0", "0"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["happy", "sad"]


def test_a_confusion_matrix_of_many_classes_has_colours_and_no_numbers(ax):
    figures.confusion_matrix(ax, np.eye(20, dtype=int), [str(i) for i in range(20)])
    assert not ax.texts
    assert ax.collections[0].get_array().shape == (20, 20)


def test_a_difference_is_symmetric_around_no_difference(ax):
    figures.confusion_difference(ax, [[10, 0], [5, 5]], [[9, 1], [5, 5]], ["a", "b"])
    assert ax.collections[0].get_clim() == pytest.approx((-0.1, 0.1))
    assert [text.get_text() for text in ax.texts] == ["+10", "-10", "·", "·"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda ax: figures.confusion_matrix(ax, [[1, 2, 3]], ["a", "b"]), r"2 classes; got shape \(1, 3\)"),
        (lambda ax: figures.class_histogram(ax, ["a", "b"], {"train": [1]}), "train must count each of 2 classes"),
        (lambda ax: figures.per_class_bars(ax, {}, "support"), "measure must be among"),
        (lambda ax: figures.training_curves(ax, HISTORY, "time"), "quantity must be among"),
        (lambda ax: figures.projection(ax, np.zeros((3, 3)), [0, 0, 0], ["a"]), r"points must be \(n, 2\)"),
        (lambda ax: figures.image_sheet(ax, np.zeros((2, 8, 8), dtype=np.uint8), ["a"]), "2 images needs a caption"),
    ],
)
def test_what_does_not_fit_is_refused(ax, draw, message):
    with pytest.raises(ValueError, match=message):
        draw(ax)


def test_the_restored_epoch_is_marked(ax):
    figures.training_curves(ax, HISTORY, "accuracy", restored_epoch=4)
    assert "restored: 4" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert any(np.array_equal(np.unique(line.get_xdata()), [4]) for line in ax.lines)


def test_epochs_without_a_value_leave_the_curve_out(ax):
    figures.training_curves(ax, [Epoch(1, train_loss=1.5), Epoch(2, train_loss=1.2)], "loss")
    assert [line.get_label() for line in ax.lines] == ["train"]
    assert not figures.training_curves(Figure().subplots(), [Epoch(1)], "learning rate").lines


def test_thousands_of_embeddings_are_thinned_out_evenly(ax):
    points = np.arange(20_000, dtype=float).reshape(-1, 2)
    figures.projection(ax, points, np.zeros(10_000, dtype=int), ["a"])
    shown = ax.collections[0].get_offsets()
    assert len(shown) == 4000
    assert shown[0].tolist() == [0, 1]
    assert shown[-1].tolist() == [19_998, 19_999]


def test_what_others_are_held_against_is_orange(ax):
    assert series_colours(["softmax", "svm"], "softmax") == {"svm": ACCENT, "softmax": COUNTER}
    figures.per_class_bars(
        ax, {name: [ClassScores("a", 0.1, 0.2, 0.3, 4)] for name in ("softmax", "svm")}, reference="softmax"
    )
    assert [to_hex(bar.get_facecolor()) for bar in ax.patches] == [COUNTER, ACCENT]


def test_names_are_text_and_no_formula():
    with figures.house_style():
        figure = Figure()
        figures.class_histogram(figure.subplots(), [r"$\undefined{$"], {"train": [3]})
    assert figures.figure_svg(figure)


TRUE = np.array(["sad", "happy", "sad", "happy", "sad", "sad"])
PREDICTED = np.array(["sad", "happy", "happy", "happy", "sad", "sad"])
SURE = np.array([[0.1, 0.9], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4], [0.2, 0.8], [0.45, 0.55]])
NAMES = ["happy", "sad"]


def places(names: np.ndarray) -> np.ndarray:
    return np.searchsorted(NAMES, names)


FROM_ARRAYS = {
    "accuracies": lambda ax, y, p: figures.accuracies_from_predictions(ax, y, {"svm": p}, reference="svm"),
    "class_bars": lambda ax, y, p: figures.class_bars_from_predictions(ax, y, {"svm": p}, NAMES),
    "confusion": lambda ax, y, p: figures.confusion_from_predictions(ax, y, p, NAMES),
    "reliability": lambda ax, y, _: figures.reliability_from_predictions(ax, y, {"svm": SURE}, NAMES),
    "selective": lambda ax, y, _: figures.selective_from_predictions(ax, y, {"svm": SURE}, NAMES),
    "subgroups": lambda ax, y, p: figures.subgroups_from_predictions(ax, y, {"svm": p}, {"sex": ["f", "m"] * 3}),
}


@pytest.mark.parametrize("name", FROM_ARRAYS)
def test_a_figure_from_arrays_is_the_same_of_names_and_of_positions(name):
    def drawn(y, predicted) -> str:
        ax = figures.new_axes()
        assert FROM_ARRAYS[name](ax, y, predicted) is ax
        return figures.figure_svg(ax.figure)

    assert drawn(TRUE, PREDICTED) == drawn(places(TRUE), places(PREDICTED))


def test_figures_from_arrays_show_what_scikit_learn_computes(ax):
    figures.class_bars_from_predictions(ax, TRUE, {"svm": PREDICTED}, NAMES, "recall")
    assert [bar.get_width() for bar in ax.patches] == pytest.approx(100 * recall_score(TRUE, PREDICTED, average=None))
    ax = figures.confusion_from_predictions(figures.new_axes(), TRUE, PREDICTED, NAMES)
    shares = 100 * confusion_matrix(TRUE, PREDICTED, normalize="true")
    assert [text.get_text() for text in ax.texts] == [f"{share:.0f}" for share in shares.ravel()]
    ax = figures.selective_from_predictions(figures.new_axes(), TRUE, {"svm": SURE}, NAMES)
    assert ax.lines[0].get_ydata()[-1] == pytest.approx(100 * accuracy_score(TRUE, np.array(NAMES)[SURE.argmax(axis=1)]))


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda ax: figures.confusion_from_predictions(ax, ["glad"], ["sad"], NAMES), r"classes among .*; got glad"),
        (lambda ax: figures.confusion_from_predictions(ax, [0, 1], [0], NAMES), "inconsistent numbers of samples"),
        (lambda ax: figures.accuracies_from_predictions(ax, [0, 1], {"a": [0]}), "rows of one length"),
        (lambda ax: figures.reliability_from_predictions(ax, TRUE, {"a": SURE}), "classes among"),
        (lambda ax: figures.reliability_from_predictions(ax, [0], {"a": SURE}), "a row for each of 1 images"),
        (lambda ax: figures.selective_from_predictions(ax, [2] * 6, {"a": SURE}), "positions of 2 classes; got 2 to 2"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(ax, draw, message):
    with pytest.raises(ValueError, match=message):
        draw(ax)


def test_fonts_for_other_scripts_stand_behind_the_own_one(monkeypatch):
    monkeypatch.setattr(style.font_manager, "get_font_names", lambda: ["Unifont", "Comic Sans", "Noto Sans Thai"])
    # the cached function would remember them for the tests that follow
    assert style.font_families.__wrapped__() == ("DejaVu Sans", "Noto Sans Thai", "Unifont")


def test_letters_that_no_font_has_are_named_once():
    assert style.letters_without_font("sad\n\U00012000a\U00012000") == "\U00012000"


def legend_of(ax: Axes) -> list[str]:
    return [text.get_text().lstrip("\N{ZERO WIDTH SPACE}") for text in ax.get_legend().get_texts()]


SERIES = ("softmax", "_mine")


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: figures.class_histogram(ax, ["a"], {name: [1] for name in SERIES}),
        lambda ax: figures.projection(ax, np.zeros((3, 2)), [0, 1, 1], SERIES),
        lambda ax: figures.reliability_diagram(ax, {name: [ReliabilityBin(0.5, 0.6, 3, 0.55, 0.4)] for name in SERIES}),
        lambda ax: figures.selective_curve(ax, {name: SelectiveCurve((1.0,), (0.7,), (0.2,)) for name in SERIES}),
        lambda ax: figures.subgroup_bars(ax, {name: [SubgroupScores("sex", "f", 3, 0.5, (0.2, 0.8))] for name in SERIES}),
    ],
)
def test_a_name_that_begins_with_an_underscore_stands_in_the_legend(ax, draw):
    draw(ax)
    assert legend_of(ax) == list(SERIES)


@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")
@pytest.mark.parametrize("name", ["caf\udce9", "a\x01b", "a\x1b[2J", "<b>&-->"])
@pytest.mark.parametrize(
    "draw",
    [
        lambda ax, name: figures.class_histogram(ax, [name], {name: [1], "other": [2]}),
        lambda ax, name: figures.confusion_matrix(ax, [[3, 1], [0, 4]], [name, "b"]),
        lambda ax, name: figures.image_sheet(ax, np.zeros((1, 8, 8), dtype=np.uint8), [name]),
    ],
)
def test_a_figure_with_any_name_is_well_formed(ax, draw, name):
    draw(ax, name)
    assert ET.fromstring(figures.figure_svg(ax.figure)).tag.endswith("svg")


def test_integers_as_classes_are_their_names():
    y = np.repeat([1, 2, 3], 20)
    sure = np.where(y[:, None] == [1, 2, 3, 4], 0.85, 0.05)
    ax = figures.selective_from_predictions(figures.new_axes(), y, {"svm": sure}, np.array([1, 2, 3, 4]))
    assert ax.lines[0].get_ydata()[-1] == 100
    ax = figures.confusion_from_predictions(figures.new_axes(), [-1, 1], [-1, 1], [-1, 1])
    assert [text.get_text() for text in ax.texts] == ["100", "0", "0", "100"]


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (
            lambda ax: figures.confusion_from_predictions(ax, [-1, 1], [0, 1], ["a", "b"]),
            "positions of 2 classes; got -1 to 1",
        ),
        (
            lambda ax: figures.selective_from_predictions(ax, [0, -1], {"svm": np.eye(2)}),
            "positions of 2 classes; got -1 to 0",
        ),
        (lambda ax: figures.confusion_from_predictions(ax, [0, 7], [0, 1], [0, 1]), "expected classes among"),
        (
            lambda ax: figures.accuracies_from_predictions(ax, [0, 1], {"svm": ["a", "b"]}),
            "both be numbers or both be names",
        ),
        (lambda ax: figures.reliability_from_predictions(ax, [0, 1], {"svm": np.eye(2)}, ["a"]), "a column for each class"),
    ],
)
def test_classes_that_do_not_go_together_are_refused(draw, words):
    with pytest.raises(ValueError, match=words):
        draw(figures.new_axes())


def test_a_class_without_images_has_no_bar():
    scores = [ClassScores("happy", 0.5, 0.5, 0.5, 8), ClassScores("sad", 0.0, 0.0, 0.0, 0)]
    ax = figures.per_class_bars(figures.new_axes(), {"svm": scores})
    assert [text.get_text() for text in ax.texts] == ["50", ""]
    assert np.isnan(ax.patches[1].get_width())

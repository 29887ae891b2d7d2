"""Figures of a search."""

import pytest
from matplotlib.figure import Figure

from hybridfer.reporting.figures import figure_png, figure_svg
from hybridfer.reporting.study_figures import learning_curves, parallel_coordinates, parameter_importance, study_figures
from hybridfer.search import SearchResult, TrialRow


def trial(number, accuracy, state="complete", curve=None, **coordinates):
    values = {name.replace("_", "."): value for name, value in coordinates.items()}
    return TrialRow(number, state, accuracy, 2, 9, 1.0, {}, values, (0.2, accuracy) if curve is None else curve)


TRIALS = (
    trial(2, 0.8, rate=1e-1, filters_length=2, filters_1=64, filters_2=32, optimizer="sgd"),
    trial(0, 0.6, rate=1e-3, filters_length=1, filters_1=32, optimizer="adam"),
    trial(1, 0.5, state="pruned", curve=(0.5,), rate=1e-2, filters_length=1, filters_1=32, optimizer="adam"),
    TrialRow(3, "failed", None, 0, None, None, {}, {}, (), "out of memory"),
)


def test_every_figure_of_a_study_can_be_written():
    figures = study_figures(SearchResult("faces", "conv_stack", 70, 15, "", TRIALS, {"rate": 0.9, "filters.1": 0.1}))

    assert list(figures) == ["learning-curves", "parallel-coordinates", "importance"]
    for figure in figures.values():
        assert figure_svg(figure).startswith("<?xml")
        assert figure_png(figure, 50)[1:4] == b"PNG"


def test_a_study_without_a_finished_epoch_has_no_figures():
    assert study_figures(SearchResult("faces", "conv_stack", 70, 15, "", TRIALS[3:])) == {}


def test_the_best_curve_is_on_top_and_pruned_ones_are_dashed():
    ax = learning_curves(Figure().subplots(), TRIALS)

    assert [list(line.get_ydata()) for line in ax.lines] == [[50.0], [20.0, 60.0], [20.0, 80.0]]
    assert ax.lines[-1].get_linewidth() > ax.lines[1].get_linewidth()
    assert [line.get_linestyle() for line in ax.lines] == ["--", "-", "-"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["best: trial 2", "complete", "not finished"]


def test_lines_go_through_the_values_and_below_those_that_are_not_there():
    ax = parallel_coordinates(Figure().subplots(), TRIALS[:2])
    other, best = (list(line.get_ydata()) for line in ax.lines)
    names = [label.get_text() for label in ax.get_xticklabels()]

    assert names[:-1] == ["rate", "filters.length", "filters.1", "filters.2", "optimizer"]
    assert best == [1, 1, 1, 0.5, 1, 1]
    assert other[:3] == [0, 0, 0]
    assert other[3] < 0
    assert other[4:] == [0, 0]
    assert {"0.001", "0.1", "adam", "sgd", "80", "60", "none"} <= {text.get_text() for text in ax.texts}


def test_numbers_many_times_apart_are_drawn_by_their_logarithms():
    ax = parallel_coordinates(
        Figure().subplots(), [trial(0, 0.9, rate=1e-1), trial(1, 0.8, rate=1e-2), trial(2, 0.7, rate=1e-3)]
    )

    assert ax.lines[1].get_ydata()[0] == pytest.approx(0.5)


def test_trials_without_an_accuracy_have_no_line():
    with pytest.raises(ValueError, match="with an accuracy"):
        parallel_coordinates(Figure().subplots(), TRIALS)
    with pytest.raises(ValueError, match="at least one trial"):
        parallel_coordinates(Figure().subplots(), [])


def test_the_most_important_is_on_top():
    ax = parameter_importance(Figure().subplots(), {"filters.1": 0.7, "rate": 0.3})

    assert [label.get_text() for label in ax.get_yticklabels()] == ["filters.1", "rate"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]

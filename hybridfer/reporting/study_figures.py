"""Figures of a hyperparameter search: what matters, what went with what, and how trials learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from hybridfer.reporting.figures.style import ACCENT, COUNTER, INK, MUTED, RULE, SHARES, house_style
from hybridfer.search import SearchResult, TrialRow

_WIDTH = 3.5
_ABSENT = -0.14
_SHOWN_COORDINATES = 12
_THICK, _THIN = 1.8, 0.7
_DASHES = (0, (3, 2))
# numbers that lie so many times apart, such as learning rates, are drawn by their logarithms
_ORDERS = 100


def study_figures(result: SearchResult) -> dict[str, Figure]:
    """Draw every figure that a study's trials allow.

    Parameters
    ----------
    result : SearchResult
        What to draw.

    Returns
    -------
    dict of str to Figure
        By the stem of a file's name: ``"learning-curves"``, ``"parallel-coordinates"``, ``"importance"``.

    Examples
    --------
    >>> row = TrialRow(0, "complete", 0.5, 2, 900, 1.0, {}, {"filters.1": 64}, (0.4, 0.5))
    >>> list(study_figures(SearchResult("faces", "conv_stack", 70, 15, "", (row,))))
    ['learning-curves', 'parallel-coordinates']
    """
    figures: dict[str, Figure] = {}
    with house_style():
        if any(trial.curve for trial in result.trials):
            figures["learning-curves"] = figure = _figure(_WIDTH, 2.8)
            learning_curves(figure.subplots(), result.trials)
        judged = [trial for trial in result.trials if trial.state == "complete"]
        if judged:
            names = coordinate_names(judged)
            figures["parallel-coordinates"] = figure = _figure(max(_WIDTH, 0.8 + 0.75 * len(names)), 3.0)
            parallel_coordinates(figure.subplots(), judged)
        if result.importances:
            figures["importance"] = figure = _figure(_WIDTH, 0.7 + 0.22 * len(result.importances))
            parameter_importance(figure.subplots(), result.importances)
    return figures


def parameter_importance(ax: Axes, importances: Mapping[str, float]) -> Axes:
    """Draw each coordinate's share in what decides the accuracy, the most important on top.

    Parameters
    ----------
    ax : Axes
        To draw on.
    importances : mapping of str to float
        Shares that add up to 1.

    Returns
    -------
    Axes
        `ax`.

    Examples
    --------
    >>> ax = parameter_importance(Figure().subplots(), {"filters.1": 0.7, "conv_dropout": 0.3})
    >>> [float(bar.get_width()) for bar in ax.patches]
    [70.0, 30.0]
    """
    places = np.arange(len(importances))
    bars = ax.barh(places, [100 * share for share in importances.values()], 0.72, color=ACCENT)
    ax.bar_label(bars, fmt="%.0f", padding=2, fontsize=6.5, color=MUTED)
    ax.set_yticks(places, list(importances))
    ax.set_ylim(len(importances) - 0.5, -0.5)
    ax.margins(x=0.12)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("importance (%)")
    return ax


def learning_curves(ax: Axes, trials: Sequence[TrialRow]) -> Axes:
    """Draw the validation accuracy of every trial over its epochs; the best completed one stands out.

    Parameters
    ----------
    ax : Axes
        To draw on.
    trials : sequence of TrialRow
        The most accurate first, as `SearchResult.trials` has them.

    Returns
    -------
    Axes
        `ax`.

    Examples
    --------
    >>> row = TrialRow(4, "complete", 0.5, 2, 900, 1.0, {}, {"filters.1": 64}, (0.4, 0.5))
    >>> learning_curves(Figure().subplots(), [row]).lines[0].get_ydata().tolist()
    [40.0, 50.0]
    """
    best = next((trial for trial in trials if trial.state == "complete"), None)
    # the best last, on top of the others
    for trial in reversed([trial for trial in trials if trial.curve]):
        percent = 100 * np.array(trial.curve)
        ended = trial.state == "complete"
        ax.plot(
            np.arange(1, len(percent) + 1),
            percent,
            color=ACCENT if trial is best else MUTED if ended else COUNTER,
            linewidth=_THICK if trial is best else _THIN,
            linestyle="-" if ended else _DASHES,
            marker="o" if len(percent) == 1 else None,
            markersize=3,
        )
    ax.set(xlabel="epoch", ylabel="validation accuracy (%)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    handles = [Line2D([], [], color=MUTED, linewidth=_THIN, label="complete")]
    if best is not None:
        handles.insert(0, Line2D([], [], color=ACCENT, linewidth=_THICK, label=f"best: trial {best.number}"))
    if any(trial.curve and trial.state != "complete" for trial in trials):
        handles.append(Line2D([], [], color=COUNTER, linewidth=_THIN, linestyle=_DASHES, label="not finished"))
    ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2, columnspacing=1.2)
    return ax


def parallel_coordinates(ax: Axes, trials: Sequence[TrialRow]) -> Axes:
    """Draw every trial as a line through its values: one upright line a coordinate, the last one the validation accuracy.

    Values that a trial has none of, such as the fourth layer of three, are drawn below the upright lines. Numbers that lie
    100 times apart or more are drawn by their logarithms. Of more than 12 coordinates the first 12 are drawn.

    Parameters
    ----------
    ax : Axes
        To draw on.
    trials : sequence of TrialRow
        Completed trials, the most accurate first.

    Returns
    -------
    Axes
        `ax`.

    Raises
    ------
    ValueError
        If there is no trial, or one has no accuracy.

    Examples
    --------
    >>> rows = [TrialRow(i, "complete", i / 4, 1, 9, 1.0, {}, {"filters.1": 64 * i}, (i / 4,)) for i in (2, 1)]
    >>> [list(map(float, line.get_ydata())) for line in parallel_coordinates(Figure().subplots(), rows).lines]
    [[0.0, 0.0], [1.0, 1.0]]
    """
    accuracies = [trial.accuracy for trial in trials if trial.accuracy is not None]
    if not trials or len(accuracies) < len(trials):
        raise ValueError("expected at least one trial, and all of them with an accuracy.")
    names = coordinate_names(trials)
    scaled = [_scaled([trial.coordinates.get(name) for trial in trials]) for name in names]
    heights, ends = zip(*scaled, _scaled([100 * accuracy for accuracy in accuracies]), strict=True)
    lines = np.array(heights).T
    places = np.arange(len(names) + 1)
    # the best first in `lines`, and last on the axes
    for rank, line in reversed(list(enumerate(lines))):
        ax.plot(places, line, color=SHARES(0.25 + 0.75 * line[-1]), linewidth=_THICK if rank == 0 else _THIN, clip_on=False)
    ax.vlines(places, _ABSENT, 1, color=RULE, linewidth=0.8, zorder=0)
    for place, (low, high) in enumerate(ends):
        ax.text(place, 1.04, high, ha="center", va="bottom", fontsize=6.5, color=INK)
        ax.text(place + 0.05, -0.02, low, ha="left", va="top", fontsize=6.5, color=INK)
    if any((line < 0).any() for line in lines):
        ax.text(-0.08, _ABSENT, "none", ha="right", va="center", fontsize=6.5, color=MUTED)
    ax.set(xlim=(-0.4, len(names) + 0.4), ylim=(_ABSENT - 0.06, 1.14), yticks=[])
    ax.set_xticks(places, [*names, "validation\naccuracy (%)"], rotation=35, ha="right")
    ax.grid(visible=False)
    ax.spines[["left", "bottom"]].set_visible(False)
    return ax


def coordinate_names(trials: Sequence[TrialRow]) -> list[str]:
    """Name the coordinates of trials in the order in which they were first drawn, at most 12.

    Examples
    --------
    >>> coordinate_names([TrialRow(0, "complete", 0.5, 1, 9, 1.0, {}, {"filters.1": 64, "kernel": 3}, (0.5,))])
    ['filters.1', 'kernel']
    """
    longest = sorted(trials, key=lambda trial: -len(trial.coordinates))
    return list(dict.fromkeys(name for trial in longest for name in trial.coordinates))[:_SHOWN_COORDINATES]


def _scaled(values: Sequence[object]) -> tuple[NDArray[np.float64], tuple[str, str]]:
    """Bring values to heights from 0 to 1, and write what stands at both ends; words by their alphabet."""
    known = [value for value in values if value is not None]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        told = [f"{end:.4g}" for end in (np.nanmin(numbers), np.nanmax(numbers))]
    else:
        words = sorted({str(value) for value in known})
        numbers = np.array([np.nan if value is None else words.index(str(value)) for value in values], dtype=np.float64)
        told = [words[0], words[-1]]
    if np.nanmin(numbers) > 0 and np.nanmax(numbers) >= _ORDERS * np.nanmin(numbers):
        numbers = np.log(numbers)
    low, high = np.nanmin(numbers), np.nanmax(numbers)
    heights = (numbers - low) / (high - low) if high > low else np.where(np.isnan(numbers), np.nan, 0.5)
    return np.where(np.isnan(heights), _ABSENT, heights), (told[0], told[1] if high > low else "")


def _figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), layout="constrained")

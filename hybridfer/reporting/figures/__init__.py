"""Figures for a report or a paper: functions that draw on the matplotlib axes that they are given, and give them back.

Those that end in ``_from_predictions`` take plain arrays, as any classifier gives them; the others take what a report holds.
Where several classifiers or collections are drawn, they are a mapping by their names, and ``reference`` names the one that
the others are held against, which is orange.

Examples
--------
>>> with house_style():
...     ax = confusion_from_predictions(new_axes(3.5, 3.2), [0, 0, 1, 1], [0, 1, 1, 1], ["happy", "sad"])
>>> ax.get_xlabel()
'predicted'
>>> figure_png(ax.figure)[1:4]
b'PNG'
"""

from hybridfer.reporting.figures.class_bars import class_histogram, per_class_bars
from hybridfer.reporting.figures.confidence import reliability_diagram, selective_curve
from hybridfer.reporting.figures.confusion import confusion_difference, confusion_matrix
from hybridfer.reporting.figures.files import figure_png, figure_svg
from hybridfer.reporting.figures.from_predictions import (
    accuracies_from_predictions,
    class_bars_from_predictions,
    confusion_from_predictions,
    reliability_from_predictions,
    selective_from_predictions,
    subgroups_from_predictions,
)
from hybridfer.reporting.figures.intervals import accuracy_intervals, subgroup_bars
from hybridfer.reporting.figures.layout import new_axes
from hybridfer.reporting.figures.scatter import projection
from hybridfer.reporting.figures.sheet import image_sheet, sheet_row_height
from hybridfer.reporting.figures.style import house_style
from hybridfer.reporting.figures.training import training_curves

__all__ = [
    "accuracies_from_predictions",
    "accuracy_intervals",
    "class_bars_from_predictions",
    "class_histogram",
    "confusion_difference",
    "confusion_from_predictions",
    "confusion_matrix",
    "figure_png",
    "figure_svg",
    "house_style",
    "image_sheet",
    "new_axes",
    "per_class_bars",
    "projection",
    "reliability_diagram",
    "reliability_from_predictions",
    "selective_curve",
    "selective_from_predictions",
    "sheet_row_height",
    "subgroup_bars",
    "subgroups_from_predictions",
    "training_curves",
]

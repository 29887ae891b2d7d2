"""Figures for a report or a paper: functions that draw on matplotlib axes and return them.

Examples
--------
>>> from matplotlib.figure import Figure
>>> with house_style():
...     figure = Figure(figsize=(3.5, 3.2), layout="constrained")
...     ax = confusion_matrix(figure.subplots(), [[8, 2], [1, 9]], ["happy", "sad"])
>>> ax.get_xlabel()
'predicted'
"""

from .class_bars import class_histogram, per_class_bars
from .confidence import reliability_diagram, selective_curve
from .confusion import confusion_difference, confusion_matrix
from .files import figure_png, figure_svg
from .intervals import accuracy_intervals, run_dots, subgroup_bars
from .scatter import projection
from .sheet import image_sheet, sheet_row_height
from .style import house_style
from .training import training_curves

__all__ = [
    "accuracy_intervals",
    "class_histogram",
    "confusion_difference",
    "confusion_matrix",
    "figure_png",
    "figure_svg",
    "house_style",
    "image_sheet",
    "per_class_bars",
    "projection",
    "reliability_diagram",
    "run_dots",
    "selective_curve",
    "sheet_row_height",
    "subgroup_bars",
    "training_curves",
]

"""How a CNN was trained, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from hybridfer.evaluation.feature_run import Epoch
from hybridfer.reporting.figures.layout import legend_above
from hybridfer.reporting.figures.style import ACCENT, COUNTER, INK, MUTED

_QUANTITIES = {
    "loss": ("loss", (("train_loss", "train"), ("valid_loss", "validation")), 1),
    "accuracy": ("accuracy (%)", (("train_accuracy", "train"), ("valid_accuracy", "validation")), 100),
    "learning rate": ("learning rate", (("learning_rate", ""),), 1),
}


def training_curves(ax: Axes, history: Sequence[Epoch], quantity: str = "loss", restored_epoch: int | None = None) -> Axes:
    """Draw loss, accuracy or learning rate over the epochs, and mark the epoch whose weights were kept.

    Parameters
    ----------
    ax : Axes
    history : sequence of Epoch
        What was measured; values that were not are left out. `hybridfer.evaluation.feature_run.read_history` makes it of
        the ``history_`` of a `CNNClassifier`.
    quantity : {"loss", "accuracy", "learning rate"}
        What to draw.
    restored_epoch : int, optional
        The epoch to mark.

    Raises
    ------
    ValueError
        If the quantity is none of these.

    Examples
    --------
    >>> from hybridfer.reporting.figures import new_axes
    >>> history = [Epoch(1, 1.9, 0.2, 1.8, 0.3, 0.001, 5.0), Epoch(2, 1.7, 0.4, 1.6, 0.5, 0.001, 5.0)]
    >>> ax = training_curves(new_axes(), history, "accuracy", restored_epoch=2)
    >>> ax.lines[1].get_ydata().tolist()
    [30.0, 50.0]
    """
    if quantity not in _QUANTITIES:
        raise ValueError(f"quantity must be among {list(_QUANTITIES)}; got {quantity!r}.")
    title, series, factor = _QUANTITIES[quantity]
    epochs = [epoch.epoch for epoch in history]
    for (name, label), colour in zip(series, (COUNTER, ACCENT), strict=False):
        values = np.array([getattr(epoch, name) for epoch in history], dtype=np.float64) * factor
        if np.isfinite(values).any():
            marker = "o" if len(history) < 3 else None
            steps = "default" if label else "steps-mid"
            ax.plot(
                epochs, values, color=colour if label else INK, label=label, marker=marker, markersize=3, drawstyle=steps
            )
    if restored_epoch is not None:
        ax.axvline(restored_epoch, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)), label=f"restored: {restored_epoch}")
    ax.set(xlabel="epoch", ylabel=title)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if quantity == "learning rate":
        ax.set_ylim(bottom=0)
        ax.yaxis.set_major_locator(MaxNLocator(4))
        ax.yaxis.set_major_formatter(lambda rate, _place: f"{rate:g}")
    if ax.get_legend_handles_labels()[1]:
        legend_above(ax, 3)
    return ax

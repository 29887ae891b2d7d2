"""A bar that says how training goes: loss, validation accuracy, time left."""

from __future__ import annotations

from typing import Any

from skorch.callbacks import Callback
from tqdm.auto import tqdm


class TrainingBar(Callback):
    """One bar over all images of all epochs; nothing is drawn where the output is no terminal.

    Parameters
    ----------
    epochs : int
        Epochs at most.
    images : int
        Training images an epoch.
    """

    def __init__(self, epochs: int, images: int) -> None:
        self.epochs = epochs
        self.images = images

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Open the bar, at the epoch a resumed training begins with."""
        self.bar_ = tqdm(
            total=self.epochs * self.images,
            initial=len(net.history) * self.images,
            desc="train",
            unit=" images",
            unit_scale=True,
            disable=None,
            dynamic_ncols=True,
            leave=False,
        )

    def on_batch_end(self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any) -> None:
        """Move on by the batch's images."""
        if training:
            self.bar_.update(len(batch[1]))

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Show the epoch's figures."""
        epoch = net.history[-1]
        figures = {"epoch": f"{len(net.history)}/{self.epochs}", "loss": f"{epoch['train_loss']:.3f}"}
        if "valid_accuracy" in epoch:
            figures["validation"] = f"{epoch['valid_accuracy']:.1%}"
        self.bar_.set_postfix(figures)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Close the bar."""
        self.bar_.close()

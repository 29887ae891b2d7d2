"""How training goes: a bar with loss, validation accuracy and time left, or a line an epoch where there is no terminal."""

from __future__ import annotations

import logging
from typing import Any

from skorch.callbacks import Callback
from tqdm.auto import tqdm

log = logging.getLogger("hybridfer")


class TrainingBar(Callback):
    """One bar over all images of all epochs; a log message an epoch where the output is no terminal.

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
        """Open the bar, at the epoch a resumed training begins with, which is told."""
        done = len(net.history)
        if done >= self.epochs:
            log.info("all %d epochs were trained before", done)
        elif done:
            log.info("going on with epoch %d of %d", done + 1, self.epochs)
        self.bar_ = tqdm(
            total=self.epochs * self.images,
            initial=done * self.images,
            desc="train",
            unit=" images",
            bar_format="{desc} |{bar}| {percentage:.0f}% {rate_fmt} {remaining} left",
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
        told = f"loss {epoch['train_loss']:.3f}"
        if "valid_accuracy" in epoch:
            told += f", validation {epoch['valid_accuracy']:.1%}"
        if self.bar_.disable:
            log.info("epoch %d of %d: %s (%.0f s)", len(net.history), self.epochs, told, epoch["dur"])
        self.bar_.set_description(f"epoch {len(net.history)}/{self.epochs}, {told}")

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Close the bar."""
        self.bar_.close()

"""The training loop: skorch's, without its synchronisation of the device after each batch."""

from __future__ import annotations

import math
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import EpochTimer
from torch import nn

from hybridfer.errors import RecipeError
from hybridfer.networks import Preprocessing
from hybridfer.networks.device import autocast
from hybridfer.training.augmentation import Augmentation


class TrainedModule(nn.Module):
    """A network with its preprocessing in front and, while it trains, its augmentation.

    Parameters
    ----------
    module : torch.nn.Module
        The network itself.
    preprocessing : Preprocessing
        Applied to each batch of pixels.
    augmentation : Augmentation or None
        Applied in training mode, before the standardisation.
    precision : {"fp32", "bf16"}
        Arithmetic of the network's matrix products.
    generator : torch.Generator
        Draws the augmentation.
    added_augmentation : Augmentation or None
        Applied, instead of the other, to the images that balancing adds; None makes no difference between them.
    """

    def __init__(
        self,
        module: nn.Module,
        preprocessing: Preprocessing,
        augmentation: Augmentation | None,
        precision: str,
        generator: torch.Generator,
        added_augmentation: Augmentation | None = None,
    ) -> None:
        super().__init__()
        self.module = module
        self.preprocessing = preprocessing
        self.augmentation = augmentation
        self.added_augmentation = added_augmentation
        self.precision = precision
        self.generator = generator
        # images of a training step are brought to this size; None leaves them at the network's own
        self.training_size: tuple[int, int] | None = None
        # the network comes in evaluation mode; from here on all parts are in one mode
        self.train()

    def forward(self, images: torch.Tensor, added: torch.Tensor | None = None) -> torch.Tensor:
        """Turn pixels as they are stored into float32 logits (n, n_classes); `added` (n,) marks what balancing adds."""
        return self.logits(self.pixels(images, added))

    def pixels(self, images: torch.Tensor, added: torch.Tensor | None = None) -> torch.Tensor:
        """Turn pixels as they are stored into (n, c, h, w) in [0, 1], of the network's own size.

        In training they are augmented, but for noise, which a teacher would be misled by.
        """
        with torch.no_grad():
            pixels = self.preprocessing.resized(images)
            return self._augmented(pixels, added) if self.training else pixels

    def logits(self, pixels: torch.Tensor) -> torch.Tensor:
        """Turn what `pixels` gives into logits: noisy and shrunk in a training step, standardised, passed through."""
        with torch.no_grad():
            if self.training and self.augmentation is not None:
                pixels = self.augmentation.roughened(pixels, self.generator)
            if self.training and self.training_size is not None:
                pixels = torch.nn.functional.interpolate(pixels, self.training_size, mode="bilinear", antialias=True)
            pixels = self.preprocessing.standardized(pixels).contiguous(memory_format=torch.channels_last)
        with autocast(self.precision, pixels.device):
            return self.module(pixels).float()

    def _augmented(self, pixels: torch.Tensor, added: torch.Tensor | None) -> torch.Tensor:
        changed = pixels if self.augmentation is None else self.augmentation.changed(pixels, self.generator)
        if added is None or self.added_augmentation is None:
            return changed
        # all images are changed both ways: to take the added ones out, the host would have to wait for the device
        return torch.where(added[:, None, None, None], self.added_augmentation.changed(pixels, self.generator), changed)


class ImageNet(NeuralNet):
    """skorch's loop over batches that are already on the device; losses are read back once an epoch."""

    @property
    def _default_callbacks(self) -> list[tuple[str, Any]]:
        return [("epoch_timer", EpochTimer())]

    def run_single_epoch(self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any) -> None:
        """Run one pass and record its mean loss, its accuracy and, when training, the learning rate it ended with."""
        if iterator is None:
            return
        seen, loss, correct = 0, 0.0, 0.0
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            labels = batch[1]
            seen += len(labels)
            loss = loss + step["loss"].detach() * len(labels)
            # a step that mixes images says by which labels it is to be judged
            correct = correct + (step["y_pred"].detach().argmax(dim=1) == step.get("labels", labels)).sum()
            self.notify("on_batch_end", batch=batch, training=training, **step)
        mean_loss = float(loss) / seen
        if not math.isfinite(mean_loss):
            raise RecipeError(
                f"The training diverged: the {prefix} loss of epoch {len(self.history)} is {mean_loss}. "
                "Choose a lower learning_rate."
            )
        self.history.record(f"{prefix}_loss", mean_loss)
        self.history.record(f"{prefix}_accuracy", float(correct) / seen)
        if training:
            self.history.record("learning_rate", self.optimizer_.param_groups[0]["lr"])

    def _set_training(self, training: bool = True) -> None:
        # skorch visits every submodule at every step, which is most of what it costs beside a bare loop
        if self.module_.training != training:
            super()._set_training(training)

    def train_on(self, dataset: Any, epochs: int) -> None:
        """Train for some epochs, until early stopping; a user's own interruption goes on up."""
        self.notify("on_train_begin", X=dataset, y=None)
        try:
            self.fit_loop(dataset, epochs=epochs)
        except KeyboardInterrupt:
            # skorch's early stopping speaks by this exception too
            stopping = dict(self.callbacks_).get("early_stopping")
            if stopping is None or stopping.misses_ < stopping.patience:
                raise
        self.notify("on_train_end", X=dataset, y=None)

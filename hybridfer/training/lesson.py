"""Training steps whose targets are more than labels: mixtures of images, and a teacher's answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from hybridfer.networks import Network, choose_precision
from hybridfer.training.mixing import Mixup, Targets
from hybridfer.training.net import ImageNet
from hybridfer.training.teaching import Teacher, divergence


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a network is taught beside the labels of single images.

    Attributes
    ----------
    mixup : Mixup or None
        Mixes the images of each batch.
    teacher : Teacher or None
        Sees the pixels that the network sees, after augmentation and mixup and at full size.
    distillation : float
        The teacher's share of the loss.
    temperature : float
        Of the teacher's part: see `hybridfer.training.teaching.divergence`.
    """

    mixup: Mixup | None
    teacher: Teacher | None
    distillation: float
    temperature: float

    def shown(self, pixels: torch.Tensor, labels: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, Targets]:
        """Give the pixels that are looked at, and the labels that they have with their shares."""
        if self.mixup is None:
            return pixels, ((labels, 1.0),)
        return self.mixup(pixels, labels, generator)

    def loss(self, from_labels: torch.Tensor, pixels: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Add the teacher's part to the loss that labels give."""
        if self.teacher is None:
            return from_labels
        taught = divergence(logits, self.teacher(pixels), self.temperature)
        return (1 - self.distillation) * from_labels + self.distillation * taught


def build_lesson(
    parameters: Mapping[str, Any], teacher: Network | None, names: Sequence[str], device: torch.device
) -> Lesson | None:
    """Build what the parameters of a `CNNClassifier` ask for beside labels; None where that is nothing.

    Raises
    ------
    RecipeError
        If the teacher does not know a class of `names`.
    """
    alpha = parameters["mixup"]
    if teacher is None and alpha == 0:
        return None
    return Lesson(
        Mixup(float(alpha)) if alpha > 0 else None,
        None if teacher is None else Teacher(teacher, names, device, choose_precision(parameters["precision"], device)),
        parameters["distillation"],
        parameters["temperature"],
    )


class LessonNet(ImageNet):
    """`ImageNet` that is taught by a lesson; it is validated by labels alone, as `ImageNet` is.

    A class of its own, so that trainings without a lesson take no further step for it.
    """

    def __init__(self, *args: Any, lesson: Lesson, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.lesson = lesson

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, torch.Tensor]:
        """Do what skorch's own does, with the lesson's images and loss; ``labels`` are those with the largest share."""
        self._set_training(True)
        inputs, labels = batch
        module = self.module_
        pixels = module.pixels(**inputs) if isinstance(inputs, Mapping) else module.pixels(inputs)
        pixels, targets = self.lesson.shown(pixels, labels, module.generator)
        logits = module.logits(pixels)
        from_labels = sum(share * self.get_loss(logits, target, training=True) for target, share in targets)
        loss = self.lesson.loss(from_labels, pixels, logits)
        loss.backward()
        return {"loss": loss, "y_pred": logits, "labels": max(targets, key=lambda target: target[1])[0]}

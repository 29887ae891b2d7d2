"""From the parameters of a training to a net that is ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight
from skorch.callbacks import Callback, EarlyStopping
from skorch.helper import predefined_split
from torch.nn.utils import convert_conv2d_weight_memory_format

from hybridfer.digest import DIGEST, image_digests
from hybridfer.home import given_path
from hybridfer.networks import (
    HOW_TRAINED,
    Network,
    catalogue_network,
    choose_precision,
    network_preprocessing,
    pretrained_network,
)
from hybridfer.training.augmentation import Augmentation
from hybridfer.training.balancing import BalancedBatches
from hybridfer.training.batches import DeviceBatches, DeviceImages
from hybridfer.training.checkpoint import EpochCheckpoint, TrainingIdentity
from hybridfer.training.fine_tuning import begin_with
from hybridfer.training.lesson import Lesson, LessonNet
from hybridfer.training.net import ImageNet, TrainedModule
from hybridfer.training.optimizers import optimizer_settings
from hybridfer.training.parameters import check_class_weight, image_sides
from hybridfer.training.progress import TrainingBar
from hybridfer.training.resizing import ProgressiveResizing, check_takes_sizes
from hybridfer.training.schedules import build_schedule

# an epoch's steps, as far as batches of this size allow
STEPS, SMALL_BATCH = 8, 16


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What a net is trained on.

    Attributes
    ----------
    train : tuple of (images, class indices)
        As `DeviceImages` takes them.
    valid : tuple of (images, class indices) or None
        Watched and never trained on.
    classes : tuple
        Each index's class.
    names : tuple of str
        What each of them is called.
    added : ndarray of shape (n_classes,), int64
        Images that balancing adds to each class in every epoch.
    given : bool
        Whether the watched images were given, rather than held out of those that are trained on.
    """

    train: tuple[NDArray, NDArray[np.int64]]
    valid: tuple[NDArray, NDArray[np.int64]] | None
    classes: tuple[Any, ...]
    names: tuple[str, ...]
    added: NDArray[np.int64]
    given: bool = False

    @cached_property
    def digests(self) -> tuple[NDArray[np.bytes_], NDArray[np.bytes_]]:
        """Digests of the training images, and of those that are watched, in their order."""
        watched = np.empty(0, dtype=DIGEST) if self.valid is None else image_digests(self.valid[0])
        return image_digests(self.train[0]), watched

    @property
    def counts(self) -> dict[str, list[int]]:
        """Training images of each class before balancing and, where it adds any, after it."""
        before = np.bincount(self.train[1], minlength=len(self.classes))
        counts = {"train_counts": before.tolist()}
        return {**counts, "trained_counts": (before + self.added).tolist()} if self.added.any() else counts


def first_network(parameters: Mapping[str, Any], names: Sequence[str], seed: int, start: Network | None) -> Network:
    """Build the network that a training begins with: of random weights, or those that its parameters ask for.

    Parameters
    ----------
    parameters : mapping
        Of a `CNNClassifier`.
    names : sequence of str
        What its classes are called.
    seed : int
        Of random weights.
    start : Network or None
        What its ``start`` names.
    """
    if start is None:
        return untrained_network(parameters, len(names), seed, build=pretrained_network)
    network = untrained_network(parameters, len(names), seed, start=start)
    begin_with(start, network, names)
    return network


def untrained_network(
    parameters: Mapping[str, Any],
    n_classes: int,
    seed: int,
    build: Callable[..., Network] = catalogue_network,
    start: Network | None = None,
) -> Network:
    """Build the network that the parameters of a `CNNClassifier` describe, and a start what they leave open."""
    sides = None if parameters["image_size"] is None else image_sides(parameters["image_size"])
    preprocessing = network_preprocessing(
        parameters["network"], sides, channels=3 if parameters["colour"] else 1, standardize=parameters["standardize"]
    )
    network = build(
        parameters["network"],
        n_classes=n_classes,
        preprocessing=preprocessing,
        random_state=seed,
        arguments={**_shape_of(start, parameters["network"]), **(parameters["network_arguments"] or {})},
    )
    if parameters["initial_scale"] < 1:
        check_takes_sizes(network, parameters["initial_scale"])
    return network


def _shape_of(start: Network | None, name: str) -> dict[str, Any]:
    """Give the arguments of the network that a training starts with which say what it is made of."""
    if start is None or start.name != name:
        return {}
    return {argument: value for argument, value in start.arguments.items() if argument not in ("n_classes", *HOW_TRAINED)}


def build_net(
    parameters: Mapping[str, Any],
    network: Network,
    data: TrainingData,
    device: torch.device,
    seed: int,
    identity: TrainingIdentity,
    watchers: Sequence[Callback] = (),
    lesson: Lesson | None = None,
) -> tuple[ImageNet, DeviceImages]:
    """Build the net that trains a network, by labels or by a lesson, and put its images onto the device."""
    generator = torch.Generator(device).manual_seed(seed)
    images = DeviceImages(*data.train, device)
    batch_size = _batch_size(parameters["batch_size"], len(images) + int(data.added.sum()))
    kind: type[DeviceBatches] = DeviceBatches
    settings: dict[str, Any] = {"generator": generator}
    if data.added.any():
        kind, settings = BalancedBatches, {**settings, "added": data.added.tolist()}
    batches = kind(images, batch_size, **settings)
    module = trained_module(parameters, network, generator)
    net_of = ImageNet if lesson is None else partial(LessonNet, lesson=lesson)
    net = net_of(
        convert_conv2d_weight_memory_format(module, torch.channels_last),
        criterion=torch.nn.CrossEntropyLoss,
        criterion__label_smoothing=parameters["label_smoothing"],
        criterion__weight=loss_weights(parameters["class_weight"], data.train[1], data.classes),
        **optimizer_settings(parameters),
        max_epochs=parameters["max_epochs"],
        batch_size=batch_size,
        iterator_train=kind,
        **{f"iterator_train__{name}": value for name, value in settings.items()},
        iterator_valid=DeviceBatches,
        train_split=predefined_split(DeviceImages(*data.valid, device)) if data.valid is not None else None,
        # before early stopping, which ends the round of callbacks of the last epoch
        callbacks=[*_named(watchers), *_callbacks(parameters, network, batches, identity)],
        device=str(device),
        verbose=0,
    )
    return net.initialize(), images


def loss_weights(class_weight: Any, labels: NDArray[np.int64], classes: Sequence[Any]) -> torch.Tensor | None:
    """Weigh each class in the loss as ``class_weight`` says; None where all weigh the same."""
    check_class_weight(class_weight, classes)
    if class_weight is None:
        return None
    if isinstance(class_weight, Mapping):
        class_weight = {index: class_weight.get(label, 1.0) for index, label in enumerate(classes)}
    weights = compute_class_weight(class_weight, classes=np.arange(len(classes)), y=labels)
    return torch.as_tensor(weights, dtype=torch.float32)


def trained_module(parameters: Mapping[str, Any], network: Network, generator: torch.Generator) -> TrainedModule:
    """Put a network behind the augmentation, and into the arithmetic, of the parameters of a `CNNClassifier`."""
    augmentation, added = (
        Augmentation.from_fields(parameters[name]) if parameters[name] else None
        for name in ("augmentation", "balance_augmentation")
    )
    precision = choose_precision(parameters["precision"], generator.device)
    return TrainedModule(network.module, network.preprocessing, augmentation, precision, generator, added)


def _callbacks(
    parameters: Mapping[str, Any], network: Network, batches: DeviceBatches, identity: TrainingIdentity
) -> list[tuple[str, Callback]]:
    epochs = parameters["max_epochs"]
    callbacks: list[tuple[str, Callback]] = []
    if parameters["verbose"]:
        callbacks.append(("bar", TrainingBar(epochs, batches.images)))
    schedule = build_schedule(parameters["schedule"], parameters["learning_rate"], epochs, len(batches))
    if schedule is not None:
        callbacks.append(("schedule", schedule))
    if parameters["initial_scale"] < 1:
        resizing = ProgressiveResizing(parameters["initial_scale"], epochs, network.preprocessing.image_size)
        callbacks.append(("resizing", resizing))
    if parameters["patience"] is not None:
        stopping = EarlyStopping(monitor="valid_loss", patience=parameters["patience"], load_best=True)
        callbacks.append(("early_stopping", stopping))
    # after all callbacks whose state it keeps
    if parameters["checkpoint"] is not None:
        callbacks.append(("checkpoint", EpochCheckpoint(given_path(parameters["checkpoint"]), identity)))
    return callbacks


def _named(watchers: Sequence[Callback]) -> list[tuple[str, Callback]]:
    return [(f"watcher{number}", watcher) for number, watcher in enumerate(watchers)]


def _batch_size(asked: int, images: int) -> int:
    """Cut few images finer, as BatchNorm's running statistics need tens of steps to follow the weights."""
    return min(asked, max(SMALL_BATCH, images // STEPS))

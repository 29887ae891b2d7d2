"""One training, from its parameters and images to the trained network."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from skorch.callbacks import Callback

from hybridfer.networks import Network, choose_device
from hybridfer.networks.seeding import seeded
from hybridfer.training.ancestry import Ancestry, load_ancestry
from hybridfer.training.averaging import averaged_with_start
from hybridfer.training.batches import DeviceImages
from hybridfer.training.calibrating import calibrated
from hybridfer.training.checkpoint import Resume, restore
from hybridfer.training.construction import TrainingData, build_net, first_network
from hybridfer.training.identity import training_identity, training_recipe
from hybridfer.training.lesson import build_lesson
from hybridfer.training.net import ImageNet
from hybridfer.training.validation_images import warn_of_copies

log = logging.getLogger("hybridfer")


def run_training(
    parameters: Mapping[str, Any], data: TrainingData, seed: int, callbacks: Sequence[Callback] = ()
) -> Network:
    """Train the network that the parameters of a `CNNClassifier` describe; global generators stay as they were.

    Parameters
    ----------
    parameters : mapping
        All of a classifier's, checked.
    data : TrainingData
        What it is trained and watched on.
    seed : int
        Of weights, shuffling, augmentation and dropout.
    callbacks : sequence of skorch.callbacks.Callback
        As for `CNNClassifier.fit`.

    Returns
    -------
    Network
        Trained, averaged with its start and calibrated where the parameters ask for it, with its history and all images that
        it has seen.

    Raises
    ------
    RecipeError, WeightsError
        As `CNNClassifier.fit`.
    """
    device = choose_device(parameters["device"])
    # once, as files that the parameters name may be gone when the training has ended
    ancestry = load_ancestry(parameters)
    recipe = training_recipe(parameters, ancestry)
    lesson = build_lesson(parameters, ancestry.teacher, data.names, device)
    _tell(data, ancestry)
    with seeded(seed, device):
        network = first_network(parameters, data.names, seed, ancestry.start)
        identity = training_identity(recipe, data, seed)
        net, images = build_net(parameters, network, data, device, seed, identity, callbacks, lesson)
        _run(net, images, parameters)
    network = _trained(network, net, recipe, data, ancestry)
    if ancestry.start is not None and parameters["start_share"]:
        with seeded(seed, device):
            network = averaged_with_start(network, ancestry.start, images, parameters, seed)
    if data.valid is None or not parameters["calibrate"]:
        return network
    return calibrated(network, *data.valid, device=parameters["device"], precision=parameters["precision"])


def _tell(data: TrainingData, ancestry: Ancestry) -> None:
    """Log what balancing adds, and warn of images that the network, or what it takes from, knows too well."""
    if data.added.any():
        log.info("balancing: each epoch adds %d images to %d", data.added.sum(), len(data.train[1]))
    warn_of_copies(*data.digests)
    ancestry.warn_of_seen_validation(*data.digests)
    # whoever gives validation images has split them off, and is told of those that are known
    if not data.given:
        ancestry.warn_of_known_images(np.concatenate(data.digests))


def _run(net: ImageNet, train: DeviceImages, parameters: Mapping[str, Any]) -> None:
    if parameters["resume"]:
        checkpoint = dict(net.callbacks_)["checkpoint"]
        state = checkpoint.load(net.module_.generator.device.type)
        if state is not None:
            restore(net, state, checkpoint.path)
            net.callbacks_.append(("resume", Resume(state, checkpoint.path)))
    net.train_on(train, epochs=parameters["max_epochs"] - len(net.history))


def _trained(network: Network, net: ImageNet, recipe: Mapping[str, Any], data: TrainingData, ancestry: Ancestry) -> Network:
    trained_on, watched = ancestry.seen_with(*data.digests)
    return replace(
        network,
        # models of timm forget on train() what they computed, in evaluation mode, from weights that were then replaced
        module=net.module_.module.cpu().train().eval(),
        classes=data.names,
        training={**recipe, **_untold(recipe, ancestry), **data.counts, "image_shapes": _shapes(data, ancestry)},
        history=_plain_history(net.history),
        trained_on=trained_on,
        watched=watched,
    )


def _shapes(data: TrainingData, ancestry: Ancestry) -> list[list[int]]:
    return [list(shape) for shape in ancestry.shapes_with(data.train[0].shape[1:])]


def _untold(recipe: Mapping[str, Any], ancestry: Ancestry) -> dict[str, Any]:
    """Record of ancestors whose past is unknown, in part, what it is of; no training is known by that."""
    pasts = {role: list(network.untold_as(role)) for role, network in ancestry.named.items()}
    return {role: {**recipe[role], "untold": untold} for role, untold in pasts.items() if untold}


def _plain_history(history: Any) -> tuple[dict[str, Any], ...]:
    kept = ("epoch", "dur", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "learning_rate")
    return tuple({name: epoch[name] for name in kept if name in epoch} for epoch in history)

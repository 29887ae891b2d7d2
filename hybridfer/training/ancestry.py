"""What a training inherits: the trained networks that it takes from, and the images that those have seen."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridfer.digest import DIGEST
from hybridfer.networks import Network, is_backbone, load_network, load_trained

log = logging.getLogger("hybridfer")

Weights = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class Ancestry:
    """The trained networks that a training takes from.

    Attributes
    ----------
    start : Network or None
        Whose weights it begins with.
    teacher : Network or None
        Whose answers are learnt beside the labels.
    """

    start: Network | None = None
    teacher: Network | None = None

    @property
    def named(self) -> dict[str, Network]:
        """Those that there are, by the parameters that name them."""
        networks = {"start": self.start, "teacher": self.teacher}
        return {name: network for name, network in networks.items() if network is not None}

    @property
    def untold(self) -> tuple[str, ...]:
        """Those that do not say which images they were trained on, in words, and what else they come from that does not."""
        return tuple(dict.fromkeys(name for role, network in self.named.items() for name in network.untold_as(role)))

    def seen_with(
        self, learnt: NDArray[np.bytes_], watched: NDArray[np.bytes_]
    ) -> tuple[NDArray[np.bytes_], NDArray[np.bytes_] | None]:
        """Add the images that ancestors have seen to those that a network was trained on itself, and that it only watched.

        Parameters
        ----------
        learnt, watched : ndarray of shape (n,) and (m,), dtype "S16"
            Digests of the training's own images.

        Returns
        -------
        tuple of ndarray, and ndarray or None
            As `Network.trained_on` and `Network.watched`: all that are known, and those of them that nobody is known to have
            learnt from; None where the weights of an ancestor say what it has seen, and not which it only watched.
        """
        seen = np.union1d(learnt, watched)
        for network in self.named.values():
            seen = np.union1d(seen, network.trained_on)
            learnt = np.union1d(learnt, _learnt(network))
        if any(network.watched is None and len(network.trained_on) for network in self.named.values()):
            return seen.astype(DIGEST), None
        return seen.astype(DIGEST), np.setdiff1d(seen, learnt).astype(DIGEST)

    def shapes_with(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """Add the shapes of images that ancestors have seen to that of a training's own images."""
        return tuple(sorted({shape, *(seen for network in self.named.values() for seen in network.seen_shapes)}))

    def warn_of_seen_validation(self, train: NDArray[np.bytes_], validation: NDArray[np.bytes_]) -> None:
        """Log a warning where an ancestor has learnt from images that the training is watched on.

        Copies of training images are left out, as the network learns from those itself.

        Parameters
        ----------
        train, validation : ndarray of shape (n,) and (m,), dtype "S16"
            Digests of the training's own images.
        """
        for role, network in self.named.items():
            if not len(network.trained_on):
                log.warning("The weights of the %s %s do not say which images it was trained on.", role, network.name)
            elif network.untold:
                log.warning(
                    "The weights of the %s %s do not say all images that they depend on: those of %s are unknown.",
                    role,
                    network.name,
                    " and ".join(network.untold),
                )
            count = int((np.isin(validation, _learnt(network)) & ~np.isin(validation, train)).sum())
            if count:
                log.warning(
                    "The validation figures are flattered: the %s %s was trained on%s %d of the %d validation images (a "
                    "leak). Hold out the images that it held out, or take another %s.",
                    role,
                    network.name,
                    " or watched" if network.watched is None else "",
                    count,
                    len(validation),
                    role,
                )

    def warn_of_known_images(self, images: NDArray[np.bytes_]) -> None:
        """Log a warning where an ancestor has learnt from images of a training that is given none to be watched on.

        Such a training may be one of a cross-validation, which holds out further images elsewhere: an ancestor that has
        learnt from the images at hand has most likely learnt from those as well.

        Parameters
        ----------
        images : ndarray of shape (n,), dtype "S16"
            Digests of all images that the training is given.
        """
        for role, network in self.named.items():
            count = int(np.isin(images, _learnt(network)).sum())
            if count:
                log.warning(
                    "The %s %s was trained on%s %d of the %d images of this training. Scores on images that a "
                    "cross-validation or a grid search holds out from it are flattered (a leak), as it most likely knows "
                    "those too. Score on images that it has not seen, or take a %s that was trained on none of these.",
                    role,
                    network.name,
                    " or watched" if network.watched is None else "",
                    count,
                    len(images),
                    role,
                )


def load_ancestry(parameters: Mapping[str, Any]) -> Ancestry:
    """Load the networks that the ``start`` and the ``teacher`` of a `CNNClassifier` name.

    Raises
    ------
    WeightsError
        If there are no such weights.
    RecipeError
        If a name is unknown, or the members of a teacher do not go together.

    Examples
    --------
    >>> ancestry = load_ancestry({"start": None, "teacher": "compact"})
    >>> [(role, network.name) for role, network in ancestry.named.items()]
    [('teacher', 'compact')]
    """
    return Ancestry(*(_load(parameters[name]) for name in ("start", "teacher")))


def _load(weights: Weights | Sequence[Weights] | None) -> Network | None:
    """Load trained weights by a name or a path; a list of these is an ensemble, and so is the name of the wheel's."""
    if weights is None:
        return None
    if not isinstance(weights, str | os.PathLike):
        return load_network("ensemble", weights=list(weights))
    return load_network(weights) if weights == "ensemble" or is_backbone(weights) else load_trained(weights)


def _learnt(network: Network) -> NDArray[np.bytes_]:
    """Give the images that a network has learnt from; where it does not say which it only watched, all that it has seen."""
    return network.trained_on if network.watched is None else np.setdiff1d(network.trained_on, network.watched)

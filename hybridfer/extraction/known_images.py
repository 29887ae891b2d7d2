"""A word about images that trained weights know already: features of those are better than features of others."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

from numpy.typing import NDArray

from hybridfer.digest import image_digests
from hybridfer.networks import Network

log = logging.getLogger("hybridfer")

# a grid search fits a featurizer hundreds of times: networks that this process was warned of, by their digests, and those
# that were looked at already, each with the number of images, and the first and the last of them
_told: set[str] = set()
_looked_at: set[tuple[str, int, bytes]] = set()


def warn_of_known_images(
    network: Network,
    images: NDArray,
    named: str | os.PathLike[str],
    weights: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
) -> None:
    """Log a warning, once per process and network, where a network has learnt from images that heads are to be fitted on.

    That is as it should be where heads are scored on images that the network has not seen. In a cross-validation it most
    likely knows the images that are held out too.

    Parameters
    ----------
    network : Network
        With trained weights. One that does not say what it was trained on is passed over.
    images : ndarray of shape (n, h, w) or (n, h, w, c)
        What heads are to be fitted on.
    named, weights : str or path, and the same or a sequence of these
        What the user calls the network and its weights, as `load_network` takes them.
    """
    if not len(network.trained_on) or network.digest in _told:
        return
    images = _grey_again(images)
    fold = network.digest, len(images), image_digests(images[[0, -1]]).tobytes()
    if fold in _looked_at:
        return
    _looked_at.add(fold)
    # sets, as NumPy's on digests take several times as long
    watched = [] if network.watched is None else network.watched.tolist()
    learnt = set(network.trained_on.tolist()).difference(watched)
    count = sum(digest in learnt for digest in image_digests(images).tolist())
    if count:
        _told.add(network.digest)
        log.warning(
            "The weights %s were trained on%s %d of these %d images. Scores on images that a cross-validation or a grid "
            "search holds out from them are flattered (a leak), as the weights most likely know those too. Score on images "
            "that they have not seen, or train in each fold, by weights=None.",
            _called(network, named, weights),
            " or watched" if network.watched is None else "",
            count,
            len(images),
        )


def _grey_again(images: NDArray) -> NDArray:
    """Grey images that were given three equal channels, as many decoders do, as the grey ones that weights know."""
    repeated = images.ndim == 4 and images.shape[-1] == 3 and bool((images[..., :1] == images).all())
    return images[..., 0] if repeated else images


def _called(
    network: Network,
    named: str | os.PathLike[str],
    weights: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
) -> str:
    """Name weights by their name or file; those of a network's own name, and an ensemble's, by the network alone."""
    given = os.fspath(weights if isinstance(weights, str | os.PathLike) and weights != "builtin" else named)
    return f"of {network.name}" if given == network.name else f"{given} of {network.name}"

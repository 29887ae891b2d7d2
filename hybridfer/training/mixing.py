"""Mixup: training on mixtures of two images, each with a share of its own label."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.special import betaincinv

# the labels (n,) of a batch and their share of the loss; the shares add up to 1
Targets = tuple[tuple[torch.Tensor, float], ...]


@dataclass(frozen=True)
class Mixup:
    """Mixes the images of each batch with each other, by one share a batch.

    Parameters
    ----------
    alpha : float
        The share is drawn from Beta(alpha, alpha): near 0 or 1 for a small alpha, anywhere between them for 1.

    Notes
    -----
    Zhang, Cisse, Dauphin and Lopez-Paz, mixup: Beyond Empirical Risk Minimization, ICLR 2018. The paper draws a share for
    each pair of images; its code, ``train.py`` of mixup-cifar10, draws one a batch and mixes the batch with a permutation of
    itself, which is done here.

    Examples
    --------
    >>> import torch
    >>> pixels, labels = torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 3])
    >>> mixture, targets = Mixup(0.2)(pixels, labels, torch.Generator().manual_seed(0))
    >>> mixture.shape, len(targets)
    (torch.Size([4, 1, 8, 8]), 2)
    """

    alpha: float

    def __call__(
        self, pixels: torch.Tensor, labels: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, Targets]:
        """Mix pixels (n, c, h, w), of the class indices `labels` (n,), with a permutation of theirs drawn by `generator`."""
        partners = torch.randperm(len(pixels), generator=generator, device=pixels.device)
        # by torch's own generator on the host, which trainings seed and keep in checkpoints: so the host knows which label
        # has the larger share without waiting for the device
        chance = float(torch.rand((), dtype=torch.float64, device="cpu"))
        # torch's own Beta gives 0.5 for small alphas, whose gamma variates underflow
        return mixed(pixels, labels, partners, float(betaincinv(self.alpha, self.alpha, chance)))


def mixed(pixels: torch.Tensor, labels: torch.Tensor, partners: torch.Tensor, share: float) -> tuple[torch.Tensor, Targets]:
    """Mix each image with its partner.

    Parameters
    ----------
    pixels : Tensor of shape (n, c, h, w)
        Images.
    labels : Tensor of shape (n,)
        Their class indices.
    partners : Tensor of shape (n,)
        Each image's partner, by its position.
    share : float
        The part of an image's own pixels and label, in [0, 1]; the rest is its partner's.

    Returns
    -------
    tuple of Tensor and Targets
        The mixtures, and the labels of both with their shares.

    Examples
    --------
    >>> import torch
    >>> pixels, targets = mixed(torch.tensor([[0.0], [1.0]]), torch.tensor([3, 5]), torch.tensor([1, 0]), 0.75)
    >>> pixels.flatten().tolist()
    [0.25, 0.75]
    >>> [(labels.tolist(), share) for labels, share in targets]
    [([3, 5], 0.75), ([5, 3], 0.25)]
    """
    mixture = share * pixels + (1 - share) * pixels[partners]
    return mixture, ((labels, share), (labels[partners], 1 - share))

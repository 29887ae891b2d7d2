"""Random changes to whole batches of training images, on the device they live on."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from hybridfer.errors import RecipeError

# what recipes may ask for; a scale of 1 would shrink an image to nothing
BOUNDS = {
    "rotation": 180.0,
    "shift": 1.0,
    "scale": 0.99,
    "crop": 0.99,
    "shear": 1.0,
    "brightness": 1.0,
    "contrast": 1.0,
    "blur": 8.0,
    "erasing": 1.0,
    "noise": 1.0,
}


@dataclass(frozen=True)
class Augmentation:
    """How far an image may be changed; each amount is drawn anew for each image, uniformly.

    Parameters
    ----------
    flip : bool
        Mirror with probability one half.
    rotation : float
        At most this many degrees either way.
    shift : float
        At most this fraction of the side, in each direction.
    scale : float
        Enlarge or shrink by at most this fraction; what a shrunken image leaves free repeats its border.
    crop : float
        Cut away at most this fraction of each side, anywhere, and enlarge the rest to the whole image: nothing from beyond
        the border is seen.
    shear : float
        Shear by at most this fraction of the height.
    brightness : float
        Add at most this much, in units of the pixel range.
    contrast : float
        Multiply the distance from the image's mean by 1 plus or minus at most this.
    blur : float
        Smooth half of the images by a Gaussian whose standard deviation is at most this many pixels, as cameras of lower
        resolution do.
    erasing : float
        Probability of painting a rectangle of 2 to 20 % of the area with the image's mean (Zhong et al., 2020).
    noise : float
        Add Gaussian noise to half of the images, of a standard deviation of at most this, in units of the pixel range.

    Raises
    ------
    RecipeError
        If an amount is no number or out of range, or `flip` is no truth value.

    Examples
    --------
    >>> import torch
    >>> batch = torch.rand(4, 1, 48, 48)
    >>> Augmentation(flip=True, rotation=10)(batch, torch.Generator().manual_seed(0)).shape
    torch.Size([4, 1, 48, 48])
    """

    flip: bool = False
    rotation: float = 0.0
    shift: float = 0.0
    scale: float = 0.0
    crop: float = 0.0
    shear: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    blur: float = 0.0
    erasing: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        if self.flip not in (False, True):
            raise RecipeError(f"flip of the augmentation must be True or False; got {self.flip!r}.")
        for name, bound in BOUNDS.items():
            amount = getattr(self, name)
            if not isinstance(amount, float | int | np.floating | np.integer) or not 0 <= amount <= bound:
                raise RecipeError(f"{name} of the augmentation must lie in [0, {bound:g}]; got {amount!r}.")

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Build an augmentation from a mapping, or say which field there is not."""
        known = [field.name for field in dataclasses.fields(cls)]
        unknown = sorted(set(fields) - set(known))
        if unknown:
            raise RecipeError(f"augmentation must have fields among {known}; got {unknown}.")
        return cls(**fields)

    def __call__(self, batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Change a batch (n, c, h, w) of floats in [0, 1]; the shape and range stay."""
        return self.roughened(self.changed(batch, generator), generator)

    def changed(self, batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Change a batch in every way but for noise."""
        if any((self.rotation, self.shift, self.scale, self.crop, self.shear)):
            batch = self._moved(batch, generator)
        elif self.flip:
            mirrored = _uniform(len(batch), 1.0, generator, batch) < 0
            batch = torch.where(mirrored.view(-1, 1, 1, 1), batch.flip(3), batch)
        if self.brightness or self.contrast:
            batch = self._relit(batch, generator)
        if self.blur:
            batch = self._blurred(batch, generator)
        return self._erased(batch, generator) if self.erasing else batch

    def roughened(self, batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Add noise to a batch."""
        if not self.noise:
            return batch
        # a draw below 0 leaves the image clean
        deviation = _uniform(len(batch), self.noise, generator, batch).clamp_min(0).view(-1, 1, 1, 1)
        grain = torch.randn(batch.shape, generator=generator, device=batch.device, dtype=batch.dtype)
        return (batch + deviation * grain).clamp(0, 1)

    def _moved(self, batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Flip, rotate, shift, scale, crop and shear in one resampling, so that an image is blurred once."""
        n = len(batch)
        angle = _uniform(n, math.radians(self.rotation), generator, batch)
        zoom = 1 + _uniform(n, self.scale, generator, batch)
        shear = _uniform(n, self.shear, generator, batch)
        mirror = torch.where((_uniform(n, 1.0, generator, batch) < 0) & bool(self.flip), -1.0, 1.0)
        cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
        # grid coordinates run over [-1, 1], so a shift by a fraction of the side is twice that
        across, down = (_uniform(n, 2 * self.shift, generator, batch) for _ in range(2))
        # both axes run over [-1, 1] whatever the image's sides, so turning needs their ratio
        aspect = batch.shape[2] / batch.shape[3]
        top = torch.stack((mirror * cos, mirror * (shear * cos - sin) * aspect, across), dim=1)
        bottom = torch.stack((sin / aspect, shear * sin + cos, down), dim=1)
        theta = torch.stack((top, bottom), dim=1)
        if self.crop:
            theta = self._cropped(theta, generator)
        grid = torch.nn.functional.affine_grid(theta, list(batch.shape), align_corners=False)
        return torch.nn.functional.grid_sample(batch, grid, padding_mode="border", align_corners=False)

    def _cropped(self, theta: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Look through a window of the image that the other changes have made; both of its sides shrink alike."""
        n = len(theta)
        window = 1 - _uniform(n, self.crop, generator, theta).abs()
        across, down = (_uniform(n, 1.0, generator, theta) * (1 - window) for _ in range(2))
        offset = torch.einsum("nij,jn->ni", theta[:, :, :2], torch.stack((across, down)))
        return torch.cat((theta[:, :, :2] * window[:, None, None], (theta[:, :, 2] + offset)[:, :, None]), dim=2)

    def _relit(self, batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        gain = 1 + _uniform(len(batch), self.contrast, generator, batch).view(-1, 1, 1, 1)
        offset = _uniform(len(batch), self.brightness, generator, batch).view(-1, 1, 1, 1)
        mean = batch.mean(dim=(1, 2, 3), keepdim=True)
        return ((batch - mean) * gain + mean + offset).clamp(0, 1)

    def _blurred(self, batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Smooth each image by its own separable Gaussian: one grouped convolution along each axis."""
        n, channels, height, width = batch.shape
        # a draw below 0 leaves the image sharp: there the kernel is a single 1
        deviation = _uniform(n, self.blur, generator, batch).clamp_min(1e-3)
        reach = min(math.ceil(3 * self.blur), height - 1, width - 1)
        offsets = torch.arange(-reach, reach + 1, device=batch.device, dtype=batch.dtype)
        kernel = torch.softmax(-(offsets**2) / (2 * deviation[:, None] ** 2), dim=1).repeat_interleave(channels, dim=0)
        maps = batch.reshape(1, n * channels, height, width)
        maps = torch.nn.functional.pad(maps, (reach, reach, reach, reach), mode="reflect")
        maps = torch.nn.functional.conv2d(maps, kernel[:, None, :, None], groups=n * channels)
        maps = torch.nn.functional.conv2d(maps, kernel[:, None, None, :], groups=n * channels)
        return maps.reshape(batch.shape)

    def _erased(self, batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        n, _, height, width = batch.shape
        area = 0.11 + _uniform(n, 0.09, generator, batch)
        # sides differ by a factor of at most 3.3, as in the paper
        ratio = torch.exp(_uniform(n, math.log(3.3), generator, batch))
        tall, wide = torch.sqrt(area * ratio) / 2, torch.sqrt(area / ratio) / 2
        row, column = (0.5 + _uniform(n, 0.5, generator, batch) for _ in range(2))
        rows = (torch.arange(height, device=batch.device) + 0.5) / height
        columns = (torch.arange(width, device=batch.device) + 0.5) / width
        inside = ((rows - row[:, None]).abs() < tall[:, None])[:, :, None] & (
            (columns - column[:, None]).abs() < wide[:, None]
        )[:, None, :]
        chosen = _uniform(n, 0.5, generator, batch) + 0.5 < self.erasing
        mask = (inside & chosen[:, None, None])[:, None]
        return torch.where(mask, batch.mean(dim=(1, 2, 3), keepdim=True), batch)


def _uniform(n: int, bound: float, generator: torch.Generator, like: torch.Tensor) -> torch.Tensor:
    """Draw n numbers from [-bound, bound) on the device of another tensor."""
    return (torch.rand(n, generator=generator, device=like.device, dtype=like.dtype) * 2 - 1) * bound

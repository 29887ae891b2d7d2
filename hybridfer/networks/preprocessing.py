"""From stored pixels to what a network expects: on the network's device, in whole batches."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import torch

from hybridfer.errors import RecipeError, WeightsError

# ITU-R BT.601, the weights that JPEG and OpenCV turn colour into grey with
LUMA = (0.299, 0.587, 0.114)
# standard deviation in units of the pixel range under which an image counts as blank: half a step of 1/255
BLANK = 0.5 / 255
# pixels a side beyond which a size is taken for a mistake
LARGEST = 4096
# what pixels are computed in
FLOAT32 = torch.finfo(torch.float32)


@dataclass(frozen=True)
class Preprocessing:
    """What happens to an image before the first layer; a part of the identity of its features.

    Parameters
    ----------
    image_size : tuple of (int, int)
        Height and width in pixels; images of other sizes are resized bilinearly, with antialiasing.
    channels : int
        1 or 3; colour is turned to grey by ITU-R BT.601 luma, grey to colour by repetition.
    standardize : {"none", "image"}
        ``"image"`` shifts and scales each image to mean 0 and standard deviation 1, which makes features blind to
        overall brightness and contrast; ``"none"`` leaves pixels in [0, 1].
    mean, std : tuple of float, optional
        One of each for a channel, subtracted from pixels in [0, 1] and divided by: what a backbone was trained with.
        Both or neither, and instead of `standardize`.

    Raises
    ------
    RecipeError
        If a field is none of these.

    Examples
    --------
    >>> import torch
    >>> batch = torch.randint(0, 256, (2, 60, 40), dtype=torch.uint8)
    >>> Preprocessing(image_size=(48, 48))(batch).shape
    torch.Size([2, 1, 48, 48])
    """

    image_size: tuple[int, int] = (48, 48)
    channels: int = 1
    standardize: Literal["none", "image"] = "none"
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        sides = tuple(self.image_size) if isinstance(self.image_size, Iterable) else ()
        if len(sides) != 2 or not all(type(side) is int and 1 <= side <= LARGEST for side in sides):
            raise RecipeError(f"image_size must be (height, width), integers in 1..{LARGEST}; got {self.image_size!r}.")
        if type(self.channels) is not int or self.channels not in (1, 3):
            raise RecipeError(f"channels must be 1 or 3; got {self.channels!r}.")
        if self.standardize not in ("none", "image"):
            raise RecipeError(f"standardize must be 'none' or 'image'; got {self.standardize!r}.")
        if self.mean is not None or self.std is not None:
            self._check_normalisation(self.mean or (), self.std or ())

    def _check_normalisation(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        numbers = (*mean, *std)
        if (len(mean), len(std)) != (self.channels, self.channels) or not all(
            type(number) is float and abs(number) <= FLOAT32.max for number in numbers
        ):
            raise RecipeError(f"mean and std must each have one number a channel; got {self.mean!r} and {self.std!r}.")
        if min(std) < FLOAT32.tiny:
            raise RecipeError(f"std must be above 0, in float32 too; got {std!r}.")
        if self.standardize != "none":
            raise RecipeError(f"standardize must be 'none' beside mean and std; got {self.standardize!r}.")

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Turn (n, h, w) or (n, h, w, c) pixels, uint8 or float in [0, 1], into float32 (n, channels, height, width)."""
        return self.standardized(self.resized(images))

    def resized(self, images: torch.Tensor) -> torch.Tensor:
        """Do all but the standardisation: what augmentation works on."""
        if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (1, 3)):
            raise ValueError(f"images must have shape (n, h, w) or (n, h, w, c) with c = 1 or 3; got {tuple(images.shape)}.")
        batch = images.to(torch.float32)
        if images.dtype == torch.uint8:
            batch = batch / 255
        batch = batch.unsqueeze(1) if batch.ndim == 3 else batch.movedim(3, 1)
        batch = self._with_channels(batch)
        if tuple(batch.shape[2:]) != tuple(self.image_size):
            batch = torch.nn.functional.interpolate(
                batch, size=self.image_size, mode="bilinear", align_corners=False, antialias=True
            )
        return batch

    def standardized(self, batch: torch.Tensor) -> torch.Tensor:
        """Standardise a float batch (n, c, h, w), each image by itself or all by given values, if that is asked for."""
        if self.mean is not None and self.std is not None:
            return (batch - _per_channel(self.mean, batch)) / _per_channel(self.std, batch)
        if self.standardize == "none":
            return batch
        mean = batch.mean(dim=(1, 2, 3), keepdim=True)
        deviation = batch.std(dim=(1, 2, 3), keepdim=True, correction=0)
        return (batch - mean) / deviation.clamp_min(BLANK)

    def _with_channels(self, batch: torch.Tensor) -> torch.Tensor:
        if batch.shape[1] == self.channels:
            return batch
        if batch.shape[1] == 3 and self.channels == 1:
            return (batch * _per_channel(LUMA, batch)).sum(dim=1, keepdim=True)
        return batch[:, :1].expand(-1, self.channels, -1, -1)

    def to_json(self) -> str:
        """Write the fields as canonical JSON: equal preprocessing, equal text."""
        # without mean and std where there are none: the text is part of stores' keys, which were made before there were any
        fields = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps(fields, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Preprocessing:
        """Read what `to_json` wrote.

        Raises
        ------
        WeightsError
            If a field is missing, unknown or out of range.
        """
        try:
            fields: dict[str, Any] = json.loads(text)
            for name in {"image_size", "mean", "std"} & set(fields):
                fields[name] = tuple(fields[name])
            return cls(image_size=fields.pop("image_size"), **fields)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise WeightsError(
                f"preprocessing must be JSON with image_size, channels, standardize; got {text[:200]!r} ({error})."
            ) from error


def _per_channel(values: tuple[float, ...], batch: torch.Tensor) -> torch.Tensor:
    """Lay one number a channel out for a batch (n, c, h, w)."""
    return _constant(tuple(values), batch.dtype, batch.device).view(1, -1, 1, 1)


@lru_cache(maxsize=64)
def _constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Keep numbers on a device, as the host waits for a copy of its own memory to arrive on a GPU."""
    # a tensor made in inference mode, in which features are computed, could not be learnt through later
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=dtype, device=device)

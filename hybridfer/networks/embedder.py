"""The forward pass: images in, the requested layers out, one pass for all of them."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from hybridfer.errors import RecipeError
from hybridfer.networks.device import autocast, choose_device, choose_precision
from hybridfer.networks.ensemble import join_rows
from hybridfer.networks.folding import copy_module, fold_batchnorm
from hybridfer.networks.network import Network

VIEWS = ("single", "flip", "ten-crop")
# side of a crop: FER2013's 48 pixels are cut to 44, as is customary for them (Khaireddin and Chen, 2021, cut to 40)
CROP = 44 / 48
# measured for 48 x 48 images on CPUs (benchmarks/bench_batch.py): activations of larger batches leave the cache, and beyond
# 32 MiB the C library asks the kernel for fresh pages at every layer
CPU_BATCH = 32
CUDA_BATCH = 2048
# of a folded module's features and the module's own, relative to the largest of a layer: float32 rounding stays far below
TOLERANCE = 1e-4
# pixels of the images that those are for; of larger ones fewer go into the same memory, and no fewer than these
PIXELS = 48 * 48
CPU_LEAST, CUDA_LEAST = 8, 128

# what takes the rows that were computed before an error, by layer
Rescue = Callable[[dict[str, NDArray[np.float32]]], object]


class Embedder:
    """Runs a network over images, in batches, on one device.

    Built once for many batches: the module is copied to the device, its BatchNorms are folded into its convolutions and its
    weights laid out channels-last. Threads may share it: they take turns. An ensemble is run by embedders of its members;
    with several views each member's layers are averaged over them as for that member alone, and joined then.

    Parameters
    ----------
    network : Network
        What to run.
    layers : sequence of str
        Which layers to return. Maps (n, c, h, w) are averaged over their area to (n, c); other shapes are flattened.
    views : {"single", "flip", "ten-crop"}
        ``"flip"`` averages the layers over the image and its mirror image; ``"ten-crop"`` over its four corners and its
        middle, each 11/12 of the side and enlarged to the whole, and their mirror images, at ten times the cost.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:N"`` or ``"mps"``.
    precision : {"auto", "fp32", "bf16", "fp16"}
        ``"auto"`` is bf16 on CUDA, fp32 elsewhere.
    batch_size : int or "auto"
        Images a forward pass. ``"auto"`` is 32 on CPUs and 2048 on CUDA, for images up to 48 x 48 pixels; fewer for larger
        ones, down to 8 and 128.

    Attributes
    ----------
    images_embedded : int
        How many images have gone through the network so far; views count once, and so does an image that goes through one
        member of an ensemble or more.
    members : tuple of Embedder
        Of an ensemble those of its members, in their order; empty of any other network.

    Examples
    --------
    >>> import numpy as np
    >>> from hybridfer.networks import catalogue_network
    >>> embedder = Embedder(catalogue_network("tiny"), ["conv2", "embedding"], device="cpu")
    >>> rows = embedder.embed(np.zeros((3, 48, 48), dtype=np.uint8))
    >>> {layer: features.shape for layer, features in rows.items()}
    {'conv2': (3, 32), 'embedding': (3, 128)}
    """

    def __init__(
        self,
        network: Network,
        layers: Sequence[str],
        *,
        views: str = "single",
        device: str = "auto",
        precision: str = "auto",
        batch_size: int | Literal["auto"] = "auto",
    ) -> None:
        if views not in VIEWS:
            raise RecipeError(f"views must be among {list(VIEWS)}; got {views!r}.")
        self.layers = tuple(dict.fromkeys(layers))
        for layer in self.layers:
            network.submodule(layer)
        self.device = choose_device(device)
        self.precision = choose_precision(precision, self.device)
        self.batch_size = _check_batch_size(batch_size, self.device, network.preprocessing.image_size)
        self.views = views
        self.images_embedded = 0
        self.members = tuple(
            Embedder(member, self.layers, views=views, device=device, precision=precision, batch_size=self.batch_size)
            for member in network.members
        )
        self._preprocessing = network.preprocessing
        self._paths = {layer: network.layers[layer] for layer in self.layers}
        self._module = network.module if self.members else _laid_out(network, self._paths, self.device)
        # hooks collect the layers, and would collect those of another thread's batch too
        self._turn = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_turn"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _turn=threading.Lock())

    def embed(self, images: NDArray, *, rescue: Rescue | None = None) -> dict[str, NDArray[np.float32]]:
        """Embed images of shape (n, h, w) or (n, h, w, c), uint8 or float in [0, 1].

        Parameters
        ----------
        images : ndarray
            What to embed, batch by batch.
        rescue : callable, optional
            Where an error or an interruption ends this early, it is called with what would have been returned of the first
            images, whose batches are whole, before the error goes on up.

        Returns
        -------
        dict of str to ndarray of shape (n, d), dtype float32
            One array for each layer.
        """
        if not len(images):
            raise ValueError("images must hold at least one image; got none.")
        batches: list[dict[str, torch.Tensor]] = []
        try:
            for start in range(0, len(images), self.batch_size):
                rows = self.embed_batch(images[start : start + self.batch_size])
                batches.append(rows)
        except BaseException:
            if rescue is not None and batches:
                rescue(self._on_cpu(batches))
            raise
        return self._on_cpu(batches)

    def embed_batch(self, images: NDArray) -> dict[str, torch.Tensor]:
        """Embed one batch; the float32 results stay on the device."""
        with self._turn:
            if self.members:
                rows = join_rows([member.embed_batch(images) for member in self.members])
            else:
                rows = self._embed_views(images)
            self.images_embedded += len(images)
        return rows

    def _on_cpu(self, batches: Sequence[dict[str, torch.Tensor]]) -> dict[str, NDArray[np.float32]]:
        """Join batches where there is memory for all of them."""
        return {layer: torch.cat([batch[layer].cpu() for batch in batches]).numpy() for layer in self.layers}

    def _embed_views(self, images: NDArray) -> dict[str, torch.Tensor]:
        with torch.inference_mode(), autocast(self.precision, self.device):
            # joblib hands large arrays to its workers as read-only maps, which torch warns of
            pixels = np.require(images, requirements=["C", "W"])
            batch = self._preprocessing(torch.as_tensor(pixels, device=self.device))
            batch = batch.contiguous(memory_format=torch.channels_last)
            views = [self._forward(view) for view in _views(batch, self.views)]
        if len(views) == 1:
            return views[0]
        return {layer: torch.stack([view[layer] for view in views]).mean(dim=0) for layer in self.layers}

    def _forward(self, batch: torch.Tensor) -> dict[str, torch.Tensor]:
        with _captured(self._module, self._paths) as outputs:
            self._module(batch)
        for layer in self.layers:
            n_rows = len(outputs.get(layer, ()))
            if n_rows != len(batch):
                raise RecipeError(
                    f"layer {layer!r} must be passed in each forward pass and give one row for each of the {len(batch)} "
                    f"images; got {n_rows}."
                )
        return {layer: outputs[layer] for layer in self.layers}


def _laid_out(network: Network, paths: dict[str, str], device: torch.device) -> nn.Module:
    """Copy a network's module to a device, as fast to run as it can be there."""
    module = fold_batchnorm(network.module, keep=paths.values())
    # only a module of one's own has no arguments: it may run the children of a Sequential by themselves
    if not network.arguments and not _agree(network, module, paths):
        module = copy_module(network.module).eval()
    return convert_conv2d_weight_memory_format(module.to(device), torch.channels_last)


def _agree(network: Network, folded: nn.Module, paths: dict[str, str]) -> bool:
    """Find out on random images whether a folded module gives the layers that the network's own gives."""
    if folded.state_dict().keys() == network.module.state_dict().keys():
        # nothing was folded
        return True
    generator = torch.Generator().manual_seed(0)
    batch = network.preprocessing(torch.rand(2, *network.preprocessing.image_size, generator=generator))
    try:
        own, found = (_probed(module, paths, batch) for module in (network.module, folded))
        return own.keys() == found.keys() and all(_is_close(rows, found[layer]) for layer, rows in own.items())
    except Exception:  # whatever a module of one's own raises, it raises again, and is told, where it is run
        return False


def _probed(module: nn.Module, paths: dict[str, str], batch: torch.Tensor) -> dict[str, torch.Tensor]:
    """Run a copy of a module on the CPU, as it may change itself."""
    module = copy_module(module).cpu().eval()
    with torch.inference_mode(), _captured(module, paths) as outputs:
        module(batch)
    return outputs


def _is_close(rows: torch.Tensor, others: torch.Tensor) -> bool:
    return rows.shape == others.shape and bool((rows - others).abs().max() <= TOLERANCE * rows.abs().max())


def _views(batch: torch.Tensor, views: str) -> Iterator[torch.Tensor]:
    """Give what is looked at of a batch (n, c, h, w), one view after the other, all of the batch's own size."""
    for part in _ten_crop_parts(batch) if views == "ten-crop" else [batch]:
        yield part
        if views != "single":
            yield part.flip(3)


def _ten_crop_parts(batch: torch.Tensor) -> Iterator[torch.Tensor]:
    """Cut the corners and the middle, and enlarge them."""
    height, width = batch.shape[2:]
    rows, columns = round(CROP * height), round(CROP * width)
    down, right = height - rows, width - columns
    for top, left in ((0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)):
        part = batch[:, :, top : top + rows, left : left + columns]
        part = torch.nn.functional.interpolate(part, (height, width), mode="bilinear", align_corners=False)
        yield part.contiguous(memory_format=torch.channels_last)


def _check_batch_size(batch_size: int | str, device: torch.device, image_size: tuple[int, int]) -> int:
    if batch_size == "auto":
        most, least = (CUDA_BATCH, CUDA_LEAST) if device.type == "cuda" else (CPU_BATCH, CPU_LEAST)
        return min(most, max(least, most * PIXELS // math.prod(image_size)))
    if not isinstance(batch_size, int | np.integer) or isinstance(batch_size, bool) or batch_size < 1:
        raise RecipeError(f"batch_size must be 'auto' or a positive integer; got {batch_size!r}.")
    return int(batch_size)


@contextmanager
def _captured(module: nn.Module, paths: dict[str, str]) -> Iterator[dict[str, torch.Tensor]]:
    """Collect the rows of submodules during a forward pass; the hooks leave even when it raises."""
    outputs: dict[str, torch.Tensor] = {}
    handles = [
        module.get_submodule(path).register_forward_hook(
            lambda _module, _inputs, output, layer=layer: outputs.__setitem__(layer, _as_rows(layer, output))
        )
        for layer, path in paths.items()
    ]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def _as_rows(layer: str, output: object) -> torch.Tensor:
    if not isinstance(output, torch.Tensor) or output.ndim < 2:
        got = f"shape {tuple(output.shape)}" if isinstance(output, torch.Tensor) else f"a {type(output).__name__}"
        raise RecipeError(
            f"layer {layer!r} must return one tensor of shape (n, ...); got {got}. Say which submodules of your module do: "
            "load_network(module, layers={'embedding': PATH, 'logits': PATH}). Logits that are not named are what the "
            "module itself returns; where nothing gives any, name the embedding's path for both."
        )
    if output.ndim == 4:
        return output.float().mean(dim=(2, 3))
    # a copy, as an in-place layer that follows would write into it
    return output.to(torch.float32, copy=True).flatten(1)

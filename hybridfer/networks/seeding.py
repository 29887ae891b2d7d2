"""Random numbers by a seed: torch keeps a generator for the whole process, which one thread at a time may use."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# whoever holds it may ask for it again: a training builds its network
_TURN = threading.RLock()


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Draw from torch's global generators as if they were new, and leave them as they were; threads take turns.

    Meanwhile torch's default dtype is float32: of another one a seed gives other numbers.

    Parameters
    ----------
    seed : int
        Of the CPU's generator and of the device's own.
    device : torch.device, optional
        Draws too; generators of other devices are not touched.

    Examples
    --------
    >>> with seeded(0):
    ...     first = torch.rand(2)
    >>> with seeded(0):
    ...     bool((torch.rand(2) == first).all())
    True
    """
    if torch.get_default_device().type == "meta":
        # nothing is drawn where there is no memory: weights can be loaded while another thread trains for hours
        yield
        return
    with _TURN, torch.random.fork_rng(devices=[device] if device is not None and device.type == "cuda" else []):
        # not torch.manual_seed, which would seed those of all GPUs as well
        torch.default_generator.manual_seed(seed)
        if device is not None:
            _seed_of(device, seed)
        with _single_precision():
            yield


@contextmanager
def _single_precision() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _seed_of(device: torch.device, seed: int) -> None:
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)

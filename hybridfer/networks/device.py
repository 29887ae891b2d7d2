"""Which device and which arithmetic: chosen once, said in words."""

from __future__ import annotations

import torch

from hybridfer.errors import RecipeError

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(device: str) -> torch.device:
    """Turn ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"`` into a device that is there.

    Raises
    ------
    RecipeError
        If the device is unknown, or this machine has none such.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise RecipeError(f"device must be 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'; got {device!r}.") from error
    if chosen.type not in ("cpu", "cuda", "mps"):
        raise RecipeError(f"device must be 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'; got {device!r}.")
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise RecipeError(
            f"device {device!r} was asked for; torch {torch.__version__} sees {torch.cuda.device_count()} CUDA devices. "
            "Use device='auto' or 'cpu', or install a CUDA build of torch."
        )
    if chosen.type == "mps" and not torch.backends.mps.is_available():
        raise RecipeError("device 'mps' was asked for, and this machine has none. Use device='auto' or 'cpu'.")
    return chosen


def choose_precision(precision: str, device: torch.device) -> str:
    """Turn ``"auto"`` into ``"bf16"`` on CUDA devices that have it and ``"fp32"`` elsewhere; check the rest.

    Raises
    ------
    RecipeError
        If the precision is unknown, or the device cannot do it.
    """
    if precision == "auto":
        return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    if precision not in PRECISIONS:
        raise RecipeError(f"precision must be 'auto' or among {sorted(PRECISIONS)}; got {precision!r}.")
    if precision == "fp16" and device.type == "cpu":
        raise RecipeError("precision 'fp16' needs a GPU. Use 'fp32' or 'bf16' on the CPU.")
    return precision


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """Open a context in which matrix products run in the given precision."""
    return torch.autocast(device.type, dtype=PRECISIONS[precision], enabled=precision != "fp32")

"""Files of ``torch.save``, read without running anything in them."""

from __future__ import annotations

import os
import pickle
from typing import Any

import torch


def load_plain(path: str | os.PathLike[str]) -> Any:
    """Read what ``torch.save`` wrote, onto the CPU, if it is tensors and plain values alone.

    Parameters
    ----------
    path : path
        Of the file.

    Raises
    ------
    ValueError
        If it holds anything else, or nothing of the kind. A damaged file may fail anywhere in torch's reader, by any error.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's own words advise to read the file in a way that would run what it holds
        raise ValueError("it is damaged, or holds more than tensors and plain values") from error

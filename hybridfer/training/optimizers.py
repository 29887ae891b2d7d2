"""Which optimiser: a closed table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from hybridfer.errors import RecipeError

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
    "adadelta": torch.optim.Adadelta,
    "rmsprop": torch.optim.RMSprop,
}


def check_optimizer(optimizer: str) -> None:
    """Say which optimisers there are, if this is none of them."""
    if optimizer not in OPTIMIZERS:
        raise RecipeError(f"optimizer must be among {list(OPTIMIZERS)}; got {optimizer!r}.")


def optimizer_settings(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What a net is told of its optimiser, from the parameters of a `CNNClassifier`."""
    settings = {
        "optimizer": OPTIMIZERS[parameters["optimizer"]],
        "lr": parameters["learning_rate"],
        "optimizer__weight_decay": parameters["weight_decay"],
    }
    if parameters["optimizer"] == "sgd":
        settings["optimizer__momentum"] = parameters["momentum"]
        settings["optimizer__nesterov"] = parameters["nesterov"] and parameters["momentum"] > 0
    return settings

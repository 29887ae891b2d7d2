"""How the weights of a network begin."""

from __future__ import annotations

from typing import TypeVar

from torch import nn

from hybridfer.errors import RecipeError

Module = TypeVar("Module", bound=nn.Module)

INITIALISATIONS = ("default", "normal")
# the default of Keras's RandomNormal initialiser, https://keras.io/api/layers/initializers/
DEVIATION = 0.05


def initialise(module: Module, initialisation: str) -> Module:
    """Draw the weights of all convolutions and dense layers of a module, in place.

    Parameters
    ----------
    module : torch.nn.Module
        Just built.
    initialisation : {"default", "normal"}
        ``"default"`` leaves torch's uniform weights; ``"normal"`` draws them from a normal distribution around 0 of standard
        deviation 0.05, Keras's RandomNormal, and sets biases to 0, as Keras does.

    Returns
    -------
    torch.nn.Module
        The module itself.

    Raises
    ------
    RecipeError
        If the initialisation is none of these.
    """
    if initialisation not in INITIALISATIONS:
        raise RecipeError(f"initialisation must be among {list(INITIALISATIONS)}; got {initialisation!r}.")
    if initialisation == "normal":
        for part in module.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                nn.init.normal_(part.weight, std=DEVIATION)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)
    return module

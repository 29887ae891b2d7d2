"""Distillation: a trained network teaches another."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch
from torch.nn.utils import convert_conv2d_weight_memory_format

from hybridfer.errors import RecipeError
from hybridfer.networks import Network
from hybridfer.networks.device import autocast
from hybridfer.networks.folding import fold_batchnorm

log = logging.getLogger("hybridfer")


class Teacher:
    """A trained network that says what it thinks of each batch; it does not change, and is no part of what is trained.

    Parameters
    ----------
    network : Network
        Whose answers are learnt. A copy of its module is put onto the device.
    classes : sequence of str
        The student's classes, in the order of its logits.
    device : torch.device
        Where the batches are.
    precision : {"fp32", "bf16"}
        Arithmetic of its matrix products.

    Raises
    ------
    RecipeError
        If it does not know one of the classes. Further classes of its own are left out: its probabilities are taken over
        those that it shares with the student.

    Examples
    --------
    >>> import torch
    >>> from hybridfer.networks import load_network
    >>> teacher = Teacher(load_network("compact"), ["sad", "happy"], torch.device("cpu"), "fp32")
    >>> teacher(torch.rand(3, 1, 40, 40)).shape
    torch.Size([3, 2])
    """

    def __init__(self, network: Network, classes: Sequence[str], device: torch.device, precision: str) -> None:
        columns = _columns(network, classes)
        self.preprocessing = network.preprocessing
        self.precision = precision
        self._columns = None if columns == list(range(len(network.classes))) else torch.tensor(columns, device=device)
        module = fold_batchnorm(network.module).eval().requires_grad_(False).to(device)
        self._module = convert_conv2d_weight_memory_format(module, torch.channels_last)

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """Turn the student's pixels (n, c, h, w), in [0, 1], into logits (n, n_classes) of the student's classes.

        They are brought to the teacher's own size, channels and standardisation.
        """
        with torch.no_grad():
            own = self.preprocessing(pixels.movedim(1, 3)).contiguous(memory_format=torch.channels_last)
            with autocast(self.precision, own.device):
                logits = self._module(own).float()
        return logits if self._columns is None else logits[:, self._columns]


def divergence(logits: torch.Tensor, taught: torch.Tensor, temperature: float) -> torch.Tensor:
    """Measure how far a student's probabilities are from its teacher's.

    Parameters
    ----------
    logits, taught : Tensor of shape (n, n_classes)
        The student's and the teacher's.
    temperature : float
        Divides both; above 1 it brings out what the teacher thinks of the classes that it does not name.

    Returns
    -------
    Tensor of shape ()
        Mean Kullback-Leibler divergence of the teacher's probabilities from the student's, times the temperature's square,
        so that gradients stay of one size at any temperature (Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural
        Network, 2015, section 2).

    Examples
    --------
    >>> import torch
    >>> divergence(torch.tensor([[0.0, 0.0]]), torch.tensor([[100.0, 0.0]]), 1.0)
    tensor(0.6931)
    """
    learnt, wanted = (torch.log_softmax(answers / temperature, dim=1) for answers in (logits, taught))
    return temperature**2 * torch.nn.functional.kl_div(learnt, wanted, reduction="batchmean", log_target=True)


def _columns(network: Network, classes: Sequence[str]) -> list[int]:
    lacking = [name for name in classes if name not in network.classes]
    if lacking:
        raise RecipeError(
            f"the teacher must know all classes of its student, {list(classes)}; {network.name} lacks {lacking} and knows "
            f"{list(network.classes)}. Where labels are no names, give labels that are the names; fit of CNNClassifier "
            "takes the names beside the labels, too, as class_names."
        )
    further = [name for name in network.classes if name not in classes]
    if further:
        log.info("the teacher also knows %s; its probabilities are taken over the student's classes", ", ".join(further))
    return [network.classes.index(name) for name in classes]

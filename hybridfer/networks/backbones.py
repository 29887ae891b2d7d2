"""Backbones: any model of timm by name, without its classifier, alone or under a new head.

``"timm:resnetv2_50"`` names one; a tag may follow, as in ``"timm:resnetv2_50.a1h_in1k"``. Nothing is downloaded here: a
backbone that has just been built has random weights, `hybridfer.networks.pretrained` gives it others.
"""

from __future__ import annotations

import copy
import difflib
from collections import OrderedDict
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Self

import torch
from torch import nn

from hybridfer.errors import MissingExtraError, RecipeError, require
from hybridfer.networks.blocks import dense_block
from hybridfer.networks.preprocessing import Preprocessing

PREFIX = "timm:"
# timm's own sources of models beyond its table, such as "hf-hub:", and what paths are made of
FORBIDDEN = ("/", "\\", ":")
HEAD = ("linear", "relu", "dropout")


@dataclass(frozen=True)
class PublishedBackbone:
    """What timm says of a model and of the weights that were published for it.

    Attributes
    ----------
    name : str
        timm's name of it, with a tag if one was asked for.
    image_size : tuple of (int, int)
        Height and width in pixels that it was trained at.
    mean, std : tuple of float
        Of each channel, as it was trained with.
    is_fixed : bool
        Whether its layers are bound to one image size.
    classifier : tuple of str
        Paths of the layers that are left out here.
    hub : str
        Where its weights are kept, on the Hugging Face hub or elsewhere; empty if nowhere.
    """

    name: str
    image_size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    is_fixed: bool
    classifier: tuple[str, ...]
    hub: str


class Backbone(nn.Module):
    """A timm model without its classifier: images in, pooled features (n, d) out.

    Parameters
    ----------
    model : torch.nn.Module
        Of timm, with ``num_classes=0``.
    frozen : bool
        Whether its weights and its BatchNorms' statistics stay as they are in training: it is then in evaluation mode
        whatever the mode of the network around it.
    """

    def __init__(self, model: nn.Module, frozen: bool) -> None:
        super().__init__()
        self.model = model
        self.frozen = frozen
        if frozen:
            model.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Set the mode, but for a frozen backbone, which keeps to evaluation."""
        return super().train(mode and not self.frozen)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return features of shape (n, d)."""
        return self.model(images)


def is_backbone(name: object) -> bool:
    """Tell the name of a backbone from those of the catalogue's own networks.

    Examples
    --------
    >>> is_backbone("timm:resnetv2_50"), is_backbone("compact")
    (True, False)
    """
    return isinstance(name, str) and name.startswith(PREFIX)


def require_timm() -> ModuleType:
    """Import timm, or say how to get it to work.

    Raises
    ------
    MissingExtraError
        If it is not there, or cannot be imported.
    """
    try:
        return require("timm", extra="backbones")
    except MissingExtraError:
        raise
    # timm imports torchvision, which fails by a RuntimeError where its compiled part is of another build than torch
    except Exception as error:
        raise MissingExtraError(
            f"timm is there and could not be imported ({type(error).__name__}: {error}). It imports torchvision, which must "
            f"be of the build that goes with torch {torch.__version__}. Install both anew from one index, "
            "with CUDA or without it, then: pip install 'hybridfer[backbones]'"
        ) from error


def find_backbone(name: str) -> PublishedBackbone:
    """Look a backbone up in timm's table, or say which name was meant.

    Parameters
    ----------
    name : str
        ``"timm:"`` and a model's name.

    Raises
    ------
    RecipeError
        If timm has no such model, or it does not take colour images.
    MissingExtraError
        If timm cannot be imported.
    """
    timm = require_timm()
    model = name.removeprefix(PREFIX)
    if any(sign in model for sign in FORBIDDEN) or not timm.is_model(model):
        raise RecipeError(f"timm has no model {model!r}.{_hint(model, timm.list_models())} {_where(model)}")
    try:
        published = timm.models.get_pretrained_cfg(model)
    except RuntimeError as error:
        tagged = timm.list_models(f"{model.partition('.')[0]}.*", pretrained=True)
        raise RecipeError(f"timm has no weights {model!r}.{_hint(model, tagged)} {_where(model)}") from error
    if published is None:
        published = timm.models.PretrainedCfg()
    channels, height, width = published.input_size
    if channels != 3:
        raise RecipeError(f"{name} takes images of {channels} channels; only models that take 3 are supported.")
    classifier = published.classifier or ()
    return PublishedBackbone(
        model,
        (int(height), int(width)),
        tuple(map(float, published.mean)),
        tuple(map(float, published.std)),
        bool(published.fixed_input_size),
        (classifier,) if isinstance(classifier, str) else tuple(classifier),
        str(published.hf_hub_id or published.url or ""),
    )


def backbone_preprocessing(name: str, image_size: tuple[int, int] | None = None, standardize: str = "none") -> Preprocessing:
    """Give a backbone's own preprocessing: three channels, its mean and standard deviation, and its size if none is given.

    Raises
    ------
    RecipeError
        If timm has no such model, or images are to be standardised in another way.
    """
    if standardize != "none":
        raise RecipeError(f"{name} has a normalisation of its own: standardize must be 'none'; got {standardize!r}.")
    published = find_backbone(name)
    return Preprocessing(image_size or published.image_size, 3, mean=published.mean, std=published.std)


def build_backbone(
    name: str,
    *,
    n_classes: int = 7,
    channels: int = 3,
    image_size: tuple[int, int] = (224, 224),
    pretrained: str = "",
    frozen: bool = False,
    pre_logits: bool = True,
    hidden: int = 0,
    dropout: float = 0.0,
) -> nn.Sequential:
    """A timm model and a new head: layers ``pooled``, ``embedding``, ``logits``.

    Parameters
    ----------
    name : str
        ``"timm:"`` and a model's name.
    n_classes : int
        0 for a plain feature extractor, whose ``logits`` are its embedding.
    channels : int
        3 alone.
    image_size : tuple of (int, int)
        Height and width in pixels; a model that is bound to a size is adapted to it where timm can.
    pretrained : str
        Which weights it begins with: ``"hub"``, the path of a state dict, or none. It is the caller's to fetch them.
    frozen : bool
        Whether the backbone stays as it is while the head is trained.
    pre_logits : bool
        Whether dense layers of the model's own before its classifier are kept: those of VGG, two of 4096 units.
    hidden : int
        Units of a new dense layer with ReLU, which is ``embedding``; without one, ``embedding`` is ``pooled``.
    dropout : float
        Share of the embedding's values that dropout blanks.

    Raises
    ------
    RecipeError
        If timm has no such model or cannot build it so.
    """
    if channels != 3:
        raise RecipeError(f"{name} takes images of 3 channels; got {channels}.")
    if hidden < 0:
        raise RecipeError(f"hidden of {name} must be 0 or a number of units; got {hidden}.")
    published = find_backbone(name)
    model = adapted(create(published), published, image_size, pre_logits)
    if image_size != published.image_size:
        _check_takes(model, published, image_size)
    # of VGG without its dense layers timm goes on telling their width
    width = int(model.head_hidden_size if pre_logits else model.num_features)
    head = dense_block(width, hidden, order=HEAD, dropout=dropout) if hidden else nn.Dropout(dropout)
    logits = nn.Linear(hidden or width, n_classes) if n_classes else nn.Identity()
    return nn.Sequential(OrderedDict(pooled=Backbone(model, frozen), embedding=head, logits=logits))


def create(published: PublishedBackbone, **options: Any) -> Any:
    """Create a model of timm without its classifier, for images of its own size."""
    return require_timm().create_model(published.name, num_classes=0, **options)


def adapted(model: Any, published: PublishedBackbone, image_size: tuple[int, int], pre_logits: bool) -> Any:
    """Adapt a model of timm, in place, to another image size, and leave out dense layers before the classifier.

    Raises
    ------
    RecipeError
        If it cannot be.
    """
    if not pre_logits:
        if isinstance(getattr(model, "pre_logits", nn.Identity()), nn.Identity):
            raise RecipeError(f"timm:{published.name} has no dense layers before its classifier; leave out pre_logits.")
        model.pre_logits = nn.Identity()
    if published.is_fixed and image_size != published.image_size:
        try:
            model.set_input_size(img_size=image_size)
        except (AttributeError, AssertionError, ValueError, RuntimeError) as error:
            raise _misfit(published, image_size, error) from error
    return model


def _check_takes(model: nn.Module, published: PublishedBackbone, image_size: tuple[int, int]) -> None:
    """Run a model once, as some find out in their forward pass alone that they cannot take an image."""
    # a copy, as some keep what they computed from the weights that they have now
    probe = copy.deepcopy(model).eval()
    try:
        with torch.inference_mode():
            probe(torch.zeros(1, 3, *image_size))
    except (AssertionError, ValueError, RuntimeError) as error:
        raise _misfit(published, image_size, error) from error


def _misfit(published: PublishedBackbone, image_size: tuple[int, int], error: Exception) -> RecipeError:
    own, asked = (" x ".join(map(str, sides)) for sides in (published.image_size, image_size))
    return RecipeError(f"timm:{published.name} cannot take images of {asked} pixels ({error}). Take its own size, {own}.")


def _hint(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""


def _where(model: str) -> str:
    pattern = f"{model[:3]}*" if model[:3].isalnum() else "*resnet*"
    return f'Names are listed by: python -c "import timm; print(timm.list_models({pattern!r}))"'

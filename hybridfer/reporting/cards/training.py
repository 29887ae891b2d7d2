"""The part of a model card about the training: what was learnt from, how it went, and the settings as a recipe."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np

from hybridfer import __version__, phrases
from hybridfer.errors import RecipeError
from hybridfer.evaluation import wording
from hybridfer.evaluation.feature_run import Epoch, find_restored_epoch, read_counts, read_history
from hybridfer.evaluation.summary import decided_on_validation
from hybridfer.networks import Network
from hybridfer.reporting.cards.recipe import recipe_text
from hybridfer.reporting.gfm import NONE, escape, fence, section, table

# shares of a training whose epochs are shown, beside the first and the best
_SHOWN = (0.25, 0.5, 0.75, 1.0)
_ROLES = {"start": "begins with", "teacher": "taught by"}
_UNKNOWN = "the file does not say"
_DIGEST = re.compile(r"[0-9a-f]{64}")


def training_facts(network: Network) -> dict[str, str]:
    """Tell in short what a network was trained on, what it inherits, and for how long.

    Parameters
    ----------
    network : Network
        From a weights file.

    Returns
    -------
    dict of str to str
        Markdown by what it is about.

    Examples
    --------
    >>> from hybridfer import load_network
    >>> training_facts(load_network("tiny", weights=None))["training"]
    'the file does not say'
    """
    return {**_images(network), **_ancestors(network), **_published(network), "training": _course(network)}


def training_part(network: Network) -> str:
    """Tell how the training went, epoch by epoch, and its settings as a recipe.

    Parameters
    ----------
    network : Network
        From a weights file.

    Returns
    -------
    str
        A section of Markdown; empty where the file says nothing of it.
    """
    return section("Training", "\n\n".join(part for part in (_history(network), _settings(network)) if part))


def _images(network: Network) -> dict[str, str]:
    """The images that weights and choices depend on, copies of one image counted once."""
    if not len(network.trained_on):
        return {"trained on": _UNKNOWN}
    shared = ", with those of the networks that it takes from" if _ancestors(network) else ""
    if network.untold:
        shared += f", and more: {escape(wording.unknown_past(network.untold))}"
    if network.watched is None:
        seen = phrases.count(len(network.trained_on), "different image")
        return {"trained on, or watched": f"{seen}{shared}; {_UNKNOWN} which were only watched{_copies(network)}"}
    learnt = phrases.count(len(np.setdiff1d(network.trained_on, network.watched)), "different image")
    facts = {"trained on": f"{learnt}{shared}{_copies(network)}"}
    if len(network.watched):
        watched = phrases.count(len(network.watched), "different image")
        facts["only watched"] = f"{watched}{shared}, kept out of the training for validation; {_decided(network)}"
    return facts


def _copies(network: Network) -> str:
    """How many images the training had class by class, copies among them, and in an epoch where classes were balanced."""
    counts, balanced = (class_counts(network, name) for name in ("train_counts", "trained_counts"))
    if not counts:
        return ""
    by_class = ", ".join(f"{escape(name)} {count:,}" for name, count in counts.items())
    told = f"; its training had {sum(counts.values()):,}, copies counted ({by_class})"
    return told + (f", and {sum(balanced.values()):,} an epoch after balancing" if balanced else "")


def class_counts(network: Network, name: str) -> dict[str, int]:
    """Give the images of each class that a training was recorded to have; empty where it was not.

    Parameters
    ----------
    network : Network
        From a weights file.
    name : {"train_counts", "trained_counts"}
        Before balancing, or an epoch after it.

    Examples
    --------
    >>> from hybridfer import load_network
    >>> class_counts(load_network("tiny", weights=None), "train_counts")
    {}
    """
    return read_counts(network.training, name, network.classes)


def fitted_temperature(network: Network) -> str:
    """Give the temperature that a training has divided the logits by; nothing where it has not.

    Parameters
    ----------
    network : Network
        From a weights file.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from hybridfer import load_network
    >>> fitted_temperature(replace(load_network("tiny", weights=None), training={"fitted_temperature": 1.2345}))
    '1.23'
    """
    temperature = network.training.get("fitted_temperature")
    return f"{temperature:.2f}" if isinstance(temperature, int | float) else ""


def _decided(network: Network) -> str:
    """What a training decided by its validation images."""
    training, temperature = network.training, fitted_temperature(network)
    decided = decided_on_validation(training)
    decided += [f"the temperature that the logits are divided by, {temperature}"] if temperature else []
    return f"they decided {phrases.listed(decided)}" if decided else "the training decided nothing by them"


def _ancestors(network: Network) -> dict[str, str]:
    """The trained networks that a training took from."""
    told = {role: network.training.get(role) for role in _ROLES}
    facts = {
        _ROLES[role]: f"{escape(str(ancestor.get('network')))}, {_digest(ancestor.get('digest'))}"
        for role, ancestor in told.items()
        if isinstance(ancestor, Mapping)
    }
    if share := network.training.get("start_share"):
        facts["ends with"] = f"the average of what was trained and what it began with, whose share is {escape(str(share))}"
    return facts


def _digest(told: Any) -> str:
    """Weights by their digest, if it is one."""
    is_digest = isinstance(told, str) and _DIGEST.fullmatch(told)
    return f"weights of the digest `{told}`" if is_digest else "weights without a digest"


def _published(network: Network) -> dict[str, str]:
    """The published weights that a backbone began with."""
    source = network.arguments.get("pretrained")
    if not source:
        return {}
    told = "the weights published for it" if source == "hub" else f"a state dict, {escape(str(source))}"
    return {"pretrained": f"{told}; which images those have seen is not known here"}


def _course(network: Network) -> str:
    """Epochs, time and seed in a line."""
    history, training = read_history(network.history), network.training
    if not history:
        return _UNKNOWN
    told = phrases.count(len(history), "epoch")
    most = training.get("max_epochs")
    told += f" of at most {most:,}" if isinstance(most, int) and most != len(history) else ""
    kept = find_restored_epoch(history, training)
    told += "; the last weights were kept" if kept == history[-1].epoch else f"; those of epoch {kept:,} were kept"
    seconds = [epoch.seconds for epoch in history if epoch.seconds is not None]
    told += f"; {_duration(sum(seconds))}" if len(seconds) == len(history) else ""
    seed = training.get("random_state")
    return f"{told}; seed {_UNKNOWN if seed is None else escape(str(seed))}"


def _duration(seconds: float) -> str:
    """Seconds where they are few, minutes otherwise."""
    return f"{wording.seconds(seconds)} seconds" if seconds < 120 else f"{seconds / 60:,.0f} minutes"


def _history(network: Network) -> str:
    """A few epochs of the training as a table."""
    epochs = read_history(network.history)
    if not epochs:
        return ""
    kept, best = find_restored_epoch(epochs, network.training), _best_on_validation(epochs)
    remarks: dict[int, list[str]] = {}
    for number, remark in ((best, "best on validation"), (kept, "kept")):
        if number is not None:
            remarks.setdefault(number, []).append(remark)
    rows = [_epoch_cells(epoch, ", ".join(remarks.get(epoch.epoch, []))) for epoch in _shown(epochs, remarks)]
    header = ("epoch", "learning rate", "train loss", "validation loss", "right on validation", "")
    return "\n\n".join(
        [
            table(header, 0, rows, ends_in_words=True),
            "*train loss*: what was minimised, on images as they were augmented. *right on validation*: in %.",
        ]
    )


def _best_on_validation(epochs: Sequence[Epoch]) -> int | None:
    """The epoch with the highest accuracy on validation, the first of several; None where nothing was watched."""
    watched = [epoch for epoch in epochs if epoch.valid_accuracy is not None]
    return max(watched, key=lambda epoch: epoch.valid_accuracy or 0.0).epoch if watched else None


def _shown(epochs: Sequence[Epoch], numbers: Container[int]) -> list[Epoch]:
    """The first epoch, those at each quarter of the training, and those of certain numbers."""
    places = {0, *(max(round(share * len(epochs)) - 1, 0) for share in _SHOWN)}
    return [epoch for place, epoch in enumerate(epochs) if place in places or epoch.epoch in numbers]


def _epoch_cells(epoch: Epoch, remark: str) -> list[str]:
    """An epoch's line of the table."""
    rate, accuracy = epoch.learning_rate, epoch.valid_accuracy
    return [
        f"{epoch.epoch:,}",
        NONE if rate is None else f"{rate:.2g}",
        *(NONE if loss is None else f"{loss:.3f}" for loss in (epoch.train_loss, epoch.valid_loss)),
        NONE if accuracy is None else wording.percent(accuracy),
        remark,
    ]


def _settings(network: Network) -> str:
    """The settings as a recipe in a block of code."""
    if not network.training:
        return ""
    try:
        recipe = recipe_text(network)
    except RecipeError as error:
        return f"No recipe can be made of the settings in the file: {escape(str(error))}"
    return "\n\n".join(
        [
            "As a recipe, for `hybridfer train DATA -f RECIPE.toml`; what it leaves out is the default of hybridfer "
            f"{__version__}:",
            fence(recipe, "toml"),
        ]
    )

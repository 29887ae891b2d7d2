"""The images and the protocol of a benchmark, as the report tells of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hybridfer.evaluation.splits import Splits
from hybridfer.phrases import listed
from hybridfer.recipes import FeatureRecipe

SEARCH_WORDS = {
    "grid": "every candidate of the recipe's grid",
    "halving": "successive halving of the recipe's grid",
    "random": "candidates drawn from the recipe's grid",
    "off": "no search: the recipe's own parameters",
}

# weights that do not say what they were trained on leave nothing to count
_COUNTED = "test images that the weights name as seen are counted"


@dataclass(frozen=True)
class DatasetSummary:
    """The images that a report is about.

    Attributes
    ----------
    source : str
        Name of the file, folder or generator; without the folders above it.
    classes : tuple of str
        Names of the classes, in the order of every per-class list of the report.
    image_shape : tuple of int
        Height, width and, where there are several, channels.
    counts : dict of str to tuple of int
        For each split the number of its images by class.
    test_split : str
        Which images were scored, in words, such as "PrivateTest".
    validation_origin : str
        Where the validation images came from, in words, such as "PublicTest" or "10 % of train, stratified".
    twins : int
        Test images whose pixels also occur in train or validation.
    twins_in_train, twins_in_validation : int
        How many of these occur in each; an image can be in both.
    problems : tuple of str
        One line for each image that was skipped, saying why.
    read_seconds : float or None
        Seconds that reading and decoding took; None where the images were in memory already.
    dropped_twins : int or None
        Images that were removed from train and validation because their pixels occur in the test split; None where nobody
        asked for it.
    tuning : int or None
        Validation images that heads are tuned on: those without a copy in train. None in reports of before it was told.
    distinct : int or None
        Different images among those of the test split that decide: copies of one another count once. None in reports of
        before it was told.
    near_twins : int or None
        Test images that are no twins, but look nearly like an image of train or validation. None where nobody looked for
        them, and in reports of before it was told.
    """

    source: str
    classes: tuple[str, ...]
    image_shape: tuple[int, ...]
    counts: dict[str, tuple[int, ...]]
    test_split: str
    validation_origin: str
    twins: int
    twins_in_train: int
    twins_in_validation: int
    problems: tuple[str, ...] = ()
    read_seconds: float | None = None
    dropped_twins: int | None = None
    tuning: int | None = None
    distinct: int | None = None
    near_twins: int | None = None

    @property
    def n_test(self) -> int:
        """Images of the test split."""
        return sum(self.counts.get("test", ()))

    @property
    def n_validation(self) -> int:
        """Images of the validation split."""
        return sum(self.counts.get("validation", ()))

    @property
    def n_tuning(self) -> int:
        """Validation images that heads are tuned on and scored on; all of them where it is not told."""
        return self.n_validation if self.tuning is None else self.tuning


@dataclass(frozen=True)
class Protocol:
    """How the figures were made, in whole sentences for the reader.

    Attributes
    ----------
    network : str
        What the CNN was trained on, how its checkpoint was chosen, and which weights or teachers the training took from.
    tuning : str
        On what the heads were tuned, and by which search.
    refit : str
        On what each head was fitted with the chosen parameters.
    scoring : str
        What was scored, and how often.
    """

    network: str
    tuning: str
    refit: str
    scoring: str


def summarise(
    splits: Splits,
    twins: NDArray[np.bool_],
    read_seconds: float | None,
    dropped_twins: int | None,
    near_twins: int | None = None,
) -> DatasetSummary:
    """Describe the images of a benchmark; of their source only the last part of the path is told."""
    dataset, test = splits.dataset, splits.digests("test")
    counts = dataset.counts()
    return DatasetSummary(
        source=Path(os.path.abspath(dataset.source)).name,
        classes=dataset.classes,
        image_shape=tuple(dataset.images.shape[1:]),
        counts={split: tuple(row.get(name, 0) for name in dataset.classes) for split, row in counts.items()},
        test_split=splits.test_origin,
        validation_origin=splits.validation_origin,
        twins=int(twins.sum()),
        twins_in_train=int(np.isin(test, splits.digests("train")).sum()),
        twins_in_validation=int(np.isin(test, splits.digests("validation")).sum()),
        problems=tuple(str(problem) for problem in dataset.problems),
        read_seconds=read_seconds,
        dropped_twins=dropped_twins,
        tuning=len(splits.labels("tuning")),
        distinct=len(np.unique(test[~twins])),
        near_twins=near_twins,
    )


def describe_protocol(features: Sequence[FeatureRecipe], weights: object | None, search: str, refit: str) -> Protocol:
    """Say how a benchmark with these options is made."""
    trained = [recipe.name for recipe in features if weights is None and recipe.weights is None]
    loaded = [recipe.name for recipe in features if recipe.name not in trained]
    told = []
    if trained:
        told += _trainings([recipe for recipe in features if recipe.name in trained])
    told += _inheritances([recipe for recipe in features if recipe.name in trained])
    if loaded:
        told.append(f"{', '.join(loaded)}: loaded, not trained here; {_COUNTED}.")
    tuning, parameters = f"Heads were fitted on train and chosen on validation ({SEARCH_WORDS[search]}); ", "the chosen"
    if search == "off":
        # in words that hold for one head too, as runs are compared by them
        tuning = f"Heads were not tuned ({SEARCH_WORDS[search]}), and where there are several, validation chose one; "
        parameters = "these"
    return Protocol(
        network=" ".join(told),
        tuning=f"{tuning}cross-validation among train images would mislead, as a CNN tells images that it was trained on "
        "apart too well.",
        refit=f"With {parameters} parameters each head was fitted on {refit}.",
        scoring="The test split was scored once, after every choice. Softmax comes from the same forward pass.",
    )


def decided_on_validation(training: Mapping[str, Any]) -> list[str]:
    """Say what a training decides by its validation images; the temperature aside, which `calibrate` asks for.

    Parameters
    ----------
    training : mapping of str to object
        Parameters of a `CNNClassifier`, such as `hybridfer.networks.Network.training`.

    Returns
    -------
    list of str
        A clause each; empty where they decide neither.

    Examples
    --------
    >>> decided_on_validation({"patience": None, "schedule": "plateau"})
    ['when to lower the learning rate']
    """
    decided = ["when to stop and which epoch to keep"] if training.get("patience") is not None else []
    return decided + (["when to lower the learning rate"] if training.get("schedule") == "plateau" else [])


def _trainings(trained: Sequence[FeatureRecipe]) -> list[str]:
    """Say what trainings used validation for, in a sentence for all that used it alike."""
    alike: dict[str, list[str]] = {}
    for recipe in trained:
        decided = decided_on_validation(recipe.training.to_params())
        decided += ["the temperature that the logits are divided by"] if recipe.training.calibrate else []
        told = f"validation decided {listed(decided)}" if decided else "nothing was decided on validation"
        alike.setdefault(told, []).append(recipe.name)
    return [f"{', '.join(names)}: trained on train; {told}." for told, names in alike.items()]


def _inheritances(trained: Sequence[FeatureRecipe]) -> list[str]:
    """Say which other networks trainings take from, in a sentence for all that take from the same."""
    heirs: dict[str, list[str]] = {}
    for recipe in trained:
        start, teacher = recipe.training.start, recipe.training.teacher
        teachers = [teacher] if isinstance(teacher, str) else teacher or []
        taken = [f"begins with the weights of {Path(start).name}"] if start is not None else []
        taken += [f"is taught by {listed([Path(member).name for member in teachers])}"] if teachers else []
        if taken:
            heirs.setdefault(listed(taken), []).append(recipe.name)
    return [f"{', '.join(names)}: {taken}; {_COUNTED}." for taken, names in heirs.items()]

"""Warnings of a comparison that cannot be trusted, as what was scored had been seen before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from hybridfer import phrases
from hybridfer.evaluation.splits import Splits
from hybridfer.evaluation.summary import DatasetSummary
from hybridfer.evaluation.twins import Leak, count_leak, count_new, count_validation_leak

if TYPE_CHECKING:
    from hybridfer.networks import Network
    from hybridfer.training.ancestry import Ancestry

_WARNING = "Do not trust this comparison:"
_TUNED = "Do not trust how the heads were tuned:"


class KnowsLeaks(Protocol):
    """What is known of the images that a CNN was trained on; `FeatureRun` and `NetworkLeaks` are such."""

    @property
    def recipe(self) -> str:
        """Name of the feature recipe."""

    @property
    def leak(self) -> Leak | None:
        """Test images that the CNN was trained on; None where its weights do not say."""

    @property
    def validation_leak(self) -> int | None:
        """Validation images that it was trained on; None where its weights do not say."""


@dataclass(frozen=True)
class NetworkLeaks:
    """The images of a benchmark that a network was trained on, as `FeatureRun` tells of them.

    Attributes
    ----------
    recipe : str
        Name of the feature recipe.
    leak : Leak or None
        Test images; None where the weights do not say what they were trained on.
    validation_leak : int or None
        Validation images that are no copies of train images; None where the weights do not say.
    """

    recipe: str
    leak: Leak | None
    validation_leak: int | None

    @classmethod
    def of(cls, recipe: str, network: Network, splits: Splits, twins: NDArray[np.bool_]) -> NetworkLeaks:
        """Count them; nothing needs to be embedded for it."""
        return cls._counted(recipe, network.trained_on, network.watched, network.untold, network.seen_shapes, splits, twins)

    @classmethod
    def inherited(cls, recipe: str, ancestry: Ancestry, splits: Splits, twins: NDArray[np.bool_]) -> NetworkLeaks:
        """Count those that a network will have been trained on which is yet to be trained, as its ancestors have been."""
        seen, watched = ancestry.seen_with(splits.digests("train"), splits.digests("validation"))
        shapes = ancestry.shapes_with(splits.image_shape)
        return cls._counted(recipe, seen, watched, ancestry.untold, shapes, splits, twins)

    @classmethod
    def _counted(
        cls,
        recipe: str,
        seen: NDArray[np.bytes_],
        watched: NDArray[np.bytes_] | None,
        untold: Sequence[str],
        shapes: Sequence[tuple[int, ...]],
        splits: Splits,
        twins: NDArray[np.bool_],
    ) -> NetworkLeaks:
        if not len(seen):
            return cls(recipe, None, None)
        test, validation, train = (splits.digests(split) for split in ("test", "validation", "train"))
        leak = replace(
            count_leak(test, seen, twins),
            validation_seen=count_new(validation, train, seen) if watched is None else None,
            untold=tuple(untold),
            other_shapes=tuple(shape for shape in shapes if shape != splits.image_shape),
        )
        return cls(recipe, leak, count_validation_leak(validation, train, seen, watched))


def find_leaks(dataset: DatasetSummary, features: Iterable[KnowsLeaks]) -> tuple[str, ...]:
    """Word a warning for each way in which images of the test split, or of validation, were seen before.

    Heads have seen the twins, which do not decide; but where most of the test split are twins, it is no test split: training
    images were passed for one. A CNN has seen what its weights file names; it is told of where such images decide.

    Parameters
    ----------
    dataset : DatasetSummary
        The images of the report.
    features : iterable of FeatureRun or NetworkLeaks
        The CNNs of the report.

    Returns
    -------
    tuple of str
        A sentence each; empty where all is well.

    Examples
    --------
    >>> counts = {"train": (5, 5), "validation": (2, 2), "test": (5, 5)}
    >>> same = DatasetSummary("faces", ("happy", "sad"), (48, 48), counts, "test", "carved", 10, 10, 0)
    >>> find_leaks(same, [])[0][:81]
    'Do not trust this comparison: 10 of 10 test images are also training images: what'
    """
    features = tuple(features)
    return (*_twins(dataset), *_told(features, _into_test, dataset), *_told(features, _into_validation, dataset))


def _told(
    features: Iterable[KnowsLeaks],
    about: Callable[[KnowsLeaks, DatasetSummary], tuple[str, str] | None],
    dataset: DatasetSummary,
) -> Iterator[str]:
    """Word warnings of the same kind, those of CNNs that have seen the same together: most often they share weights."""
    alike: dict[tuple[str, str], list[str]] = {}
    for run in features:
        if (found := about(run, dataset)) is not None:
            alike.setdefault(found, []).append(run.recipe)
    for (warning, what), recipes in alike.items():
        cnns = f"CNN of {recipes[0]} was" if len(recipes) == 1 else f"CNNs of {phrases.listed(recipes)} were"
        yield f"{warning} the {cnns} {what}"


def _twins(dataset: DatasetSummary) -> list[str]:
    """Warn of a test split of which most are twins."""
    if not dataset.n_test or dataset.n_test - dataset.twins >= dataset.n_test / 2:
        return []
    others = "" if dataset.twins_in_train >= dataset.twins else " or validation images"
    return [
        f"{_WARNING} {dataset.twins:,} of {dataset.n_test:,} test images are also training images{others}: what is scored "
        "here is how well they are known by heart (a leak)."
    ]


def _into_test(run: KnowsLeaks, dataset: DatasetSummary) -> tuple[str, str] | None:
    """What to say of a CNN that was trained on test images that are no twins."""
    if run.leak is None or not run.leak.twin_free:
        return None
    if dataset.dropped_twins:
        ways_out = "Train without them, or leave the twins in train."
    else:
        ways_out = "Score images that were not trained on, or train anew on the train split alone."
    images = "twin-free test images" if dataset.twins else "test images"
    return _WARNING, f"trained on {at_least(run.leak)}{run.leak.twin_free:,} of the {images} (a leak). {ways_out}"


def _into_validation(run: KnowsLeaks, dataset: DatasetSummary) -> tuple[str, str] | None:
    """What to say of a CNN that was trained on validation images, or may have been."""
    images = f"of the {dataset.n_validation:,} validation images"
    ways_out = "Give a validation split that was not trained on, or train anew."
    if run.validation_leak:
        least = "" if run.leak is None else at_least(run.leak)
        return _TUNED, f"trained on {least}{run.validation_leak:,} {images} (a leak). {ways_out}"
    if run.leak is None or not run.leak.validation_seen:
        return None
    unsure = "and the weights do not say which (a leak, unless they were only watched)"
    return _TUNED, f"trained on or watched {at_least(run.leak)}{run.leak.validation_seen:,} {images}, {unsure}. {ways_out}"


def at_least(leak: Leak) -> str:
    """Put before the counts of a leak whether they may be higher.

    Examples
    --------
    >>> at_least(Leak(2, 1)), at_least(Leak(2, 1, untold=("the member tiny",)))
    ('', 'at least ')
    """
    return "at least " if leak.may_be_more else ""

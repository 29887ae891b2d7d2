"""What every reader hands over: images by row, and what the source says of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybridfer.datasets.classes import FER_CLASSES, class_key, normalise_class, order_classes
from hybridfer.datasets.dataset import Problem
from hybridfer.datasets.decode import Pixels


@dataclass(frozen=True)
class Records:
    """The rows of a source, before any class or split is chosen.

    Attributes
    ----------
    pixels : Pixels
        Gives the images, by row.
    names : list of str
        File name or line number of each row.
    words : list of str
        Class of each row as the source spells it; "" where it is unknown.
    homes, usages : list of str
        What the source says of the split: see `hybridfer.datasets.layout.resolve_splits`.
    problems : tuple of Problem
        What has been left out already.
    classes : tuple of str
        Classes that the source names, whether or not a row belongs to them.
    empty : tuple of (str, str)
        Class folders without an image: path and class.
    """

    pixels: Pixels
    names: list[str]
    words: list[str]
    homes: list[str]
    usages: list[str]
    problems: tuple[Problem, ...] = ()
    classes: tuple[str, ...] = ()
    empty: tuple[tuple[str, str], ...] = ()


def label_words(words: list[str], named: tuple[str, ...] = ()) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Turn class words into classes and labels.

    Parameters
    ----------
    words : list of str
        As the source spells them; "" is unknown. Spellings that differ in case, spaces or hyphens only are one class.

    named : tuple of str
        Classes that exist even where no word names them.

    Returns
    -------
    classes : tuple of str
        In the order of `order_classes`; the FER classes where no word is known at all.
    labels : ndarray of shape (n,), dtype int64
        Positions in `classes`; -1 for unknown.

    Examples
    --------
    >>> classes, labels = label_words(["Sadness", "happy", "", "sad"])
    >>> classes, labels.tolist()
    (('happy', 'sad'), [1, 0, -1, 1])
    """
    spelling = _one_spelling(normalise_class(word) for word in sorted({*words, *named}) if word)
    classes = order_classes(spelling.values()) or FER_CLASSES
    position = {name: i for i, name in enumerate(classes)}
    label = {word: position[spelling[class_key(normalise_class(word))]] for word in set(words) if word}
    return classes, np.array([label.get(word, -1) for word in words], dtype=np.int64)


def _one_spelling(names: Iterable[str]) -> dict[str, str]:
    spelling: dict[str, str] = {}
    for name in names:
        spelling.setdefault(class_key(name), name)
    return spelling

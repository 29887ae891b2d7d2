"""The seven words of FER, their synonyms, and the order in which classes stand."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from hybridfer.errors import DatasetError
from hybridfer.suggestion import nearest

#: The classes of FER2013 in the integer order of Kaggle's csv: 0 is angry, 6 is neutral.
FER_CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

_SYNONYMS = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
    "suprise": "surprise",  # so spelt in several copies of FER2013
}
_WORDS = {word: word for word in FER_CLASSES} | _SYNONYMS
# 1-5 is not 15, nor -1 the same as 1
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s_-]+(?=\d)")
_GAPS = re.compile(r"[\s_]|(?<!^)-(?!\d)")


def bare_word(name: str) -> str:
    """Reduce a name to its letters and digits, to look it up among words that are known."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def class_key(name: str) -> str:
    """Reduce a class name to what tells it from others: case, spaces, hyphens and underscores do not matter.

    Examples
    --------
    >>> [class_key(name) for name in ("Very-Happy", "very happy", "-1", "+1", "1.5", "10_20")]
    ['veryhappy', 'veryhappy', '-1', '+1', '1.5', '10-20']
    """
    text = unicodedata.normalize("NFC", name.strip()).casefold()
    return _GAPS.sub("", _BETWEEN_DIGITS.sub("-", text))


def normalise_class(name: str) -> str:
    """Give the FER word that a class name stands for, or the name itself.

    Parameters
    ----------
    name : str
        A class as a folder, a csv or a user spells it.

    Returns
    -------
    str
        One of `FER_CLASSES` where the name or a synonym of it matches, otherwise `name` without surrounding spaces,
        its accents put together (Unicode's NFC), as a Mac takes them apart.
        Contempt is no synonym of anything: it stays a class of its own.

    Examples
    --------
    >>> [normalise_class(name) for name in ("Happiness", "SURPRISED", "contempt")]
    ['happy', 'surprise', 'contempt']
    """
    return _WORDS.get(bare_word(name), unicodedata.normalize("NFC", name.strip()))


def order_classes(names: Iterable[str]) -> tuple[str, ...]:
    """Put classes into the one order that hybridfer uses: FER words in Kaggle's order, then all others sorted.

    Parameters
    ----------
    names : iterable of str
        Class names, normalised already; repetitions are dropped.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> order_classes(["neutral", "contempt", "angry", "boredom"])
    ('angry', 'neutral', 'boredom', 'contempt')
    """
    rank = {word: position for position, word in enumerate(FER_CLASSES)}
    return tuple(sorted(set(names), key=lambda name: (rank.get(name, len(rank)), name)))


def select_classes(wanted: str | Iterable[str], known: tuple[str, ...]) -> tuple[str, ...]:
    """Resolve a user's choice of classes among those that a source holds.

    Parameters
    ----------
    wanted : str or iterable of str
        ``"happy,sad"`` or ``["happy", "sad"]``; synonyms and any case will do.
    known : tuple of str
        The classes to choose from.

    Returns
    -------
    tuple of str
        The chosen classes in the order of `order_classes`, whatever order the user wrote: one choice, one labelling.

    Raises
    ------
    DatasetError
        If a class is not among `known`, or none is named.

    Examples
    --------
    >>> select_classes("Sadness, happy", FER_CLASSES)
    ('happy', 'sad')
    """
    names = wanted.split(",") if isinstance(wanted, str) else list(wanted)
    names = [name.strip() for name in names if name.strip()]
    by_key = {class_key(name): name for name in known}
    chosen = {name: by_key.get(class_key(normalise_class(name))) for name in names}
    unknown = [name for name, match in chosen.items() if match is None]
    if unknown or not names:
        near = nearest(unknown[0], known) if unknown else None
        hint = f" Did you mean {near!r}?" if near else ""
        raise DatasetError(f"Classes must be among {', '.join(known)}; got {', '.join(unknown) or 'none'}.{hint}")
    return order_classes(match for match in chosen.values() if match is not None)

"""Which images to keep of a dataset that has copies, conflicting labels and blank images in it.

The test split is never touched, neither its blanks nor its copies: it stays what others score. From train and validation
goes what would flatter or mislead:

- a copy of a test image, and a train copy of a validation image, as its label could be learnt by heart;
- all copies but one, the first by name, of what train or validation hold several times;
- of copies that are labelled differently, those that the majority contradicts; all of them where there is no majority, as
  nobody knows the label then. A guess would put as much error into training as it takes out;
- blank train images. A blank validation image stays, as a blank test image does.

Near-duplicates are left to whoever looks at them: that they are one photograph is likely, not certain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from hybridfer.audit.blanks import blank_images
from hybridfer.audit.groups import identical_images
from hybridfer.datasets.dataset import Dataset
from hybridfer.datasets.selection import Choice, Selection
from hybridfer.errors import DatasetError

#: Of copies in several splits, the one in the first of these stays.
PRECEDENCE = ("test", "validation", "train")

#: Position of an image to drop, the reason, and the position of the image that stands for it, or None.
Drop = tuple[int, str, int | None]


def clean_dataset(dataset: Dataset) -> Selection:
    """Decide for every image whether it is kept.

    Parameters
    ----------
    dataset : Dataset
        With problems, if it was read with ``on_error="skip"``: what could not be used is listed as dropped.

    Returns
    -------
    Selection
        In the dataset's order, for ``read_dataset(..., index=...)``.

    Raises
    ------
    DatasetError
        If two images have one name, so that no index can tell them apart.

    Examples
    --------
    >>> import numpy as np
    >>> from dataclasses import replace
    >>> from hybridfer.datasets import make_faces
    >>> faces = make_faces(70, random_state=0)
    >>> twice = faces.subset(np.append(np.arange(70), 0))
    >>> named = replace(twice, names=np.append(faces.names, "train/angry/twin.png"))
    >>> [(choice.name, choice.reason) for choice in clean_dataset(named).choices.values() if not choice.keep]
    [('train/angry/twin.png', 'is a copy of a train image')]
    """
    names = dataset.names.tolist()
    if len(set(names)) != len(names):
        name, count = Counter(names).most_common(1)[0]
        raise DatasetError(f"An index tells images apart by their names, but {count} images of {dataset.source} are {name}.")
    dropped = {position: (reason, stays) for position, reason, stays in _dropped(dataset)}
    words = np.array([*dataset.classes, ""])[dataset.labels].tolist()
    choices = {}
    for position, (name, split, word) in enumerate(zip(names, dataset.splits.tolist(), words, strict=True)):
        reason, stays = dropped.get(position, ("", None))
        instead = "" if stays is None else names[stays]
        choices[name] = Choice(name, split, word, position not in dropped, reason, instead)
    unusable = {problem.where: Choice(problem.where, "", "", False, problem.what) for problem in dataset.problems}
    return Selection({**unusable, **choices}, dataset.source)


def _dropped(dataset: Dataset) -> Iterator[Drop]:
    """Everything that goes, each image once."""
    blank = blank_images(dataset.images)
    gone = blank & (dataset.splits == "train")
    yield from ((position, "is blank", None) for position in np.flatnonzero(gone).tolist())
    for members in identical_images(dataset.digests):
        yield from _redundant(dataset, members[~gone[members]])


def _redundant(dataset: Dataset, members: NDArray[np.int64]) -> Iterable[Drop]:
    """What goes of identical images."""
    splits = dataset.splits[members]
    tested, others = members[splits == "test"], _by_precedence(dataset, members[splits != "test"])
    if len(tested):
        first = min(tested.tolist(), key=lambda position: str(dataset.names[position]))
        return [(position, "is a copy of a test image", first) for position in others]
    if len(others) < 2:
        return []
    label = _majority(dataset.labels[others])
    if label is None:
        return [(position, "has copies with other labels, and none of them is the majority's", None) for position in others]
    first = next(position for position in others if dataset.labels[position] == label)
    contradicted = f"has copies of which most are labelled {dataset.classes[label]}" if label >= 0 else ""
    copy = f"is a copy of a {dataset.splits[first]} image"
    return [
        (position, copy if dataset.labels[position] in (label, -1) else contradicted, first)
        for position in others
        if position != first
    ]


def _by_precedence(dataset: Dataset, members: NDArray[np.int64]) -> list[int]:
    """Order images by their splits, and by their names within a split."""
    return sorted(members.tolist(), key=lambda i: (PRECEDENCE.index(str(dataset.splits[i])), str(dataset.names[i])))


def _majority(labels: NDArray[np.int64]) -> int | None:
    """The label of more than half of the labelled copies; -1 where none is labelled, None where there is no majority."""
    known = labels[labels >= 0]
    if not len(known):
        return -1
    label, votes = Counter(known.tolist()).most_common(1)[0]
    return label if 2 * votes > len(known) else None

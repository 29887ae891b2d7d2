"""Which images to keep of a dataset that has copies, conflicting labels and blank images in it.

The test split is never touched, neither its blanks nor its copies: it stays what others score. From train and validation
goes what would flatter or mislead:

- a copy of a test image, and a train copy of a validation image, as its label could be learnt by heart;
- all copies but one, the first by name, of what train or validation hold several times;
- of copies that are labelled differently, those that the majority contradicts; all of them where there is no majority, as
  nobody knows the label then. A guess would put as much error into training as it takes out;
- blank train images. A blank validation image stays, as a blank test image does.

Near-duplicates stay unless they are to be dropped, too: that they are one photograph is likely, not certain. Then, of what
is left of images that look alike,

- all train and validation images go that look like a test image, and all train images that look like a validation image;
- within train or validation the first by name of each label stays. Labels do not vote, and of look-alikes that are labelled
  differently one of each label stays, as images that differ may show different things;
- an image without a label goes wherever one of its split stays.

Looking alike is handed on: of three frames of a film the first and the last belong together if both are like the second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from hybridfer.audit.findings import Findings
from hybridfer.datasets.dataset import Dataset
from hybridfer.datasets.selection import Choice, Selection
from hybridfer.errors import DatasetError

#: Of copies in several splits, the one in the first of these stays.
PRECEDENCE = ("test", "validation", "train")

#: Position of an image to drop, the reason, and the position of the image that stands for it, or None.
Drop = tuple[int, str, int | None]
#: The same by position.
Dropped = dict[int, tuple[str, int | None]]


def clean_dataset(found: Findings, *, drop_near: bool = False, earlier: Selection | None = None) -> Selection:
    """Decide for every image whether it is kept.

    Parameters
    ----------
    found : Findings
        From `hybridfer.audit.find_faults`. What could not be read is listed as dropped.
    drop_near : bool
        Whether images go that look like another one.
    earlier : Selection, optional
        The index that the dataset was read with. What it dropped stays dropped, as an index must name all of its source.

    Returns
    -------
    Selection
        In the dataset's order, behind what was dropped or unreadable, for ``read_dataset(..., index=...)``.

    Raises
    ------
    DatasetError
        If two images have one name, so that no index can tell them apart; or near-duplicates are to be dropped that were not
        looked for.

    Examples
    --------
    >>> import numpy as np
    >>> from dataclasses import replace
    >>> from hybridfer import make_faces
    >>> from hybridfer.audit import find_faults
    >>> faces = make_faces(70, random_state=0)
    >>> twice = faces.subset(np.append(np.arange(70), 0))
    >>> named = replace(twice, names=np.append(faces.names, "train/angry/twin.png"))
    >>> selection = clean_dataset(find_faults(named, n_jobs=1))
    >>> [(choice.name, choice.reason) for choice in selection.choices.values() if not choice.keep]
    [('train/angry/twin.png', 'is a copy of a train image')]
    """
    dataset = found.dataset
    names = dataset.names.tolist()
    if len(set(names)) != len(names):
        name, count = Counter(names).most_common(1)[0]
        raise DatasetError(f"An index tells images apart by their names, but {count} images of {dataset.source} are {name}.")
    dropped = {position: (reason, stays) for position, reason, stays in _dropped(found)}
    if drop_near:
        dropped |= _without_near(found, dropped)
    words = np.array([*dataset.classes, ""])[dataset.labels].tolist()
    choices = {}
    for position, (name, split, word) in enumerate(zip(names, dataset.splits.tolist(), words, strict=True)):
        reason, stays = dropped.get(position, ("", None))
        instead = "" if stays is None else names[stays]
        choices[name] = Choice(name, split, word, position not in dropped, reason, instead)
    unusable = {problem.where: Choice(problem.where, "", "", False, problem.what) for problem in dataset.problems}
    selection = Selection({**unusable, **choices}, dataset.source)
    return selection if earlier is None else selection.after(earlier)


def _dropped(found: Findings) -> Iterator[Drop]:
    """What goes of blank and of identical images, each image once."""
    dataset = found.dataset
    gone = found.blank & (dataset.splits == "train")
    yield from ((position, "is blank", None) for position in np.flatnonzero(gone).tolist())
    for members in found.exact:
        yield from _redundant(dataset, members[~gone[members]])


def _without_near(found: Findings, dropped: Dropped) -> Dropped:
    """What goes of images that look alike; what stood for a copy and goes now is replaced by what stands for it."""
    if found.near is None:
        raise DatasetError("Near-duplicates cannot be dropped, as they were not looked for. Give find_faults near=11.")
    further: Dropped = {}
    for members in found.near.groups:
        left = [position for position in members.tolist() if position not in dropped]
        further |= {position: (reason, stays) for position, reason, stays in _alike(found.dataset, left)}
    moved = {
        position: (reason, further[stays][1])
        for position, (reason, stays) in dropped.items()
        if stays is not None and stays in further
    }
    return further | moved


def _alike(dataset: Dataset, members: list[int]) -> Iterator[Drop]:
    """What goes of images that look alike."""
    splits, labels = dataset.splits, dataset.labels
    tested = sorted((i for i in members if splits[i] == "test"), key=lambda i: str(dataset.names[i]))
    stay = tested[:1]
    others = _by_precedence(dataset, [i for i in members if splits[i] != "test"])
    for position in sorted(others, key=lambda i: (PRECEDENCE.index(str(splits[i])), labels[i] < 0)):
        instead = [i for i in stay if splits[i] != splits[position] or labels[position] in (labels[i], -1)]
        if instead:
            yield position, f"looks like a {splits[instead[0]]} image", instead[0]
        else:
            stay.append(position)


def _redundant(dataset: Dataset, members: NDArray[np.int64]) -> Iterable[Drop]:
    """What goes of identical images."""
    splits = dataset.splits[members]
    tested, others = members[splits == "test"], _by_precedence(dataset, members[splits != "test"].tolist())
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


def _by_precedence(dataset: Dataset, members: list[int]) -> list[int]:
    """Order images by their splits, and by their names within a split."""
    return sorted(members, key=lambda i: (PRECEDENCE.index(str(dataset.splits[i])), str(dataset.names[i])))


def _majority(labels: NDArray[np.int64]) -> int | None:
    """The label of more than half of the labelled copies; -1 where none is labelled, None where there is no majority."""
    known = labels[labels >= 0]
    if not len(known):
        return -1
    label, votes = Counter(known.tolist()).most_common(1)[0]
    return label if 2 * votes > len(known) else None

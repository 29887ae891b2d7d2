"""Accuracy by subgroup, such as by gender or age, where a side file says what each test image belongs to."""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hybridfer.errors import DatasetError
from hybridfer.evaluation.significance import Interval, wilson_interval
from hybridfer.home import given_path

log = logging.getLogger("hybridfer")

#: The value of test images that the file leaves out, or tells nothing of.
NOT_TOLD = "(not told)"
#: Fewer images are too few to judge a subgroup by: the interval of an accuracy is wider than 34 points near 50 %, and still
#: wider than 22 near 90 %.
TOO_FEW = 30
#: A column with more values holds numbers or names, not groups.
MOST_VALUES = 50

_NAME = "name"


@dataclass(frozen=True)
class SubgroupScores:
    """What one classifier reached on the test images of a subgroup.

    Attributes
    ----------
    column, value : str
        The subgroup, such as "gender" and "female"; "(not told)" stands for the images without a value.
    n : int
        Images of the whole test split that belong to it; at least 1.
    accuracy : float
        Share of them that were right.
    accuracy_interval : tuple of two floats
        Wilson's 95 % interval.
    """

    column: str
    value: str
    n: int
    accuracy: float
    accuracy_interval: Interval

    @property
    def is_small(self) -> bool:
        """Whether it has too few images, under 30, to judge it by."""
        return self.n < TOO_FEW


@dataclass(frozen=True)
class Groups:
    """A table of images and the subgroups that they belong to.

    Attributes
    ----------
    path : Path
        The file it was read from.
    columns : tuple of str
        Its columns but for the name.
    values : dict of str to tuple of str
        By an image's name: one value a column, "" where nothing is told.
    """

    path: Path
    columns: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]

    def of_images(self, names: Sequence[str] | NDArray[np.str_]) -> dict[str, NDArray[np.str_]]:
        """Look images up.

        Parameters
        ----------
        names : sequence of n str
            Names of the test images. Those that the table leaves out, or tells nothing of, are "(not told)". What it tells
            of other images is not looked at, so that one file does for all splits.

        Returns
        -------
        dict of str to ndarray of shape (n,), dtype str
            For each column the value of each image.

        Raises
        ------
        DatasetError
            If the table knows none of the images. Where it knows some of them alone, a warning is logged.
        """
        found = [self.values.get(str(name)) for name in names]
        missing = [str(name) for name, values in zip(names, found, strict=True) if values is None]
        if missing:
            known = len(found) - len(missing)
            told = f"{known:,} of the {len(found):,} test images" if known else f"no test image of {len(found):,}"
            remark = f"{self.path} names {told}. {self._difference(missing)}"
            if not known:
                raise DatasetError(f"{remark} Give each by its name in the dataset, as predictions.csv lists them.")
            log.warning("%s The others are the group %r.", remark, NOT_TOLD)
        return {
            column: np.array([(values[i] if values else "") or NOT_TOLD for values in found])
            for i, column in enumerate(self.columns)
        }

    def _difference(self, missing: Sequence[str]) -> str:
        """Show a test image that the table lacks beside the table's nearest name: the same but for folders, or any."""
        by_file = {_without_folders(name): name for name in self.values}
        for name in missing:
            if _without_folders(name) in by_file:
                return f"Names differ by their folders: {by_file[_without_folders(name)]!r} there, {name!r} in the dataset."
        return f"An image that it lacks is {missing[0]!r}, one that it names {next(iter(self.values))!r}."


def read_groups(path: str | os.PathLike[str]) -> Groups:
    r"""Read a table of subgroups.

    Parameters
    ----------
    path : str or Path
        A CSV file whose header has ``name`` and one or more columns of words, with a line for each image.

    Returns
    -------
    Groups

    Raises
    ------
    DatasetError
        If it cannot be read, has no such columns, names an image twice, or has a column that holds no groups.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "groups.csv"
    ...     _ = path.write_text("name,gender\ntest/a.jpg,female\ntest/b.jpg,male\n")
    ...     read_groups(path).of_images(["test/a.jpg", "test/c.jpg"])["gender"].tolist()
    ['female', '(not told)']
    """
    path = given_path(path)
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            header, *lines = [[cell.strip() for cell in line] for line in csv.reader(file) if line] or [[]]
    except OSError as error:
        raise DatasetError(f"{path} could not be read ({error.strerror}); groups must be a CSV file.") from error
    except csv.Error as error:
        raise DatasetError(f"{path} is no CSV file in UTF-8 ({error}).") from error
    _check_encoding(path, header)
    _check_header(path, header)
    name = header.index(_NAME)
    values: dict[str, tuple[str, ...]] = {}
    for line in lines:
        if len(line) != len(header):
            raise DatasetError(f"{path}: every line must have {len(header)} cells, as the header has; got {line}.")
        if line[name] in values:
            raise DatasetError(f"{path} names {line[name]!r} twice; every image must stand in one line.")
        values[line[name]] = tuple(cell for i, cell in enumerate(line) if i != name)
    columns = tuple(column for column in header if column != _NAME)
    _check_encoding(path, [cell for cells in values.values() for cell in cells])
    _check_values(path, columns, list(values.values()))
    return Groups(path, columns, values)


def score_subgroups(right: NDArray[np.bool_], groups: Mapping[str, NDArray[np.str_]]) -> tuple[SubgroupScores, ...]:
    """Score one classifier on each subgroup of the test split.

    Parameters
    ----------
    right : ndarray of shape (n,), dtype bool
        Whether each test image was classified rightly.
    groups : mapping of str to ndarray of shape (n,), dtype str
        For each column the value of each image, from `Groups.of_images`.

    Returns
    -------
    tuple of SubgroupScores
        Column by column; the values in alphabetical order, "(not told)" last.
    """
    scores = []
    for column, values in groups.items():
        for value in sorted(set(values.tolist()), key=lambda value: (value == NOT_TOLD, value)):
            members = right[values == value]
            correct = int(members.sum())
            scores.append(
                SubgroupScores(
                    column=column,
                    value=value,
                    n=members.size,
                    accuracy=correct / members.size,
                    accuracy_interval=wilson_interval(correct, members.size),
                )
            )
    return tuple(scores)


def _without_folders(name: str) -> str:
    """The last part of an image's name."""
    return name.replace("\\", "/").rpartition("/")[2]


def _check_header(path: Path, header: list[str]) -> None:
    """Refuse a table that does not say which image a line is about, or nothing of it."""
    if header.count(_NAME) != 1 or len(header) < 2 or "" in header or len(set(header)) != len(header):
        raise DatasetError(
            f"{path} must begin with a header of the column 'name' and one or more others that differ, such as "
            f"name,gender,age_group; got {','.join(header) or 'nothing'}."
        )


def _check_encoding(path: Path, words: list[str]) -> None:
    """Refuse words that are no UTF-8; names of images may be anything, as those of files are."""
    try:
        "".join(words).encode()
    except UnicodeEncodeError as error:
        raise DatasetError(f"{path} is no CSV file in UTF-8 ({error}).") from error


def _check_values(path: Path, columns: tuple[str, ...], lines: list[tuple[str, ...]]) -> None:
    """Refuse a table without lines, and columns of numbers or names."""
    if not lines:
        raise DatasetError(f"{path} has a header and no line; every image needs one.")
    for column, cells in zip(columns, zip(*lines, strict=True), strict=True):
        if len(set(cells)) > MOST_VALUES:
            raise DatasetError(
                f"{path}: the column {column!r} has {len(set(cells)):,} different values, and at most {MOST_VALUES} are "
                "shown. Put them into groups, such as 20-29 instead of ages."
            )

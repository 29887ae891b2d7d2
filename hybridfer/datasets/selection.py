"""A CSV file that says which images of a source are kept: the cleaned index that ``hybridfer audit --fix`` writes."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hybridfer.csv_layout import to_csv
from hybridfer.errors import DatasetError
from hybridfer.home import given_path

COLUMNS = ("name", "split", "class", "decision", "reason", "kept_instead")
KEEP, DROP = "keep", "drop"
TOLD = 3


@dataclass(frozen=True)
class Choice:
    """What becomes of an image.

    Attributes
    ----------
    name : str
        As in `Dataset.names`.
    split, class_name : str
        Where the image stood when this was decided, so that an index of other splits or labels is noticed; "" in both for
        what could not be read. None where the file has no such column, as one written by hand.
    keep : bool
        Whether it is kept.
    reason : str
        Why it is not, in words; "" where it is.
    kept_instead : str
        The image that stands for it, if there is one.
    """

    name: str
    split: str | None
    class_name: str | None
    keep: bool
    reason: str = ""
    kept_instead: str = ""


@dataclass(frozen=True)
class Selection:
    """Which images of a source are kept.

    Attributes
    ----------
    choices : dict of str to Choice
        By name, in the order of the file.
    source : str
        What errors call it: the file.

    Examples
    --------
    >>> choices = [Choice("a.png", "train", "happy", True), Choice("b.png", "train", "sad", False, "is blank")]
    >>> selection = Selection({choice.name: choice for choice in choices}, "cleaned.csv")
    >>> print(selection.to_csv(), end="")
    name,split,class,decision,reason,kept_instead
    a.png,train,happy,keep,,
    b.png,train,sad,drop,is blank,
    """

    choices: dict[str, Choice]
    source: str

    def to_csv(self) -> str:
        """Write the choices as comma-separated values, with a line of headings."""
        rows = (
            (each.name, each.split, each.class_name, KEEP if each.keep else DROP, each.reason, each.kept_instead)
            for each in self.choices.values()
        )
        return to_csv([COLUMNS, *rows])

    def drops(self, name: str) -> bool:
        """Whether something in the source, be it an image or not, is known and left out."""
        return name in self.choices and not self.choices[name].keep

    def after(self, earlier: Selection) -> Selection:
        """Drop, too, what an earlier selection dropped, so that what was chosen of the rest is an index of the whole source.

        Parameters
        ----------
        earlier : Selection
            What the source was read with.

        Returns
        -------
        Selection
            What was dropped earlier stands first.

        Examples
        --------
        >>> first = Selection({name: Choice(name, "train", "sad", name != "b") for name in "ab"}, "first.csv")
        >>> second = Selection({"a": Choice("a", "train", "sad", True)}, "second.csv")
        >>> [(choice.name, choice.keep) for choice in second.after(first).choices.values()]
        [('b', False), ('a', True)]
        """
        dropped = {name: self._still_dropped(each) for name, each in earlier.choices.items() if not each.keep}
        return replace(self, choices={**dropped, **self.choices})

    def _still_dropped(self, each: Choice) -> Choice:
        """What stood for an image and goes now is replaced by what stands for it; a place told by half is no place."""
        if self.drops(each.kept_instead):
            each = replace(each, kept_instead=self.choices[each.kept_instead].kept_instead)
        return replace(each, split="", class_name="") if None in (each.split, each.class_name) else each

    def kept(
        self, names: Sequence[str], splits: Iterable[str], classes: Iterable[str], everything: Iterable[str], source: str
    ) -> NDArray[np.bool_]:
        """Mark the images that are kept, once it is sure that this is an index of their source.

        Parameters
        ----------
        names : sequence of str of length n
            The images that are asked for.
        splits, classes : iterable of str of length n
            Their splits and classes; "" where there is no label.
        everything : iterable of str
            Names of all images of the source, of other classes too.
        source : str
            What errors call it.

        Returns
        -------
        ndarray of shape (n,), dtype bool

        Raises
        ------
        DatasetError
            If an image that is asked for is not in the index; an image that is to be kept is not in the source; names of the
            source are not unique; a split or class differs; or nothing is kept. That the source lacks what is left out
            anyway does no harm.
        """
        self._check_names(names, set(everything), source)
        rows = [self.choices[name] for name in names]
        self._check_places(rows, splits, classes, source)
        kept = np.array([row.keep for row in rows], dtype=bool)
        if not kept.any():
            raise DatasetError(f"{self.source} keeps none of the {len(rows):,} images that were asked of {source}.")
        return kept

    def _check_names(self, names: Sequence[str], everything: set[str], source: str) -> None:
        if len(set(names)) != len(names):
            raise DatasetError(f"Several images of {source} have one name, so that no index can tell them apart.")
        faults = {
            "are not in the source": [name for name, each in self.choices.items() if each.keep and name not in everything],
            "of the source are not in the index": [name for name in names if name not in self.choices],
        }
        told = [f"{len(missing):,} images {what} ({_first(missing)})" for what, missing in faults.items() if missing]
        if told:
            raise DatasetError(f"{self.source} is no index of {source}: {'; '.join(told)}. {_again(source)}")

    def _check_places(self, rows: list[Choice], splits: Iterable[str], classes: Iterable[str], source: str) -> None:
        moved = [
            f"{row.name}: {row.split} {row.class_name} there, {split} {word} here".replace("  ", " ")
            for row, split, word in zip(rows, splits, classes, strict=True)
            if (row.keep or row.split)
            and ((row.split is not None and row.split != split) or (row.class_name is not None and row.class_name != word))
        ]
        if moved:
            raise DatasetError(
                f"{self.source} was made for other splits or labels than {source} has here: {len(moved):,} images differ "
                f"({_first(moved, '; ')}). Use the --test-split that it was made with, or make it anew. {_again(source)}"
            )


def read_selection(path: str | os.PathLike[str]) -> Selection:
    """Read a cleaned index.

    Parameters
    ----------
    path : path
        A CSV file with the columns ``name`` and ``decision`` (keep or drop), in any order. Where ``split`` and ``class`` are
        there too, they are compared with the source's. Further columns are passed over.

    Returns
    -------
    Selection

    Raises
    ------
    DatasetError
        If it cannot be read, lacks a column, has another decision, or names an image twice.
    """
    path = given_path(path)
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [column for column in ("name", "decision") if column not in (reader.fieldnames or ())]
            if missing:
                raise DatasetError(
                    f"{path} has no column {missing[0]!r}; an index of images has name and decision. "
                    "Make one with: hybridfer audit DATA --fix FILE.csv"
                )
            choices: dict[str, Choice] = {}
            for row in reader:
                choice = _choice(row, f"{path.name}:{reader.line_num}")
                if choice.name in choices:
                    raise DatasetError(f"{path.name}:{reader.line_num} names {choice.name} a second time.")
                choices[choice.name] = choice
    except OSError as error:
        raise DatasetError(f"The index {path} cannot be read ({error.strerror}).") from error
    except csv.Error as error:
        raise DatasetError(f"The index {path} is no CSV file ({error}).") from error
    return Selection(choices, path.name)


def _choice(row: dict[str, str | None], where: str) -> Choice:
    """Check a line."""
    decision, name = row["decision"], row["name"]
    if decision not in (KEEP, DROP) or name is None:
        raise DatasetError(f"{where}: decision must be {KEEP} or {DROP}; got {decision!r}.")
    return Choice(
        name=name,
        split=row.get("split"),
        class_name=row.get("class"),
        keep=decision == KEEP,
        reason=row.get("reason") or "",
        kept_instead=row.get("kept_instead") or "",
    )


def _first(names: list[str], gap: str = ", ") -> str:
    """The first few names."""
    return gap.join([*names[:TOLD], *(["..."] if len(names) > TOLD else [])])


def _again(source: str) -> str:
    return f"Run: hybridfer audit {source} --fix FILE.csv"

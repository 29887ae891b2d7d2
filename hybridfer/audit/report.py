"""The result of an audit as a value, and its own file format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hybridfer import json_layout
from hybridfer.errors import HybridferError
from hybridfer.files import write_aside
from hybridfer.home import given_path

#: The version of the JSON layout that is written.
FORMAT_VERSION = 1
JSON_NAME = "audit.json"


class AuditError(HybridferError, ValueError):
    """An audit could not be read."""


@dataclass(frozen=True)
class Duplicates:
    """Images whose pixels are identical.

    Attributes
    ----------
    groups : int
        Groups of two images or more.
    images : int
        Images in these groups.
    redundant : int
        ``images - groups``: what could go without losing a picture.
    across_splits : int
        Groups that have images in several splits.
    conflicting_labels : int
        Groups whose images are labelled differently; images without a label conflict with none.
    """

    groups: int
    images: int
    redundant: int
    across_splits: int
    conflicting_labels: int


@dataclass(frozen=True)
class NearDuplicates:
    """Images that look alike but differ in their pixels: mostly one photograph, but that is likely, not certain.

    Attributes
    ----------
    method : str
        How they were found, in words; says so where the search could not be complete.
    threshold : int
        Bits of 64 in which hashes could differ.
    candidates : int
        Pairs of hashes that were compared.
    pairs : int
        Pairs of different images whose hashes are within the threshold, which were then judged by their pixels.
    groups, images : int
        Groups of at least two different images that look alike; images in these, exact copies among them.
    across_splits, conflicting_labels : int
        As in `Duplicates`.
    """

    method: str
    threshold: int
    candidates: int
    pairs: int
    groups: int
    images: int
    across_splits: int
    conflicting_labels: int


@dataclass(frozen=True)
class Group:
    """Images to look at together.

    Attributes
    ----------
    kind : str
        ``"exact"``, ``"near"`` or ``"blank"``.
    reason : str
        What is wrong with them, in words.
    names, splits, classes : tuple of str
        One entry an image; the class is "" where there is no label. Of large groups the first images are listed.
    positions : tuple of int
        Where these images stand in the dataset.
    size : int
        How many images there are in all.
    """

    kind: str
    reason: str
    names: tuple[str, ...]
    splits: tuple[str, ...]
    classes: tuple[str, ...]
    positions: tuple[int, ...]
    size: int


@dataclass(frozen=True)
class AuditReport:
    """What is wrong with a dataset.

    Attributes
    ----------
    source : str
        Name of the file, folder or generator; without the folders above it.
    n_images : int
        Images that could be read.
    classes : tuple of str
        Names of the classes, in the order of every list of `counts`.
    counts : dict of str to tuple of int
        For each split the number of its images by class.
    imbalance : float
        Train images of the largest class over those of the smallest that has any; of all images where there is no train
        split. 1.0 where fewer than two classes have images.
    exact : Duplicates
        Identical images.
    near : NearDuplicates or None
        Near-duplicates; None where they were not looked for.
    blanks : int
        Images that show nothing: see `hybridfer.audit.blanks`.
    unreadable : tuple of str
        A line for each thing in the source that could not be used, with its place.
    worst : tuple of Group
        At most 24 groups that are worth a look, the worst first. `find_faults` gives all.
    unlabelled : int
        Images without a label, which no list of `counts` has.
    blank_names : tuple of str
        Names of the blank images, of many the first 100; empty in an audit that an older hybridfer wrote.
    format_version : int
        The version of the JSON layout.
    """

    source: str
    n_images: int
    classes: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    imbalance: float
    exact: Duplicates
    near: NearDuplicates | None
    blanks: int
    unreadable: tuple[str, ...]
    worst: tuple[Group, ...]
    unlabelled: int = 0
    blank_names: tuple[str, ...] = ()
    format_version: int = FORMAT_VERSION

    @property
    def has_labels(self) -> bool:
        """Whether any image has a label."""
        return self.unlabelled != self.n_images

    def to_json(self) -> str:
        """Write the audit as JSON that `from_json` reads."""
        values = json_layout.plain(self)
        return json_layout.to_json({"format_version": values.pop("format_version"), **values})

    @classmethod
    def from_json(cls, text: str | bytes) -> AuditReport:
        """Read what `to_json` wrote.

        Parameters
        ----------
        text : str or bytes
            The content of an audit.json.

        Returns
        -------
        AuditReport
            Equal to the one that was written.

        Raises
        ------
        AuditError
            If it is no JSON, is of a version that this hybridfer does not know, or a field is missing or wrong.
        """
        try:
            json_layout.check_version(text, FORMAT_VERSION)
            return json_layout.from_json(cls, text)
        except json_layout.LayoutError as error:
            raise AuditError(str(error)) from error

    def write(self, folder: str | Path) -> None:
        """Write audit.json.

        Parameters
        ----------
        folder : str or Path
            Created where it is missing; an earlier audit.json is replaced.
        """
        folder = given_path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_aside(folder / JSON_NAME, self.to_json().encode())

    @classmethod
    def read(cls, folder: str | Path) -> AuditReport:
        """Read the audit.json of a folder.

        Raises
        ------
        AuditError
            If there is none, or it cannot be read.
        """
        path = given_path(folder) / JSON_NAME
        try:
            return cls.from_json(path.read_bytes())
        except OSError as error:
            raise AuditError(
                f"{path} could not be read ({error.strerror}). Run: hybridfer audit DATA --out {folder}"
            ) from error
        except AuditError as error:
            raise AuditError(f"{path}: {error}") from error

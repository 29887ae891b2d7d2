"""The study file: SQLite, shared by processes, of one space and one dataset."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock

from hybridfer.datasets import Dataset
from hybridfer.errors import HybridferError, require
from hybridfer.search.space import SearchSpace
from hybridfer.training.ancestry import load_ancestry
from hybridfer.training.identity import training_recipe

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import RDBStorage

NAME = "hybridfer search"
IDENTITY = "identity"
FORMAT = 1
# how long a process waits for another one's writing
PATIENCE_S = 120
# a running trial says so this often; one that has not for so long was killed
HEARTBEAT_S, SILENCE_S = 10, 60
_TOLD = 3
# the table that Optuna makes first
_OPTUNAS = "studies"


class StudyError(HybridferError, ValueError):
    """A study file cannot be used, or holds the trials of another search."""


@dataclass(frozen=True, eq=False)
class OpenStudy:
    """A study and the lock that its processes take turns by.

    Attributes
    ----------
    study : optuna.Study
        Maximises the validation accuracy.
    lock : FileLock
        Held while a process begins a trial.
    fingerprint : str
        Names space and data together.
    """

    study: Study
    lock: FileLock
    fingerprint: str


def identity_of(space: SearchSpace, dataset: Dataset) -> dict[str, Any]:
    """Say what all trials of a study have in common, as plain values.

    Parameters
    ----------
    space : SearchSpace
        Its description and its source do not matter.
    dataset : Dataset
        Its train and validation splits matter, in whatever order their images stand.

    Returns
    -------
    dict of str to object
        ``"space"`` and ``"data"``. Weights that trainings start with, or learn from, are in it by what they hold.

    Raises
    ------
    WeightsError, RecipeError
        If there are no such weights.
    """
    sha = hashlib.sha256()
    for split in ("train", "validation"):
        labels, digests = dataset.split_labels(split), dataset.split_digests(split)
        order = np.lexsort((labels, digests))
        sha.update(digests[order].tobytes())
        sha.update(labels[order].tobytes())
    counts = {split: int((dataset.splits == split).sum()) for split in ("train", "validation")}
    data = {"classes": list(dataset.classes), **counts, "digest": sha.hexdigest()}
    plain = space.model_dump(mode="json", exclude={"description", "source"})
    training, drawn = plain["training"], plain["space"]["training"]
    for name in ("start", "teacher"):
        if "choices" in drawn.get(name, {}):
            # with their paths, as the study's file knows by those what trials drew
            choices = {path: _identified({**training, name: path})[name] for path in drawn[name]["choices"]}
            drawn[name]["choices"] = choices
    plain["training"] = _identified(training)
    return {"format": FORMAT, "space": plain, "data": data}


def fingerprint_of(identity: Mapping[str, Any]) -> str:
    """Name an identity by 32 hexadecimal digits."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]


def _identified(training: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields of a training as any training is known by them: without what is off, and weights by what they hold."""
    known = training_recipe({**training, "network_arguments": None}, load_ancestry(training))
    return {name: value for name, value in known.items() if name != "network_arguments"}


@contextmanager
def opened_study(path: Path, space: SearchSpace, dataset: Dataset) -> Iterator[OpenStudy]:
    """Open a study file, or begin it; while the block runs, Optuna keeps its messages to itself.

    Parameters
    ----------
    path : Path
        The SQLite file; its folder is made where it is missing.
    space, dataset : SearchSpace, Dataset
        What the study is of.

    Yields
    ------
    OpenStudy

    Raises
    ------
    StudyError
        If the file is no study, or one of another space or other images.
    MissingExtraError
        If Optuna is not installed.
    """
    optuna = require("optuna", extra="search")
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    identity = identity_of(space, dataset)
    lock = FileLock(path.with_name(f"{path.name}.lock"), poll_interval=0.05)
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        # of several processes that find no file, one makes the tables
        with lock:
            _check_file(path)
            storage = _storage(path)
        try:
            with lock:
                study = optuna.create_study(study_name=NAME, storage=storage, direction="maximize", load_if_exists=True)
                _check_identity(study, identity, path)
            yield OpenStudy(study, lock, fingerprint_of(identity))
        finally:
            storage.remove_session()
            storage.engine.dispose()
    finally:
        optuna.logging.set_verbosity(verbosity)


def _check_file(path: Path) -> None:
    """Leave a file alone that is anything but an SQLite database, of Optuna's tables or empty."""
    if not path.exists():
        return
    try:
        connection = sqlite3.connect(path, timeout=PATIENCE_S)
        try:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise StudyError(f"{path} is no study file ({error}). Choose another --study.") from error
    if tables and _OPTUNAS not in tables:
        found = ", ".join(sorted(tables)[:_TOLD])
        raise StudyError(f"{path} is no study file, but a database of {found}. Choose another --study.")


def _storage(path: Path) -> RDBStorage:
    optuna = require("optuna", extra="search")
    sqlalchemy = require("sqlalchemy", extra="search")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            return optuna.storages.RDBStorage(
                # no address, in which SQLAlchemy and Optuna read question marks, per cent signs and braces as their own
                "sqlite://",
                engine_kwargs={
                    "creator": partial(sqlite3.connect, path, timeout=PATIENCE_S, check_same_thread=False),
                    # what SQLAlchemy takes for files
                    "poolclass": sqlalchemy.pool.QueuePool,
                },
                heartbeat_interval=HEARTBEAT_S,
                grace_period=SILENCE_S,
            )
        except RuntimeError as error:
            # Optuna's word on tables of another version of its own
            raise StudyError(f"{path} cannot be read: {error}") from error


def _check_identity(study: Study, identity: Mapping[str, Any], path: Path) -> None:
    found = study.user_attrs.get(IDENTITY)
    if found is None:
        study.set_user_attr(IDENTITY, identity)
    elif found != identity:
        differences = _differences(found, json.loads(json.dumps(identity)))
        more = f"; and {len(differences) - _TOLD} more" if len(differences) > _TOLD else ""
        raise StudyError(
            f"{path} is the study of another search: {'; '.join(differences[:_TOLD])}{more}. Choose another --study, or "
            "search the same images by the same space and number of epochs."
        )


def _differences(there: Any, here: Any, path: str = "") -> list[str]:
    """Name the leaves of two nested tables that differ."""
    if isinstance(there, dict) and isinstance(here, dict):
        keys = list(dict.fromkeys([*there, *here]))
        return [
            line for key in keys for line in _differences(there.get(key), here.get(key), f"{path}.{key}" if path else key)
        ]
    return [] if there == here else [f"{path} is {there!r} there and {here!r} here"]

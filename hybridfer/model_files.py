"""Model files: fitted estimators on disk, without pickle; their weights are those of a weights file."""

from __future__ import annotations

import json
import os
import platform
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from hybridfer.errors import MissingExtraError, ModelError, is_out_of_memory, require
from hybridfer.files import moved_into_place
from hybridfer.home import given_path
from hybridfer.model_schema import TRUSTED, CheckedSchema, check_schema

FORMAT = "hybridfer-model/1"
# a member of the archive beside those of skops, which passes over it
NOTE = "hybridfer.json"
PACKAGES = ("hybridfer", "scikit-learn", "numpy", "torch", "xgboost", "skops")

SCHEMA = "schema.json"
# what a file may unpack to: forests and support vectors shrink to a fifth or a half, zeros to a thousandth
_LARGEST_RATIO = 100
_ALWAYS_FINE = 1 << 28
_LARGEST_NOTE = 1 << 16
_LARGEST_SCHEMA = 1 << 26
# of skops: its readers of earlier files ask less
PROTOCOL = 2


def save(model: BaseEstimator, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Keep a fitted estimator in a file, with the network in it: a pipeline, a head, a search, or a `CNNClassifier`.

    Unlike a pickle, the file can be opened without running anything that is in it. It holds the weights of the CNN, whether
    they came from the wheel, a file or a training in `fit`, and so is all that `load` needs, on any machine. Embedded rows
    are not in it. What was written is read once, before it is put in its place.

    Parameters
    ----------
    model : estimator
        Fitted; made of estimators of hybridfer, XGBClassifier and most of scikit-learn's, or of others, which `load` has to
        be told of by name.
    path : path
        Usually ends in ``.skops``. It appears at once and whole, or not at all.
    overwrite : bool
        Replace a file that exists.

    Returns
    -------
    Path
        Where the file is.

    Raises
    ------
    ModelError
        If the file exists and `overwrite` is false, or the model is no estimator, or holds what cannot be kept.
    sklearn.exceptions.NotFittedError
        If it has not been fitted.
    MissingExtraError
        If skops is not installed.

    Warns
    -----
    UserWarning
        If the model holds classes or functions that `load` will not build unless it is told their names.

    See Also
    --------
    load : Read it again.
    hybridfer.networks.save_network : Keep a network alone, as ``hybridfer train`` does.

    Examples
    --------
    >>> import tempfile
    >>> from hybridfer import build_pipeline, load, make_faces, save
    >>> X, y = make_faces(60, random_state=0).arrays("train")
    >>> model = build_pipeline("compact", "svm-linear").fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(model, f"{folder}/faces.skops")
    ...     bool((load(path).predict(X) == model.predict(X)).all())
    True
    """
    _check_estimator(model)
    check_is_fitted(model)
    path = _free_path(path, overwrite=overwrite)
    skops = require("skops.io", extra="skops")
    with moved_into_place(path) as partial:
        try:
            skops.dump(model, partial, compression=ZIP_DEFLATED, compresslevel=1)
            untrusted = skops.get_untrusted_types(file=partial)
            with ZipFile(partial, "a") as archive:
                archive.writestr(NOTE, json.dumps({"format": FORMAT, "versions": _versions()}))
                checked = check_schema(json.loads(archive.read(SCHEMA)), untrusted)
            own = sorted({*untrusted, *checked.unknown} - {*TRUSTED})
            # what cannot be read is not kept: classes inside of functions, say, are not found again
            skops.load(partial, trusted=[*TRUSTED, *own])
        except Exception as error:  # what a parameter is of decides which
            if isinstance(error, OSError) or is_out_of_memory(error):
                raise
            raise ModelError(
                f"{type(model).__name__} holds something that cannot be kept ({error}). Functions and classes of your own "
                "are to be defined at the top of a module."
            ) from error
    if own:
        warnings.warn(
            f"{path} holds what hybridfer does not know, and is read by load({os.fspath(path)!r}, trusted={own}).",
            stacklevel=2,
        )
    return path


def load(path: str | os.PathLike[str], *, trusted: Iterable[str | type] = ()) -> Any:
    """Read an estimator that `save` wrote.

    Nothing is unpickled: classes of a closed list are built, those of hybridfer, XGBClassifier and most of scikit-learn's,
    each in its own way alone. What a model does when it is asked is up to its file, and that its numbers make sense is not
    proven: ask models of people whom you trust, as a forged one may answer wrongly, crash, or keep its rows where it likes.

    Parameters
    ----------
    path : path
        The file.
    trusted : iterable of str or type
        Further classes and functions that may be built, such as ``"mypackage.MyScaler"``: your own, that you know.

    Returns
    -------
    estimator
        Fitted as it was, with the parameters that it had: ``device="auto"`` takes what this machine has; a `CNNFeaturizer`
        whose `store` is not to be made here wants ``set_params(features__store=None)``.

    Raises
    ------
    ModelError
        If the file is missing, damaged, none of `save`, or holds classes that are not trusted.
    MissingExtraError
        If skops, or a package that the model is made of, is not installed.

    Warns
    -----
    sklearn.exceptions.InconsistentVersionWarning
        If it was saved by another version of scikit-learn, in which an estimator may have changed.

    See Also
    --------
    save : Write it.

    Examples
    --------
    >>> load("faces.skops")
    Traceback (most recent call last):
    ...
    hybridfer.errors.ModelError: faces.skops does not exist. hybridfer.save(model, 'faces.skops') writes such a file.
    """
    path, named = given_path(path), _names(trusted)
    skops = require("skops.io", extra="skops")
    _check_file(path)
    with _told_in_words(path):
        unknown = {*_checked(path, named).unknown}
        try:
            if not unknown:
                return skops.load(path, trusted=[*TRUSTED, *named])
        except skops.exceptions.UntrustedTypesFoundException:
            unknown = {*skops.get_untrusted_types(file=path)} - {*TRUSTED, *named}
    raise ModelError(
        f"{path} holds {', '.join(sorted(unknown))}, which hybridfer does not know. If you know where the file comes from, "
        f"and what these do: load({os.fspath(path)!r}, trusted={sorted({*unknown, *named})})."
    )


def _check_estimator(model: object) -> None:
    if isinstance(model, type):
        raise ModelError(f"model must be a fitted estimator; got the class {model.__name__}. Call it, and fit it.")
    if not isinstance(model, BaseEstimator):
        raise ModelError(
            f"model must be a fitted estimator, such as a pipeline; got a {type(model).__name__}. A network alone is kept "
            "by hybridfer.networks.save_network(network, 'mine.safetensors')."
        )


def _free_path(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    path = given_path(path)
    if path.is_dir():
        raise ModelError(f"{path} is a folder; a model is kept in a file. Give a name in it: {path / 'model.skops'}.")
    if path.exists() and not path.is_file():
        raise ModelError(f"{path} is no file that could be written over. Choose another name.")
    if path.exists() and not overwrite:
        raise ModelError(f"{path} exists already. Choose another name, or replace it by overwrite=True.")
    # a link stays one
    return path.resolve() if path.is_symlink() else path


def _names(trusted: Iterable[str | type]) -> list[str]:
    if isinstance(trusted, str) or not isinstance(trusted, Iterable):
        raise ModelError(f"trusted must be a list of names, such as ['mypackage.MyScaler']; got {trusted!r}.")
    return [name if isinstance(name, str) else f"{name.__module__}.{name.__qualname__}" for name in trusted]


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise ModelError(f"{path} is a folder; a model is a file that hybridfer.save wrote. Give the file's path.")
    if not path.exists():
        raise ModelError(f"{path} does not exist. hybridfer.save(model, {os.fspath(path)!r}) writes such a file.")
    if path.suffix == ".safetensors":
        raise ModelError(f"{path} holds weights of a network alone: load_network({os.fspath(path)!r}) reads them.")


def _checked(path: Path, named: Iterable[str]) -> CheckedSchema:
    """Look at what a model is made of and at how much of it there is, before anything is built of it."""
    with ZipFile(path) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
        _check_size(path, sum(sizes.values()))
        note = json.loads(archive.read(NOTE)) if NOTE in sizes else None
        if not isinstance(note, dict) or note.get("format") != FORMAT:
            found = note.get("format") if isinstance(note, dict) else None
            raise ModelError(f"expected the format {FORMAT!r}, got {found!r}")
        if sizes.get(SCHEMA, 0) > _LARGEST_SCHEMA:
            raise ModelError(f"its {SCHEMA} has {sizes[SCHEMA]:,} bytes; {_LARGEST_SCHEMA:,} are the most")
        schema = json.loads(archive.read(SCHEMA))
        if not isinstance(schema, dict) or not isinstance(schema.get("protocol"), int) or schema["protocol"] < PROTOCOL:
            raise ModelError(f"expected a schema of skops of protocol {PROTOCOL} or later")
        checked = check_schema(schema, named)
        # one member may be asked for many times, and is read anew each time
        _check_size(path, sum(sizes.get(file, 0) for file in checked.files))
    return checked


def _check_size(path: Path, unpacked: int) -> None:
    if unpacked > max(_ALWAYS_FINE, _LARGEST_RATIO * path.stat().st_size):
        raise ModelError(f"it says that it holds {unpacked:,} bytes, which no model does")


@contextmanager
def _told_in_words(path: Path) -> Iterator[None]:
    """Say of whatever goes wrong in a file which file it is, and what wrote it."""
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(f"{path} needs a package that could not be imported ({error}). Install it.") from error
    except Exception as error:  # a damaged or forged file may fail anywhere, and so may one of other versions
        if isinstance(error, OSError) or is_out_of_memory(error):
            raise
        told = str(error) if isinstance(error, ModelError) else f"{type(error).__name__}: {error}"
        versions = _written_by(path)
        reason = (
            f"is damaged, or of other versions: written by {_told(versions)}; here is {_told(_versions())}"
            if versions
            else "is damaged, or was not written by hybridfer.save"
        )
        raise ModelError(f"{path} could not be read ({told}). It {reason}.") from error


def _written_by(path: Path) -> dict[str, str]:
    """Read which versions a file was written by, as far as it can be read."""
    try:
        with ZipFile(path) as archive:
            note = json.loads(archive.read(NOTE)) if archive.getinfo(NOTE).file_size < _LARGEST_NOTE else None
    except Exception:  # what is wrong with the file is being told already
        return {}
    versions = note.get("versions") if isinstance(note, dict) else None
    return versions if isinstance(versions, dict) else {}


def _versions() -> dict[str, str]:
    """Versions of what a model may be made of, of those that are here, without importing any."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions


def _told(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())

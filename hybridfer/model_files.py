"""Model files: fitted estimators on disk, read without running anything that is in them."""

from __future__ import annotations

import json
import os
import platform
import warnings
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from hybridfer.errors import MissingExtraError, ModelError, is_out_of_memory, require
from hybridfer.files import moved_into_place
from hybridfer.home import given_path

FORMAT = "hybridfer-model/1"
# a member of the archive beside those of skops, which passes over it
NOTE = "hybridfer.json"
PACKAGES = ("hybridfer", "scikit-learn", "numpy", "torch", "xgboost", "skops")

# what pipelines of hybridfer are made of beyond the estimators of scikit-learn, which skops knows
TRUSTED = (
    "hybridfer.featurizer.CNNFeaturizer",
    "hybridfer.heads.encoded.EncodedClassifier",
    "hybridfer.heads.softmax.SoftmaxHead",
    "hybridfer.networks.network.Network",
    "hybridfer.recipes.feature.AugmentationRecipe",
    "hybridfer.recipes.feature.FeatureRecipe",
    "hybridfer.recipes.feature.TrainingRecipe",
    "hybridfer.training.classifier.CNNClassifier",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.metrics._classification.accuracy_score",
    "sklearn.metrics._classification.balanced_accuracy_score",
    "sklearn.metrics._classification.f1_score",
    "sklearn.metrics._classification.log_loss",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.PredefinedSplit",
    "sklearn.model_selection._split.StratifiedGroupKFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.model_selection._split.StratifiedShuffleSplit",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
)
# forests and support vectors shrink to a third or a half; what is a thousand times as large unpacked is forged
_LARGEST_RATIO = 100
_ALWAYS_FINE = 1 << 28


def save(model: BaseEstimator, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Keep a fitted estimator in a file, with the network in it: a pipeline, a head, a search, or a `CNNClassifier`.

    Unlike a pickle, the file can be opened without running anything that is in it. It holds the weights of the CNN, whether
    they came from the wheel, a file or a training in `fit`, and so is all that `load` needs, on any machine. Embedded rows
    are not in it.

    Parameters
    ----------
    model : estimator
        Fitted; made of estimators of hybridfer, scikit-learn and xgboost, or of your own (see `trusted` of `load`).
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
    path = given_path(path)
    if path.is_dir():
        raise ModelError(f"{path} is a folder; a model is kept in a file. Give a name in it: {path / 'model.skops'}.")
    if path.exists() and not overwrite:
        raise ModelError(f"{path} exists already. Choose another name, or replace it by overwrite=True.")
    skops = require("skops.io", extra="skops")
    with moved_into_place(path) as partial:
        try:
            skops.dump(model, partial, compression=ZIP_DEFLATED, compresslevel=1)
            own = sorted({*skops.get_untrusted_types(file=partial)} - {*TRUSTED})
        except Exception as error:  # what a parameter is of decides which
            if isinstance(error, OSError) or is_out_of_memory(error):
                raise
            raise ModelError(f"{type(model).__name__} holds something that cannot be kept: {error}") from error
        _check_names(own)
        with ZipFile(partial, "a") as archive:
            archive.writestr(NOTE, json.dumps({"format": FORMAT, "versions": _versions()}))
    if own:
        warnings.warn(
            f"{path} holds what hybridfer does not know, and is read by load({os.fspath(path)!r}, trusted={own}).",
            stacklevel=2,
        )
    return path


def load(path: str | os.PathLike[str], *, trusted: Iterable[str] = ()) -> Any:
    """Read an estimator that `save` wrote.

    Only classes of a closed list are built, those of hybridfer, scikit-learn and xgboost, and nothing in the file is run.
    That its numbers make sense is not proven: a forged file may answer wrongly, or crash.

    Parameters
    ----------
    path : path
        The file.
    trusted : iterable of str
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
    path = given_path(path)
    if isinstance(trusted, str):
        raise ModelError(f"trusted must be a list of names; got the text {trusted!r}. Give [{trusted!r}].")
    written_by = _checked_versions(path)
    skops = require("skops.io", extra="skops")
    known = {*TRUSTED, *trusted}
    try:
        return skops.load(path, trusted=sorted(known))
    except skops.exceptions.UntrustedTypesFoundException as error:
        unknown = sorted({*skops.get_untrusted_types(file=path)} - known)
        raise ModelError(
            f"{path} holds {', '.join(unknown)}, which hybridfer does not know. If you know where the file comes from, and "
            f"what these do: load({os.fspath(path)!r}, trusted={unknown})."
        ) from error
    except ImportError as error:
        raise MissingExtraError(f"{path} needs a package that could not be imported ({error}). Install it.") from error
    except Exception as error:  # a damaged or forged file may fail anywhere, and so may one of other versions
        if isinstance(error, OSError) or is_out_of_memory(error):
            raise
        raise ModelError(
            f"{path} could not be read ({type(error).__name__}: {error}). It is damaged, or of other versions: it was "
            f"written by {written_by}; here is {_told(_versions())}."
        ) from error


def _check_estimator(model: object) -> None:
    if isinstance(model, type):
        raise ModelError(f"model must be a fitted estimator; got the class {model.__name__}. Call it, and fit it.")
    if not isinstance(model, BaseEstimator):
        raise ModelError(
            f"model must be a fitted estimator, such as a pipeline; got a {type(model).__name__}. A network alone is kept "
            "by hybridfer.networks.save_network(network, 'mine.safetensors')."
        )


def _check_names(names: Iterable[str]) -> None:
    """Refuse what has no name by which it could be found again."""
    nameless = [name for name in names if "<" in name]
    if nameless:
        raise ModelError(
            f"{', '.join(nameless)} cannot be kept, as it has no name by which it could be found again. Define it at the "
            "top of a module, by def or class."
        )


def _checked_versions(path: Path) -> str:
    """Look at what surrounds a model, before anything is built of it; tell what it was written by."""
    if path.is_dir():
        raise ModelError(f"{path} is a folder; a model is a file that hybridfer.save wrote. Give the file's path.")
    if not path.is_file():
        raise ModelError(f"{path} does not exist. hybridfer.save(model, {os.fspath(path)!r}) writes such a file.")
    if path.suffix == ".safetensors":
        raise ModelError(f"{path} holds weights of a network alone: load_network({os.fspath(path)!r}) reads them.")
    try:
        with ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > max(_ALWAYS_FINE, _LARGEST_RATIO * path.stat().st_size):
                raise ModelError(f"{path} is not opened: it says that it holds {unpacked:,} bytes, which no model does.")
            note = json.loads(archive.read(NOTE)) if NOTE in archive.namelist() else {}
    except (BadZipFile, ValueError, RecursionError, NotImplementedError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{path} is no model, or a damaged one ({error}). Was it written by hybridfer.save?") from error
    if not isinstance(note, dict) or note.get("format") != FORMAT:
        found = note.get("format") if isinstance(note, dict) else None
        raise ModelError(
            f"{path} must have the format {FORMAT!r}; got {found!r}. Was it written by hybridfer.save, of this version?"
        )
    return _told(note.get("versions"))


def _versions() -> dict[str, str]:
    """Versions of what a model may be made of, of those that are here, without importing any."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions


def _told(versions: object) -> str:
    known = versions if isinstance(versions, dict) else {}
    return ", ".join(f"{name} {number}" for name, number in known.items()) or "nobody knows which"

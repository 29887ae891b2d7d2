"""Where stores and trained weights are kept when nobody says where, and how a path is given that somebody says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def home() -> Path:
    """Return the folder for stores and trained weights, without creating it.

    ``$HYBRIDFER_HOME`` if it is set; ``features/`` in a checkout of hybridfer; otherwise ``hybridfer`` in the user's cache
    folder (``$XDG_CACHE_HOME`` or ``~/.cache``).

    Examples
    --------
    >>> isinstance(home(), Path)
    True
    """
    named = os.environ.get("HYBRIDFER_HOME")
    if named:
        return given_path(named)
    checkout = Path("features")
    if (checkout / "__init__.py").is_file() and Path("hybridfer/home.py").is_file():
        return checkout.resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hybridfer"


def given_path(path: str | os.PathLike[str]) -> Path:
    """Path that was given by hand: ``~`` at its beginning is the home folder, as it is for a shell and for pandas.

    Parameters
    ----------
    path : str or path
        A name that begins with ``~`` and the name of nobody stays as it is.

    Examples
    --------
    >>> given_path("~/faces") == Path.home() / "faces"
    True
    """
    return Path(os.path.expanduser(path))


def without_path_objects(state: Mapping[str, Any]) -> dict[str, Any]:
    """Copy an estimator's state with paths as texts, among its parameters and in sequences that are parameters.

    An object of pathlib cannot be made on a system of another kind; what was given as one is meant as a path in any case.

    Parameters
    ----------
    state : mapping of str to object
        Names and values.

    Examples
    --------
    >>> from pathlib import PurePosixPath
    >>> without_path_objects({"store": PurePosixPath("a.store"), "weights": (PurePosixPath("b"), "compact"), "verbose": 0})
    {'store': 'a.store', 'weights': ('b', 'compact'), 'verbose': 0}
    """
    return {name: _as_text(value) for name, value in state.items()}


def _as_text(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if type(value) in (list, tuple):
        return type(value)(map(_as_text, value))
    return value

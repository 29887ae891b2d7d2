"""Where stores and trained weights are kept when nobody says where, and how a path is given that somebody says."""

from __future__ import annotations

import os
from pathlib import Path


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

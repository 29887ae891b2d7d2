"""Where stores and trained weights are kept when nobody says where."""

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
        return Path(os.path.expanduser(named))
    checkout = Path("features")
    if (checkout / "__init__.py").is_file() and Path("hybridfer/home.py").is_file():
        return checkout.resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hybridfer"

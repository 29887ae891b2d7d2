"""Files that are either whole or not there."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def write_aside(path: Path, content: bytes) -> None:
    """Write a file beside its place, sync it and move it there, so that no reader ever meets half of it.

    Parameters
    ----------
    path : Path
        Where the file shall stand; its folder exists.
    content : bytes
        All of it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_aside(Path(folder) / "note.txt", b"whole")
    ...     (Path(folder) / "note.txt").read_bytes()
    b'whole'
    """
    # threads of one process may write the same file at once, as processes may
    partial = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)

"""Files that are either whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Letters of its name by which a file is known that a killed process left half written.
_RECOGNISED = 40


@contextmanager
def moved_into_place(path: Path) -> Iterator[Path]:
    """Give a name beside `path` to write to; sync what was written and move it to `path`, or remove it after an error.

    The folder is made if need be. No reader ever meets half of the file, and processes and threads that write the same one
    at once do not meet each other: the last one's stays.

    Parameters
    ----------
    path : Path
        Where the file shall stand.

    Yields
    ------
    Path
        Where to write it meanwhile.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with moved_into_place(Path(folder) / "note.txt") as partial:
    ...         _ = partial.write_text("whole")
    ...     [file.name for file in Path(folder).iterdir()]
    ['note.txt']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # cut short, as what is added must not make a name too long that is not
    partial = path.with_name(f".{path.name[:_RECOGNISED]}.{os.getpid()}-{os.urandom(4).hex()}.partial")
    try:
        yield partial
        sync(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    sync(path.parent)


def write_aside(path: Path, content: bytes) -> None:
    """Write a file as `moved_into_place` does.

    Parameters
    ----------
    path : Path
        Where the file shall stand; its folder is made if need be.
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
    with moved_into_place(path) as partial:
        partial.write_bytes(content)


def write_text_aside(path: Path, text: str) -> None:
    r"""Write a text in UTF-8 as `moved_into_place` does, and spell out bytes of file names that are no UTF-8.

    Parameters
    ----------
    path : Path
        Where the file shall stand; its folder is made if need be.
    text : str
        All of it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_text_aside(Path(folder) / "note.txt", "ann\udce9.jpg")
    ...     (Path(folder) / "note.txt").read_bytes()
    b'ann\\udce9.jpg'
    """
    write_aside(path, text.encode("utf-8", "backslashreplace"))


def sync(path: Path) -> None:
    """Flush a file's contents, or a folder's entries, to the disk; closing a file does not."""
    if path.is_dir() and os.name == "nt":
        # Windows cannot open a folder; NTFS journals its entries
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

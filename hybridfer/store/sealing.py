"""Files that exist wholly or not at all: written aside, synced to disk, then moved to their name."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hybridfer.files import sync

# a user may keep partial files of other programs where a store is wrongly put
_PARTIAL = re.compile(r"[0-9a-f]{32}\.partial")


@contextmanager
def aside(folder: Path) -> Iterator[Path]:
    """Lend the path of an unfinished file in `folder`; what was not sealed by the end is removed."""
    partial = folder / f"{uuid.uuid4().hex}.partial"
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def seal(partial: Path, target: Path) -> None:
    """Move a finished file to its name so that it survives a power cut: contents first, then the folder's entry."""
    sync(partial)
    os.replace(partial, target)
    sync(target.parent)


def leftovers(folder: Path) -> list[Path]:
    """List the unfinished files that killed writers left in `folder`."""
    return sorted(file for file in folder.glob("*.partial") if is_partial(file))


def is_partial(file: Path) -> bool:
    """Tell by its name whether a file is one that `aside` lent."""
    return _PARTIAL.fullmatch(file.name) is not None

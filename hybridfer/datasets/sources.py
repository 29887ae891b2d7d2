"""Which reader a path needs: told by first bytes and header lines, not by extensions."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from hybridfer.datasets.arrays import read_arrays
from hybridfer.datasets.containers import Container, SingleFile, open_container
from hybridfer.datasets.dataset import Problem
from hybridfer.datasets.decode import StoredImages
from hybridfer.datasets.kinds import is_named_image, kind_of
from hybridfer.datasets.records import Records
from hybridfer.datasets.tables import first_line, read_header, read_table
from hybridfer.datasets.trees import read_tree
from hybridfer.datasets.zips import ZipArchive
from hybridfer.errors import DatasetError

_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".xz", ".txz", ".bz2", ".tbz2")


def read_source(path: Path) -> Records:
    """Read a folder, an archive, a csv or an npz.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Records
        Image files are not decoded yet; tables and arrays are read whole.

    Raises
    ------
    DatasetError
        If nothing that can be read is there, or it is not clear what is meant.
    """
    container = open_container(path)
    if container.names and all(name.endswith(".npy") for name in container.names):
        if isinstance(container, ZipArchive):
            return read_arrays(path, path.name)
        raise DatasetError(
            f"{path} holds {container.names[0]}, an array by itself, where images and labels belong together. Save them in "
            "one file with numpy.savez('faces.npz', images=..., labels=...)."
        )
    images, tables, arrays, others = _sort_members(container)
    if images and (tables or arrays):
        named = container.names[(tables or arrays)[0]]
        raise DatasetError(
            f"{path} holds image files and {named}; it is not clear which is meant. Give one of them by its path."
        )
    if tables:
        return _from_tables(container, tables)
    if arrays:
        return _from_arrays(container, arrays)
    if images and not isinstance(container, SingleFile):
        return read_tree(container, images)
    raise _nothing(path, container, others)


def _sort_members(container: Container) -> tuple[list[int], list[int], list[int], list[int]]:
    """Tell image files, tables of pixels, npz files and others apart, by content unless the name says image."""
    sorted_out: dict[str, list[int]] = {"image": [], "table": [], "arrays": [], "other": []}
    single = isinstance(container, SingleFile)
    for member, name in enumerate(container.names):
        kind = "image" if is_named_image(name) and not single else kind_of(container.head(member))
        sorted_out[kind].append(member)
    return sorted_out["image"], sorted_out["table"], sorted_out["arrays"], sorted_out["other"]


def _from_tables(container: Container, tables: list[int]) -> Records:
    """Read train.csv and test.csv together, but a table with Usage alone: it holds what the others do."""
    complete = []
    for member in tables:
        header = read_header(first_line(container.head(member)))
        if header and header.usage >= 0:
            complete.append(member)
    if len(complete) > 1:
        told = ", ".join(container.names[member] for member in complete)
        raise DatasetError(f"{container.label} holds several complete tables: {told}. Give one of them by its path.")
    parts = []
    for member in complete or tables:
        with container.open(member) as stream:
            parts.append(read_table(stream, container.names[member]))
    return _joined(parts, container)


def _joined(parts: list[Records], container: Container) -> Records:
    images = [part.pixels.array for part in parts if isinstance(part.pixels, StoredImages)]
    if len({array.shape[1:] for array in images}) > 1:
        told = ", ".join("x".join(map(str, array.shape[1:])) for array in images)
        raise DatasetError(f"{container.label} holds tables of several image sizes: {told}. Give one of them by its path.")
    problems = [Problem(name, what) for name, what in container.broken]
    return Records(
        StoredImages(images[0] if len(images) == 1 else np.concatenate(images)),
        names=[name for part in parts for name in part.names],
        words=[word for part in parts for word in part.words],
        homes=[home for part in parts for home in part.homes],
        usages=[usage for part in parts for usage in part.usages],
        problems=(*problems, *(problem for part in parts for problem in part.problems)),
    )


def _from_arrays(container: Container, arrays: list[int]) -> Records:
    if len(arrays) > 1:
        told = ", ".join(container.names[member] for member in arrays)
        raise DatasetError(f"{container.label} holds several npz files: {told}. Give one of them by its path.")
    held = io.BytesIO()
    with container.open(arrays[0]) as stream:
        # piece by piece, as what reads all at once holds it twice
        shutil.copyfileobj(stream, held, 2**20)
    held.seek(0)
    records = read_arrays(held, container.names[arrays[0]])
    problems = tuple(Problem(name, what) for name, what in container.broken)
    return replace(records, problems=problems + records.problems)


def _nothing(path: Path, container: Container, others: list[int]) -> DatasetError:
    """Say what a source without images should have held."""
    names = [container.names[member] for member in others]
    csv = next((member for member in others if container.names[member].lower().endswith(".csv")), None)
    if csv is not None:
        with container.open(csv) as stream:
            read_table(stream, container.names[csv])
    if isinstance(container, SingleFile):
        hint = (
            "Expected a folder, zip, tar, csv with a pixels column, or npz; a single image needs its class folder around it."
        )
        return DatasetError(f"{path} is not recognised{_flaw(path)}. {hint}")
    packed = [name for name in names if name.lower().endswith(_ARCHIVES)]
    hint = (
        f"It holds archives; give one by its path: {', '.join(packed[:3])}." if packed else "Expected <class>/<image> files."
    )
    broken = "".join(f" {name}: {what}." for name, what in container.broken[:3])
    return DatasetError(f"{path} holds no images, no csv with a pixels column and no npz.{broken} {hint}")


def _flaw(path: Path) -> str:
    """Say what is wrong with a file that is empty, or is no archive though its name says so."""
    if not path.stat().st_size:
        return ": it is empty (0 bytes). Copy or download it again"
    suffix = path.suffix.lower()
    return f": its name ends in {suffix}, and its content is none. Copy or download it again" if suffix in _ARCHIVES else ""

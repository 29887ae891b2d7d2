"""A source that has been looked through but not decoded: what is in it is known, pixels come when they are asked for."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from hybridfer import phrases
from hybridfer.datasets.dataset import Dataset, Problem
from hybridfer.datasets.decode import Decoded, Format, Pixels
from hybridfer.datasets.splits import LeftOut
from hybridfer.digest import image_digests
from hybridfer.errors import DatasetError

#: Images that one thread decodes at a time: some milliseconds of 48x48 JPEGs.
CHUNK = 256
TOLD = 10
#: Pixels a side that the networks in the wheel take, as FER2013 has them.
USUAL_SIDE = 48
ON_ERROR = ("raise", "skip")


@dataclass(frozen=True, eq=False)
class DatasetIndex:
    """Names, labels and splits of all images of a source; their pixels by `decode`, from any thread and in any order.

    Attributes
    ----------
    names, labels, splits, classes, source
        As in `Dataset`, for every image that the source lists, readable or not.
    image_size : tuple of int
        Height and width of the decoded images.
    form : Format
        Grey or colour; resized or not.
    problems : tuple of Problem
        What was found without decoding.
    left_out : DatasetIndex or None
        As in `Dataset`, with the classes of the whole source.

    Examples
    --------
    >>> from hybridfer.datasets.read import scan_dataset
    >>> index = scan_dataset("faces:20", classes="happy,sad")
    >>> index.decode(5, 8).images.shape
    (3, 48, 48)
    """

    names: NDArray[np.str_]
    labels: NDArray[np.int64]
    splits: NDArray[np.str_]
    classes: tuple[str, ...]
    source: str
    image_size: tuple[int, int]
    form: Format
    problems: tuple[Problem, ...]
    pixels: Pixels = field(repr=False)
    pixel_rows: NDArray[np.int64] = field(repr=False)
    left_out: DatasetIndex | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour."""
        return 1 if self.form.mode == "grey" else 3

    def decode(self, start: int, stop: int) -> Decoded:
        """Decode the images from `start` to `stop`, on the calling thread.

        Parameters
        ----------
        start, stop : int
            Positions, as in a slice.

        Returns
        -------
        Decoded
            `images`, uint8 of shape (m, h, w) or (m, h, w, 3), and their positions `rows`; unreadable images are missing
            from both and stand in `problems`.

        Raises
        ------
        DatasetError
            If an image has another size than the rest and no `image_size` was asked for.
        """
        part = self._decode(start, stop)
        if part.odd_sizes:
            raise self._several_sizes(part.odd_sizes, len(part.rows))
        return part

    def batches(self, batch_size: int = CHUNK, n_jobs: int | None = None) -> Iterator[Decoded]:
        """Decode everything in order, on threads that run ahead of whoever takes the batches.

        Parameters
        ----------
        batch_size : int
            Images in each batch; fewer where some are unreadable, and in the last one.
        n_jobs : int, optional
            Threads; all cores by default.

        Yields
        ------
        Decoded
            As from `decode`.
        """
        for part in self._batches(batch_size, count_jobs(n_jobs)):
            if part.odd_sizes:
                raise self._several_sizes(part.odd_sizes, len(part.rows))
            yield part

    def read(self, on_error: str = "raise", n_jobs: int | None = None) -> Dataset:
        """Decode everything into a Dataset.

        Parameters
        ----------
        on_error : {"raise", "skip"}
            Whether problems are an error, or are left out and kept in `Dataset.problems`.
        n_jobs : int, optional
            Threads; all cores by default. The result does not depend on it.

        Returns
        -------
        Dataset

        Raises
        ------
        DatasetError
            For problems if they are to raise, for images of several sizes, and if no image can be read.
        """
        images = np.empty((len(self), *self.form.shape(self.image_size)), dtype=np.uint8)
        good = np.zeros(len(self), dtype=bool)
        problems, odd = list(self.problems), Counter[tuple[int, int]]()
        for part in self._batches(CHUNK, count_jobs(n_jobs), images):
            good[part.rows] = True
            problems += part.problems
            odd += part.odd_sizes
        if odd:
            raise self._several_sizes(odd, int(good.sum()))
        check_problems(problems, self.source, on_error)
        if not good.any():
            raise DatasetError(f"{self.source} holds no image that can be read.\n{tell_problems(problems)}")
        kept = slice(None) if good.all() else good
        return Dataset(
            images=images[kept],
            labels=self.labels[kept],
            splits=self.splits[kept],
            names=self.names[kept],
            classes=self.classes,
            source=self.source,
            problems=tuple(problems),
            left_out=None if self.left_out is None else self.left_out._without_pixels(n_jobs),
        )

    def _without_pixels(self, n_jobs: int | None) -> LeftOut:
        """Keep of all images that can be read what they are known by: of the pixels a batch at a time is in memory."""
        digests, rows = [], []
        for part in self._batches(CHUNK, count_jobs(n_jobs)):
            digests.append(image_digests(part.images))
            rows.append(part.rows)
        return LeftOut(np.concatenate(digests), self.labels[np.concatenate(rows)], self.classes)

    def _decode(self, start: int, stop: int, whole: NDArray[np.uint8] | None = None) -> Decoded:
        out = None if whole is None else whole[start:stop]
        part = self.pixels.decode(self.pixel_rows[start:stop], self.image_size, self.form, out)
        return replace(part, rows=part.rows + start)

    def _batches(self, size: int, jobs: int, whole: NDArray[np.uint8] | None = None) -> Iterator[Decoded]:
        """Decode in order, on threads; `whole` takes the images of all batches."""
        starts = range(0, len(self), size)
        if jobs == 1:
            yield from (self._decode(start, start + size, whole) for start in starts)
            return
        with ThreadPoolExecutor(jobs, thread_name_prefix="decode") as pool:
            todo = (pool.submit(self._decode, start, start + size, whole) for start in starts)
            # Twice the threads keep all of them busy while the oldest batch is waited for, and bound the memory.
            ahead: deque[Future[Decoded]] = deque(islice(todo, 2 * jobs))
            try:
                while ahead:
                    part = ahead.popleft().result()
                    ahead.extend(islice(todo, 1))
                    yield part
            finally:
                for future in ahead:
                    future.cancel()

    def _several_sizes(self, odd: Counter[tuple[int, int]], usual: int) -> DatasetError:
        sizes = (Counter({self.image_size: usual}) + odd).most_common()
        told = ", ".join(f"{height}x{width} ({phrases.count(n, 'image')})" for (height, width), n in sizes[:5])
        more = f" and {len(sizes) - 5} more" if len(sizes) > 5 else ""
        return DatasetError(
            f"{self.source} holds images of several sizes: {told}{more}. "
            f"Bring them to one: pass --image-size {USUAL_SIDE} (image_size={USUAL_SIDE} in Python), which the networks in "
            "the wheel take, or another."
        )


def count_jobs(n_jobs: int | None) -> int:
    """Resolve a number of threads: None and -1 mean every core that this process may use."""
    if n_jobs is None or n_jobs == -1:
        from joblib import cpu_count

        return int(cpu_count())
    if n_jobs < 1:
        raise DatasetError(f"n_jobs must be at least 1, or -1 for all cores; got {n_jobs}.")
    return n_jobs


def check_problems(problems: list[Problem], source: str, on_error: str) -> None:
    """Raise what was collected, all in one, if problems are to raise."""
    if on_error not in ON_ERROR:
        raise DatasetError(f"on_error must be among {', '.join(ON_ERROR)}; got {on_error!r}.")
    if problems and on_error == "raise":
        count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
        raise DatasetError(
            f"{source} has {count}:\n{tell_problems(problems)}\nMend the source, or pass --on-error skip to leave them out."
        )


def tell_problems(problems: list[Problem]) -> str:
    """The first problems, a line each."""
    more = [f"... and {len(problems) - TOLD} more"] if len(problems) > TOLD else []
    return "\n".join(f"  {line}" for line in chain(map(str, problems[:TOLD]), more))

"""How an embedding goes where no bar can be drawn: a log message now and then."""

from __future__ import annotations

import logging
import time

log = logging.getLogger("hybridfer")

# seconds between two messages at least: a log file of a short work needs none
SPACING = 10.0


class Milestones:
    """A log message for each tenth of the images, but never two within ten seconds.

    Parameters
    ----------
    total : int or None
        Number of images; without it nothing is told.
    """

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._done = self._tenths = 0
        self._start = self._told = time.monotonic()

    def advance(self, images: int) -> None:
        """Count images that are done."""
        self._done += images
        if not self._total:
            return
        tenths, now = 10 * self._done // self._total, time.monotonic()
        if tenths > self._tenths and self._done < self._total and now - self._told >= SPACING:
            self._tenths, self._told = tenths, now
            share = self._done / self._total
            log.info("embedded %.0f%%: %s of %s images (%.0f s)", 100 * share, *self._counts, now - self._start)

    @property
    def _counts(self) -> tuple[str, str]:
        return f"{self._done:,}", f"{self._total:,}"

"""How a search goes: one bar over its trials, or a line a trial where there is no terminal."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Self

from tqdm.auto import tqdm

from hybridfer import phrases
from hybridfer.search.result import TrialRow

log = logging.getLogger("hybridfer")


class SearchBar:
    """One bar over the trials of a study, with the current epoch and the best accuracy so far.

    Parameters
    ----------
    trials : int
        Trials that the study shall have.
    done : int
        Trials that it has.
    best : float or None
        Best validation accuracy so far.
    verbose : int
        0 shows nothing.
    """

    def __init__(self, trials: int, done: int, best: float | None, verbose: int) -> None:
        self.trials = trials
        self.done = done
        self.best = best
        self.verbose = verbose

    def __enter__(self) -> Self:
        """Open the bar."""
        self.bar = tqdm(
            total=self.trials,
            initial=self.done,
            desc=self._words("search"),
            unit=" trials",
            bar_format="{desc} |{bar}| {n_fmt}/{total_fmt} trials, {remaining} left",
            disable=None if self.verbose else True,
            dynamic_ncols=True,
            leave=False,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the bar, also when interrupted."""
        self.bar.close()

    def epoch(self, number: int, epoch: int, epochs: int, accuracy: float) -> None:
        """Tell of an epoch."""
        self.bar.set_description_str(self._words(f"trial {number}, epoch {epoch}/{epochs}, {accuracy:.1%}"))
        log.debug("trial %d, epoch %d of %d: validation %.1f%%", number, epoch, epochs, 100 * accuracy)

    def finished(self, row: TrialRow, done: int) -> None:
        """Tell of a trial; trials of other processes are counted with it."""
        if row.state == "complete" and row.accuracy is not None:
            self.best = max(self.best or 0.0, row.accuracy)
        self.done = done
        self.bar.n = min(done, self.trials)
        self.bar.set_description_str(self._words(f"trial {row.number} {row.state}"))
        if self.bar.disable:
            log.info("%d of %d: %s", done, self.trials, describe_trial(row))

    def _words(self, doing: str) -> str:
        return doing if self.best is None else f"{doing}; best {self.best:.1%}"


def describe_trial(row: TrialRow) -> str:
    """Describe a finished trial in one line.

    Examples
    --------
    >>> describe_trial(TrialRow(3, "complete", 0.613, 2, 7000, 4.2, {"filters": "64-128"}, {}, (0.5, 0.613)))
    'trial 3 complete, validation 61.3%, 2 epochs, 4 s; filters=64-128'
    """
    parts = [f"trial {row.number} {row.state}"]
    if row.accuracy is not None:
        parts.append(f"validation {row.accuracy:.1%}")
    parts.append(phrases.count(row.epochs, "epoch"))
    if row.seconds is not None:
        parts.append(f"{row.seconds:.0f} s")
    told = ", ".join(f"{name}={written(value)}" for name, value in row.drawn.items())
    reason = f"; {row.failure}" if row.failure else ""
    return f"{', '.join(parts)}; {told}{reason}"


def written(value: object) -> str:
    """Write a drawn value in a few letters.

    Examples
    --------
    >>> written(0.00012345678), written("64-128"), written(0.30000000000000004)
    ('0.0001235', '64-128', '0.3')
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)

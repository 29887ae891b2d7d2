"""How the learning rate moves over a training."""

from __future__ import annotations

from collections.abc import Callable

from skorch.callbacks import LRScheduler
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR, ReduceLROnPlateau

from hybridfer.errors import RecipeError


def build_schedule(schedule: str, learning_rate: float, epochs: int, steps: int) -> LRScheduler | None:
    """Build the callback that moves the learning rate, or None for a constant one.

    Parameters
    ----------
    schedule : {"constant", "plateau", "cosine", "one-cycle"}
        Which schedule.
    learning_rate : float
        Its highest value.
    epochs, steps : int
        Epochs at most, and steps in each.
    """
    check_schedule(schedule)
    return SCHEDULES[schedule](learning_rate, epochs, steps)


def check_schedule(schedule: str) -> None:
    """Say which schedules there are, if this is none of them."""
    if schedule not in SCHEDULES:
        raise RecipeError(f"schedule must be among {list(SCHEDULES)}; got {schedule!r}.")


def _constant(learning_rate: float, epochs: int, steps: int) -> None:
    return None


def _plateau(learning_rate: float, epochs: int, steps: int) -> LRScheduler:
    return LRScheduler(ReduceLROnPlateau, monitor="valid_loss", factor=0.5, patience=4, event_name=None)


def _cosine(learning_rate: float, epochs: int, steps: int) -> LRScheduler:
    return LRScheduler(CosineAnnealingLR, T_max=epochs * steps, step_every="batch", event_name=None)


def _one_cycle(learning_rate: float, epochs: int, steps: int) -> LRScheduler:
    # momentum stays: cycling it would undo the optimiser's own setting; a rise of a quarter of 4 steps would divide by 0
    return LRScheduler(
        OneCycleLR,
        max_lr=learning_rate,
        total_steps=max(epochs * steps + 1, 5),
        pct_start=0.25,
        cycle_momentum=False,
        step_every="batch",
        event_name=None,
    )


SCHEDULES: dict[str, Callable[[float, int, int], LRScheduler | None]] = {
    "constant": _constant,
    "plateau": _plateau,
    "cosine": _cosine,
    "one-cycle": _one_cycle,
}

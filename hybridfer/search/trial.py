"""One trial: a network is trained, each of its epochs is reported, and what goes wrong is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from skorch.callbacks import Callback

from hybridfer.datasets import Dataset
from hybridfer.errors import RecipeError, is_out_of_memory, require
from hybridfer.search.claims import FAILURE, INTERRUPTED
from hybridfer.search.progress import SearchBar
from hybridfer.search.space import Drawn, SearchSpace, count_parameters
from hybridfer.training import train_network

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

DRAWN, PARAMETERS, SECONDS = "drawn", "parameters", "seconds"


class TrialFailedError(Exception):
    """A trial cannot be trained with what it drew; the study goes on."""


class Objective:
    """Trains the network of a trial and gives its best validation accuracy.

    Parameters
    ----------
    space : SearchSpace
        What trials draw from.
    dataset : Dataset
        With train and validation; the test split is not looked at.
    device : str
        As for `hybridfer.CNNClassifier`.
    bar : SearchBar
        Is told of each epoch.
    on_drawn : callable
        Called when the trial has drawn all its values.
    """

    def __init__(
        self, space: SearchSpace, dataset: Dataset, device: str, bar: SearchBar, on_drawn: Callable[[], None]
    ) -> None:
        self.space = space
        self.dataset = dataset
        self.device = device
        self.bar = bar
        self.on_drawn = on_drawn

    def __call__(self, trial: Trial) -> float:
        """Train; what a trial drew, its size and its time are kept with it whatever becomes of it."""
        drawn = self.space.draw(trial)
        trial.set_user_attr(DRAWN, {**drawn["network_arguments"], **drawn["training"]})
        self.on_drawn()
        begun = time.perf_counter()
        try:
            return self._accuracy(trial, drawn)
        except KeyboardInterrupt:
            trial.set_user_attr(INTERRUPTED, True)
            raise
        except (RecipeError, MemoryError, RuntimeError) as error:
            reason = failure_in_words(error)
            if reason is None:
                raise
            trial.set_user_attr(FAILURE, reason)
            raise TrialFailedError(reason) from error
        finally:
            trial.set_user_attr(SECONDS, round(time.perf_counter() - begun, 3))

    def _accuracy(self, trial: Trial, drawn: Drawn) -> float:
        n_classes = len(np.unique(self.dataset.split_labels("train")))
        trial.set_user_attr(PARAMETERS, count_parameters(self.space, drawn, n_classes))
        recipe = self.space.recipe(drawn)
        known = _completed_twin(trial)
        if known is not None:
            # the same training of the same images gives the same figures
            for epoch, accuracy in known.intermediate_values.items():
                trial.report(accuracy, epoch)
            return float(known.values[0])
        report = EpochReport(trial, self.bar, recipe.training.max_epochs)
        trained = train_network(self.dataset, recipe, device=self.device, verbose=0, callbacks=[report])
        return max(epoch["valid_accuracy"] for epoch in trained.history)


class EpochReport(Callback):
    """Reports each epoch's validation accuracy to the study, and ends the training where the pruner says so.

    Parameters
    ----------
    trial : optuna.trial.Trial
        Is reported to.
    bar : SearchBar
        Is told too.
    epochs : int
        Epochs at most.
    """

    def __init__(self, trial: Trial, bar: SearchBar, epochs: int) -> None:
        self.trial = trial
        self.bar = bar
        self.epochs = epochs

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Report, then ask."""
        accuracy, epoch = float(net.history[-1]["valid_accuracy"]), len(net.history)
        self.trial.report(accuracy, epoch)
        self.bar.epoch(self.trial.number, epoch, self.epochs, accuracy)
        if self.trial.should_prune():
            raise require("optuna", extra="search").TrialPruned(f"pruned after epoch {epoch}")


def failure_in_words(error: Exception) -> str | None:
    """Say why a trial failed; None where the reason is not what it drew.

    Examples
    --------
    >>> failure_in_words(MemoryError())
    'out of memory'
    >>> failure_in_words(RuntimeError("a kernel is missing")) is None
    True
    """
    if isinstance(error, RecipeError):
        return str(error)
    if is_out_of_memory(error):
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        return "out of memory"
    return None


def _completed_twin(trial: Trial) -> FrozenTrial | None:
    """Find a completed trial that drew the same."""
    state = require("optuna", extra="search").trial.TrialState.COMPLETE
    completed = trial.study.get_trials(deepcopy=False, states=(state,))
    return next((other for other in completed if other.params == trial.params), None)

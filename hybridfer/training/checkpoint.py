"""A checkpoint after each epoch, from which a killed training goes on as if nothing had happened."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from skorch.callbacks import Callback
from skorch.history import History

from hybridfer.errors import WeightsError, is_out_of_memory
from hybridfer.files import write_aside
from hybridfer.networks.torch_files import load_plain
from hybridfer.phrases import listed

FORMAT = 1


@dataclass(frozen=True)
class TrainingIdentity:
    """What a training is known by.

    Attributes
    ----------
    fingerprint : str
        What differs from it is another training.
    parts : dict of str to str
        Each setting of its recipe, its images and its labels, by texts that differ where they do: to say how two differ.
    """

    fingerprint: str
    parts: Mapping[str, str]

    def differing(self, parts: Mapping[str, str]) -> list[str]:
        """Name the parts in which another training differs.

        Examples
        --------
        >>> TrainingIdentity("", {"max_epochs": "2", "batch_size": "32"}).differing({"max_epochs": "3", "batch_size": "32"})
        ['max_epochs']
        """
        return sorted(name for name in {*self.parts, *parts} if self.parts.get(name) != parts.get(name))


class EpochCheckpoint(Callback):
    """Writes everything that the next epoch depends on: weights, optimiser, schedule, generators, early stopping.

    Parameters
    ----------
    path : Path
        Replaced after each epoch, in one step.
    identity : TrainingIdentity
        Names the training: its data, its recipe, its network. A checkpoint of another training is refused.
    """

    def __init__(self, path: Path, identity: TrainingIdentity) -> None:
        self.path = path
        self.identity = identity

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Write the state aside, sync it and move it over the last one."""
        state = {
            "format": FORMAT,
            "fingerprint": self.identity.fingerprint,
            "parts": dict(self.identity.parts),
            "device": net.module_.generator.device.type,
            "module": net.module_.state_dict(),
            "optimizer": net.optimizer_.state_dict(),
            "history": net.history.to_list(),
            "generators": _generator_states(net),
            "callbacks": {name: _callback_state(callback) for name, callback in net.callbacks_},
        }
        # by way of memory, as torch's own writer tells of a full disk by a RuntimeError on positions
        content = io.BytesIO()
        torch.save(state, content)
        write_aside(self.path, content.getvalue())

    def load(self, device: str) -> dict[str, Any] | None:
        """Read the checkpoint if there is one.

        Parameters
        ----------
        device : str
            Kind of the device that is to go on with it, such as ``"cpu"``: each has random generators of its own.

        Raises
        ------
        WeightsError
            If it is damaged, belongs to another training or was written on another kind of device.
        """
        if not self.path.exists():
            return None
        with refusing_damage(self.path):
            state: dict[str, Any] = load_plain(self.path)
            fingerprint, version, written_on = state["fingerprint"], state["format"], _device_of(state)
            # none in a checkpoint of an earlier release
            parts = dict(state.get("parts", {}))
        if version != FORMAT or fingerprint != self.identity.fingerprint:
            differing = self.identity.differing(parts) if parts else []
            told = listed(differing) if differing else "its data, network or recipe"
            raise WeightsError(
                f"{self.path} belongs to another training: {told} differ{'s' if len(differing) == 1 else ''}. "
                "Go on with what it was begun with, remove it, or train without resuming."
            )
        # unknown of a checkpoint of an earlier release that was not written on CUDA
        if written_on not in (device, None):
            raise WeightsError(
                f"{self.path} was written on {written_on}, and this training runs on {device}: the random numbers of one "
                f"cannot go on on the other. Go on there (device={written_on!r}), or remove it to train from the start."
            )
        return state


class Resume(Callback):
    """Puts a checkpoint's state into a net whose training is about to begin; must be the last callback.

    Parameters
    ----------
    state : dict
        As `EpochCheckpoint.load` gives it.
    path : Path
        Where it was read.
    """

    def __init__(self, state: dict[str, Any], path: Path) -> None:
        self.state = state
        self.path = path

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Restore what other callbacks have just set up, and the learning rate that a schedule's constructor has moved."""
        with refusing_damage(self.path):
            for name, callback in net.callbacks_:
                _restore_callback(callback, self.state["callbacks"].get(name, {}))
            for group, saved in zip(net.optimizer_.param_groups, self.state["optimizer"]["param_groups"], strict=True):
                group["lr"] = saved["lr"]


def restore(net: Any, state: dict[str, Any], path: Path) -> None:
    """Put weights, optimiser, history and generators of a checkpoint, read at a path, into an initialised net."""
    with refusing_damage(path):
        net.module_.load_state_dict(state["module"])
        net.optimizer_.load_state_dict(state["optimizer"])
        net.history_ = History([dict(epoch) for epoch in state["history"]])
        torch.set_rng_state(state["generators"]["global"])
        net.module_.generator.set_state(state["generators"]["module"])
        device = net.module_.generator.device
        if device.type == "cuda":
            torch.cuda.set_rng_state(state["generators"]["cuda"], device)


@contextmanager
def refusing_damage(path: Path) -> Iterator[None]:
    """Refuse a checkpoint over which reading, or going on from what was read, stumbles."""
    try:
        yield
    # a damaged file may fail anywhere, by any error
    except Exception as error:
        if is_out_of_memory(error):
            raise
        # of what torch misses in a state the first line alone
        told = f"no {error}" if isinstance(error, KeyError) else str(error).partition("\n")[0].rstrip(":")
        raise WeightsError(f"{path} is no readable checkpoint ({told}). Remove it to train from the start.") from error


def _device_of(state: dict[str, Any]) -> str | None:
    """Tell on what kind of device a checkpoint was written; earlier releases give it away by CUDA's generator alone."""
    device: str | None = state.get("device", "cuda" if "cuda" in state["generators"] else None)
    return device


def _generator_states(net: Any) -> dict[str, torch.Tensor]:
    generator = net.module_.generator
    states = {"global": torch.get_rng_state(), "module": generator.get_state()}
    if generator.device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(generator.device)
    return states


# attributes of skorch's callbacks that carry over from one epoch to the next
CARRIED = ("misses_", "dynamic_threshold_", "best_model_weights_", "best_epoch_", "batch_idx_")


def _callback_state(callback: Any) -> dict[str, Any]:
    state = {name: getattr(callback, name) for name in CARRIED if hasattr(callback, name)}
    if "dynamic_threshold_" in state:
        state["dynamic_threshold_"] = float(state["dynamic_threshold_"])
    if hasattr(callback, "lr_scheduler_"):
        state["schedule"] = _plain(callback.lr_scheduler_.state_dict())
    return state


def _restore_callback(callback: Any, state: dict[str, Any]) -> None:
    for name, value in state.items():
        if name == "schedule":
            callback.lr_scheduler_.load_state_dict(value)
        else:
            setattr(callback, name, value)


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """Keep the numbers of a schedule; its functions are rebuilt by its constructor and cannot be loaded safely."""
    kinds = (int, float, str, bool, list, type(None))
    return {name: value for name, value in state.items() if isinstance(value, kinds)}

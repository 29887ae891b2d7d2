"""What can go wrong, in the user's words, and how optional packages are asked for."""

from __future__ import annotations

import importlib
from types import ModuleType


class HybridferError(Exception):
    """Base of every error that hybridfer raises on purpose; the command line prints it without a traceback."""


class DatasetError(HybridferError, ValueError):
    """A source of images could not be read, or does not hold what was asked of it."""


class StoreError(HybridferError, ValueError):
    """A feature store is damaged, incomplete, or was written for other features."""


class UnreadableStoreError(StoreError):
    """A feature store cannot be read here and now, though nothing says that it is damaged."""


class RecipeError(HybridferError, ValueError):
    """A recipe names something that does not exist or cannot be built."""


class WeightsError(HybridferError, ValueError):
    """A weights file is damaged, is not one of ours, or does not fit the network."""


class ModelError(HybridferError, ValueError):
    """A model cannot be kept in a file, or its file is damaged, not one of ours, or holds what is not trusted."""


class MissingExtraError(HybridferError, ImportError):
    """An optional package is needed; the message names the extra that installs it."""


# torch tells of the CPU's memory in words alone; its own error goes by its name, as torch is not imported for it
_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error tells of too little memory, of the CPU or of a GPU.

    Examples
    --------
    >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"))
    True
    >>> is_out_of_memory(RuntimeError("a kernel is missing"))
    False
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional package at its first use.

    Parameters
    ----------
    module : str
        The name to import, such as ``"xgboost"``.
    extra : str
        The extra of hybridfer that installs it, such as ``"xgboost"``.

    Returns
    -------
    ModuleType
        The imported module.

    Raises
    ------
    MissingExtraError
        If the package is not installed.

    Examples
    --------
    >>> require("json", extra="none").dumps([1])
    '[1]'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingExtraError(
            f"{package} is needed for this and could not be imported ({error}). Run: pip install 'hybridfer[{extra}]'"
        ) from error

"""Where a search chose an end of its grid, beyond which nobody looked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

End = Literal["smallest", "largest"]

# nothing less can be tried
_LEAST = {"n_neighbors": 1, "min_samples_leaf": 1, "max_depth": 1, "n_estimators": 1}


def find_grid_ends(grids: Sequence[Mapping[str, Sequence[Any]]], chosen: Mapping[str, Any]) -> dict[str, End]:
    """Find the chosen numbers that are the smallest or the largest of what was tried.

    Parameters
    ----------
    grids : sequence of mapping of str to sequence
        The values that were tried, as of `hybridfer.heads.search_grid`; names may stand behind ``head__``.
    chosen : mapping of str to object
        What the search chose, without ``head__``.

    Returns
    -------
    dict of str to {"smallest", "largest"}
        By the name of the parameter. Words, lone values, and numbers that nothing can be less than, such as one neighbour,
        are at no end.

    Examples
    --------
    >>> find_grid_ends([{"head__C": [0.1, 1.0, 10.0], "head__kernel": ["rbf"]}], {"C": 10.0, "kernel": "rbf"})
    {'C': 'largest'}
    """
    named = ({name.removeprefix("head__"): list(values) for name, values in grid.items()} for grid in grids)
    tried = next((grid for grid in named if _holds(grid, chosen)), {})
    ends = {name: _end(name, values, chosen[name]) for name, values in tried.items()}
    return {name: end for name, end in ends.items() if end is not None}


def _holds(grid: Mapping[str, Sequence[Any]], chosen: Mapping[str, Any]) -> bool:
    """Whether a candidate comes from this one of several grids."""
    return grid.keys() == chosen.keys() and all(chosen[name] in values for name, values in grid.items())


def _end(name: str, values: Sequence[Any], value: Any) -> End | None:
    """The end of the values that one of them is at."""
    numbers = [one for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(numbers) < len(values) or len(set(numbers)) < 2:
        return None
    if value == max(numbers):
        return "largest"
    return "smallest" if value == min(numbers) and value != _LEAST.get(name.rpartition("__")[2]) else None

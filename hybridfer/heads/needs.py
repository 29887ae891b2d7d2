"""How many rows and columns a candidate needs to be fitted on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

Resource = Literal["rows", "columns"]

#: By the class of a step: parameters that, given as whole numbers, need at least so many rows or columns.
NEEDS: dict[type[BaseEstimator], dict[str, tuple[Resource, ...]]] = {
    KNeighborsClassifier: {"n_neighbors": ("rows",)},
    PCA: {"n_components": ("rows", "columns")},
}


@dataclass(frozen=True)
class Need:
    """A parameter that needs as many rows or columns as its number says.

    Attributes
    ----------
    parameter : str
        Its name, as its step has it.
    number : int
        Its value.
    resources : tuple of {"rows", "columns"}
        Of what there must be so many.
    """

    parameter: str
    number: int
    resources: tuple[Resource, ...]

    def __str__(self) -> str:
        return f"{self.parameter} = {self.number}"


def needs_of(pipeline: Pipeline, params: Mapping[str, Any]) -> list[Need]:
    """Find what a pipeline needs with some of its parameters changed.

    Parameters
    ----------
    pipeline : Pipeline
        Unfitted, as of `build_head`.
    params : mapping of str to object
        By the pipeline's parameter names, such as ``"head__n_neighbors"``.

    Returns
    -------
    list of Need
        In the order of the steps; empty where any rows do.

    Examples
    --------
    >>> from hybridfer.heads import build_head
    >>> [str(need) for need in needs_of(build_head("knn"), {"head__n_neighbors": 35})]
    ['n_neighbors = 35']
    """
    named = (
        (parameter, params.get(f"{step}__{parameter}", getattr(estimator, parameter)), resources)
        for step, estimator in pipeline.steps
        for parameter, resources in NEEDS.get(type(estimator), {}).items()
    )
    return [Need(*found) for found in named if isinstance(found[1], int) and not isinstance(found[1], bool)]


def part_candidates(
    pipeline: Pipeline, candidates: Iterable[dict[str, Any]], rows: int | None = None, columns: int | None = None
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Part the candidates that can be fitted from those that need more rows or columns than there are.

    Parameters
    ----------
    pipeline : Pipeline
        Unfitted, as of `build_head`.
    candidates : iterable of dict
        Parameters by the pipeline's names.
    rows, columns : int, optional
        How many there are; None where that is not known, and so for nothing too few.

    Returns
    -------
    tuple of list of dict and tuple of str
        The candidates that can be fitted, in their order, and each setting that the others cannot be fitted with, such as
        ``"n_neighbors = 150"``, once.

    Examples
    --------
    >>> from hybridfer.heads import build_head
    >>> part_candidates(build_head("knn"), [{"head__n_neighbors": 5}, {"head__n_neighbors": 150}], rows=84)
    ([{'head__n_neighbors': 5}], ('n_neighbors = 150',))
    """
    there = {"rows": rows, "columns": columns}
    fitting, unmet = [], {}
    for params in candidates:
        lacking = [need for need in needs_of(pipeline, params) if any(_exceeds(need, there[of]) for of in need.resources)]
        unmet.update(dict.fromkeys(map(str, lacking)))
        if not lacking:
            fitting.append(params)
    return fitting, tuple(unmet)


def most_needed(pipeline: Pipeline, candidates: Iterable[Mapping[str, Any]], resource: Resource) -> int:
    """How many rows or columns all candidates can be fitted on; 0 where any number does."""
    needs = (need for params in candidates for need in needs_of(pipeline, params))
    return max((need.number for need in needs if resource in need.resources), default=0)


def _exceeds(need: Need, there: int | None) -> bool:
    return there is not None and need.number > there

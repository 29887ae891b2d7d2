"""Warnings of heads whose time grows faster than their images do."""

from __future__ import annotations

from collections.abc import Iterable

from hybridfer.phrases import count, listed
from hybridfer.recipes import PipelineRecipe

#: Rows from which it is warned: twice those of FER2013, on which a fit with compact's features takes up to 40 seconds. On
#: twice the rows it took 4 to 9 times as long (3,500 to 28,000 rows); scikit-learn's guide says "at least quadratically".
MANY = 50_000


def find_slow_heads(recipes: Iterable[PipelineRecipe], rows: int) -> tuple[str, ...]:
    """Word a warning of the heads that many rows make impractically slow: support vector machines with kernels.

    Parameters
    ----------
    recipes : iterable of PipelineRecipe
        The heads that are to be fitted.
    rows : int
        Train images.

    Returns
    -------
    tuple of str
        One sentence for all of them; none below 50,000 rows.

    Examples
    --------
    >>> from hybridfer.recipes import load_recipe
    >>> find_slow_heads([load_recipe("pipeline", "svm-rbf")], 25_844)
    ()
    """
    slow = [recipe.name for recipe in recipes if recipe.head == "svm"]
    if rows < MANY or not slow:
        return ()
    them = "it" if len(slow) == 1 else "them"
    return (
        f"{listed(slow)} may take hours on {count(rows, 'train image')}: twice as many images take scikit-learn's SVC four "
        f"times as long or longer. linear-svc is a support vector machine without that; to leave {them} out, name the "
        "pipelines that you want.",
    )

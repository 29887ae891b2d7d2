"""Hyperparameter search: networks and trainings are drawn from a space and judged by their validation accuracy.

The space is a TOML file, the study an SQLite file that several processes share, the best trial a feature recipe. It needs
Optuna: ``pip install 'hybridfer[search]'``. The space that ships, ``grigorasi``, is that of a paper of ATEE 2021.
"""

from hybridfer.search.axes import Choices, NumberList, Range
from hybridfer.search.best import best_recipe, check_replaceable, write_best
from hybridfer.search.loading import load_space
from hybridfer.search.result import SearchResult, TrialRow
from hybridfer.search.run import run_search
from hybridfer.search.space import Axes, SearchSpace, check_space
from hybridfer.search.study import StudyError, fingerprint_of, identity_of
from hybridfer.search.table import render_trials

__all__ = [
    "Axes",
    "Choices",
    "NumberList",
    "Range",
    "SearchResult",
    "SearchSpace",
    "StudyError",
    "TrialRow",
    "best_recipe",
    "check_replaceable",
    "check_space",
    "fingerprint_of",
    "identity_of",
    "load_space",
    "render_trials",
    "run_search",
    "write_best",
]

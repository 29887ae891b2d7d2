import pytest

from hybridfer.evaluation.grid_ends import find_grid_ends
from hybridfer.heads import search_grid


@pytest.mark.parametrize(
    ("values", "chosen", "ends"),
    [
        ([0.1, 1.0, 10.0], 10.0, {"C": "largest"}),
        ([10.0, 0.1, 1.0], 0.1, {"C": "smallest"}),
        ([0.1, 1.0, 10.0], 1.0, {}),
        ([1.0], 1.0, {}),
        ([1, 2], 2, {"C": "largest"}),
        ([None, 1.0, 10.0], 10.0, {}),
        ([False, True], True, {}),
        (["scale", "auto"], "scale", {}),
    ],
)
def test_only_numbers_with_others_beside_them_have_ends(values, chosen, ends):
    assert find_grid_ends([{"head__C": values}], {"C": chosen}) == ends


def test_nothing_is_less_than_one_neighbour():
    grid = [{"head__n_neighbors": [1, 3], "head__estimator__max_depth": [1, 2], "head__C": [1, 3]}]
    assert find_grid_ends(grid, {"n_neighbors": 1, "estimator__max_depth": 1, "C": 1}) == {"C": "smallest"}


def test_of_several_grids_the_one_that_holds_the_choice_counts():
    grids = [
        {"head__kernel": ["linear"], "head__C": [0.1, 1.0]},
        {"head__kernel": ["rbf"], "head__C": [0.1, 1.0, 10.0]},
    ]
    assert find_grid_ends(grids, {"kernel": "rbf", "C": 1.0}) == {}
    assert find_grid_ends(grids, {"kernel": "linear", "C": 1.0}) == {"C": "largest"}


def test_without_a_search_there_are_no_ends():
    assert find_grid_ends(search_grid("svm-rbf"), {}) == {}
    assert find_grid_ends([], {}) == {}

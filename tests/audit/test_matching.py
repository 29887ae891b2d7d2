"""Multi-index hashing against a comparison of all pairs."""

import numpy as np
import pytest

from hybridfer.audit import matching
from hybridfer.audit.matching import close_pairs, plan_search


@pytest.fixture(scope="module")
def hashes():
    """Random hashes, and neighbours of some of them at every distance up to 20, bits of one band among them."""
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**64, 300, dtype=np.uint64)
    flipped = [base[:60].copy() for _ in range(6)]
    for part in flipped:
        for row in range(60):
            bits = rng.permutation(16 if row % 3 == 0 else 64)[: rng.integers(0, 21)]
            for bit in bits.tolist():
                part[row] ^= np.uint64(1 << bit)
    return rng.permutation(np.concatenate([base, *flipped]))


def all_pairs(hashes, distance):
    first, second = np.triu_indices(len(hashes), 1)
    near = np.bitwise_count(hashes[first] ^ hashes[second]) <= distance
    return sorted(zip(first[near].tolist(), second[near].tolist(), strict=True))


def found_pairs(hashes, search):
    return sorted(pair for part in close_pairs(hashes, search) for pair in zip(*map(np.ndarray.tolist, part), strict=True))


@pytest.mark.parametrize("distance", [0, 1, 3, 4, 7, 8, 11])
def test_every_pair_within_the_distance_is_found_exactly_once(hashes, distance):
    expected = all_pairs(hashes, distance)
    assert len(expected) > 10
    assert found_pairs(hashes, plan_search(hashes, distance)) == expected


def test_pairs_are_the_same_however_few_are_expanded_at_a_time(hashes, monkeypatch):
    monkeypatch.setattr(matching, "LOT", 7)
    assert found_pairs(hashes, plan_search(hashes, 7)) == all_pairs(hashes, 7)


def test_the_comparisons_that_are_announced_are_made(hashes):
    search = plan_search(hashes, 8)
    made = []
    list(close_pairs(hashes, search, made.append))
    assert sum(made) == search.candidates < len(hashes) * (len(hashes) - 1) * 2


@pytest.mark.parametrize("count", [0, 1])
def test_one_hash_or_none_has_no_pair(count):
    hashes = np.zeros(count, dtype=np.uint64)
    assert found_pairs(hashes, plan_search(hashes, 11)) == []


def test_a_search_that_would_cost_too_much_takes_a_smaller_distance(hashes):
    costs = [plan_search(hashes, distance).candidates for distance in (11, 7, 3)]
    assert costs == sorted(costs, reverse=True)
    cheaper = plan_search(hashes, 11, budget=costs[1] // len(hashes) + 1)
    assert (cheaper.distance, cheaper.reach) == (7, None)
    assert found_pairs(hashes, cheaper) == all_pairs(hashes, 7)


def test_where_all_hashes_are_alike_each_is_compared_with_a_few_and_still_reached():
    hashes = np.zeros(5000, dtype=np.uint64)
    search = plan_search(hashes, 11, budget=40)
    assert (search.distance, search.reach) == (3, 10)
    made = []
    pairs = [np.stack(part) for part in close_pairs(hashes, search, made.append)]
    first, second = np.concatenate(pairs, axis=1)
    assert sum(made) == search.candidates <= 40 * 5000
    assert set(zip(range(4999), range(1, 5000), strict=True)) <= set(zip(first.tolist(), second.tolist(), strict=True))

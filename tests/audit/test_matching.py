"""Multi-index hashing against a comparison of all pairs."""

import tracemalloc

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


@pytest.mark.parametrize("bits", [1, 4])
def test_pairs_are_the_same_on_however_many_shelves_the_hashes_are_sorted(hashes, monkeypatch, bits):
    monkeypatch.setattr(matching, "SHELF", len(hashes) // 2**bits)
    monkeypatch.setattr(matching, "BLOCK", 50)
    for distance in (3, 7, 11):
        search, made = plan_search(hashes, distance), []
        assert found_pairs(hashes, search) == all_pairs(hashes, distance)
        list(close_pairs(hashes, search, made.append))
        assert sum(made) == search.candidates


def test_hashes_that_are_not_wanted_are_in_no_pair_and_cost_no_comparison(hashes):
    wanted = np.arange(len(hashes)) % 3 > 0
    rows = np.flatnonzero(wanted)
    search = plan_search(hashes, 7, wanted=wanted)
    assert search == plan_search(hashes[wanted], 7)
    found = [np.stack(part) for part in close_pairs(hashes, search, wanted=wanted)]
    expected = [(rows[one], rows[other]) for one, other in all_pairs(hashes[wanted], 7)]
    assert sorted(zip(*np.concatenate(found, axis=1).tolist(), strict=True)) == expected


def test_a_search_holds_little_beside_the_hashes(monkeypatch):
    hashes = np.random.default_rng(0).integers(0, 2**64, 2**18, dtype=np.uint64)
    for name, size in {"SHELF": 2**12, "BLOCK": 2**11, "LOT": 2**11}.items():
        monkeypatch.setattr(matching, name, size)
    search = plan_search(hashes, 3)
    tracemalloc.start()
    for _ in close_pairs(hashes, search):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # a sixteenth of the hashes is sorted at a time; a copy of all with its order alone takes twice the hashes
    assert peak < hashes.nbytes


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

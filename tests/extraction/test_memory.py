import threading
import tracemalloc

import numpy as np
import pytest

from hybridfer.extraction.memory import MemoryStore, MemoryStores
from hybridfer.store import StoreKey


def key(name):
    return StoreKey("0" * 64, name, "{}", ("embedding",), "single", "fp32")


def digests(start, stop):
    return np.array([b"%016d" % number for number in range(start, stop)], dtype="S16")


def rows(start, stop):
    return np.arange(start, stop, dtype=np.float32)[:, None]


def test_rows_come_back_in_the_order_asked_for():
    store = MemoryStore(key("a"), 1)
    assert store.append(digests(0, 5), rows(0, 5)) == 5
    assert store.append(digests(3, 9), rows(3, 9)) == 4
    wanted = np.array([7, 0, 7, 4])
    assert store.get(digests(0, 9)[wanted])[:, 0].tolist() == wanted.tolist()
    assert store.get(digests(0, 0)).shape == (0, 1)


def test_rows_stay_with_their_images_when_threads_write_at_once():
    store = MemoryStore(key("a"), 1)

    def write(start):
        for first in range(start, start + 400, 4):
            store.append(digests(first, first + 4), rows(first, first + 4))
            assert store.get(digests(first, first + 4))[0, 0] == first

    threads = [threading.Thread(target=write, args=(start,)) for start in range(0, 3200, 400)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(store.get(digests(0, 3200)), rows(0, 3200))


def test_a_key_finds_its_store_again():
    stores = MemoryStores()
    stores.open(key("a"), {"embedding": 1}).append(digests(0, 3), rows(0, 3))
    assert len(stores.open(key("a"), {"embedding": 1})) == 3
    assert len(stores.open(key("b"), {"embedding": 1})) == 0
    stores.clear()
    assert len(stores.open(key("a"), {"embedding": 1})) == 0


def test_the_store_used_longest_ago_is_forgotten_first():
    stores = MemoryStores(kept_bytes=100)
    for name in "ab":
        stores.open(key(name), {"embedding": 1}).append(digests(0, 10), rows(0, 10))
    stores.open(key("a"), {"embedding": 1}).append(digests(10, 20), rows(10, 20))
    assert len(stores.open(key("a"), {"embedding": 1})) == 20
    assert len(stores.open(key("b"), {"embedding": 1})) == 0


def test_a_store_that_outgrows_the_memory_alone_is_kept_for_who_asks_for_it_and_told_once(caplog):
    stores = MemoryStores(kept_bytes=100)
    for name in "ba":
        stores.open(key(name), {"embedding": 1}).append(digests(0, 26), rows(0, 26))
    assert [len(stores.open(key("a"), {"embedding": 1})) for _ in range(3)] == [26, 26, 26]
    assert len(stores.open(key("b"), {"embedding": 1})) == 0
    (message,) = caplog.messages
    assert "store='FOLDER'" in message


@pytest.mark.parametrize("width", [1, 7])
def test_bytes_are_those_of_the_features(width):
    store = MemoryStore(key("a"), width)
    store.append(digests(0, 6), np.zeros((6, width), dtype=np.float32))
    assert store.nbytes == 6 * width * 4


def test_rows_that_come_lot_by_lot_are_seldom_moved():
    store, moved = MemoryStore(key("a"), 64), 0
    store.append(digests(0, 4096), np.zeros((4096, 64), dtype=np.float32))
    tracemalloc.start()
    try:
        for start in range(4096, 8000, 64):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            store.append(digests(start, start + 64), np.zeros((64, 64), dtype=np.float32))
            store.get(digests(start, start + 64))
            moved += tracemalloc.get_traced_memory()[1] - before > store.nbytes // 2
    finally:
        tracemalloc.stop()
    assert moved == 1


def test_an_image_that_comes_twice_in_one_lot_is_kept_once():
    store = MemoryStore(key("a"), 1)
    assert store.append(digests(0, 4)[[0, 1, 0, 2]], rows(0, 4)) == 3
    assert store.get(digests(0, 3))[:, 0].tolist() == [0, 1, 3]

"""Several real processes on one store, and processes that are killed."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hybridfer.errors import StoreError
from hybridfer.store import FeatureStore, verify_store

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and kill -9")
WIDTHS = {"conv3": 3, "embedding": 5}
FORK = multiprocessing.get_context("fork") if hasattr(os, "fork") else multiprocessing


def finish(processes):
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * len(processes)


def append_batches(path, make, starts, step):
    store = FeatureStore(path)
    for start in starts:
        digests, features = make(start, start + step)
        store.append(digests, features)


def test_two_processes_that_append_the_same_and_other_rows_lose_and_repeat_none(store, rows):
    starts = range(0, 200, 10)
    finish(
        [
            FORK.Process(target=append_batches, args=(store.path, rows, starts, 15)),
            FORK.Process(target=append_batches, args=(store.path, rows, reversed(starts), 15)),
            FORK.Process(target=append_batches, args=(store.path, rows, range(200, 300, 10), 10)),
        ]
    )
    reader = FeatureStore(store.path)
    np.testing.assert_array_equal(reader.get(rows(0, 300)[0]), rows(0, 300)[1])
    report = reader.verify()
    assert (report.ok, report.rows, report.leftovers) == (True, 300, ())


def create_and_append(path, key, make, number, barrier):
    barrier.wait(30)
    FeatureStore.create(path, key, WIDTHS).append(*make(number, number + 1))


def test_processes_that_create_one_store_at_once_all_succeed(tmp_path, key, rows):
    barrier = FORK.Barrier(4)
    path = tmp_path / "deep" / "faces.store"
    finish([FORK.Process(target=create_and_append, args=(path, key, rows, number, barrier)) for number in range(4)])
    assert len(FeatureStore(path)) == 4
    assert verify_store(path).ok


def append_and_compact(path, make, stop):
    store = FeatureStore(path)
    start = 30
    while not stop.is_set():
        store.append(*make(start, start + 3))
        start += 3
        if start % 4 == 0:
            store.compact()


def test_reading_goes_on_while_another_process_appends_and_compacts(filled, rows):
    digests, features = rows(0, 30)
    stop = FORK.Event()
    writer = FORK.Process(target=append_and_compact, args=(filled.path, rows, stop))
    reader = FeatureStore(filled.path)
    writer.start()
    sizes = set()
    try:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            np.testing.assert_array_equal(reader.get(digests), features)
            np.testing.assert_array_equal(FeatureStore(filled.path).load(split="train")[0], features[:20])
            reader.refresh()
            sizes.add(len(reader))
    finally:
        stop.set()
        writer.join(30)
    assert writer.exitcode == 0
    assert len(sizes) > 2
    assert verify_store(filled.path).ok


def write_everything(path, key, make):
    """All that a writer ever does: create, append, record, merge, compact."""
    store = FeatureStore.create(path, key, WIDTHS)
    store.append(*make(0, 10))
    store.append(*make(5, 20))
    digests, _ = make(0, 20)
    store.record(digests, [0] * 20, ["train"] * 20, ["x"] * 20, ("happy",), "faces.zip")
    other = FeatureStore.create(f"{path}.other", key, WIDTHS)
    other.append(*make(15, 30))
    store.merge(other)
    store.compact()


def write_until_killed(path, key, make, step):
    """Be killed just before the given step among all the syncs, moves and removals."""
    taken = 0

    def counted(call):
        def instead(*args, **kwargs):
            nonlocal taken
            if taken == step:
                os.kill(os.getpid(), signal.SIGKILL)
            taken += 1
            return call(*args, **kwargs)

        return instead

    os.fsync, os.replace, os.unlink = counted(os.fsync), counted(os.replace), counted(os.unlink)
    write_everything(path, key, make)


@pytest.mark.parametrize("stride", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_before_any_step_of_writing_loses_no_sealed_row_and_is_made_good(tmp_path, key, rows, stride):
    killed = 0
    digests, features = rows(0, 30)
    for step in range(0, 400, stride):
        path = tmp_path / f"{step}.store"
        process = FORK.Process(target=write_until_killed, args=(path, key, rows, step))
        process.start()
        process.join(30)
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        killed += 1
        if (path / "key.json").exists():
            assert verify_store(path).ok
            FeatureStore(path)
        else:
            with pytest.raises(StoreError, match="is no feature store"):
                FeatureStore(path)
        write_everything(path, key, rows)
        again = FeatureStore(path)
        np.testing.assert_array_equal(again.get(digests), features)
        np.testing.assert_array_equal(again.load(split="train")[0], features[:20])
        assert (again.verify().ok, again.verify().leftovers) == (True, ())
    assert killed >= 30 // stride


EXTRACT = """
import sys
from pathlib import Path
import numpy as np
from hybridfer.store import FeatureStore, StoreKey

widths = {"conv3": 56, "embedding": 200}
key = StoreKey("ab" * 32, "compact", "{}", tuple(widths), "single", "fp32")
count = int(sys.argv[2])
print(0, flush=True)
store = FeatureStore.create(sys.argv[1], key, widths)
digests = np.array([f"image {number}" for number in range(count)], dtype="S16")
for start in range(0, count, 100):
    batch = digests[start : start + 100]
    absent = store.missing(batch)
    if absent.any():
        features = np.sin(np.arange(start, start + 100)[:, None] + np.arange(256)).astype(np.float32)
        store.append(batch[absent], features[absent])
        print(start + 100, flush=True)
store.record(digests, np.zeros(count, int), ["train"] * count, digests.astype(str), ("happy",), "faces")
"""


def run_extraction(path: Path, count: int) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", EXTRACT, str(path), str(count)], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("rounds", "count"), [(5, 5_000), pytest.param(50, 100_000, marks=pytest.mark.slow)])
def test_an_extraction_killed_at_random_resumes_to_the_same_store(tmp_path, rounds, count):
    rng = random.Random(rounds)
    path = tmp_path / "faces.store"
    reached = killed = 0
    for _ in range(rounds):
        with run_extraction(path, count) as process:
            assert process.stdout.readline() == "0\n"
            time.sleep(rng.uniform(0, 0.15))
            process.kill()
            # The last line may have been cut short by the kill.
            sealed = [int(line) for line in process.stdout if line.endswith("\n")]
        killed += process.returncode == -signal.SIGKILL
        reached = max([reached, *sealed])
        if (path / "key.json").exists():
            assert verify_store(path).ok
            assert len(FeatureStore(path)) >= reached
    assert killed > 0
    with run_extraction(path, count) as process:
        process.stdout.read()
        assert process.wait(60) == 0
    whole = tmp_path / "uninterrupted.store"
    with run_extraction(whole, count) as process:
        process.stdout.read()
        assert process.wait(60) == 0
    resumed, uninterrupted = FeatureStore(path), FeatureStore(whole)
    for found, expected in zip(resumed.load(), uninterrupted.load(), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert resumed.listings()[0].digest == uninterrupted.listings()[0].digest
    report = resumed.verify()
    assert (report.ok, report.rows, report.incomplete, report.leftovers) == (True, count, (), ())

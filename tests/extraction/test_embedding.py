import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from filelock import FileLock

from hybridfer.digest import image_digests
from hybridfer.errors import StoreError
from hybridfer.extraction import MemoryStore, alone, blocks_of, embed_missing, embedding
from hybridfer.networks import Embedder, catalogue_network
from hybridfer.store import FeatureStore, StoreKey

KEY = StoreKey("0" * 64, "sums", "{}", ("embedding",), "single", "fp32")


@pytest.fixture(autouse=True)
def small_lots(monkeypatch):
    monkeypatch.setattr(embedding, "LOT", 16)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (50, 6, 6), dtype=np.uint8)


def test_copies_within_and_across_blocks_are_embedded_once(images, sums):
    copied = np.concatenate([images, images[::-1], images[:7], images[:7]])
    store = MemoryStore(KEY, 1)
    digests = embed_missing(blocks_of(copied, 20), store, sums)
    assert len(sums.seen) == len(set(sums.seen)) == 50
    assert np.array_equal(store.get(digests)[:, 0], copied.sum(axis=(1, 2), dtype=np.float32))


def test_only_absent_rows_are_embedded(images, sums):
    store = MemoryStore(KEY, 1)
    embed_missing(blocks_of(images[10:30]), store, sums)
    sums.batches.clear()
    embed_missing(blocks_of(images), store, sums)
    assert sorted(sums.seen) == sorted(image_digests(np.delete(images, np.s_[10:30], axis=0)).tolist())


def test_rows_are_sealed_lot_by_lot_while_later_images_wait(images, sums, tmp_path):
    store = FeatureStore.create(tmp_path / "s.store", KEY, {"embedding": 1})

    def blocks():
        yield images[:20]
        yield images[20:40]
        raise OSError("the disk was pulled out")

    with pytest.raises(OSError, match="pulled out"):
        embed_missing(blocks(), store, sums)
    assert len(FeatureStore(store.path)) == 32
    assert store.verify().ok


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_what_has_gone_through_the_network_is_sealed_before_an_interruption_goes_on_up(images, tmp_path, error):
    def forward(batch):
        batches.append(len(batch))
        if len(batches) == 7:
            raise error
        return batch

    batches = []
    network = catalogue_network("tiny")
    embedder = Embedder(network, ["embedding"], device="cpu", batch_size=3)
    embedder._module.register_forward_pre_hook(lambda module, inputs: forward(inputs[0]))
    store = FeatureStore.create(tmp_path / "s.store", KEY, {"embedding": 128})
    with pytest.raises(error):
        embed_missing(blocks_of(images), store, embedder)
    # a whole lot in six batches of which the last is one image
    assert len(FeatureStore(store.path)) == 16
    batches[:] = [0, 0, 0]
    with pytest.raises(error):
        embed_missing(blocks_of(images), FeatureStore(store.path), embedder)
    assert FeatureStore(store.path).verify().ok
    held = image_digests(images)[~FeatureStore(store.path).missing(image_digests(images))]
    assert held.tolist() == image_digests(images)[:25].tolist()
    expected = Embedder(network, ["embedding"], device="cpu", batch_size=3).embed(images[:25])["embedding"]
    np.testing.assert_allclose(FeatureStore(store.path).get(held), expected, rtol=1e-5, atol=1e-6)


def test_an_interruption_is_told_even_where_nothing_can_be_sealed(images, sums):
    class Full(MemoryStore):
        def append(self, digests, features):
            raise OSError(28, "No space left on device")

    def embed(batch, *, rescue):
        rescue({"embedding": np.zeros((3, 1), dtype=np.float32)})
        raise KeyboardInterrupt

    sums.embed = embed
    with pytest.raises(KeyboardInterrupt):
        embed_missing(blocks_of(images), Full(KEY, 1), sums)


@pytest.fixture
def interruptible():
    """Python's own handler of Ctrl-C, which the workers of a parallel test run ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_lot_that_is_done_is_written_though_the_wait_for_the_one_before_it_is_interrupted(images, sums, monkeypatch):
    handed_over = threading.Event()

    class Pool(ThreadPoolExecutor):
        def submit(self, write, *lot):
            future = super().submit(write, *lot)
            if len(sums.batches) == 2:
                handed_over.set()
            return future

    class Interrupting(MemoryStore):
        def append(self, digests, features):
            if not len(self):
                assert handed_over.wait(60)
                signal.raise_signal(signal.SIGINT)
            return super().append(digests, features)

    monkeypatch.setattr(embedding, "ThreadPoolExecutor", Pool)
    store = Interrupting(KEY, 1)
    with pytest.raises(KeyboardInterrupt):
        embed_missing(blocks_of(images), store, sums)
    assert len(store) == 32


def test_lots_hold_full_batches_however_the_blocks_are_cut(images, sums):
    embed_missing(blocks_of(images, 3), MemoryStore(KEY, 1), sums)
    assert [len(batch) for batch in sums.batches] == [16, 16, 16, 2]


def test_no_images_give_no_digests(sums):
    assert embed_missing(iter(()), MemoryStore(KEY, 1), sums).shape == (0,)


@pytest.mark.parametrize("failing", [0, 3], ids=["first lot", "last lot"])
def test_an_error_of_the_writing_thread_surfaces(images, sums, failing):
    class Full(MemoryStore):
        lots = 0

        def append(self, digests, features):
            self.lots += 1
            if self.lots > failing:
                raise OSError(28, "No space left on device")
            return super().append(digests, features)

    with pytest.raises(OSError, match="No space left"):
        embed_missing(blocks_of(images), Full(KEY, 1), sums)


def test_threads_that_share_a_memory_store_embed_each_image_once(images, sums):
    store, wrong = MemoryStore(KEY, 1), []

    def slow_embed(batch, embed=sums.embed, **options):
        time.sleep(0.01)
        return embed(batch)

    sums.embed = slow_embed

    def work(order):
        with alone(store):
            digests = embed_missing(blocks_of(images[order], 20), store, sums)
        wrong.append(np.abs(store.get(digests)[:, 0] - images[order].sum(axis=(1, 2))).max())

    threads = [threading.Thread(target=work, args=(np.random.default_rng(i).permutation(50),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [0, 0, 0, 0]
    assert len(sums.seen) == 50


def test_who_waits_for_another_process_is_told_so_and_then_sees_its_rows(images, sums, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(embedding, "PATIENCE", 0.05)
    caplog.set_level("INFO", logger="hybridfer")
    store = FeatureStore.create(tmp_path / "s.store", KEY, {"embedding": 1})
    begun = threading.Event()

    def other():
        with FileLock(store.path / "embedding.lock"):
            begun.set()
            time.sleep(0.3)
            embed_missing(blocks_of(images), FeatureStore(store.path), sums)

    thread = threading.Thread(target=other)
    thread.start()
    begun.wait()
    with alone(store):
        assert not store.missing(image_digests(images)).any()
    thread.join()
    assert "waiting for another process" in caplog.text


def test_a_store_that_cannot_be_written_to_is_told_before_an_image_is_embedded(tmp_path):
    store = FeatureStore.create(tmp_path / "s.store", KEY, {"embedding": 1})
    (store.path / "embedding.lock").mkdir()
    with (
        pytest.raises(StoreError, match=r"s\.store cannot be written to: .*embedding\.lock.*\. Check permissions\.$"),
        alone(store),
    ):
        pass


def test_a_lock_is_given_back_when_the_work_fails(tmp_path):
    store = FeatureStore.create(tmp_path / "s.store", KEY, {"embedding": 1})
    with pytest.raises(ZeroDivisionError), alone(store):
        raise ZeroDivisionError
    with FileLock(store.path / "embedding.lock", timeout=0):
        pass


def test_of_more_layers_than_the_store_keeps_only_its_own_are_written(images, sums):
    embed = sums.embed
    sums.embed = lambda batch, **options: {"logits": np.zeros((len(batch), 7), dtype=np.float32), **embed(batch)}
    store = MemoryStore(KEY, 1)
    digests = embed_missing(blocks_of(images), store, sums)
    assert np.array_equal(store.get(digests)[:, 0], images.sum(axis=(1, 2), dtype=np.float32))


@pytest.mark.parametrize(("progress", "told"), [(True, [30, 60, 90]), (False, [])])
def test_without_a_terminal_a_message_tells_now_and_then_how_far_it_is(images, sums, caplog, monkeypatch, progress, told):
    caplog.set_level("INFO", logger="hybridfer")
    seconds = iter(range(0, 1000, 4))
    monkeypatch.setattr("hybridfer.extraction.progress.time.monotonic", lambda: next(seconds))
    embed_missing(blocks_of(images, 5), MemoryStore(KEY, 1), sums, total=50, progress=progress)
    shares = [message.partition(" of 50 images")[0] for message in caplog.messages]
    assert shares == [f"embedded {share}%: {share // 2}" for share in told]

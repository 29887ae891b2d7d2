import logging
import shutil
import threading

import numpy as np
import pytest

from hybridfer import FeatureStore, extract_features, make_faces
from hybridfer.extraction import MEMORY, embedding, in_memory, row_source
from hybridfer.networks import Embedder, catalogue_network
from hybridfer.networks.ensemble import ensemble_network
from hybridfer.store import verify_store
from hybridfer.store.manifest import NAME
from hybridfer.store.shard import read_shard

N = 30


@pytest.fixture(autouse=True)
def small_lots(monkeypatch):
    monkeypatch.setattr(embedding, "LOT", 8)


@pytest.fixture(scope="module")
def faces():
    return make_faces(N, random_state=3)


class Member:
    """A network that remembers how many images entered it; the blank one that finds out widths is none of them."""

    def __init__(self, random_state):
        self.network = catalogue_network("tiny", random_state=random_state)
        self.entered = 0
        self.fails_at = np.inf
        self.network.module.register_forward_pre_hook(self.count)

    def count(self, _module, inputs):
        # counted before the sum is read: passes of other threads may end meanwhile, that of the blank one too
        count = int(inputs[0].flatten(1).any(dim=1).sum())
        self.entered += count
        if self.entered >= self.fails_at:
            raise KeyboardInterrupt

    def __deepcopy__(self, memo):
        # what runs is a copy of the module, with its hook; both count here
        return self


@pytest.fixture
def first():
    return Member(0)


@pytest.fixture
def second():
    return Member(1)


@pytest.fixture
def pair(first, second):
    return ensemble_network([first.network, second.network])


@pytest.fixture
def shelf(own_home):
    return own_home / "stores"


def extract(faces, network, **options):
    return extract_features(faces, network, device="cpu", progress=False, **options)


def rows_of(pair, faces):
    return Embedder(pair, ["embedding"], device="cpu").embed(faces.images)["embedding"]


def damage_rows(store, count):
    """Change a byte in so many of a store's rows, all in different shards."""
    for path in sorted(store.path.glob("shards/*.h5"))[:count]:
        content = bytearray(path.read_bytes())
        # the highest byte of the second row's first number
        content[read_shard(path, None).offset + read_shard(path, None).row_bytes + 3] ^= 0x11
        path.write_bytes(content)
    assert len(verify_store(store.path).problems) == count


@pytest.mark.parametrize(
    ("views", "layers"),
    [
        ("single", ["embedding"]),
        ("single", ["logits"]),
        ("flip", ["logits", "embedding"]),
        ("ten-crop", ["embedding", "logits"]),
    ],
)
def test_rows_made_of_stored_ones_are_those_of_embedding_the_ensemble(views, layers, pair):
    faces = make_faces(12, random_state=3)
    store = extract(faces, pair, views=views, layers=layers).store
    expected = Embedder(pair, layers, views=views, device="cpu").embed(faces.images)
    assert sum(store.widths.values()) == sum(pair.widths[layer] for layer in layers)
    for layer in layers:
        np.testing.assert_allclose(store.get(faces.digests, layer), expected[layer], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_whichever_is_embedded_first_no_image_enters_a_member_twice(faces, first, second, pair, order):
    networks = [first.network, second.network, pair]
    embedded = [extract(faces, networks[place]).embedded for place in order]
    assert (first.entered, second.entered) == (N, N)
    found = order.index(2)
    assert embedded == [N if place < found or (place == found and found < 2) else 0 for place in range(3)]


def test_a_member_computes_what_its_store_lacks_and_an_image_counts_where_any_did(faces, first, second, pair):
    extract(faces.subset(slice(20)), first.network)
    extract(faces.subset(slice(5, None)), second.network)
    assert extract(faces.subset(slice(5, 20)), pair).embedded == 0
    assert extract(faces, pair).embedded == 5 + 10
    assert (first.entered, second.entered) == (N, N)
    assert extract(faces, first.network).embedded == 0


def test_beside_a_store_of_a_path_of_its_own_stores_of_members_are_read_and_left_as_they_are(
    faces, first, second, pair, shelf, tmp_path
):
    kept = extract(faces.subset(slice(20)), first.network).store.path
    extraction = extract(faces, pair, store=tmp_path / "pair.store")
    assert (first.entered, second.entered, extraction.embedded) == (N, N, N)
    assert list(shelf.iterdir()) == [kept]
    assert len(FeatureStore(kept)) == 20
    expected = Embedder(pair, ["embedding"], device="cpu").embed(faces.images)["embedding"]
    np.testing.assert_allclose(extraction.store.get(faces.digests), expected, rtol=1e-4, atol=1e-5)


def test_a_store_of_another_key_that_lies_in_a_members_place_is_not_read(faces, first, second, pair, shelf, tmp_path):
    other = extract(faces, second.network).store.path
    # the place of the first member's store, found by making it
    place = extract(faces.subset(slice(1)), first.network).store.path
    shutil.rmtree(place)
    other.rename(place)
    store = extract(faces, pair, store=tmp_path / "pair.store").store
    expected = Embedder(pair, ["embedding"], device="cpu").embed(faces.images)["embedding"]
    np.testing.assert_allclose(store.get(faces.digests), expected, rtol=1e-4, atol=1e-5)


def test_an_ensembles_store_that_holds_everything_needs_no_others(faces, first, pair, shelf):
    own = extract(faces, pair).store.path
    for path in set(shelf.iterdir()) - {own}:
        shutil.rmtree(path)
    assert extract(faces, pair).embedded == 0
    assert list(shelf.iterdir()) == [own]
    assert first.entered == N


def test_what_was_computed_before_an_interruption_is_found_by_the_next_run(faces, first, second, pair):
    second.fails_at = 10
    with pytest.raises(KeyboardInterrupt):
        extract(faces, pair)
    second.fails_at, second.entered = np.inf, 8
    assert first.entered == 16
    assert extract(faces, pair).embedded == N - 8
    assert (first.entered, second.entered) == (N, N)


def test_a_member_keeps_the_whole_batches_of_a_lot_that_is_interrupted(faces, first, second, pair):
    second.fails_at = 6
    with pytest.raises(KeyboardInterrupt):
        extract(faces, pair, batch_size=2)
    second.fails_at, second.entered = np.inf, 4
    extract(faces, pair, batch_size=2)
    assert (first.entered, second.entered) == (N, N)


def test_extractions_of_ensembles_and_members_at_once_wait_for_one_another_and_end(faces, first, second, pair):
    networks = [pair, ensemble_network([second.network, first.network]), first.network, second.network]
    threads = [threading.Thread(target=extract, args=(faces, network), daemon=True) for network in networks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert (first.entered, second.entered) == (N, N)


def test_a_store_tells_its_members(faces, pair):
    assert extract(faces, pair).store.key.network == "ensemble of tiny, tiny"


@pytest.mark.parametrize("place", [None, "pair.store"], ids=["on the shelf", "elsewhere"])
def test_damaged_rows_of_a_member_are_computed_anew_and_its_store_is_named(place, faces, first, pair, tmp_path, caplog):
    member = extract(faces, first.network).store
    damage_rows(member, 2)
    with caplog.at_level(logging.WARNING, "hybridfer"):
        extraction = extract(faces, pair, store=place and tmp_path / place)
    assert first.entered == N + 2
    np.testing.assert_allclose(extraction.store.get(faces.digests), rows_of(pair, faces), rtol=1e-4, atol=1e-5)
    assert verify_store(extraction.store.path).ok
    (told,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert f"hybridfer store verify {member.path} --quarantine" in told


def test_after_a_quarantine_the_ensemble_fills_its_members_store_again(faces, first, pair):
    member = extract(faces, first.network).store
    damage_rows(member, 1)
    verify_store(member.path, quarantine=True)
    extract(faces, pair)
    assert verify_store(member.path).ok
    assert not FeatureStore(member.path).missing(faces.digests).any()
    assert first.entered == N + 8


def shorten(store):
    shard = next(store.glob("shards/*.h5"))
    shard.write_bytes(shard.read_bytes()[:-100])


def break_key(store):
    (store / NAME).write_text("{")


@pytest.mark.parametrize("harm", [shorten, break_key])
def test_a_members_store_that_does_not_open_is_not_needed_elsewhere(harm, faces, first, pair, tmp_path, caplog):
    member = extract(faces, first.network).store.path
    harm(member)
    extraction = extract(faces, pair, store=tmp_path / "pair.store")
    np.testing.assert_allclose(extraction.store.get(faces.digests), rows_of(pair, faces), rtol=1e-4, atol=1e-5)
    assert any(record.levelno == logging.WARNING and str(member) in record.getMessage() for record in caplog.records)


def test_rows_computed_in_memory_are_found_by_featurizers_of_members_and_kept_there(faces, first, second, pair):
    MEMORY.clear()
    embedder = Embedder(pair, ["embedding"], device="cpu")
    rows = row_source(pair, embedder, ["embedding"], in_memory)
    again = row_source(pair, embedder, ["embedding"], in_memory)
    np.testing.assert_array_equal(rows.embed(faces.images)["embedding"], again.embed(faces.images)["embedding"])
    assert (first.entered, second.entered, again.images_embedded) == (N, N, N)

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from hybridfer.files import moved_into_place, write_aside
from hybridfer.networks import catalogue_network, load_network, save_network


def test_an_earlier_file_is_replaced(tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(b"a longer earlier content")
    write_aside(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_failed_write_leaves_the_earlier_file_and_nothing_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    path.write_bytes(b"earlier")

    def fail(_descriptor: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_aside(path, b"new")
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_threads_that_write_one_file_at_once_do_not_take_each_others_parts(tmp_path):
    contents = [bytes([65 + i]) * 200_000 for i in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda content: write_aside(tmp_path / "a", content), contents * 5))
    assert (tmp_path / "a").read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_threads_that_save_one_network_at_once_do_not_take_each_others_parts(tmp_path):
    network = catalogue_network("tiny")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: save_network(network, tmp_path / "a.safetensors", overwrite=True), range(12)))
    assert load_network(tmp_path / "a.safetensors").digest == network.digest
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_what_fails_while_it_is_written_leaves_nothing(tmp_path):
    with pytest.raises(FileExistsError), moved_into_place(tmp_path / "new" / "a") as partial:
        _ = partial.write_bytes(b"half"), partial.touch(exist_ok=False)
    assert list((tmp_path / "new").iterdir()) == []

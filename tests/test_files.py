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


@pytest.mark.parametrize("name", ["a" * 251 + ".csv", "é" * 125 + ".csv", "😀" * 63])
def test_a_name_may_be_as_long_as_the_file_system_takes(tmp_path, name):
    write_aside(tmp_path / name, b"whole")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {name: b"whole"}


def test_files_whose_long_names_begin_alike_are_written_at_once(tmp_path):
    first, second = (tmp_path / f"{'a' * 60}{end}" for end in "12")
    with moved_into_place(first) as one, moved_into_place(second) as other:
        _ = one.write_bytes(b"1"), other.write_bytes(b"2")
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")


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

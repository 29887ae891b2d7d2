import os

import pytest

from hybridfer.evaluation.files import write_aside


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

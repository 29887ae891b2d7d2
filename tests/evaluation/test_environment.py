import importlib.metadata
import json
import platform
import socket
from dataclasses import asdict

import pytest

from hybridfer.evaluation.environment import Environment, public_command


def test_versions_are_those_installed():
    environment = Environment.current()
    assert environment.libraries["numpy"] == importlib.metadata.version("numpy")
    assert environment.hybridfer == importlib.metadata.version("hybridfer")
    assert environment.python == platform.python_version()


def test_a_library_that_is_absent_is_left_out(monkeypatch):
    monkeypatch.setattr("hybridfer.evaluation.environment.LIBRARIES", ("numpy", "no-such-distribution"))
    assert list(Environment.current().libraries) == ["numpy"]


def test_neither_host_nor_kernel_is_told(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "ada-laptop")
    text = json.dumps(asdict(Environment.current()))
    assert platform.node() not in text
    assert platform.release() not in text


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["/usr/bin/hybridfer", "benchmark"], "hybridfer benchmark"),
        (["hybridfer", "benchmark", "data/fer.zip", "-o", "/home/ada/run"], "hybridfer benchmark data/fer.zip -o run"),
        (["hybridfer", "--out=/home/ada/run", "--grid=off"], "hybridfer --out=run --grid=off"),
        (["hybridfer", "my faces"], "hybridfer 'my faces'"),
    ],
)
def test_a_command_is_published_without_the_folders_above(arguments, command):
    assert public_command(arguments) == command

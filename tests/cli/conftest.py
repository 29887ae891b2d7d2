import contextlib
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from hybridfer import make_faces
from hybridfer.cli import main
from hybridfer.networks import catalogue_network, save_network


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, in which all that is remembered is kept too."""
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run():
    """Run a command line; an exception that would be shown as a traceback is raised."""

    def invoke(*arguments: object) -> Result:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def on_terminal():
    """Run a command whose outputs are a terminal of 40 lines and 100 columns, and give all that it showed."""

    def invoke(*arguments: object) -> str:
        shown, terminal = pty.openpty()
        termios.tcsetwinsize(terminal, (40, 100))
        command = [sys.executable, "-m", "hybridfer", *map(str, arguments)]
        process = subprocess.Popen(command, stdout=terminal, stderr=terminal)
        os.close(terminal)
        text = b"".join(_parts(shown)).decode()
        assert process.wait(120) == 0, text
        return text

    return invoke


def _parts(shown: int) -> Iterator[bytes]:
    """What arrives from a terminal, until its other side is closed: Linux tells that by an error."""
    with open(shown, "rb", buffering=0) as stream, contextlib.suppress(OSError):
        while part := stream.read(65536):
            yield part


@pytest.fixture
def weights(workplace: Path) -> Path:
    path = workplace / "tiny.safetensors"
    save_network(catalogue_network("tiny"), path)
    return path


@pytest.fixture
def pets(workplace: Path) -> Path:
    """An npz of two classes that no shipped network knows."""
    faces = make_faces(60, classes=("happy", "sad"), random_state=4)
    path = workplace / "pets.npz"
    np.savez(path, images=faces.images, labels=faces.labels, classes=np.array(["cat", "dog"]))
    return path


@pytest.fixture
def quick(workplace: Path) -> Path:
    """A feature recipe that trains for one epoch."""
    path = workplace / "quick.toml"
    path.write_text('network = "tiny"\n[training]\nmax_epochs = 1\n')
    return path

"""Every command's help has examples, and they run."""

import re
import shlex
import zipfile

import cv2
import pytest
from click import Group

from hybridfer import make_faces
from hybridfer.cli import main
from hybridfer.cli.group import COMMANDS
from hybridfer.networks import catalogue_network, save_network

STORE = ("info", "verify", "merge", "compact")
ALL = [(), *((name,) for name in COMMANDS if name != "store"), *(("store", name) for name in STORE)]
# trials of the published space and model_f's balanced epochs take minutes each
TOO_LONG = (
    "hybridfer search fer2013.zip",
    "hybridfer benchmark fer2013.zip -f best.toml",
    "hybridfer train fer2013.zip --network model_f",
)


def examples(run, command) -> list[str]:
    told = run(*command, "--help").stdout.partition("Example")[2]
    return [re.split(r" {3,}", line.strip())[0] for line in told.splitlines() if line.strip().startswith("hybridfer ")]


def test_the_list_of_commands_is_whole():
    store = main.get_command(None, "store")
    assert isinstance(store, Group)
    assert set(store.commands) == set(STORE)


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_every_help_has_an_example(run, command):
    assert examples(run, command)


@pytest.fixture
def furnished(workplace, run):
    """A folder in which all that the examples name is at hand."""
    faces = make_faces(150, random_state=0)
    with zipfile.ZipFile(workplace / "fer2013.zip", "w") as archive:
        for number, (image, label, split) in enumerate(zip(faces.images, faces.labels, faces.splits, strict=True)):
            folder = "test" if split == "test" else "train"
            archive.writestr(f"{folder}/{faces.classes[label]}/{number}.png", cv2.imencode(".png", image)[1].tobytes())
    save_network(catalogue_network("model_f"), workplace / "model_f.safetensors")
    (workplace / "brief.toml").write_text('network = "tiny"\n[training]\nmax_epochs = 1\n')
    for name in ("fer2013", "seed0", "seed1", "seed2"):
        quickly = ("-f", "brief.toml", "-p", "knn", "--grid", "off", "--no-page", "--seed", name[-1])
        assert run("-q", "benchmark", "faces:90", *quickly, "--out", f"runs/{name}").exit_code == 0
    for store in ("faces", "part1", "part2"):
        assert run("-q", "extract", "faces:20", "-f", "compact", "--store", f"{store}.store").exit_code == 0
    return workplace


@pytest.mark.slow
@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_the_examples_run(run, command, furnished):
    for example in examples(run, command):
        if example.startswith(TOO_LONG):
            continue
        # where the shell writes the output is the shell's affair
        words = shlex.split(example.partition(">")[0])[1:]
        if "runs/fer2013" in words and command != ("report",):
            words[words.index("runs/fer2013")] = "runs/another"
        result = run(*words)
        assert result.exit_code == 0, f"{example}\n{result.output}"

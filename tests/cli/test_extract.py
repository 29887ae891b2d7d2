import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hybridfer import FeatureStore, make_faces

TRAINED = ["-p", "logistic", "--grid", "off", "--no-audit", "--no-page"]


def done(result):
    assert result.exit_code == 0, result.output
    return result


def evaluated(told: str):
    """What the Python of the last line gives."""
    (line,) = re.findall(r"read them with: X, y = hybridfer\.(.*)", told)
    return eval(line, {"FeatureStore": FeatureStore})


@pytest.fixture
def command(weights):
    return ["extract", "faces:40", "-f", "tiny", "--weights", weights, "--store", "a.store"]


def test_start_and_end_are_told_on_standard_error_and_quiet_tells_neither(run, command):
    told = done(run(*command))
    assert told.stderr.splitlines()[0] == "embedding 40 images (store: a.store)"
    assert evaluated(told.stderr)[0].shape == FeatureStore("a.store").load(split="train")[0].shape
    assert done(run("-q", *command)).stderr == ""


def test_a_pipe_gets_lines_and_no_bar(command):
    ended = subprocess.run(
        [sys.executable, "-m", "hybridfer", *map(str, command)], capture_output=True, text=True, check=True
    )
    assert "embedding 40 images" in ended.stderr
    assert "\r" not in ended.stdout + ended.stderr
    assert len(ended.stdout.splitlines()) == 1


def test_layers_that_the_store_gives_only_by_name_are_named_in_the_last_line(run, command):
    done(run(*command))
    told = done(run(*command, "--layers", "embedding,logits"))
    assert "40 images, 0 of them through the network" in told.stdout
    assert evaluated(told.stderr)[0].shape[1] == 128 + 7
    assert FeatureStore("a.store").load()[0].shape[1] == 128


@pytest.mark.parametrize("sources", [("a.npz", "b.npz"), ("a.npz", "a.npz")], ids=["two sources", "a source that changed"])
def test_of_several_datasets_in_one_store_the_last_line_reads_the_one_extracted(run, command, sources):
    for place, source in enumerate(sources):
        faces = make_faces(20 + 10 * place, random_state=place)
        np.savez(source, images=faces.images, labels=faces.labels, splits=np.full(len(faces), "train"))
        told = done(run(command[0], source, *command[2:])).stderr
        assert len(evaluated(told)[0]) == 20 + 10 * place


def test_images_without_a_train_split_are_read_whole(run, weights):
    np.savez("test.npz", images=make_faces(20).images, splits=np.full(20, "test"))
    told = done(run("extract", "test.npz", "-f", "tiny", "--weights", weights, "--store", "b.store")).stderr
    assert len(evaluated(told)[0]) == 20


def test_what_a_benchmark_has_trained_is_embedded_without_weights(run, pets, quick):
    refused = run("extract", pets, "-f", quick)
    assert refused.exit_code == 1
    assert "hybridfer train" in refused.stderr
    assert "hybridfer benchmark" in refused.stderr
    done(run("benchmark", pets, "-f", quick, *TRAINED, "--out", "report"))
    told = done(run("extract", pets, "-f", quick))
    assert "training of quick found, not repeated" in told.stderr
    assert "60 images, 0 of them through the network" in told.stdout
    assert evaluated(told.stderr)[0].shape[1] == 128
    (store,) = Path("home/stores").iterdir()
    assert told.stdout.startswith(str(store.resolve()))


def test_a_training_on_other_images_is_none(run, pets, quick):
    done(run("benchmark", pets, "-f", quick, *TRAINED, "--out", "report"))
    assert run("extract", "faces:90", "-f", quick).exit_code == 1
    assert run("extract", pets, "-f", quick, "--image-size", "32").exit_code == 1

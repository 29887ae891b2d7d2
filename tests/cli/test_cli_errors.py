import errno
import os
import re
import subprocess
import sys
import tempfile

import numpy as np
import pytest

from hybridfer import extraction
from hybridfer.cli import main
from hybridfer.cli.options import check_writable
from hybridfer.errors import HybridferError


def fails(result, *words, code=1):
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.stderr
    return result


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["extract", "nowhere.zip"], "nowhere.zip does not exist"),
        (["extract", "text.txt"], "text.txt is not recognised"),
        (["extract", "empty"], "empty"),
        (["extract", "faces:none"], "faces:3000"),
        (["extract", "faces:0"], "n=0"),
        (["extract", "faces:9", "-f", "tyny"], "did you mean 'tiny'"),
        (["extract", "faces:9", "-f", "text.toml"], "text.toml"),
        (["extract", "faces:9", "-f", "tiny"], "no weights for 'tiny'"),
        (["extract", "faces:9", "--weights", "absent.safetensors"], "absent.safetensors"),
        (["extract", "faces:9", "--weights", "text.txt"], "text.txt"),
        (["extract", "faces:9", "--weights", "empty"], "empty"),
        (["extract", "faces:9", "--weights", "tiny.safetensors"], "Name their network: -f tiny on"),
        (["benchmark", "faces:90", "-f", "tiny.safetensors"], "-f RECIPE --weights tiny.safetensors"),
        (["extract", "faces:9", "--layers", "embeding"], "got 'embeding'"),
        (["extract", "faces:9", "--layers", "stem,,logits"], "got ''"),
        (["extract", "faces:9", "--device", "cuda:99"], "CUDA devices"),
        (["extract", "faces:9", "--device", "gpu"], "device must be"),
        (["extract", "faces:9", "--precision", "fp16", "--device", "cpu"], "needs a GPU"),
        (["extract", "faces:9", "--store", "text.txt"], "text.txt is a file, and a store is a folder"),
        (["extract", "faces:9", "--store", "full"], "holds other things"),
        (["extract", "faces:9", "--classes", "hapy"], "hapy"),
        (["extract", "faces:9", "--test-split", "private"], "PrivateTest"),
        (["benchmark", "nowhere.zip"], "nowhere.zip does not exist"),
        (["benchmark", "faces:90", "-p", "florest"], "florest"),
        (["benchmark", "faces:90", "-f", "tyny"], "did you mean 'tiny'"),
        (["benchmark", "faces:90", "-f", "tiny", "-f", "tiny"], "named once"),
        (["benchmark", "faces:90", "--weights", "absent.safetensors"], "absent.safetensors"),
        (["benchmark", "faces:90", "--classes", "happy"], "'happy' alone"),
        (["benchmark", "faces:90", "--device", "cuda:99"], "CUDA devices"),
        (["benchmark", "unlabelled.npz"], "have no label"),
        (["benchmark", "scarce.npz"], "too few of"),
        (["benchmark", "faces:90", "--out", "text.txt/report"], "text.txt"),
        (["train", "nowhere.zip", "--network", "tiny", "-o", "out.safetensors"], "nowhere.zip does not exist"),
        (["train", "faces:90", "--network", "tyny", "-o", "out.safetensors"], "network must be among"),
        (["train", "faces:90", "--network", "tiny", "-o", "tiny.safetensors"], "--overwrite"),
        (["train", "faces:90", "--network", "tiny", "-o", "text.txt/out.safetensors"], "text.txt"),
        (["train", "faces:90", "--network", "tiny", "-o", "x.safetensors", "--precision", "fp16"], "fp16"),
        (["train", "unlabelled.npz", "--network", "tiny", "-o", "out.safetensors"], "have no label"),
        (["train", "scarce.npz", "--network", "tiny", "-o", "out.safetensors"], "too few of"),
        (["networks", "tyny"], "network must be among"),
        (["networks", "model_f", "--image-size", "2"], "at least"),
        (["store", "info", "empty"], "is no feature store"),
        (["store", "verify", "empty"], "is no feature store"),
        (["store", "merge", "empty", "full"], "is no feature store"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_told_in_a_sentence(run, weights, workplace, arguments, words):
    (workplace / "text.txt").write_text("hello")
    (workplace / "text.toml").write_text("hello")
    (workplace / "empty").mkdir()
    (workplace / "full").mkdir()
    (workplace / "full" / "thesis.tex").touch()
    images = np.random.default_rng(0).integers(0, 256, (5, 48, 48), dtype=np.uint8)
    np.savez("unlabelled.npz", images=images)
    np.savez("scarce.npz", images=images, labels=np.array([0, 0, 0, 0, 1]), classes=np.array(["cat", "dog"]))
    result = fails(run(*arguments), "Error: ", words)
    assert result.stdout == ""
    assert not (workplace / "out.safetensors").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["extract"],
        ["extract", "faces:9", "--batch-size", "many"],
        ["extract", "faces:9", "--batch-size", "0"],
        ["extract", "faces:9", "--batch-size", "²"],
        ["benchmark", "faces:9", "--jobs", "0"],
        ["benchmark", "faces:9", "--grid", "grit"],
        ["benchmark", "faces:9", "--seed", "4294967296"],
        ["search", "faces:9", "--seed", "4294967296"],
        ["train", "faces:9", "--network", "tiny", "-o", "out.safetensors", "--seed", "4294967296"],
        ["train", "faces:9", "-o", "out.safetensors"],
        ["train", "faces:9", "--network", "tiny", "-f", "tiny", "-o", "out.safetensors"],
        ["store", "info", "absent.store"],
        ["trian"],
    ],
    ids=" ".join,
)
def test_misuse_ends_with_2_and_a_hint(run, arguments):
    fails(run(*arguments), "Usage: ", "--help", code=2)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "a.store/shards/1.h5"),
            "a.store/shards/1.h5: No space left on device",
        ),
        (PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
        (OSError("Unable to synchronously open file"), "Unable to synchronously open file"),
        (MemoryError("Unable to allocate 9 TiB"), "not enough memory"),
        (
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
                "allocate 9000 bytes. Error code 12 (Cannot allocate memory)"
            ),
            "There is not enough memory (can't allocate memory: you tried to allocate 9000 bytes). Try ",
        ),
    ],
)
def test_what_the_machine_refuses_is_told_in_a_sentence(run, monkeypatch, error, words):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(extraction, "extract_features", refuse)
    fails(run("extract", "faces:9"), "Error: ", words)


@pytest.mark.parametrize(
    "arguments",
    [
        ["benchmark", "nowhere.zip", "--out", "runs/mine"],
        ["train", "nowhere.zip", "--network", "tiny", "-o", "weights/mine.safetensors"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_folder_that_takes_no_files_is_told_before_images_are_looked_for(run, monkeypatch, arguments):
    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    fails(run(*arguments), "cannot be written", "No space left on device")


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        (["audit", "faces:9"], "hybridfer.audit.find_faults"),
        (["benchmark", "faces:9"], "hybridfer.evaluation.benchmark.run_benchmark"),
        (["extract", "faces:9"], "hybridfer.extraction.extract_features"),
        (["search", "faces:90"], "hybridfer.search.run_search"),
        (["train", "faces:90", "--network", "tiny", "-o", "a"], "hybridfer.training.train_network"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_where_memory_is_short_options_are_named_that_the_command_has(run, monkeypatch, arguments, target):
    def refuse(*_, **__):
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr(target, refuse)
    told = fails(run(*arguments), "not enough memory", "Try ").stderr
    options = re.findall(r"--[a-z-]+", told.partition("not enough memory")[2])
    known = [name for option in main.get_command(None, arguments[0]).params for name in option.opts]
    assert set(options) <= set(known)


def test_a_bug_of_ours_is_not_hidden(run, monkeypatch):
    def buggy(*_, **__):
        raise RuntimeError("tensors on different devices")

    monkeypatch.setattr(extraction, "extract_features", buggy)
    with pytest.raises(RuntimeError, match="different devices"):
        run("extract", "faces:9")


@pytest.mark.parametrize(
    ("arguments", "target", "words"),
    [
        (["extract", "faces:9"], "hybridfer.extraction.extract_features", "run the same command again"),
        (["benchmark", "faces:9"], "hybridfer.evaluation.benchmark.run_benchmark", "run the same command again"),
        (["train", "faces:90", "--network", "tiny", "-o", "a"], "hybridfer.training.train_network", "with --resume"),
        (["recipes"], "hybridfer.recipes.list_recipes", "Interrupted."),
    ],
)
def test_an_interruption_ends_with_130_and_says_how_to_go_on(run, monkeypatch, arguments, target, words):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(target, interrupt)
    fails(run(*arguments), "Interrupted.", words, code=130)


def test_a_reader_that_has_gone_ends_it_quietly():
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "hybridfer", "recipes"]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert ended.stderr == ""


@pytest.mark.parametrize("arguments", [["benchmark", "nowhere.zip"], ["extract", "nowhere.zip"]], ids=lambda value: value[0])
def test_a_home_that_takes_no_files_is_named_before_images_are_looked_for(run, workplace, monkeypatch, arguments):
    (workplace / "file").touch()
    monkeypatch.setenv("HYBRIDFER_HOME", str(workplace / "file" / "home"))
    fails(run(*arguments), "home cannot be written", "set HYBRIDFER_HOME to another folder")


def test_a_folder_that_is_there_and_takes_no_files_is_named_once(workplace):
    (workplace / "file").touch()
    with pytest.raises(HybridferError) as told:
        check_writable(workplace / "file")
    assert str(told.value).count(str(workplace / "file")) == 1


def test_a_folder_may_be_written_where_its_nearest_ancestor_may(workplace):
    check_writable(workplace / "new" / "newer")
    (workplace / "file").touch()
    with pytest.raises(HybridferError, match="no folder"):
        check_writable(workplace / "file" / "new")


def test_unreadable_images_are_named_or_skipped(run, weights, workplace, pets):
    import cv2

    images = np.load(pets)["images"]
    for number, image in enumerate(images[:20]):
        folder = workplace / "tree" / ("cat" if number % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{number}.png"), image)
    (workplace / "tree" / "cat" / "bad.png").write_bytes(b"no image")
    command = ["extract", "tree", "-f", "tiny", "--weights", weights, "--store", "a.store"]
    fails(run(*command), "cat/bad.png", "--on-error skip")
    result = run(*command, "--on-error", "skip")
    assert result.exit_code == 0
    assert "1 problem was skipped: cat/bad.png" in result.stderr
    for number in range(4):
        (workplace / "tree" / "dog" / f"bad{number}.png").write_bytes(b"no image")
    several = run(*command, "--on-error", "skip").stderr
    assert "5 problems were skipped:\n  cat/bad.png: " in several
    assert "  dog/bad1.png: " in several
    assert "dog/bad2.png" not in several
    assert "  and 2 more; hybridfer audit DATA --json names all" in several
    assert "dog/bad3.png" in run("audit", "tree", "--json").stdout

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import hybridfer
from hybridfer import BenchmarkReport, FeatureStore
from hybridfer.networks import NETWORKS, load_network

IMPORTED = "import sys; {}; print(*sorted({{'torch', 'xgboost', 'matplotlib', 'sklearn', 'h5py'}} & set(sys.modules)))"


def done(result):
    assert result.exit_code == 0, result.output
    return result


def test_extract_then_extract_again_and_look_into_the_store(run, weights):
    command = [
        "extract",
        "faces:40",
        "-f",
        "tiny",
        "--weights",
        weights,
        "--store",
        "a.store",
        "--layers",
        "conv2, embedding",
    ]
    assert "40 images, 40 of them through the network" in done(run(*command)).stdout
    assert "40 images, 0 of them through the network" in done(run(*command)).stdout
    assert FeatureStore("a.store").widths == {"conv2": 32, "embedding": 128}
    told = json.loads(done(run("store", "info", "a.store", "--json")).stdout)
    assert told["rows"] == 40
    assert "conv2" in done(run("store", "info", "a.store")).stdout
    done(run("store", "verify", "a.store"))


def test_verify_ends_with_1_when_a_byte_has_changed(run, weights):
    done(run("extract", "faces:40", "-f", "tiny", "--weights", weights, "--store", "a.store"))
    (shard,) = Path("a.store/shards").glob("*.h5")
    content = bytearray(shard.read_bytes())
    content[-9] ^= 1
    shard.write_bytes(content)
    assert run("store", "verify", "a.store").exit_code == 1
    assert json.loads(run("store", "verify", "a.store", "--json").stdout)["ok"] is False


def test_stores_are_merged_and_compacted(run, weights):
    for source, store in (("faces:30", "a.store"), ("faces:50", "b.store")):
        done(run("extract", source, "-f", "tiny", "--weights", weights, "--store", store))
    done(run("store", "merge", "a.store", "b.store"))
    assert len(FeatureStore("a.store").listings()) == 2
    assert "1 shard joined" in done(run("store", "compact", "a.store")).stdout


def test_train_writes_weights_that_extract_takes(run, quick):
    command = ["train", "faces:120", "-f", quick, "-o", "new/a.safetensors", "--seed", 3, "--learning-rate", 0.01]
    result = done(run(*command))
    assert "1 epoch;" in result.stdout
    network = load_network("new/a.safetensors")
    assert (network.training["random_state"], network.training["learning_rate"]) == (3, 0.01)
    assert not Path("new/a.safetensors.checkpoint").exists()
    done(run("extract", "faces:20", "-f", "tiny", "--weights", "new/a.safetensors"))


def test_what_an_interrupted_training_left_is_not_lost_by_beginning_anew(run, quick, monkeypatch):
    from hybridfer.training import train_network

    def interrupted(*arguments, **keywords):
        train_network(*arguments, **keywords)
        raise KeyboardInterrupt

    command = ["train", "faces:120", "-f", quick, "-o", "a.safetensors"]
    with monkeypatch.context() as patch:
        patch.setattr("hybridfer.training.train_network", interrupted)
        assert run(*command).exit_code == 130
    left = Path("a.safetensors.checkpoint").read_bytes()
    refused = run(*command)
    assert refused.exit_code == 1
    assert "--resume" in refused.stderr
    assert Path("a.safetensors.checkpoint").read_bytes() == left
    done(run(*command, "--resume"))
    assert Path("a.safetensors").exists()


def test_a_benchmark_writes_its_report_and_shows_the_splits_it_used(run, pets, quick, workplace, monkeypatch):
    command = ["benchmark", pets, "-f", quick, "-p", "logistic", "-p", "softmax", "--grid", "off", "--out", "report"]
    monkeypatch.setattr(sys, "argv", ["hybridfer", *map(str, command)])
    result = done(run(*command))
    for line in ("train", "validation", "test"):
        assert any(told.startswith(f"{line} ") for told in result.stderr.splitlines())
    assert "no test split" in result.stderr
    assert "logistic" in result.stdout
    assert "softmax" in result.stdout
    written = {path.name for path in Path("report").iterdir()}
    assert {"report.json", "report.md", "report.html", "figures", "predictions.csv"} <= written
    for path in (path for path in Path("report").rglob("*") if path.is_file()):
        assert str(workplace).encode() not in path.read_bytes()
    report = BenchmarkReport.read("report")
    assert report.dataset.source == "pets.npz"
    assert report.command.startswith("hybridfer benchmark pets.npz ")


def test_a_report_is_never_replaced_unasked(run, pets, quick, monkeypatch):
    command = ["-q", "benchmark", pets, "-f", quick, "-p", "logistic", "--grid", "off", "--no-page", "--out", "report"]
    done(run(*command))
    before = Path("report/report.json").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("hybridfer.evaluation.benchmark.run_benchmark", None)
        refused = run(*command)
    assert refused.exit_code == 1
    assert "--overwrite" in refused.stderr
    assert Path("report/report.json").read_bytes() == before
    done(run(*command, "--overwrite"))
    assert Path("report/report.json").read_bytes() != before


def test_a_benchmark_prints_json_alone_where_asked(run, pets, quick):
    result = done(run("benchmark", pets, "-f", quick, "-p", "logistic", "--grid", "off", "--no-page", "--json", "--colour"))
    assert json.loads(result.stdout)["dataset"]["image_shape"] == [48, 48, 3]
    assert len(list(Path("runs").iterdir())) == 1


def test_both_test_parts_are_scored_together_where_asked(run, quick, workplace):
    import cv2

    from hybridfer import make_faces

    faces = make_faces(90, classes=("happy", "sad"))
    for number, (image, label) in enumerate(zip(faces.images, faces.labels, strict=True)):
        part = ("Training", "Training", "Training", "PublicTest", "PrivateTest")[number % 5]
        folder = workplace / "fer" / ("train" if part == "Training" else "test") / faces.classes[label]
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{part}_{number}.png"), image)
    command = ["benchmark", "fer", "-f", quick, "-p", "logistic", "--grid", "off", "--no-page", "--json"]
    told = json.loads(done(run(*command, "--test-split", "all")).stdout)
    assert told["dataset"]["test_split"] == "PublicTest and PrivateTest together"
    assert sum(told["dataset"]["counts"]["test"]) == 36
    assert "of train" in told["dataset"]["validation_origin"]


def test_quiet_prints_the_result_alone(run, weights):
    result = done(run("-q", "extract", "faces:20", "-f", "tiny", "--weights", weights))
    assert result.stderr == ""
    assert len(result.stdout.splitlines()) == 1


def test_networks_are_listed_and_described(run):
    listed = done(run("networks")).stdout
    assert all(name in listed for name in ("compact", "model_f", "baseline", "tiny"))
    assert "4,474,759 trainable parameters" in done(run("networks", "model_f")).stdout
    assert [row["name"] for row in json.loads(done(run("networks", "--json")).stdout)] == list(NETWORKS)


def test_recipes_are_listed(run):
    listed = done(run("recipes")).stdout
    assert all(f"  {name} " in listed for name in ("compact", "tiny", "svm-linear", "xgboost"))


@pytest.mark.parametrize("command", [[], ["benchmark"], ["extract"], ["networks"], ["recipes"], ["store"], ["train"]])
def test_every_command_has_help(run, command):
    assert "Usage: " in done(run(*command, "--help")).stdout


def test_the_version_is_that_of_the_package(run):
    root = Path(__file__).parents[2]
    assert tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"] == hybridfer.__version__
    assert f"\nversion: {hybridfer.__version__}\n" in (root / "CITATION.cff").read_text()
    assert f"version = {{{hybridfer.__version__}}}" in (root / "README.md").read_text()
    assert hybridfer.__version__ in done(run("--version")).stdout


@pytest.mark.parametrize(
    ("statement", "imported"),
    [
        ("import hybridfer", ""),
        ("from hybridfer.cli import main; main(['--help'], standalone_mode=False)", ""),
        ("from hybridfer import FeatureStore", "h5py"),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(statement, imported):
    script = IMPORTED.format(statement)
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1] == imported


def test_every_public_name_can_be_imported():
    for name in hybridfer.__all__:
        assert getattr(hybridfer, name) is not None
    assert set(hybridfer.__all__) <= set(dir(hybridfer))
    with pytest.raises(AttributeError, match="no attribute 'CNNFeaturiser'"):
        hybridfer.__getattr__("CNNFeaturiser")


def test_the_first_help_shows_its_examples_line_by_line(run):
    told = run("--help").output
    assert any(line.strip().startswith("hybridfer benchmark fer2013.zip") for line in told.splitlines())
    assert "\\b" not in told


def test_stores_are_merged_into_one_that_is_new(run, weights, workplace):
    for n in (30, 40):
        assert not run("extract", f"faces:{n}", "-f", "tiny", "--weights", weights, "--store", f"{n}.store").exit_code
    told = run("store", "merge", "all.store", "30.store", "40.store")
    assert told.exit_code == 0, told.output
    assert len(FeatureStore("all.store")) == 70


def test_training_leaves_out_what_a_benchmark_of_the_weights_will_score(run, pets, quick):
    assert run("train", pets, "-f", quick, "-o", "pets.safetensors").exit_code == 0
    run(
        "benchmark",
        pets,
        "-f",
        quick,
        "--weights",
        "pets.safetensors",
        "-p",
        "forest",
        "--grid",
        "off",
        "--no-page",
        "--out",
        "out",
    )
    (features,) = json.loads(Path("out/report.json").read_text())["features"]
    assert features["leak"]["images"] == 0


def test_extract_train_and_recipes_print_json_where_asked(run, quick, weights):
    told = json.loads(
        done(run("extract", "faces:20", "-f", "tiny", "--weights", weights, "--json", "--store", "a.store")).stdout
    )
    assert (told["images"], told["embedded"], told["layers"], told["problems"]) == (20, 20, {"embedding": 128}, [])
    assert FeatureStore(told["store"]).widths == told["layers"]
    told = json.loads(done(run("train", "faces:90", "-f", quick, "-o", "a.safetensors", "--json")).stdout)
    assert told["weights"] == "a.safetensors"
    assert [epoch["epoch"] for epoch in told["history"]] == [told["restored_epoch"]] == [1]
    told = json.loads(done(run("recipes", "--json")).stdout)
    assert "compact" in told["features"]
    assert "svm-rbf" in told["pipelines"]


def test_a_report_is_rendered_again_as_json_and_several_are_laid_side_by_side(run, pets, quick):
    command = ["-q", "benchmark", pets, "-f", quick, "-p", "knn", "--grid", "off", "--no-page"]
    for seed in (0, 1):
        done(run(*command, "--seed", seed, "--out", f"seed{seed}"))
    told = json.loads(done(run("report", "seed0", "--json")).stdout)
    assert told == json.loads(Path("seed0/report.json").read_text())
    rows = json.loads(done(run("report", "seed0", "seed1", "--json")).stdout)["rows"]
    assert [(row["pipeline"], row["seeds"]) for row in rows] == [("softmax", [0, 1]), ("knn", [0, 1])]

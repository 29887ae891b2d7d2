"""Every path that is given in Python may begin with ``~``, as it may in a shell."""

import numpy as np
import pytest

from hybridfer import CNNClassifier, CNNFeaturizer, audit_dataset, load_network, make_faces, read_dataset
from hybridfer.audit.report import AuditReport
from hybridfer.evaluation.subgroups import read_groups
from hybridfer.home import given_path
from hybridfer.networks import read_weights, save_network
from hybridfer.recipes import load_recipe


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "user"))
    (tmp_path / "user").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    yield tmp_path / "user"
    assert not (tmp_path / "elsewhere" / "~").exists()


def test_datasets_and_what_goes_with_them(home):
    X, y = make_faces(20, random_state=0).arrays("train")
    np.savez(home / "faces.npz", images=X, labels=y)
    rows = [f"faces.npz[{i}],{'keep' if i else 'drop'}" for i in range(len(X))]
    (home / "keep.csv").write_text("\n".join(["name,decision", *rows]))
    (home / "groups.csv").write_text("name,age\na.png,young\n")

    dataset = read_dataset("~/faces.npz", index="~/keep.csv")

    assert dataset.source == str(home / "faces.npz")
    assert len(dataset) == len(X) - 1
    assert "a.png" in str(read_groups("~/groups.csv"))
    audit_dataset("~/faces.npz").write("~/audit")
    assert AuditReport.read("~/audit") == AuditReport.read(home / "audit")


def test_weights_as_a_network_beside_a_name_and_as_members(home):
    save_network(load_network("tiny", weights=None), "~/tiny.safetensors")
    faces = np.zeros((2, 48, 48), np.uint8)

    assert (home / "tiny.safetensors").is_file()
    assert read_weights("~/tiny.safetensors").network == "tiny"
    assert load_network("~/tiny.safetensors").name == "tiny"
    assert CNNFeaturizer("tiny", weights="~/tiny.safetensors").fit(faces).transform(faces).shape == (2, 128)
    assert [member.name for member in load_network("ensemble", weights=["~/tiny.safetensors"] * 2).members] == ["tiny"] * 2


def test_weights_that_a_recipe_of_the_home_folder_names(home):
    save_network(load_network("tiny", weights=None), home / "tiny.safetensors")
    (home / "mine.toml").write_text('network = "tiny"\nweights = "~/tiny.safetensors"\n')

    assert load_recipe("feature", "~/mine.toml").weights == str(home / "tiny.safetensors")


def test_checkpoints(home):
    X, y = make_faces(30, random_state=0).arrays("train")

    CNNClassifier("tiny", max_epochs=1, checkpoint="~/fit.checkpoint").fit(X, y)

    assert (home / "fit.checkpoint").is_file()


def test_the_name_of_nobody_stays():
    assert str(given_path("~nobody-of-that-name/faces")) == "~nobody-of-that-name/faces"

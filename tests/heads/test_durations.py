"""Heads that many images make slow."""

from hybridfer import FeatureRecipe, make_faces, run_benchmark
from hybridfer.heads import durations
from hybridfer.heads.durations import MANY, find_slow_heads
from hybridfer.recipes import load_recipe

HEADS = [load_recipe("pipeline", name) for name in ("svm-linear", "linear-svc", "forest", "svm-rbf")]


def test_kernel_machines_are_named_where_there_are_many_images():
    (told,) = find_slow_heads(HEADS, 258_440)

    assert told.startswith("svm-linear and svm-rbf may take hours on 258,440 train images")
    assert "leave them out" in told
    assert "leave it out" in find_slow_heads(HEADS[:1], MANY)[0]


def test_nothing_is_said_of_fewer_images_and_of_other_heads():
    assert find_slow_heads(HEADS, MANY - 1) == ()
    assert find_slow_heads(HEADS[1:3], 1_000_000) == ()


def test_a_benchmark_says_so_before_it_embeds(caplog, monkeypatch, tmp_path):
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path))
    monkeypatch.setattr(durations, "MANY", 84)
    quick = FeatureRecipe(name="quick", network="tiny", training={"max_epochs": 1})
    caplog.set_level("INFO", logger="hybridfer")

    run_benchmark(make_faces(120), quick, ["svm-linear", "knn"], search="off", verbose=0)

    (warned,) = [number for number, told in enumerate(caplog.messages) if told.startswith("svm-linear may take hours")]
    (embedded,) = [number for number, told in enumerate(caplog.messages) if told.startswith("embedding")]
    assert warned < embedded
    assert caplog.records[warned].levelname == "WARNING"

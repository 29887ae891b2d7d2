import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from hybridfer import FeatureStore
from hybridfer.cli import main
from hybridfer.cli.group import COMMANDS


@pytest.fixture
def filled(run, weights):
    result = run("extract", "faces:20", "-f", "tiny", "--weights", weights, "--store", "a.store")
    assert result.exit_code == 0, result.output
    return FeatureStore("a.store")


def test_info_tells_which_layers_are_read_and_which_ride_along(run, filled):
    text = run("store", "info", "a.store").stdout
    assert "20 rows x 128 features" in text
    assert "riding along   logits (7): read only by name" in text
    told = json.loads(run("store", "info", "a.store", "--json").stdout)
    assert (told["widths"], told["riding"]) == ({"embedding": 128}, {"logits": 7})


def test_stores_are_merged_with_what_rides_along(run, filled):
    assert run("store", "merge", "all.store", "a.store").exit_code == 0
    merged = FeatureStore("all.store")
    assert (merged.widths, merged.riding, len(merged)) == ({"embedding": 128}, {"logits": 7}, 20)


@pytest.mark.parametrize("group", [[], ["store"]], ids=["hybridfer", "store"])
def test_no_line_of_a_list_of_commands_is_cut(group):
    told = CliRunner().invoke(main, [*group, "--help"], terminal_width=60).output
    assert "Commands:" in told
    assert "..." not in told.partition("Commands:")[2]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("benchmrk", "did you mean 'benchmark'?"), ("extrct", "did you mean 'extract'?"), ("zzz", "--help lists them")],
)
def test_a_mistyped_command_is_told_which_was_meant(run, typed, meant):
    result = run(typed, "faces:9")
    assert result.exit_code == 2
    assert f"There is no command '{typed}'; {meant}" in result.stderr


def test_every_command_that_is_listed_can_be_called(run):
    for name in COMMANDS:
        assert run(name, "--help").exit_code == 0


def test_stores_that_do_not_go_together_leave_no_new_one(run, filled, weights):
    command = ("extract", "faces:20", "-f", "tiny", "--weights", weights, "--layers", "conv1", "--store", "b.store")
    assert run(*command).exit_code == 0
    told = run("store", "merge", "all.store", "a.store", "b.store")
    assert told.exit_code == 1
    assert "b.store cannot be merged into" in told.stderr
    assert not Path("all.store").exists()

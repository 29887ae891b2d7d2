"""``hybridfer search`` as its user meets it."""

import json
import sys
from pathlib import Path

import pytest

from hybridfer.recipes import load_recipe
from hybridfer.search import SearchSpace

SPACE = """
image_size = 16
[network_arguments]
dense = 8
[space.network_arguments.filters]
length = { low = 1, high = 2 }
each = { low = 4, high = 8, step = 4 }
[space.training.learning_rate]
low = 1e-3
high = 1e-1
log = true
[training]
max_epochs = 1
"""


@pytest.fixture
def space(workplace):
    (workplace / "space.toml").write_text(SPACE)
    return "space.toml"


def done(result):
    assert result.exit_code == 0, result.output
    return result


def test_a_search_shows_its_trials_and_writes_what_a_benchmark_takes(run, space):
    command = ["search", "faces:90", "--space", space, "--trials", 2, "--study", "new/a.sqlite"]
    result = done(run(*command, "--best", "best.toml", "--out", "out"))

    assert result.stdout.splitlines()[0].split()[:3] == ["trial", "state", "validation"]
    assert "promises too much" in " ".join(result.stdout.split())
    assert "1 of 2: trial 0 complete" in result.stderr
    assert "hybridfer benchmark faces:90 -f best.toml" in result.stderr
    assert {path.name for path in Path("out").iterdir()} == {
        *(f"{name}.{kind}" for name in ("learning-curves", "parallel-coordinates") for kind in ("svg", "png")),
        "study.json",
    } | {path.name for path in Path("out").glob("importance.*")}
    recipe = load_recipe("feature", "best.toml")
    assert (recipe.name, recipe.network, recipe.training.max_epochs) == ("best", "conv_stack", 1)
    told = json.loads(Path("out/study.json").read_text())
    assert told["trials"][0]["drawn"]["filters"] == recipe.network_arguments["filters"]
    done(run("benchmark", "faces:90", "-f", "best.toml", "-p", "logistic", "--grid", "off", "--no-page", "--out", "report"))


def test_the_same_command_finds_its_own_study_again(run, space, workplace):
    command = ["search", "faces:90", "--space", space, "--trials", 1, "--json"]
    first, second = (json.loads(done(run(*command)).stdout) for _ in range(2))

    assert first == second
    assert len(list((workplace / "home" / "studies").glob("*.sqlite"))) == 1
    assert "2 there and 1 here" in run(*command, "--epochs", 1, "--study", changed_study(run, space)).stderr


def changed_study(run, space):
    done(run("-q", "search", "faces:90", "--space", space, "--epochs", 2, "--timeout", 1e-9, "--study", "b.sqlite"))
    return "b.sqlite"


def test_an_interruption_ends_with_130_and_finished_trials_are_kept(run, space, monkeypatch):
    from hybridfer.search import trial

    trained = trial.train_network

    def second_interrupted(*arguments, **keywords):
        if Path("begun").exists():
            raise KeyboardInterrupt
        Path("begun").touch()
        return trained(*arguments, **keywords)

    command = ["search", "faces:90", "--space", space, "--trials", 2, "--study", "a.sqlite"]
    with monkeypatch.context() as patch:
        patch.setattr(trial, "train_network", second_interrupted)
        result = run(*command)
    assert result.exit_code == 130
    assert "run the same command again to go on" in result.stderr
    again = done(run(*command, "--json"))
    assert "1 of 2" not in again.stderr
    assert sorted(row["state"] for row in json.loads(again.stdout)["trials"]) == ["complete", "complete", "interrupted"]


def test_without_optuna_it_says_what_to_install(run, space, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    result = run("search", "faces:90", "--space", space)

    assert result.exit_code == 1
    assert "pip install 'hybridfer[search]'" in result.stderr


def test_nothing_of_the_user_s_is_replaced(run, space, workplace):
    (workplace / "mine.toml").write_text('network = "tiny"\n')
    assert "Choose another --best" in run("search", "faces:90", "--space", space, "--best", "mine.toml").stderr
    out = workplace / "out"
    out.mkdir()
    (out / "study.json").write_text("{}")
    assert "another search" in run("search", "faces:90", "--space", space, "--out", "out").stderr
    assert (workplace / "mine.toml").read_text() == 'network = "tiny"\n'
    assert not (workplace / "home" / "studies").exists()


def test_a_wrong_space_is_told_before_images_are_read(run, workplace):
    (workplace / "space.toml").write_text("[space.training.learning_rat]\nlow = 0.1\nhigh = 0.2\n")

    result = run("search", "nowhere.zip", "--space", "space.toml")
    assert result.exit_code == 1
    assert "did you mean 'learning_rate'" in result.stderr


def test_the_help_of_the_search_names_its_space(run):
    assert "grigorasi" in done(run("search", "--help")).stdout
    assert SearchSpace.model_fields["network"].default == "conv_stack"


@pytest.mark.slow
def test_a_terminal_gets_a_bar_over_the_trials(space, on_terminal):
    text = on_terminal("search", "faces:90", "--space", space, "--trials", "2")
    assert "1/2 trials" in text
    assert "trial 1, epoch 1/1, " in text
    assert "1 of 2: trial" not in text


@pytest.mark.parametrize(
    "options",
    [
        ["--study", "a.toml", "--best", "./a.toml"],
        ["--study", "out/study.json", "--out", "out"],
        ["--best", "space.toml"],
        ["--best", "images.csv"],
        ["--study", "images.csv"],
    ],
)
def test_files_that_are_read_or_written_are_apart(run, space, workplace, options):
    (workplace / "images.csv").write_text("kept as it is")
    before = {path: path.read_bytes() for path in workplace.iterdir()}
    result = run("search", "images.csv", "--space", space, *options)
    assert result.exit_code == 2
    assert "another name" in result.output or "of its own" in result.output
    assert {path: path.read_bytes() for path in workplace.iterdir()} == before

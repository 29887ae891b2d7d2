import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from hybridfer import make_faces, run_benchmark
from hybridfer.cli import main
from hybridfer.networks import load_network, save_network
from hybridfer.recipes import FeatureRecipe, load_recipe
from hybridfer.training import train_network

QUICK = FeatureRecipe(name="quick", network="tiny", training={"max_epochs": 1, "class_weight": {"sad": 2.0}})


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Trained weights, mine.safetensors, and the report of a benchmark of them in the folder run."""
    folder = tmp_path_factory.mktemp("card")
    faces = make_faces(210, random_state=0)
    path = save_network(train_network(faces.with_validation(0.1, 0), QUICK, verbose=0), folder / "mine.safetensors")
    report = run_benchmark(faces, QUICK, "logistic", weights=path, search="off", verbose=0)
    report.write(folder / "run")
    return folder


@pytest.fixture
def folder(made, workplace: Path) -> Path:
    shutil.copytree(made, workplace, dirs_exist_ok=True)
    return workplace


def test_a_card_is_printed_with_what_the_benchmark_measured(run, folder):
    result = run("card", "mine.safetensors", "--report", "run")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("# mine.safetensors\n")
    assert "| quick  | the image as it is |" in result.stdout
    assert "Validation had one head to choose, logistic on quick (" in result.stdout
    assert result.stdout == run("card", "mine.safetensors", "--report", "run/report.json").stdout


def test_the_settings_on_a_card_train_in_the_same_way(run, folder):
    text = run("card", "mine.safetensors").stdout.partition("```toml\n")[2].partition("```")[0]
    Path("again.toml").write_text(text)
    assert load_recipe("feature", "again.toml").training == QUICK.training


def test_a_card_is_written_and_replaced_only_when_asked_to(run, folder):
    (folder / "notes.md").write_text("Drawn faces: é.\n", encoding="utf-8")
    command = ("card", "mine.safetensors", "--notes", "notes.md", "-o", "cards/mine.md")
    assert run(*command).stdout == ""
    text = Path("cards/mine.md").read_text(encoding="utf-8")
    assert text.endswith("## Notes\n\nDrawn faces: é.\n")
    Path("cards/mine.md").write_text("by hand")
    refused = run(*command)
    assert refused.exit_code == 1
    assert "Choose another --output, or replace it with --overwrite" in refused.stderr
    assert Path("cards/mine.md").read_text() == "by hand"
    assert run(*command, "--overwrite").exit_code == 0
    assert Path("cards/mine.md").read_text(encoding="utf-8") == text
    assert [path.name for path in Path("cards").iterdir()] == ["mine.md"]


@pytest.mark.parametrize("read", ["mine.safetensors", "run/report.json", "notes.md"])
def test_a_file_that_the_card_is_made_of_is_not_replaced_by_it(run, folder, read):
    Path("notes.md").write_text("Mine.")
    Path("link.md").symlink_to(read)
    before = Path(read).read_bytes()
    for output in (read, f"run/../{read}", "link.md"):
        command = ("card", "mine.safetensors", "--report", "run", "--notes", "notes.md", "-o", output, "--overwrite")
        result = run(*command)
        assert result.exit_code == 2, result.output
        assert "--output" in result.stderr
        assert "is what is read, as" in result.stderr
    assert Path(read).read_bytes() == before


def test_notes_may_begin_with_a_byte_order_mark(run, folder):
    Path("notes.md").write_bytes(b"\xef\xbb\xbf# Mine\n")
    assert run("card", "mine.safetensors", "--notes", "notes.md").stdout.endswith("\n\n# Mine\n")


def test_weights_in_the_wheel_go_by_their_name_and_have_a_card_with_what_was_measured(run):
    result = run("card", "compact")
    assert result.exit_code == 0
    assert result.stdout == (files("hybridfer.weights") / "compact.md").read_text(encoding="utf-8")
    assert f"`{load_network('compact').digest}`" in result.stdout
    assert "No accuracy was given" not in result.stdout


def test_notes_of_ones_own_make_another_card_of_weights_in_the_wheel(run, folder):
    Path("notes.md").write_text("# Mine\n", encoding="utf-8")
    told = run("card", "compact", "--notes", "notes.md").stdout
    assert "No accuracy was given" in told
    assert told.endswith("\n\n# Mine\n")


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["compact", "--report", "run"], "must hold a run of these weights", 1),
        (["compact", "--report", "nowhere"], "There is no report nowhere", 1),
        (["mine.safetensors", "--report", "mine.safetensors"], "mine.safetensors: ", 1),
        (["mine.safetensors", "--report", "run", "-f", "quack"], "among ['quick']; got 'quack'", 1),
        (["mine.safetensors", "-f", "quick"], "give --report too", 2),
        (["mine.safetensors", "--notes", "mine.safetensors"], "must be a text file in UTF-8", 1),
        (["mine.safetensors", "--notes", "none.md"], "none.md: No such file", 1),
        (["compacts"], "did you mean 'compact'?", 1),
    ],
)
def test_a_mistake_is_told_with_what_to_do(run, folder, arguments, words, code):
    result = run("card", *arguments)
    assert result.exit_code == code, result.output
    assert words in result.stderr


def test_tab_gives_the_weights_in_the_wheel(folder):
    found = ShellComplete(main, {}, "hybridfer", "_HYBRIDFER_COMPLETE").get_completions(["card"], "comp")
    assert "compact" in [item.value for item in found]
    (other,) = ShellComplete(main, {}, "hybridfer", "_HYBRIDFER_COMPLETE").get_completions(["card"], "mine")
    assert other.type == "file"

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "hybridfer"]


def plain(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a command with both outputs piped."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **environment}, timeout=120
    )


@pytest.mark.slow
def test_a_terminal_gets_a_bar_with_stage_rate_and_time_left_and_a_pipe_gets_none(weights, on_terminal):
    command = ["extract", "faces:3000", "-f", "tiny", "--weights", str(weights), "--store"]
    shown = on_terminal(*command, "a.store", "--batch-size", "16")
    assert "embed" in shown
    assert "images/s" in shown
    assert "\r" in shown
    piped = plain(*command, "b.store")
    assert piped.returncode == 0
    assert "\r" not in piped.stdout + piped.stderr
    assert "images/s" not in piped.stderr


def test_recipes_fit_the_terminal_and_are_a_line_each_in_a_pipe():
    whole = plain("recipes", COLUMNS="").stdout.splitlines()
    narrow = plain("recipes", COLUMNS="60").stdout.splitlines()
    assert max(map(len, narrow)) <= 60
    assert "".join("".join(narrow).split()) == "".join("".join(whole).split())
    (line,) = [line for line in whole if line.lstrip().startswith("compact-views ")]
    assert line.endswith("a little more accuracy")


def test_details_come_with_times_and_errors_with_where_they_were_raised():
    terse = plain("extract", "nowhere.zip", "-f", "tiny")
    assert terse.returncode == 1
    assert "Traceback" not in terse.stderr
    told = plain("-v", "extract", "nowhere.zip", "-f", "tiny")
    assert told.returncode == 1
    assert "Traceback" in told.stderr
    assert " s] " in told.stderr
    assert told.stderr.rstrip().endswith(terse.stderr.rstrip())


def test_quiet_and_verbose_contradict_each_other(run):
    result = run("-q", "-v", "networks")
    assert result.exit_code == 2
    assert "-q and -v contradict each other" in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_of_each_shell_asks_hybridfer(run, shell):
    script = run("completion", shell).stdout
    assert "_HYBRIDFER_COMPLETE" in script
    assert f"{shell}_complete" in script


def test_the_shell_in_use_is_the_default_and_an_unknown_one_is_misuse(run, monkeypatch):
    monkeypatch.setenv("SHELL", "/usr/bin/zsh")
    assert "zsh_complete" in run("completion").stdout
    monkeypatch.setenv("SHELL", "/usr/bin/nushell")
    result = run("completion")
    assert result.exit_code == 2
    assert "bash, zsh, fish" in result.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [("bench", "benchmark"), ("extract faces -f comp", "compact"), ("benchmark faces -p svm-r", "svm-rbf")],
)
def test_tab_completes_commands_and_recipes(words, expected):
    line = f"hybridfer {words}".split()
    script = (
        f'eval "$(hybridfer completion bash)"; COMP_WORDS=({" ".join(line)}); COMP_CWORD={len(line) - 1}; '
        "_hybridfer_completion hybridfer; echo ${COMPREPLY[@]}"
    )
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    result = subprocess.run(
        ["bash", "--noprofile", "--norc", "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    assert expected in result.stdout.split()


@pytest.mark.slow
def test_an_interruption_ends_with_130_and_says_how_to_go_on(weights):
    process = subprocess.Popen(
        [*COMMAND, "extract", "faces:60000", "-f", "tiny", "--weights", str(weights), "--store", "a.store"],
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list(Path("a.store").glob("shards/*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again to go on" in told

import logging
import sys

import pytest


class Terminal:
    """Stands in for a terminal and keeps what is written to it."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_epochs_loss_and_validation_accuracy(quick, faces, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    classifier = quick(verbose=1).fit(*faces)
    last = classifier.history_[-1]
    assert f"epoch 2/2, loss {last['train_loss']:.3f}, validation {last['valid_accuracy']:.1%}" in terminal.text


@pytest.mark.parametrize("verbose", [0, 1])
def test_nothing_is_drawn_where_there_is_no_terminal(verbose, quick, faces, capfd, monkeypatch):
    # the command line, had it run in this process, would print the log
    monkeypatch.setattr(logging.getLogger("hybridfer"), "handlers", [])
    quick(verbose=verbose, validation_fraction=0).fit(*faces)
    assert capfd.readouterr() == ("", "")


def test_without_a_terminal_each_epoch_is_a_log_message(quick, faces, caplog):
    caplog.set_level("INFO", logger="hybridfer")
    classifier = quick(verbose=1).fit(*faces)
    told = [message for message in caplog.messages if message.startswith("epoch")]
    assert len(told) == len(classifier.history_)
    assert f"validation {classifier.history_[-1]['valid_accuracy']:.1%}" in told[-1]


def test_a_training_that_is_found_whole_says_so(quick, faces, tmp_path, caplog):
    caplog.set_level("INFO", logger="hybridfer")
    kept = {"checkpoint": tmp_path / "kept", "resume": True, "verbose": 1}
    first = quick(**kept).fit(*faces)
    assert not any("before" in message for message in caplog.messages)
    assert quick(**kept).fit(*faces).history_ == first.history_
    assert "all 2 epochs were trained before" in caplog.messages

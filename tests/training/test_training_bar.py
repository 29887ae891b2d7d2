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
    assert "epoch=2/2" in terminal.text
    assert f"loss={last['train_loss']:.3f}" in terminal.text
    assert f"validation={last['valid_accuracy']:.1%}" in terminal.text


@pytest.mark.parametrize("verbose", [0, 1])
def test_nothing_is_drawn_where_there_is_no_terminal(verbose, quick, faces, capfd):
    quick(verbose=verbose, validation_fraction=0).fit(*faces)
    assert capfd.readouterr() == ("", "")

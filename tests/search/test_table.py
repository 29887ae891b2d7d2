"""The table of trials, and what is said of the best."""

from hybridfer.search import SearchResult, TrialRow, render_trials


def row(number, state="complete", accuracy=0.5, **fields):
    values = {"epochs": 2, "parameters": 7000, "seconds": 4.2, "drawn": {"kernel": 3}, "coordinates": {}, "curve": ()}
    return TrialRow(number, state, accuracy, **{**values, **fields})


def told(*rows):
    return render_trials(SearchResult("faces", "conv_stack", 700, 3589, "", rows))


def test_trials_stand_in_columns_and_failures_are_explained():
    text = told(row(3, accuracy=0.6125), row(1, "pruned", 0.4, epochs=1), row(0, "failed", None, failure="out of memory"))
    lines = text.splitlines()

    assert lines[0].split() == ["trial", "state", "validation", "epochs", "parameters", "seconds", "kernel"]
    assert lines[1].split() == ["3", "complete", "61.3%", "2", "7,000", "4", "3"]
    assert lines[3].split() == ["0", "failed", "-", "2", "7,000", "4", "3"]
    assert "trial 0 failed: out of memory" in lines
    assert all(len(line) <= 100 for line in lines)


def test_the_best_of_many_is_said_to_promise_too_much():
    text = " ".join(told(row(3, accuracy=0.6125), row(1)).split())

    assert "trial 3, is right on 61.3% of 3,589 validation images" in text
    assert "best of 2 on the very images it was chosen by, and so promises too much" in text


def test_trials_of_others_are_told_of_and_when_to_come_again():
    assert "run the same search again in a minute" in " ".join(told(row(3), row(4, "running", None)).split())
    assert "search again" not in told(row(3))


def test_one_trial_is_no_search_and_none_has_no_best():
    assert "no search yet" in told(row(0))
    assert "there is no best one" in told(row(0, "failed", None))
    assert "no trials" in told()

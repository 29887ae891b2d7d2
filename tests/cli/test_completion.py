import pytest
from click.shell_completion import ShellComplete

from hybridfer.cli import main
from hybridfer.networks import NETWORKS


def completed(*words: str) -> list[str]:
    """What Tab gives after the last of some words."""
    *before, begun = words
    found = ShellComplete(main, {}, "hybridfer", "_HYBRIDFER_COMPLETE").get_completions(list(before), begun)
    return [item.value for item in found if item.type == "plain"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["networks", "model_"], sorted(name for name in NETWORKS if name.startswith("model_"))),
        (["networks", ""], sorted(NETWORKS)),
        (["networks", "resnet"], []),
        (["ext"], ["extract"]),
        (["store", "ver"], ["verify"]),
    ],
    ids=" ".join,
)
def test_tab_gives_the_names_that_begin_so(words, expected):
    assert sorted(completed(*words)) == expected


def test_a_network_is_told_with_its_source():
    (found,) = ShellComplete(main, {}, "hybridfer", "_HYBRIDFER_COMPLETE").get_completions(["networks"], "grig")
    assert "ATEE 2021" in found.help

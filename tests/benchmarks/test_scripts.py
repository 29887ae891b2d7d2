"""The scripts of benchmarks/ are run by hand: here they are at least imported, as the library changes below them."""

import runpy
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[2] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_finds_what_it_imports_and_says_how_it_is_run(script, monkeypatch):
    # as Python does for a script that is run
    monkeypatch.syspath_prepend(script.parent)
    names = runpy.run_path(str(script), run_name="imported")

    assert f"benchmarks/{script.name}" in names["__doc__"]

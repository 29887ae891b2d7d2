"""Paths in files of recipes: where they start from, and what is no path."""

from pathlib import Path

import pytest

from hybridfer.recipes import expand_recipe, load_recipe


@pytest.fixture
def write(tmp_path):
    def _write(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return _write


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ('training.start = ["compact", "w.safetensors"]', ["compact", "{folder}/w.safetensors"]),
        ('training.teacher = ["../w.safetensors", "/elsewhere/w.pt"]', ["{folder}/../w.safetensors", "/elsewhere/w.pt"]),
        ('network_arguments.pretrained = ["hub", "", "w"]', ["hub", "", "{folder}/w"]),
    ],
)
@pytest.mark.parametrize("header", ["[grid]", "[[grid]]"])
def test_paths_to_try_start_from_the_recipes_folder(header, values, found, write, tmp_path):
    (grid,) = load_recipe("feature", write(f"{header}\n{values}")).grid
    (tried,) = (*grid.training.values(), *grid.network_arguments.values())
    assert tried == [path.format(folder=tmp_path) for path in found]


def test_each_of_several_grids_has_its_paths_resolved(write, tmp_path):
    text = '[[grid]]\ntraining.start = ["a.safetensors"]\n[[grid]]\ntraining.start = ["b.safetensors"]'
    members = expand_recipe(load_recipe("feature", write(text)))
    assert [member.training.start for member in members] == [str(tmp_path / f"{name}.safetensors") for name in "ab"]


@pytest.mark.parametrize(
    "text",
    ['[training]\nstart = "timm:resnet50.a1_in1k"', '[grid]\ntraining.start = ["timm:resnet50.a1_in1k"]'],
)
def test_a_tag_of_a_model_of_timm_is_no_suffix_of_a_file(text, write):
    (member,) = expand_recipe(load_recipe("feature", write(text)))
    assert member.training.start == "timm:resnet50.a1_in1k"

import json

import pytest

from hybridfer.networks import NETWORKS


def table(text: str) -> list[list[str]]:
    """Lines between the head of the table and the empty line after it, by column."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("layer"))
    rows = lines[start + 1 : lines.index("", start)]
    # columns: layer, type, shape, parameters
    return [[row[:24].strip(), row[25:49].strip(), row[50:72].strip(), row[73:].strip()] for row in rows]


def test_the_summary_of_a_network_has_a_line_for_each_layer_and_the_three_sums(run):
    result = run("networks", "grigorasi")
    assert result.exit_code == 0
    rows = table(result.stdout)
    assert len(rows) == 22
    assert rows[0] == ["conv1.conv", "Conv2D", "(None, 48, 48, 256)", "2,560"]
    assert rows[2] == ["conv2.norm", "BatchNormalization", "(None, 48, 48, 512)", "2,048"]
    assert rows[17] == ["flatten", "Flatten", "(None, 3456)", "0"]
    assert rows[-1] == ["logits", "Dense", "(None, 7)", "1,799"]
    assert "5,173,959 parameters in all" in result.stdout
    assert "5,170,503 trainable parameters" in result.stdout
    assert "3,456 non-trainable parameters" in result.stdout


def test_classes_sides_and_arguments_can_be_others(run):
    rows = table(run("networks", "model_3", "--classes", 9, "--image-size", 64, "--argument", "kernel=2").stdout)
    assert rows[0] == ["conv1.conv", "Conv2D", "(None, 64, 64, 64)", "320"]
    assert rows[-1][2:] == ["(None, 9)", "4,617"]


def test_the_classes_are_those_that_a_network_was_published_for(run):
    assert "605,060 parameters in all" in run("networks", "model_1").stdout
    assert "48 x 48 x 1, 4 classes" in run("networks", "model_1").stdout


def test_json_holds_every_line_and_both_counts(run):
    (told,) = json.loads(run("networks", "model_3", "--argument", "kernel=2", "--json").stdout)
    assert (told["total"], told["parameters"], told["non_trainable"]) == (1_782_340, 1_778_116, 4_224)
    assert told["lines"][1] == {
        "name": "conv1.norm",
        "kind": "BatchNormalization",
        "shape": [48, 48, 64],
        "trainable": 128,
        "non_trainable": 128,
    }


def test_the_list_names_every_network_with_its_source_and_both_counts(run):
    listed = run("networks").stdout
    for name, row in NETWORKS.items():
        assert any(line.startswith(f"{name} ") for line in listed.splitlines())
        assert row.source in listed
    assert "5,173,959  5,170,503" in listed


def test_the_list_ends_with_the_weights_that_are_in_the_wheel(run):
    last = run("networks").stdout.strip().splitlines()[-1]
    assert last.startswith("Weights in the wheel, by their names: compact, compact-")


def test_networks_that_need_larger_images_are_left_out_of_the_list_and_said_to_be(run):
    result = run("networks", "--image-size", 8)
    assert result.exit_code == 0
    assert "model_3" not in result.stdout
    assert "model_3" in result.stderr
    assert "compact" in result.stdout


def test_an_argument_that_is_a_list_in_words_may_have_one_number(run):
    result = run("networks", "conv_stack", "--argument", "filters=64")
    assert result.exit_code == 0
    assert "48, 48, 64" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["grigorazi"], "Did you mean 'grigorasi'?", 1),
        (
            ["model_3", "--argument", "kernal=2"],
            "model_3 takes the arguments ['dropout', 'kernel', 'slope']; got ['kernal']",
            1,
        ),
        (["model_3", "--argument", "kernel"], "expected NAME=VALUE", 2),
        (["--argument", "kernel=2"], "needs the NAME of a network", 2),
        (["model_3", "--image-size", "16"], "at least 32 x 32", 1),
        (["compact", "--classes", "99999999999999999999"], "compact cannot be built for 99999999999999999999 classes", 1),
        (["conv_stack", "--argument", "dense=99999999999999999999"], "conv_stack cannot be built for 7 classes with", 1),
    ],
)
def test_a_mistake_names_what_was_meant(arguments, words, code, run):
    result = run("networks", *arguments)
    assert result.exit_code == code
    assert words in result.stderr


def test_training_by_a_grid_names_its_recipes_before_anything_is_read(run):
    result = run("train", "nowhere.zip", "-f", "model_3-grid", "-o", "out.safetensors")
    assert result.exit_code == 1
    assert "model_3-grid[kernel=2,learning_rate=0.001]" in result.stderr


def test_one_recipe_of_a_grid_is_trained_by_its_name(run, workplace):
    name = "leaky_cnn-optimizers[optimizer=adadelta,learning_rate=1.0]"
    result = run("train", "faces:120", "-f", name, "-o", "out.safetensors", "--epochs", 1)
    assert result.exit_code == 0, result.output
    assert (workplace / "out.safetensors").exists()

import hashlib
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from hybridfer.digest import DIGEST
from hybridfer.errors import WeightsError
from hybridfer.evaluation.prediction import Prediction
from hybridfer.evaluation.report import BenchmarkReport, ReportError
from hybridfer.evaluation.rows import compare_rows
from hybridfer.evaluation.twins import Leak
from hybridfer.networks import Network, catalogue_network, load_network, save_network
from hybridfer.recipes import FeatureRecipe, load_recipe
from hybridfer.reporting.cards.card import model_card
from hybridfer.reporting.cards.recipe import recipe_text
from hybridfer.reporting.gfm import escape
from hybridfer.training.train import recipe_classifier

CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
# names that would break a table
ODD = ("ha|ppy", "*sad*", "<b>fear")


def part(card: str, title: str) -> str:
    """What stands under a heading of the second level."""
    return card.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def facts(card: str) -> dict[str, str]:
    return dict(line[2:].split(": ", 1) for line in card.partition("\n## ")[0].splitlines() if line.startswith("- "))


def cells(text: str) -> list[list[str]]:
    """The lines of the first table, without its rule, cut at the bars that no backslash escapes."""
    block = re.search(r"(?:^\|.*\n?)+", text, re.MULTILINE)[0]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block.splitlines()]
    return [rows[0], *rows[2:]]


def digests(n: int, first: int = 0) -> np.ndarray:
    return np.array([f"{first + i:016d}".encode() for i in range(n)], dtype=DIGEST)


def trained(recipe: FeatureRecipe | None = None, **changed) -> Network:
    """An untrained network that says of itself that it was trained by a recipe, on 20 images, 5 more being watched."""
    recipe = recipe or FeatureRecipe(name="mine", network="tiny", training={"max_epochs": 8})
    epochs = [
        {
            "epoch": i + 1,
            "dur": 30.0,
            "train_loss": 2 - i / 8,
            "valid_loss": 2.0,
            "valid_accuracy": accuracy,
            "learning_rate": 0.001,
        }
        for i, accuracy in enumerate((0.1, 0.2, 0.3, 0.4, 0.5, 0.61, 0.6, 0.5))
    ]
    told = {
        "training": {**recipe_classifier(recipe).recipe, "train_counts": [9, 4, 2, 2, 2, 2, 2]},
        "history": tuple(epochs),
        "classes": CLASSES,
        "trained_on": digests(25),
        "watched": digests(5),
    }
    return replace(catalogue_network("tiny", n_classes=len(changed.get("classes", CLASSES))), **{**told, **changed})


@pytest.fixture
def saved(tmp_path) -> Callable[..., Path]:
    def save(network: Network | None = None, precision: str = "fp32") -> Path:
        return save_network(network or trained(), tmp_path / "mine.safetensors", precision=precision, overwrite=True)

    return save


@pytest.fixture
def measured(make_report, saved) -> Callable[..., tuple[Path, BenchmarkReport]]:
    """A weights file, and a report that holds runs of it by two recipes and one of other weights."""

    def make(**keywords) -> tuple[Path, BenchmarkReport]:
        path = saved()
        heads = {"mine": {"svm-rbf": (0.2, 0.05), "knn": (0.1, 0.16)}, "mine-views": {}, "other": {}}
        report = make_report(heads=heads, **keywords)
        digest = load_network(path).digest
        runs = [replace(run, weights_digest="0" * 64 if run.recipe == "other" else digest) for run in report.features]
        runs[1] = replace(runs[1], views="flip")
        return path, replace(report, features=tuple(runs))

    return make


def test_the_file_is_told_so_that_its_checksum_can_be_checked(saved):
    path = saved(precision="fp16")
    told = facts(model_card(path))
    assert told["sha256 of the file"] == f"`{hashlib.sha256(path.read_bytes()).hexdigest()}`"
    assert told["file"] == f"{path.stat().st_size / 1e6:.1f} MB, weights in half precision (fp16)"
    assert load_network(path).digest in told["digest of the weights"]
    assert told["network"] == f"tiny, {load_network(path).parameters:,} parameters"
    assert told["classes"] == f"7: {', '.join(CLASSES)}"


def test_images_are_counted_apart_from_those_that_were_only_watched(saved):
    told = facts(model_card(saved()))
    assert told["trained on"].startswith("20 different images; its training had 23, copies counted (angry 9, dis")
    assert told["only watched"].startswith("5 different images")
    assert told["only watched"].endswith("the training decided nothing by them")


def test_what_was_decided_by_validation_is_said(saved):
    patient = FeatureRecipe(name="mine", network="tiny", training={"patience": 3, "schedule": "plateau"})
    told = facts(model_card(saved(trained(patient))))
    assert "when to stop and which epoch to keep and when to lower the learning rate" in told["only watched"]
    assert told["training"] == "8 epochs of at most 30; those of epoch 1 were kept; 4 minutes; seed 0"


def test_the_temperature_that_validation_decided_is_named(measured, saved):
    path, report = measured()
    plain = model_card(path, report)
    assert "calibrated" not in part(plain, "Confidence")
    network = load_network(path)
    path = saved(replace(network, training={**network.training, "fitted_temperature": 1.3149}))
    card = model_card(path, report)
    told = facts(card)["only watched"]
    assert told.endswith("they decided the temperature that the logits are divided by, 1.31")
    assert part(card, "Confidence").startswith("\nThe probabilities are calibrated: ")
    assert "were divided by 1.31, the temperature that fitted the images held out" in part(card, "Confidence")


def test_a_file_that_says_nothing_gets_a_card_that_says_so(tmp_path):
    path = save_network(catalogue_network("tiny"), tmp_path / "bare.safetensors")
    card = model_card(path)
    told = facts(card)
    assert told["trained on"] == told["training"] == "the file does not say"
    assert told["classes"] == "not named"
    assert "## Training" not in card


def test_the_first_the_best_and_the_last_epoch_are_shown_with_some_between(saved):
    table = cells(part(model_card(saved()), "Training"))
    assert [line[0] for line in table[1:]] == ["1", "2", "4", "6", "8"]
    by_epoch = {line[0]: line[1:] for line in table[1:]}
    assert by_epoch["6"] == ["0.001", "1.375", "2.000", "61.0", "best on validation"]
    assert by_epoch["8"][-1] == "kept"


@pytest.mark.parametrize("name", ["baseline", "compact", "compact-finetune", "leaky_cnn", "model_1", "model_f", "grigorasi"])
def test_the_settings_are_a_recipe_that_gives_the_very_same_training(name, tmp_path):
    recipe = load_recipe("feature", name)
    told = json.loads(json.dumps(recipe_classifier(recipe).recipe))
    (tmp_path / "again.toml").write_text(recipe_text(trained(training=told)))
    again = load_recipe("feature", tmp_path / "again.toml")
    assert recipe_classifier(again).recipe == recipe_classifier(recipe).recipe
    assert again.training == recipe.training


def test_settings_far_from_the_defaults_come_back_too(tmp_path, saved):
    training = {
        "learning_rate": 1e-5,
        "class_weight": {"angry": 2.0, "sad": 0.5},
        "balance": {"disgust": 30},
        "balance_augmentation": {"rotation": 20.0},
        "augmentation": {},
        "teacher": "compact",
        "distillation": 0.9,
        "temperature": 4.0,
        "random_state": 3,
    }
    recipe = FeatureRecipe(
        name="mine",
        network="model_3",
        network_arguments={"kernel": 2, "dropout": 0.25},
        image_size=64,
        colour=True,
        training=training,
    )
    card = model_card(saved(trained(recipe)))
    text = re.search(r"```toml\n(.*?)\n```", card, re.DOTALL)[1]
    (tmp_path / "again.toml").write_text(text)
    again = load_recipe("feature", tmp_path / "again.toml")
    assert (again.training, again.image_size, again.colour) == (recipe.training, 64, True)
    assert again.network_arguments.items() >= recipe.network_arguments.items()
    assert "momentum" not in text
    told = facts(card)
    assert told["taught by"] == f"compact, weights of the digest `{load_network('compact').digest}`"
    assert told["trained on"].startswith("20 different images, with those of the networks that it takes from; its training")


@pytest.mark.parametrize(
    ("classes", "weights"),
    [
        # a position beyond the classes, a name that is none, and digits that may be names or positions
        (CLASSES[1:], {"0": 2.0, "6": 0.5}),
        (CLASSES, {"contempt": 2.0}),
        (("1", "2", "3"), {"1": 2.0}),
    ],
)
def test_weights_of_classes_that_cannot_be_told_are_left_out(classes, weights, saved):
    told = {"network": "tiny", "class_weight": weights, "learning_rate": 0.01}
    card = model_card(saved(trained(classes=classes, training=told)))
    text = re.search(r"```toml\n(.*?)\n```", card, re.DOTALL)[1]
    assert f"# class_weight is left out, as it cannot be told which classes are meant by {json.dumps(weights)}\n" in text
    assert tomllib.loads(text)["training"] == {"learning_rate": 0.01}


def test_digits_that_are_names_and_positions_alike_are_taken_for_both():
    told = {"network": "tiny", "class_weight": {"1": 2.0}}
    assert "[training.class_weight]\n1 = 2.0" in recipe_text(trained(classes=("0", "1", "2"), training=told))


def test_classes_that_a_training_knew_by_position_are_named():
    told = {"network": "tiny", "class_weight": {"0": 2.0, "4": 0.5}, "balance": {"1": 30}}
    text = recipe_text(trained(training=told))
    assert "[training.class_weight]\nangry = 2.0\nsad = 0.5" in text
    assert "[training.balance]\ndisgust = 30" in text


def test_weights_that_are_not_in_the_wheel_are_left_to_be_filled_in(tmp_path):
    ancestor = {"network": "tiny", "digest": "ab" * 32, "classes": list(CLASSES)}
    told = {"network": "tiny", "start": ancestor, "teacher": {**ancestor, "network": "ensemble"}, "distillation": 0.7}
    text = recipe_text(trained(training=told))
    assert text.startswith(f'# start.safetensors stands for the weights of "tiny" of the digest "{"ab" * 32}": put the path')
    (tmp_path / "again.toml").write_text(text)
    again = load_recipe("feature", tmp_path / "again.toml")
    assert (again.training.teacher, again.training.distillation) == (str(tmp_path / "teacher.safetensors"), 0.7)


def test_settings_that_no_recipe_has_are_told_in_words(saved):
    card = model_card(saved(trained(training={"network": "tiny", "image_size": [40, 32], "optimizer": "adam"})))
    assert "No recipe can be made of the settings in the file: image_size: expected an integer" in card
    assert "```toml" not in card


def test_without_a_report_the_card_says_how_to_get_an_accuracy(saved):
    path = saved()
    told = part(model_card(path), "Accuracy")
    assert told.startswith("\nNo accuracy was given.")
    assert f"hybridfer benchmark DATA -f tiny --weights {path} --out runs/measured" in told
    assert f"hybridfer card {path} --report runs/measured" in told
    assert "ages, genders and skin tones was not measured" in told


def test_each_recipe_of_these_weights_has_a_line_with_both_accuracies(measured):
    path, report = measured()
    table = cells(part(model_card(path, report), "Accuracy"))
    assert [line[0] for line in table[1:]] == ["mine", "mine-views"]
    row = next(row for row in report.rows if row.feature == "mine" and row.is_softmax)
    low, high = row.twin_free.accuracy_interval
    assert table[1][2] == f"{100 * row.whole.accuracy:.1f}"
    assert table[1][4:6] == [f"{100 * row.twin_free.accuracy:.1f}", f"[{100 * low:.1f}, {100 * high:.1f}]"]
    assert table[2][1] == "the mean of the image and its mirror image"


def test_where_every_image_is_a_twin_nothing_is_said_to_be_without_them(measured):
    path, report = measured(n=60, n_twins=60)
    told = part(model_card(path, report), "Accuracy")
    row = next(row for row in report.rows if row.feature == "mine" and row.is_softmax)
    assert "without twins" not in told
    assert cells(told)[1][4] == f"{100 * row.whole.macro_f1:.1f}"


def test_warnings_of_softmax_are_told_and_those_of_heads_are_not(measured):
    path, report = measured()
    rows = [replace(row, warnings=(f"too {row.pipeline} a < b",)) for row in report.rows]
    told = part(model_card(path, replace(report, rows=tuple(rows))), "Accuracy")
    assert "\n\nWarnings:\n\n- softmax on mine: too softmax a < b\n- softmax on mine-views: too softmax a < b\n\n" in told
    assert "too knn" not in told


def test_few_images_are_warned_of_as_in_the_report(measured):
    path, report = measured(n=200)
    told = part(model_card(path, report), "Accuracy")
    assert any("can tell no lead below" in warning for warning in report.warnings)
    assert all(f"- {escape(warning)}" in told for warning in report.warnings)


def test_without_twins_there_is_one_accuracy(measured):
    path, report = measured(n_twins=0)
    header = cells(part(model_card(path, report), "Accuracy"))[0]
    assert "without twins" not in header
    assert "accuracy" in header


def test_the_recipe_that_is_named_is_looked_at_class_by_class(measured):
    path, report = measured()
    assert "### mine: softmax" in part(model_card(path, report), "Class by class")
    named = part(model_card(path, report, features="mine-views"), "Class by class")
    assert "### mine-views: softmax" in named
    assert "### mine: softmax" not in named


def test_a_report_without_these_weights_is_refused(measured):
    path, report = measured()
    with pytest.raises(ReportError, match=r"holds other \(0000000000000000\)\. Measure them with: hybridfer benchmark"):
        model_card(path, replace(report, features=report.features[2:], rows=report.rows_of("other")))
    with pytest.raises(ReportError, match=r"among \['mine', 'mine-views'\]; got 'other'"):
        model_card(path, report, features="other")


def test_a_leak_of_these_weights_stands_above_everything(measured):
    path, report = measured()
    leaking = [replace(run, leak=Leak(20, 12)) if run.recipe != "other" else run for run in report.features]
    lines = model_card(path, replace(report, features=tuple(leaking))).splitlines()
    assert lines[2].startswith("**Do not trust this comparison: the CNNs of mine and mine-views were trained on 12 of the")
    # other weights of the report are no affair of this card
    leaking = [replace(run, leak=Leak(20, 12) if run.recipe == "other" else None) for run in report.features]
    card = model_card(path, replace(report, features=tuple(leaking)))
    assert "Do not trust" not in card
    assert "The weights do not say which images they were trained on" in card


def test_a_count_of_seen_test_images_says_where_it_is_a_least_one(measured):
    path, report = measured()
    for leak, told in (
        (Leak(0, 0), "The weights have seen none of the test images."),
        (
            Leak(0, 0, untold=("the member tiny",)),
            "As far as they say, the weights have seen none of the test images; but what the member tiny was trained on is "
            "unknown: further test images may be among it.",
        ),
        (
            Leak(4, 0, untold=("the start tiny",)),
            "the weights have seen 4 test images, all of them twins; but what the start",
        ),
    ):
        runs = tuple(replace(run, leak=leak) for run in report.features)
        assert told in model_card(path, replace(report, features=runs))


def test_the_head_that_validation_chose_is_told_instead_of_the_best_on_test(measured):
    path, report = measured()
    chosen = replace(report.chosen, pipeline="knn", comparisons=report.chosen.comparisons[:1])
    told = part(model_card(path, replace(report, chosen=chosen)), "Classical heads")
    row = next(row for row in report.rows if row.name == "knn on mine")
    assert f"Validation chose knn on mine among {chosen.n_heads} heads" in told
    assert ", the only one planned)." in told
    assert f" knn on mine is right in {100 * row.twin_free.accuracy:.1f} % of the twin-free part of the test split" in told
    assert "on these very images" not in told


def test_the_head_that_validation_chose_stands_against_each_softmax(measured):
    path, report = measured()
    told = part(model_card(path, report), "Classical heads")
    assert [line[0] for line in cells(told)[1:]] == ["mine (its own)", "mine-views", "other"]


def test_a_head_that_validation_chose_on_other_weights_is_not_told(measured):
    path, report = measured()
    told = part(model_card(path, replace(report, chosen=replace(report.chosen, feature="other"))), "Classical heads")
    assert "Validation chose" not in told
    assert "on these very images" in told


def test_the_best_head_is_told_with_its_test(measured):
    path, report = measured()
    report = replace(report, chosen=None)
    told = part(model_card(path, report), "Classical heads")
    test = next(row for row in report.rows if row.name == "svm-rbf on mine").versus_softmax
    assert test.is_better
    assert "- svm-rbf on mine (the best of 2 on these very images" in told
    assert f"{test.points:+.1f} points" in told
    assert "a difference beyond chance (exact McNemar test, p < 0.001" in told
    assert "mine-views" not in told


def test_subgroups_are_told_where_the_report_has_them(measured):
    path, report = measured(groups={"gender": np.where(np.arange(3589) < 1000, "female", "male")})
    told = part(model_card(path, report), "Subgroups")
    assert [line[:3] for line in cells(told)[1:]] == [["gender", "female", "1,000"], ["gender", "male", "2,589"]]
    path, report = measured()
    assert part(model_card(path, report), "Subgroups").strip().startswith("How the network differs between ages")


@pytest.fixture
def confused(measured) -> tuple[Network, BenchmarkReport]:
    """Three classes of 40, 30 and 10 images; 12 of the first are taken for the second, 6 of the last for the first."""
    y = np.repeat([0, 1, 2], [40, 30, 10])
    said = y.copy()
    said[:12], said[74:] = 1, 0
    predictions = {("mine", "softmax"): Prediction(said, 0.9 * np.eye(3)[said] + 0.1 / 3, is_softmax=True)}
    _, report = measured(n_twins=0)
    network = trained(classes=ODD, training={"network": "tiny", "train_counts": [400, 300, 20]})
    dataset = replace(report.dataset, classes=ODD, counts={"train": (1, 2, 3), "test": (40, 30, 10)})
    runs = (replace(report.features[0], weights_digest=network.digest),)
    rows = compare_rows(y, np.zeros(80, dtype=bool), predictions, ODD)
    return network, replace(report, dataset=dataset, features=runs, rows=rows)


def test_failures_are_told_in_words(confused, saved):
    network, report = confused
    told = part(model_card(saved(network), report), "Known failures")
    first, second = told.strip().split("\n\n")
    assert first == (
        r"The largest confusions: ha\|ppy is taken for \*sad\* (12 of 40) and &lt;b>fear for ha\|ppy (6 of 10)."
    )
    assert second.startswith(
        r"Least found is &lt;b>fear: 4 of 10, a recall of 40.0 % (95 %: [16.8, 68.7]), most often taken"
    )
    assert second.endswith("The network was trained on 20 images of it, of 720 in all.")


def test_without_counts_of_its_own_those_of_the_report_are_named_as_such(confused, saved):
    network, report = confused
    path = saved(replace(network, training={"network": "tiny"}))
    assert "the train split of the report has 3, of 6 images in all." in model_card(path, report)


def test_a_network_without_errors_has_no_failures(confused, saved):
    network, report = confused
    y = np.repeat([0, 1, 2], [40, 30, 10])
    perfect = {("mine", "softmax"): Prediction(y, is_softmax=True)}
    rows = compare_rows(y, np.zeros(80, dtype=bool), perfect, ODD)
    told = part(model_card(saved(network), replace(report, rows=rows)), "Known failures")
    assert told.strip() == "None of the 80 images was taken for another class."


def test_names_with_bars_break_no_table(confused, saved):
    network, report = confused
    card = model_card(saved(network), report, notes="| a | b |\n")
    for block in re.findall(r"(?:^\|.*\n?)+", card, re.MULTILINE):
        assert len({len(re.split(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_nothing_in_a_file_or_a_report_makes_a_heading_or_a_block(confused, saved):
    network, report = confused
    names = ("happy\n\n## Mine", "sad\n| x |", "~~fear~~ &lt;")
    ancestor = {"network": "tiny", "digest": "`\n\n## Mine", "classes": []}
    training = {"network": "tiny", "train_counts": [400, 300, 20], "start": ancestor, "random_state": "0\n\n## Mine"}
    path = saved(replace(network, classes=names, training=training))
    dataset = replace(report.dataset, classes=names)
    scored = [replace(one, name=name) for one, name in zip(report.rows[0].whole.per_class, names, strict=True)]
    scores = replace(report.rows[0].whole, per_class=tuple(scored))
    rows = (replace(report.rows[0], whole=scores, twin_free=scores),)
    command = "hybridfer benchmark\n```\n\n## Mine"
    card = model_card(path, replace(report, dataset=dataset, rows=rows, command=command, created="now\n\n## Mine"))
    assert f"\n````sh\n{command}\n````\n" in card
    outside = re.sub(r"^(`{3,}).*?^\1$", "", card, flags=re.DOTALL | re.MULTILINE)
    assert "\n## Mine" not in outside
    assert r"\~\~fear\~\~ &amp;lt;" in outside
    assert facts(card)["begins with"] == "tiny, weights without a digest"
    for block in re.findall(r"(?:^\|.*\n?)+", outside, re.MULTILINE):
        assert len({len(re.split(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


@pytest.mark.parametrize("dtype", [torch.float64, torch.float8_e4m3fn])
def test_other_formats_of_numbers_go_by_their_own_name(dtype, saved):
    path = saved(replace(trained(), history=({"epoch": "one", "train_loss": 1.0},)))
    with safe_open(path, framework="pt") as file:
        metadata = {name: text for name, text in file.metadata().items() if name != "sha256"}
        tensors = {name: file.get_tensor(name) for name in list(file.keys())}
    cast = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    save_file(cast, path, metadata)
    card = model_card(path)
    assert facts(card)["file"].endswith({torch.float64: "weights in F64"}.get(dtype, "weights in F8_E4M3"))
    assert cells(part(card, "Training"))[1][0] == "1"


@pytest.mark.parametrize("counts", [["many"] * 7, [None] * 7, [9.5] * 7])
def test_counts_that_are_none_are_not_told(counts, saved):
    network = trained()
    card = model_card(saved(replace(network, training={**network.training, "train_counts": counts})))
    assert facts(card)["trained on"] == "20 different images"


def test_notes_end_the_card_as_they_are(saved):
    path = saved()
    assert model_card(path, notes="A | B\n\n<b>C</b>\n").endswith("\n\n## Notes\n\nA | B\n\n<b>C</b>\n")
    assert model_card(path, notes="## The images\n\nMine.\n").endswith("\n\n## The images\n\nMine.\n")
    assert model_card(path, notes="\n") == model_card(path)


def test_nothing_in_a_file_says_anything_to_a_terminal(saved, tmp_path):
    said = "\x1b]0;x\x07\x9b1m\u202e"
    training = {"teacher": {"network": f"a{said}", "digest": said}, "class_weight": {said: 2.0}, "optimizer": "sgd"}
    network = replace(load_network("tiny", weights=None), classes=tuple(f"{name}{said}" for name in "abcdefg"))
    path = save_network(replace(network, training=training), tmp_path / f"named{said}.safetensors")
    lines = model_card(path).splitlines()
    assert [line for line in lines if not line.isprintable()] == []


def test_a_name_that_says_something_to_a_terminal_comes_back_from_the_recipe(tmp_path):
    name = "a\x1b\x9b\u202e\U000e0001é"
    network = replace(load_network("tiny", weights=None, classes=[name, "b"]), training={"class_weight": {name: 2.0}})
    text = recipe_text(network)
    assert text.replace("\n", "").isprintable()
    assert tomllib.loads(text)["training"]["class_weight"] == {name: 2.0}


def test_weights_that_there_are_not_are_refused(tmp_path):
    with pytest.raises(WeightsError, match="no weights of that name in the wheel; did you mean 'compact'"):
        model_card("compakt")
    with pytest.raises(WeightsError, match="hybridfer train DATA"):
        model_card(tmp_path / "none.safetensors")

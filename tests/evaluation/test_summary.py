"""What the report says of how its figures were made."""

from dataclasses import replace

import numpy as np
import pytest

from hybridfer import FeatureRecipe, make_faces
from hybridfer.evaluation.splits import three_splits
from hybridfer.evaluation.summary import describe_protocol, summarise

PLAIN = FeatureRecipe(name="plain", network="tiny")


def named(name: str, **training) -> FeatureRecipe:
    return PLAIN.model_copy(update={"name": name}).retrained(**training)


def told(*recipes: FeatureRecipe, weights: object | None = None) -> str:
    return describe_protocol(recipes, weights, "grid", "train").network


def test_validation_images_that_are_copies_of_train_images_tune_nothing_and_are_not_counted():
    faces = make_faces(90, classes=("happy", "sad", "surprise"), random_state=1)
    train, validation = (np.flatnonzero(faces.splits == split) for split in ("train", "validation"))
    images = faces.images.copy()
    images[validation[:4]] = images[train[:4]]
    splits = three_splits(replace(faces, images=images))
    summary = summarise(splits, np.zeros(len(splits.test), dtype=bool), None, None)
    assert (summary.n_validation, summary.n_tuning) == (len(validation), len(validation) - 4)
    assert replace(summary, tuning=None).n_tuning == len(validation)


def test_a_training_that_takes_from_no_other_network_is_told_as_such():
    assert told(PLAIN) == "plain: trained on train; nothing was decided on validation."


def test_weights_to_start_with_and_teachers_are_told_by_their_names_without_folders():
    network = told(
        PLAIN,
        named("fine", start="compact"),
        named("finer", start="compact"),
        named("pupil", start="/mine/w.safetensors", teacher=("compact", "/mine/a.safetensors", "/mine/b.safetensors")),
    )
    seen = "; test images that the weights name as seen are counted."
    assert network.startswith("plain, fine, finer, pupil: trained on train; ")
    assert f" fine, finer: begins with the weights of compact{seen}" in network
    assert network.endswith(
        " pupil: begins with the weights of w.safetensors and is taught by compact, a.safetensors and b.safetensors" + seen
    )


def test_of_networks_that_are_loaded_no_training_is_told():
    heir = named("heir", teacher="compact")
    loaded = heir.model_copy(update={"weights": "builtin"})
    assert "taught by compact" in told(heir)
    assert "taught" not in told(loaded)
    assert "taught" not in told(heir, weights="w.safetensors")


def test_what_validation_decided_is_told_of_each_training():
    network = told(
        PLAIN,
        named("patient", patience=5, schedule="plateau"),
        named("patient-too", patience=9, schedule="plateau"),
        named("calibrated", calibrate=True),
        named("cosine", schedule="cosine"),
    )
    assert network == (
        "plain, cosine: trained on train; nothing was decided on validation. "
        "patient, patient-too: trained on train; validation decided when to stop and which epoch to keep and when to lower "
        "the learning rate. "
        "calibrated: trained on train; validation decided the temperature that the logits are divided by."
    )


def test_of_loaded_weights_no_more_is_promised_than_they_say():
    assert told(PLAIN, weights="w.safetensors") == (
        "plain: loaded, not trained here; test images that the weights name as seen are counted."
    )


@pytest.mark.parametrize(("search", "chosen"), [("grid", True), ("halving", True), ("random", True), ("off", False)])
def test_without_a_search_nothing_is_said_to_have_been_chosen_by_it(search, chosen):
    protocol = describe_protocol([PLAIN], None, search, "train")
    assert ("Heads were fitted on train and chosen on validation" in protocol.tuning) is chosen
    assert ("where there are several, validation chose one" in protocol.tuning) is not chosen
    assert ("With the chosen parameters" in protocol.refit) is chosen

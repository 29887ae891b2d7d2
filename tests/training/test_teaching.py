import logging
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit

from hybridfer import make_faces
from hybridfer.digest import image_digests
from hybridfer.errors import DatasetError, RecipeError, WeightsError
from hybridfer.networks import Preprocessing, catalogue_network, load_network, save_network
from hybridfer.training import Augmentation, remembered_path, train_network
from hybridfer.training.net import TrainedModule
from hybridfer.training.teaching import Teacher, divergence

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def teacher(master, tmp_path_factory) -> Path:
    """Weights of a network that knows the shades."""
    return save_network(master.network_, tmp_path_factory.mktemp("teacher") / "teacher.safetensors")


@pytest.fixture
def seen(monkeypatch) -> dict[str, list[torch.Tensor]]:
    """Pixels that the teacher and the network see in training steps, and what both answer."""
    noted: dict[str, list] = {"teacher": [], "student": [], "taught": [], "logits": []}
    asked, answered = Teacher.__call__, TrainedModule.logits

    def teach(teacher, pixels):
        noted["teacher"].append(pixels)
        noted["taught"].append(asked(teacher, pixels))
        return noted["taught"][-1]

    def answer(module, pixels):
        logits = answered(module, pixels)
        if module.training:
            noted["student"].append(pixels)
            noted["logits"].append(logits.detach())
        return logits

    monkeypatch.setattr(Teacher, "__call__", teach)
    monkeypatch.setattr(TrainedModule, "logits", answer)
    return noted


def warnings_of(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_a_student_learns_what_its_teacher_says_and_not_what_labels_say(shades, master, teacher, quick):
    X, y = shades
    noise = np.random.default_rng(1).permutation(y)
    settings = {"max_epochs": 12, "learning_rate": 0.01, "validation_fraction": 0, "schedule": "one-cycle"}
    assert master.score(X, y) > 0.95
    student = quick(**settings, teacher=teacher, distillation=1.0, random_state=1).fit(X, noise)
    assert (student.predict(X) == master.predict(X)).mean() > 0.95
    assert (student.predict(X) == noise).mean() < 0.5


def test_a_teacher_without_a_share_changes_nothing(shades, teacher, quick):
    settings = {"augmentation": {"flip": True, "rotation": 10}, "max_epochs": 1}
    alone = quick(**settings).fit(*shades)
    assert quick(**settings, teacher=teacher, distillation=0.0).fit(*shades).network_.digest == alone.network_.digest


def test_without_a_teacher_a_share_and_a_temperature_do_nothing(shades, quick):
    alone, idle = quick(max_epochs=1), quick(max_epochs=1, distillation=0.9, temperature=4.0)
    assert idle.recipe == alone.recipe
    assert idle.fit(*shades).network_.digest == alone.fit(*shades).network_.digest


def test_a_grid_may_have_points_with_and_without_a_teacher(shades, teacher, quick):
    grid = {"teacher": [None, teacher], "distillation": [0.25, 1.0]}
    one = StratifiedShuffleSplit(1, test_size=0.25, random_state=0)
    search = GridSearchCV(quick(max_epochs=1), grid, cv=one, refit=False, error_score="raise").fit(*shades)
    # the share varies slowest
    alone, taught, idle, wholly_taught = search.cv_results_["mean_test_score"]
    assert alone == idle
    assert np.isfinite([taught, wholly_taught]).all()


def test_the_loss_is_that_of_labels_and_teacher_by_their_shares(shades, teacher, quick, seen):
    X, y = shades
    settings = {"distillation": 0.25, "temperature": 3.0, "label_smoothing": 0.1, "batch_size": 15, "max_epochs": 1}
    classifier = quick(**settings, teacher=teacher, validation_fraction=0).fit(X, y)
    logits, taught = torch.cat(seen["logits"]), torch.cat(seen["taught"])
    soft, wanted = torch.softmax(logits / 3, dim=1), torch.softmax(taught / 3, dim=1)
    kl = (wanted * (wanted / soft).log()).sum(dim=1).mean()
    labels = labels_of(torch.cat(seen["student"]), X, y)
    hard = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
    assert classifier.history_[0]["train_loss"] == pytest.approx(float(0.75 * hard + 0.25 * 9 * kl), rel=1e-4)


def test_a_teacher_sees_images_without_the_noise_that_the_network_sees(shades, teacher, quick, seen, monkeypatch):
    clean = []

    def drown(_augmentation, batch, _generator):
        clean.append(batch)
        return torch.rand(batch.shape)

    monkeypatch.setattr(Augmentation, "roughened", drown)
    settings = {"augmentation": {"noise": 0.1}, "max_epochs": 1}
    student = quick(**settings, teacher=teacher).fit(*shades)
    # in every training step, and never in validation
    assert len(clean) == len(seen["teacher"]) > 0
    assert all(torch.equal(*pair) for pair in zip(clean, seen["teacher"], strict=True))
    assert student.score(*shades) < 0.9


def test_no_noise_is_no_part_of_what_a_training_is_known_by(quick):
    plain = quick(augmentation={"flip": True}).recipe
    assert quick(augmentation={"flip": True, "noise": 0.0}).recipe == plain
    assert quick(augmentation={"flip": True, "noise": 0.1}).recipe != plain


def labels_of(pixels: torch.Tensor, X: np.ndarray, y: np.ndarray) -> torch.Tensor:
    """Find the labels of shuffled images by their pixels."""
    known = dict(zip(image_digests(X).tolist(), y.tolist(), strict=True))
    shown = (pixels[:, 0] * 255).round().to(torch.uint8).numpy()
    return torch.tensor([known[digest] for digest in image_digests(shown).tolist()])


def test_a_higher_temperature_keeps_the_size_of_gradients():
    student, taught = torch.zeros(1, 3, requires_grad=True), torch.tensor([[0.1, 0.0, -0.1]])
    sizes = []
    for temperature in (1.0, 8.0):
        (gradient,) = torch.autograd.grad(divergence(student, taught, temperature), student)
        sizes.append(float(gradient.abs().max()))
    assert sizes[0] == pytest.approx(sizes[1], rel=0.1)


def test_the_teacher_sees_the_pixels_of_the_student_at_full_size(shades, teacher, quick, seen):
    settings = {"augmentation": {"flip": True, "erasing": 0.5}, "mixup": 0.5, "initial_scale": 0.5, "max_epochs": 2}
    quick(**settings, teacher=teacher).fit(*shades)
    assert len(seen["teacher"]) == len(seen["student"]) > 4
    for shown, own in zip(seen["teacher"], seen["student"], strict=True):
        assert shown is own
        assert shown.shape[1:] == (1, 16, 16)


def test_the_teacher_brings_pixels_to_its_own_size_channels_and_standardisation():
    network = replace(
        catalogue_network("tiny", n_classes=3, preprocessing=Preprocessing((24, 20), 1, "image")), classes=("a", "b", "c")
    )
    pixels = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    taught = Teacher(network, ["c", "a"], CPU, "fp32")(pixels)
    with torch.no_grad():
        expected = network.module(network.preprocessing(pixels.permute(0, 2, 3, 1)))
    torch.testing.assert_close(taught, expected[:, [2, 0]], rtol=1e-4, atol=1e-5)


def test_pixels_that_features_were_computed_from_can_be_learnt_through():
    preprocessing = Preprocessing((8, 8), 3, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.125))
    pixels = torch.rand(2, 8, 8, 3, dtype=torch.float32)
    with torch.inference_mode():
        preprocessing(pixels)
    weights = torch.ones(3, requires_grad=True)
    preprocessing(pixels * weights).sum().backward()
    torch.testing.assert_close(weights.grad, pixels.sum(dim=(0, 1, 2)) / torch.tensor([0.5, 0.25, 0.125]))


def test_the_teacher_is_not_trained_and_no_part_of_what_is_saved(shades, teacher, quick, monkeypatch, tmp_path):
    states = []
    asked = Teacher.__call__

    def noting(teacher, pixels):
        module = teacher._module
        assert not any(part.training for part in module.modules())
        assert not any(parameter.requires_grad for parameter in module.parameters())
        states.append([tensor.clone() for tensor in module.state_dict().values()])
        return asked(teacher, pixels)

    monkeypatch.setattr(Teacher, "__call__", noting)
    before = teacher.read_bytes()
    checkpoints = tmp_path / "taught", tmp_path / "alone"
    for checkpoint, parameters in zip(checkpoints, ({"teacher": teacher}, {}), strict=True):
        quick(**parameters, optimizer="sgd", checkpoint=checkpoint).fit(*shades)
    assert all(torch.equal(one, other) for one, other in zip(states[0], states[-1], strict=True))
    assert teacher.read_bytes() == before
    taught, alone = (torch.load(checkpoint, weights_only=True) for checkpoint in checkpoints)
    assert taught["module"].keys() == alone["module"].keys()
    assert taught["optimizer"]["param_groups"] == alone["optimizer"]["param_groups"]


def test_validation_goes_by_labels_alone(shades, teacher, quick):
    X, y = shades
    classifier = quick(teacher=teacher, distillation=1.0, mixup=0.5).fit(X[:90], y[:90], validation=(X[90:], y[90:]))
    probabilities = classifier.predict_proba(X[90:])
    loss = -np.log(probabilities[np.arange(30), y[90:]]).mean()
    assert classifier.history_[-1]["valid_loss"] == pytest.approx(loss, rel=1e-4)


def test_classes_are_those_of_the_same_names(shades, master, teacher, quick):
    X, y = shades
    # the teacher's classes are 0, 1 and 2: here they come in another order, and one is left out
    names = np.array(["bright", "dark"])
    kept = y != 1
    labels = np.where(y[kept] == 2, "bright", "dark")
    settings = {"max_epochs": 12, "learning_rate": 0.01, "schedule": "one-cycle", "validation_fraction": 0}
    student = quick(**settings, teacher=teacher, distillation=1.0).fit(X[kept], labels, class_names=["2", "0"])
    np.testing.assert_array_equal(student.classes_, names)
    assert student.network_.classes == ("2", "0")
    assert student.score(X[kept], labels) > 0.95


def test_a_teacher_that_lacks_a_class_is_refused(shades, teacher, quick):
    X, y = shades
    message = r"\['0', '1', '7'\]; tiny lacks \['7'\] and knows \['0', '1', '2'\]"
    with pytest.raises(RecipeError, match=message):
        quick(teacher=teacher).fit(X, np.where(y == 2, 7, y))


@pytest.mark.parametrize("names", [["a", "b"], ["a", "b", "b"]])
def test_names_that_do_not_go_with_the_labels_are_refused(names, shades, quick):
    with pytest.raises(DatasetError, match="as many different names as there are labels, 3; got"):
        quick().fit(*shades, class_names=names)


@pytest.mark.parametrize("names", [[0, 1, 2], "abc", ["a", "b", None]])
def test_names_that_are_no_strings_are_refused(names, shades, quick):
    with pytest.raises(DatasetError, match="class_names must be a list of strings; got"):
        quick().fit(*shades, class_names=names)


def test_a_teacher_that_is_not_there_is_named_before_anything_is_trained(shades, quick, tmp_path):
    missing = tmp_path / "nobody.safetensors"
    with pytest.raises(WeightsError, match=r"nobody\.safetensors does not exist"):
        quick(teacher=missing).fit(*shades)
    with pytest.raises(WeightsError, match="Did you mean 'compact'"):
        quick(teacher="compakt").fit(*shades)


def test_several_teachers_teach_as_an_ensemble(shades, master, teacher, quick, saved):
    second = saved(quick(max_epochs=1, random_state=3).fit(*shades).network_)
    parameters = {"teacher": [os.fspath(teacher), second], "max_epochs": 1}
    classifier = clone(quick(**parameters)).fit(*shades)
    assert classifier.network_.training["teacher"]["network"] == "ensemble"
    assert classifier.network_.training["teacher"]["digest"] != master.network_.digest


def test_a_network_has_seen_what_its_teacher_has_seen(shades, master, teacher, quick, saved):
    X, y = shades
    new = 255 - X[:60]
    student = quick(teacher=teacher, max_epochs=1).fit(new[:45], y[:45], validation=(new[45:], y[45:60])).network_
    reread = load_network(saved(student))
    np.testing.assert_array_equal(reread.trained_on, np.unique(image_digests(np.concatenate([X, new]))))
    np.testing.assert_array_equal(reread.watched, np.unique(image_digests(np.concatenate([X[90:], new[45:]]))))
    assert reread.training["teacher"]["digest"] == master.network_.digest
    assert (reread.training["distillation"], reread.training["temperature"]) == (0.5, 1.0)


def test_what_either_has_learnt_from_was_not_only_watched(shades, teacher, quick):
    X, y = shades
    student = quick(teacher=teacher, max_epochs=1).fit(X[60:], y[60:], validation=(X[:60], y[:60])).network_
    assert not len(student.watched)
    np.testing.assert_array_equal(student.trained_on, np.unique(image_digests(X)))


def test_of_a_teacher_that_does_not_say_what_it_watched_its_student_says_nothing_either(shades, master, quick, saved):
    student = quick(teacher=saved(replace(master.network_, watched=None)), max_epochs=1).fit(*shades).network_
    assert student.watched is None
    np.testing.assert_array_equal(student.trained_on, np.unique(image_digests(shades[0])))


def test_a_teacher_that_learnt_from_validation_images_is_told_of(shades, master, teacher, quick, saved, caplog):
    X, y = shades
    quick(teacher=teacher, max_epochs=1).fit(X[:60], y[:60], validation=(X[80:], y[80:]))
    (told,) = warnings_of(caplog)
    assert "validation figures are flattered: the teacher tiny was trained on 10 of the 40 validation images" in told
    caplog.clear()
    untold = saved(replace(master.network_, watched=None))
    quick(teacher=untold, max_epochs=1).fit(X[:90], y[:90], validation=(X[90:], y[90:]))
    assert "was trained on or watched 30 of the 30" in warnings_of(caplog)[0]
    caplog.clear()
    unknown = saved(replace(master.network_, trained_on=master.network_.trained_on[:0], watched=None))
    quick(teacher=unknown, max_epochs=1).fit(X[:90], y[:90], validation=(X[90:], y[90:]))
    assert "do not say which images it was trained on" in warnings_of(caplog)[0]


def test_a_teacher_that_held_out_the_same_images_is_not_spoken_of(shades, teacher, quick, caplog):
    X, y = shades
    quick(teacher=teacher, max_epochs=1).fit(X[:90], y[:90], validation=(X[90:], y[90:]))
    # copies of a training image teach the student themselves
    quick(teacher=teacher, max_epochs=1).fit(X[:90], y[:90], validation=(X[85:], y[85:]))
    assert not any("teacher" in told for told in warnings_of(caplog))


def test_a_recipe_teaches_by_the_names_of_the_datasets_classes(recipe, dataset, saved, caplog, seen):
    first = train_network(dataset, recipe(), device="cpu", verbose=0)
    path = saved(first)
    fewer = make_faces(60, classes=("happy", "surprise"), image_size=16, random_state=1).with_validation()
    for data, columns in ((dataset, [0, 1, 2]), (fewer, [0, 2])):
        seen["teacher"].clear()
        seen["taught"].clear()
        student = train_network(data, recipe(teacher=path, mixup=0.2), device="cpu", verbose=0)
        assert student.classes == tuple(data.classes)
        with torch.no_grad():
            expected = first.module(first.preprocessing.standardized(seen["teacher"][0]))[:, columns]
        torch.testing.assert_close(seen["taught"][0], expected, rtol=1e-4, atol=1e-4)
    assert not warnings_of(caplog)


def test_a_training_is_remembered_by_its_teachers_weights_not_by_their_path(recipe, dataset, saved, monkeypatch, tmp_path):
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path / "home"))
    classes = tuple(dataset.classes)
    teachers = [replace(catalogue_network("tiny", n_classes=3, random_state=seed), classes=classes) for seed in (0, 1)]
    path, copy = saved(teachers[0], "one.safetensors"), saved(teachers[0], "copy.safetensors")
    first = remembered_path(recipe(teacher=path), dataset)
    assert remembered_path(recipe(teacher=copy), dataset) == first
    assert remembered_path(recipe(teacher=path, distillation=0.6), dataset) != first
    assert remembered_path(recipe(), dataset) != first
    saved(teachers[1], "one.safetensors")
    assert remembered_path(recipe(teacher=path), dataset) != first


def test_resuming_with_another_teacher_is_refused(shades, teacher, quick, saved, tmp_path):
    settings = {"checkpoint": tmp_path / "training.checkpoint", "max_epochs": 1}
    quick(**settings, teacher=teacher).fit(*shades)
    other = saved(quick(max_epochs=1).fit(*shades).network_)
    for changed in ({"teacher": other}, {"teacher": teacher, "temperature": 2.0}, {}):
        with pytest.raises(WeightsError, match="belongs to another training"):
            quick(**settings, **changed, resume=True).fit(*shades)
    with pytest.raises(WeightsError, match="belongs to another training"):
        quick(**settings, teacher=teacher, resume=True).fit(*shades, class_names=["1", "0", "2"])

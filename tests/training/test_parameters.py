import numpy as np
import pytest

from hybridfer.errors import DatasetError, RecipeError


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"network": "tinny"}, "Did you mean 'tiny'"),
        ({"network_arguments": {"depth": 3}}, "tiny takes the arguments"),
        ({"optimizer": "lbfgs"}, "optimizer must be among"),
        ({"learning_rate": 0.0}, "learning_rate must be a number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number above 0"),
        ({"learning_rate": "fast"}, "learning_rate must be a number above 0"),
        ({"momentum": 1.0}, r"momentum must lie in \[0, 1\)"),
        ({"weight_decay": -1e-4}, r"weight_decay must lie in \[0, inf\)"),
        ({"label_smoothing": 1.0}, r"label_smoothing must lie in \[0, 1\)"),
        ({"validation_fraction": 1.0}, r"validation_fraction must lie in \[0, 1\)"),
        ({"max_epochs": 0}, "max_epochs must be a positive integer"),
        ({"max_epochs": True}, "max_epochs must be a positive integer"),
        ({"batch_size": 2.5}, "batch_size must be an integer, 2 or more; got 2.5"),
        ({"batch_size": 1}, "batch_size must be an integer, 2 or more; got 1"),
        ({"patience": 0}, "patience must be a positive integer or None"),
        ({"precision": "fp16"}, "precision must be 'auto', 'fp32' or 'bf16' in training"),
        ({"precision": "int8"}, "precision must be"),
        ({"device": "abacus"}, "device must be"),
        ({"standardize": "batch"}, "standardize must be"),
        ({"image_size": 4}, "at least 8 x 8"),
        ({"image_size": 16.0}, "image_size must be an integer or"),
        ({"image_size": (16, 16, 1)}, "image_size must be an integer or"),
        ({"augmentation": {"mirror": True}}, "augmentation must have fields among"),
        ({"augmentation": {"scale": 2}}, "scale of the augmentation"),
        ({"augmentation": {"noise": -0.1}}, "noise of the augmentation"),
        (
            {"balance": {0: 3}, "balance_augmentation": {"noise": 0.1}},
            "give it in augmentation, not in balance_augmentation",
        ),
        ({"class_weight": "even"}, "class_weight must be 'balanced'"),
        ({"class_weight": {0: 1.0, 9: 2.0}}, r"class_weight names \[9\]; the classes are \[0, "),
        ({"class_weight": {0: 0.0}}, "class_weight of 0 must be a number above 0"),
        ({"mixup": -0.1}, r"mixup must lie in \[0, inf\)"),
        ({"mixup": "much"}, r"mixup must lie in \[0, inf\)"),
        ({"distillation": -0.1}, r"distillation must lie in \[0, 1\]"),
        ({"temperature": float("inf")}, "temperature must be a number above 0"),
        ({"teacher": "compact", "distillation": 1.5}, r"distillation must lie in \[0, 1\]"),
        ({"teacher": "compact", "temperature": 0}, "temperature must be a number above 0"),
        (
            {"teacher": 7},
            "name of weights in the wheel, a weights file, a list of these, or None; got 7",
        ),
        ({"teacher": ["compact", None]}, "teacher must be the name"),
        ({"teacher": ["compact"]}, "an ensemble has two members or more"),
        (
            {"teacher": "compact"},
            r"the teacher must know all classes.*labels that are the names; fit of CNNClassifier takes .*class_names",
        ),
        ({"start": ["compact", "compact"]}, "a weights file of one network, or None; got .*they can be a teacher"),
        ({"start": "ensemble"}, "Several networks cannot be trained on as one"),
        ({"start": "timm:vgg16"}, "had by its argument pretrained, 'hub' or the path of a state dict"),
        (
            {"start": "compact", "network_arguments": {"pretrained": "hub"}},
            "start and the network's argument pretrained both say which weights.*start='compact', pretrained='hub'",
        ),
        ({"start": "compact"}, "the weights have network='compact', the training network='tiny'"),
        ({"augmentation": {"flip": "false"}}, "flip of the augmentation must be True or False; got 'false'"),
        ({"augmentation": {"rotation": "10"}}, r"rotation of the augmentation must lie in \[0, 180\]; got '10'"),
        ({"augmentation": "flip"}, "augmentation must be a dict or None; got 'flip'"),
        ({"balance_augmentation": ["flip"]}, r"balance_augmentation must be a dict or None; got \['flip'\]"),
        ({"network_arguments": ["dropout"]}, "network_arguments must be a dict or None"),
        ({"calibrate": "no"}, "calibrate must be True or False; got 'no'"),
        ({"random_state": -1}, r"random_state must be an integer from 0 to 2\*\*32 - 1, .* or None; got -1"),
        ({"random_state": 2**33}, "random_state must be an integer from 0"),
        ({"random_state": "lucky"}, "random_state must be an integer from 0"),
        ({"checkpoint": 7}, "checkpoint must be the path of a file, or None; got 7"),
        ({"checkpoint": "."}, r"checkpoint must be the path of a file, or None; '\.' is a folder"),
        ({"resume": True}, "resume=True needs the checkpoint"),
        ({"patience": 2, "validation_fraction": 0}, "need validation images"),
        ({"schedule": "plateau", "validation_fraction": 0}, "need validation images"),
    ],
)
def test_what_a_parameter_may_not_be_is_refused(parameters, message, quick, faces):
    with pytest.raises(RecipeError, match=message):
        quick(**parameters).fit(*faces)


def test_numbers_of_numpy_are_numbers(quick, faces):
    quick(augmentation={"flip": np.bool_(True), "rotation": np.float32(9), "shift": 0}, max_epochs=1).fit(*faces)
    quick(max_epochs=np.int64(1), learning_rate=np.float32(0.01), batch_size=np.int32(32)).fit(*faces)


@pytest.mark.parametrize(
    ("chosen", "labels", "message"),
    [
        (slice(0), slice(0), "at least one; got 0 and 0"),
        (slice(5), slice(4), "as many labels, at least one; got 5 and 4"),
    ],
)
def test_validation_images_that_do_not_go_with_their_labels_are_refused(chosen, labels, message, quick, faces):
    X, y = faces
    with pytest.raises(DatasetError, match=message):
        quick().fit(X, y, validation=(X[chosen], y[labels]))


def test_validation_labels_that_training_never_saw_are_refused(quick, faces):
    X, y = faces
    labels = np.unique(y)
    with pytest.raises(DatasetError, match=rf"validation has the labels \[{labels[-1]}\]"):
        quick().fit(X[y != labels[-1]], y[y != labels[-1]], validation=(X, y))


def test_a_training_that_diverges_says_so(quick, faces):
    X, y = faces
    with pytest.raises(RecipeError, match=r"diverged: the train loss of epoch 1 is (nan|inf).*lower learning_rate"):
        quick(optimizer="sgd", learning_rate=1e30).fit(X, y)

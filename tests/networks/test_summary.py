import pytest
import torch

from hybridfer.networks import NETWORKS, build_network, list_networks, summarise_network

# the published list of layers, with what each has of shape and parameters for 48 x 48 x 1 images: a convolution of k x k has
# (k * k * channels + 1) * filters, BatchNorm 4 a channel of which 2 are trained, a dense layer (inputs + 1) * units
GRIGORASI = [
    ("Conv2D", (48, 48, 256), 2_560),
    ("Conv2D", (48, 48, 512), 1_180_160),
    ("BatchNormalization", (48, 48, 512), 2_048),
    ("MaxPooling2D", (24, 24, 512), 0),
    ("Dropout", (24, 24, 512), 0),
    ("Conv2D", (24, 24, 384), 1_769_856),
    ("BatchNormalization", (24, 24, 384), 1_536),
    ("MaxPooling2D", (12, 12, 384), 0),
    ("Dropout", (12, 12, 384), 0),
    ("Conv2D", (12, 12, 192), 663_744),
    ("BatchNormalization", (12, 12, 192), 768),
    ("MaxPooling2D", (6, 6, 192), 0),
    ("Dropout", (6, 6, 192), 0),
    ("Conv2D", (6, 6, 384), 663_936),
    ("BatchNormalization", (6, 6, 384), 1_536),
    ("MaxPooling2D", (3, 3, 384), 0),
    ("Dropout", (3, 3, 384), 0),
    ("Flatten", (3_456,), 0),
    ("Dense", (256,), 884_992),
    ("BatchNormalization", (256,), 1_024),
    ("Dropout", (256,), 0),
    ("Dense", (7,), 1_799),
]


def test_the_summary_of_grigorasi_is_the_published_one_line_by_line():
    lines = summarise_network("grigorasi").lines
    assert [(line.kind, line.shape, line.parameters) for line in lines] == GRIGORASI


@pytest.mark.parametrize("name", NETWORKS)
def test_lines_and_totals_agree(name):
    summary = summarise_network(name)
    assert sum(line.trainable for line in summary.lines) == summary.parameters
    assert sum(line.non_trainable for line in summary.lines) == summary.non_trainable
    assert summary.total == summary.parameters + summary.non_trainable
    assert summary.lines[-1].shape == (summary.n_classes,)


@pytest.mark.parametrize("name", ["compact", "leaky_cnn", "model_3"])
def test_what_is_not_trained_are_running_means_and_variances(name):
    buffers = dict(build_network(name, n_classes=3).named_buffers())
    running = [buffer for path, buffer in buffers.items() if path.endswith(("running_mean", "running_var"))]
    assert summarise_network(name, n_classes=3).non_trainable == sum(buffer.numel() for buffer in running)


def test_a_relu_has_a_line_where_a_batchnorm_stands_before_it_and_none_behind_a_layer():
    kinds = [line.kind for line in summarise_network("model_f").lines[:4]]
    assert kinds == ["Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D"]
    assert "ReLU" not in {line.kind for line in summarise_network("model_1").lines}
    assert "LeakyReLU" in {line.kind for line in summarise_network("leaky_cnn").lines}


def test_shapes_are_those_of_the_images_that_are_asked_for():
    summary = summarise_network("model_1", n_classes=5, channels=3, image_size=(32, 40))
    assert summary.lines[0].shape == (32, 40, 64)
    assert summary.layers["conv1"] == (64, 16, 20)
    assert summary.lines[0].parameters == (2 * 2 * 3 + 1) * 64


def test_summing_up_allocates_nothing_and_draws_nothing():
    torch.manual_seed(4)
    before = torch.get_rng_state()
    list_networks()
    assert torch.equal(torch.get_rng_state(), before)

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from hybridfer.errors import RecipeError
from hybridfer.networks import (
    NETWORKS,
    Preprocessing,
    build_network,
    catalogue_network,
    find_architecture,
    list_networks,
    summarise_network,
)

SUMMARIES = {summary.name: summary for summary in list_networks()}


def test_model_f_has_the_published_number_of_parameters_and_shapes():
    summary = SUMMARIES["model_f"]
    assert summary.parameters == 4_474_759
    assert summary.layers == {
        "conv1": (64, 24, 24),
        "conv2": (128, 12, 12),
        "conv3": (512, 6, 6),
        "conv4": (512, 3, 3),
        "flatten": (4608,),
        "dense1": (256,),
        "embedding": (512,),
        "logits": (7,),
    }


def test_compact_stays_within_two_million_parameters():
    assert 1_000_000 < SUMMARIES["compact"].parameters <= 2_000_000


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("compact", ["stem", "stage1", "pool1", "stage2", "pool2", "stage3", "embedding", "logits"]),
        ("baseline", ["conv1", "conv2", "flatten", "embedding", "logits"]),
        ("tiny", ["conv1", "conv2", "conv3", "conv4", "embedding", "logits"]),
    ],
)
def test_layer_names_are_stable(name, layers):
    assert list(SUMMARIES[name].layers) == layers


def test_every_network_ends_in_an_embedding_and_logits():
    assert set(SUMMARIES) == set(NETWORKS)
    for summary in SUMMARIES.values():
        assert list(summary.layers)[-2:] == ["embedding", "logits"]
        assert len(summary.layers["embedding"]) == 1
        assert summary.layers["logits"] == (summary.n_classes,)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_summary_agrees_with_a_real_network_at_its_smallest_image(name, channels):
    side = NETWORKS[name].smallest
    size = (side, side + 5)
    summary = summarise_network(name, n_classes=3, channels=channels, image_size=size)
    module = build_network(name, n_classes=3, channels=channels, image_size=size).eval()
    assert summary.parameters == sum(parameter.numel() for parameter in module.parameters())
    assert module(torch.zeros(2, channels, *size)).shape == (2, 3)


@pytest.mark.parametrize("name", NETWORKS)
def test_an_image_that_pooling_would_swallow_is_refused(name):
    side = NETWORKS[name].smallest - 1
    with pytest.raises(RecipeError, match=f"at least {side + 1} x {side + 1} pixels; got 64 x {side}"):
        build_network(name, image_size=(64, side))


def test_an_unknown_network_is_refused_with_the_nearest_name():
    with pytest.raises(RecipeError, match=r"got 'model-f'.*Did you mean 'model_f'"):
        find_architecture("model-f")


@pytest.mark.parametrize(
    "build", [lambda **kw: build_network("tiny", **kw), lambda **kw: catalogue_network("tiny", arguments=kw)]
)
def test_an_unknown_argument_is_refused_by_name(build):
    with pytest.raises(RecipeError, match=r"tiny takes the arguments \[\]; got \['dropout'\]"):
        build(dropout=0.1)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("model_3", {"kernal": 2}, r"model_3 takes the arguments \['dropout', 'kernel', 'slope'\]; got \['kernal'\]"),
        ("model_3", {"kernel": 5}, r"kernel of model_3 must be among \[2, 3\]; got 5"),
        ("model_3", {"kernel": "2"}, "kernel of model_3 must be of the kind of 3; got '2'"),
        ("model_3", {"kernel": True}, "kernel of model_3 must be of the kind of 3; got True"),
        ("model_f", {"dropout": "much"}, "dropout of model_f must be of the kind of 0.25"),
        ("model_f", {"dropout": 1.5}, "model_f cannot be built with .*dropout"),
        ("leaky_cnn", {"initialisation": "zeros"}, r"initialisation must be among \['default', 'normal'\]; got 'zeros'"),
    ],
)
def test_an_argument_that_a_network_does_not_take_so_is_named(name, arguments, message):
    with pytest.raises(RecipeError, match=message):
        catalogue_network(name, arguments=arguments)


def test_a_whole_number_will_do_for_a_share():
    assert catalogue_network("model_f", arguments={"dropout": 0}).name == "model_f"


@pytest.mark.parametrize("share", [float("nan"), float("inf")])
def test_a_share_that_is_no_number_is_refused(share):
    with pytest.raises(RecipeError, match="dropout of compact must be a finite number"):
        catalogue_network("compact", arguments={"dropout": share})


def test_a_shared_argument_cannot_be_smuggled_in_twice():
    with pytest.raises(RecipeError, match="n_classes"):
        catalogue_network("model_f", arguments={"n_classes": 3})


@pytest.mark.parametrize("n_classes", [0, -1, 2.0])
def test_a_number_of_classes_that_is_none_is_refused(n_classes):
    with pytest.raises(RecipeError, match="n_classes must be a positive integer"):
        build_network("tiny", n_classes=n_classes)


def test_first_weights_depend_on_the_seed_alone_and_leave_the_global_generator():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = catalogue_network("tiny", random_state=3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert catalogue_network("tiny", random_state=3).digest == first.digest
    assert catalogue_network("tiny", random_state=4).digest != first.digest


def test_networks_are_built_in_threads_as_they_are_alone():
    expected = catalogue_network("compact").digest
    before = torch.get_rng_state()
    with ThreadPoolExecutor(2) as pool:
        digests = list(pool.map(lambda _: catalogue_network("compact").digest, range(10)))
    assert set(digests) == {expected}
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_reaches_the_network():
    module = catalogue_network("compact", arguments={"dropout": 0.3}).module
    assert module.get_submodule("logits.dropout").p == 0.3


def test_the_digest_sees_every_weight_and_no_memory_format():
    network = catalogue_network("tiny", preprocessing=Preprocessing((16, 16)))
    other = catalogue_network("tiny", preprocessing=Preprocessing((16, 16)))
    other.module.to(memory_format=torch.channels_last)
    assert other.digest == network.digest
    changed = catalogue_network("tiny", preprocessing=Preprocessing((16, 16)))
    changed.module.get_submodule("conv4.norm").running_var[-1] += 1e-3
    assert changed.digest != network.digest


def test_compact_takes_widths_and_depths():
    summary = summarise_network("compact", arguments={"widths": "8-16-24", "depths": "2-1-3"})
    assert [summary.layers[name] for name in ("stage1", "stage2", "stage3", "embedding")] == [
        (8, 24, 24),
        (16, 12, 12),
        (24, 6, 6),
        (24,),
    ]
    module = build_network("compact", depths="2-1-3")
    assert [len(stage) - 1 for stage in (module.stage1, module.stage2, module.stage3)] == [2, 1, 3]


def test_a_residual_block_that_is_added_begins_as_the_identity():
    shallow, deep = build_network("compact").eval(), build_network("compact", depths="2-3-1").eval()
    missing, unexpected = deep.load_state_dict(shallow.state_dict(), strict=False)
    assert not unexpected
    assert {name.split(".")[1] for name in missing} == {"residual2", "residual3"}
    images = torch.rand(3, 1, 48, 48)
    with torch.no_grad():
        torch.testing.assert_close(deep(images), shallow(images))


@pytest.mark.parametrize("arguments", [{"widths": "64-128"}, {"depths": "1-0-1"}, {"depths": "one-one-one"}, {"widths": ""}])
def test_compact_refuses_other_widths_and_depths_than_three_numbers(arguments):
    (name,) = arguments
    with pytest.raises(RecipeError, match=f"{name} of compact must be 3 numbers from 1 to 9999 joined by '-'"):
        build_network("compact", **arguments)

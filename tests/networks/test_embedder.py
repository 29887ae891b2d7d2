import contextlib
import copy
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError

import numpy as np
import pytest
import torch
from torch import nn

from hybridfer.errors import RecipeError
from hybridfer.networks import NETWORKS, Embedder, Preprocessing, catalogue_network, own_network

SMALL = Preprocessing((16, 16))


def hooks(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) for part in module.modules())


class Counting(nn.Module):
    """Counts its passes; fails when told to."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.first, self.spare, self.last = nn.Conv2d(1, 3, 3), nn.Conv2d(1, 3, 3), nn.Linear(3, 2)
        self.passes: list[int] = []
        self.fails = fails

    def forward(self, batch):
        self.passes.append(len(batch))
        maps = self.first(batch)
        if self.fails:
            raise RuntimeError("out of order")
        return self.last(maps.mean(dim=(2, 3)))


def test_one_forward_pass_serves_all_layers(pixels):
    module = Counting()
    network = own_network(module, ["first", "last"], preprocessing=SMALL)
    embedder = Embedder(network, ["first", "embedding", "logits"], device="cpu", batch_size=4)
    rows = embedder.embed(pixels)
    # the copy that runs shares its list with nobody
    assert embedder._module.passes == [4, 3]
    assert module.passes == []
    assert {layer: features.shape for layer, features in rows.items()} == {
        "first": (7, 3),
        "embedding": (7, 2),
        "logits": (7, 2),
    }
    assert all(features.dtype == np.float32 for features in rows.values())
    assert embedder.images_embedded == 7


def test_layers_are_those_of_a_plain_forward_pass(trained, pixels):
    network = trained()
    rows = Embedder(network, list(network.layers), device="cpu").embed(pixels)
    batch = torch.from_numpy(pixels)[:, None] / 255
    with torch.no_grad():
        for layer, block in network.module.named_children():
            batch = block(batch)
            expected = batch.mean(dim=(2, 3)) if batch.ndim == 4 else batch
            np.testing.assert_allclose(rows[layer], expected, rtol=1e-4, atol=1e-5, err_msg=layer)


def test_hooks_leave_even_when_the_forward_pass_raises(pixels):
    network = own_network(Counting(fails=True), ["first"], preprocessing=SMALL)
    embedder = Embedder(network, ["first"], device="cpu")
    with pytest.raises(RuntimeError, match="out of order"):
        embedder.embed(pixels)
    assert hooks(embedder._module) == hooks(network.module) == 0
    assert embedder.images_embedded == 0


@pytest.mark.parametrize("name", NETWORKS)
def test_rows_do_not_depend_on_the_batch_size(name, trained, pixels):
    network = trained(name)
    whole = Embedder(network, ["embedding", "logits"], device="cpu", batch_size=7).embed(pixels)
    for batch_size in (1, 3):
        parts = Embedder(network, ["embedding", "logits"], device="cpu", batch_size=batch_size).embed(pixels)
        for layer, rows in whole.items():
            np.testing.assert_allclose(parts[layer], rows, rtol=1e-4, atol=1e-5)


def test_flipped_views_are_blind_to_mirroring_and_single_views_are_not(trained, pixels):
    mirrored = np.ascontiguousarray(pixels[:, :, ::-1])
    flip = Embedder(trained(), ["conv2", "embedding"], views="flip", device="cpu")
    single = Embedder(trained(), ["conv2", "embedding"], device="cpu")
    for layer in ("conv2", "embedding"):
        np.testing.assert_array_equal(flip.embed(pixels)[layer], flip.embed(mirrored)[layer])
        assert not np.allclose(single.embed(pixels)[layer], single.embed(mirrored)[layer], atol=1e-4)
        average = (single.embed(pixels)[layer] + single.embed(mirrored)[layer]) / 2
        np.testing.assert_allclose(flip.embed(pixels)[layer], average, rtol=1e-5, atol=1e-6)


def test_ten_crops_are_corners_middle_and_their_mirror_images(pixels):
    module = nn.Sequential(nn.Flatten(), nn.Identity())
    network = own_network(module, ["1"], preprocessing=SMALL)
    rows = Embedder(network, ["1"], views="ten-crop", device="cpu").embed(pixels)["1"]
    whole = torch.from_numpy(pixels)[:, None] / 255
    side, cut = whole.shape[2], round(whole.shape[2] * 44 / 48)
    margin = side - cut
    assert margin > 0
    crops = [
        whole[:, :, top : top + cut, left : left + cut]
        for top, left in [(0, 0), (0, margin), (margin, 0), (margin, margin), (margin // 2, margin // 2)]
    ]
    enlarged = [nn.functional.interpolate(crop, (side, side), mode="bilinear") for crop in crops]
    expected = torch.stack([view for crop in enlarged for view in (crop, crop.flip(3))]).mean(dim=0).flatten(1)
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("captured", ["0", "2"])
def test_a_layer_is_safe_from_an_in_place_layer_after_it(captured, pixels):
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(588, 5), nn.ReLU(inplace=True), nn.Linear(5, 2))
    for part in (module[0], module[2]):
        nn.init.constant_(part.bias, -1.0)
    if captured == "0":
        module.insert(1, nn.ReLU(inplace=True))
    network = own_network(module, [captured], preprocessing=SMALL)
    rows = Embedder(network, [captured], device="cpu").embed(pixels)[captured]
    with torch.no_grad():
        output = torch.from_numpy(pixels)[:, None] / 255
        for part in module[: int(captured) + 1]:
            output = part(output)
        expected = output.clone().mean(dim=(2, 3)) if output.ndim == 4 else output.clone()
    assert (expected < 0).any()
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-5)


def test_the_embedder_runs_in_evaluation_mode_whatever_the_module_was_in(pixels):
    module = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(256, 4))
    network = own_network(module, ["2"], preprocessing=SMALL)
    module.train()
    embedder = Embedder(network, ["2"], device="cpu")
    np.testing.assert_array_equal(embedder.embed(pixels)["2"], embedder.embed(pixels)["2"])


def test_two_views_of_an_image_count_once(trained, pixels):
    embedder = Embedder(trained(), ["embedding"], views="flip", device="cpu", batch_size=4)
    embedder.embed(pixels)
    assert embedder.images_embedded == len(pixels)


def test_colour_and_grey_images_go_through_one_network(trained, pixels):
    embedder = Embedder(trained(), ["embedding"], device="cpu")
    colour = np.repeat(pixels[..., None], 3, axis=3)
    np.testing.assert_allclose(embedder.embed(colour)["embedding"], embedder.embed(pixels)["embedding"], atol=1e-4)


def test_read_only_images_are_taken_without_a_warning(trained, pixels):
    frozen = pixels.copy()
    frozen.flags.writeable = False
    embedder = Embedder(trained(), ["embedding"], device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = embedder.embed(frozen)
    np.testing.assert_array_equal(rows["embedding"], embedder.embed(pixels)["embedding"])


def test_bf16_stays_near_fp32(trained, pixels):
    full = Embedder(trained(), ["embedding"], device="cpu").embed(pixels)["embedding"]
    half = Embedder(trained(), ["embedding"], device="cpu", precision="bf16").embed(pixels)["embedding"]
    assert half.dtype == np.float32
    assert not np.array_equal(half, full)
    np.testing.assert_allclose(half, full, atol=0.1 * np.abs(full).max())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": ["conv9"]}, r"must be among \['conv1'.*got 'conv9'"),
        ({"views": "double"}, "views must be among"),
        ({"batch_size": 0}, "batch_size must be 'auto' or a positive integer"),
        ({"batch_size": True}, "batch_size must be 'auto' or a positive integer"),
        ({"batch_size": "big"}, "batch_size must be 'auto' or a positive integer"),
        ({"precision": "fp16"}, "needs a GPU"),
        ({"precision": "int8"}, "precision must be 'auto' or among"),
        ({"device": "abacus"}, "device must be 'auto'"),
    ],
)
def test_unknown_settings_are_refused(arguments, message, trained):
    settings = {"layers": ["embedding"], "device": "cpu", **arguments}
    with pytest.raises(RecipeError, match=message):
        Embedder(trained(), **settings)


@pytest.mark.parametrize(("side", "images"), [(16, 32), (48, 32), (64, 18), (96, 8), (224, 8)])
def test_batches_of_larger_images_are_smaller(side, images):
    network = catalogue_network("tiny", preprocessing=Preprocessing((side, side)))
    assert Embedder(network, ["embedding"], device="cpu").batch_size == images


def test_no_images_at_all_are_refused(trained):
    with pytest.raises(ValueError, match="at least one image"):
        Embedder(trained(), ["embedding"], device="cpu").embed(np.empty((0, 16, 16), dtype=np.uint8))


def test_a_layer_that_the_forward_pass_skips_is_named(pixels):
    network = own_network(Counting(), ["spare", "last"], preprocessing=SMALL)
    with pytest.raises(RecipeError, match="layer 'spare' must be passed"):
        Embedder(network, ["spare"], device="cpu").embed(pixels)


def test_a_layer_that_gives_no_row_for_each_image_is_refused(pixels):
    module = nn.Sequential(nn.Flatten(0), nn.Unflatten(0, (-1, 64)), nn.Linear(64, 2))
    network = own_network(module, ["2"], preprocessing=SMALL)
    with pytest.raises(RecipeError, match="one row for each of the 7 images; got 28"):
        Embedder(network, ["2"], device="cpu").embed(pixels)


def test_widths_name_every_layer(trained):
    assert trained(side=48).widths == {"conv1": 16, "conv2": 32, "conv3": 64, "conv4": 128, "embedding": 128, "logits": 7}


class Several(nn.Module):
    """Returns more than one tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.dense = nn.Flatten(), nn.Linear(256, 3)

    def forward(self, batch):
        rows = self.flat(batch)
        return {"logits": self.dense(rows), "rows": rows}


def test_of_a_module_that_returns_several_tensors_the_layer_is_named_and_the_way(pixels):
    with pytest.raises(RecipeError, match=r"layer 'logits' must return one tensor .* got a dict.*'logits': PATH"):
        _ = own_network(Several(), ["flat"], preprocessing=SMALL).widths
    network = own_network(Several(), {"embedding": "flat", "logits": "dense"}, preprocessing=SMALL)
    assert network.widths == {"embedding": 256, "logits": 3}
    without = own_network(Several(), {"embedding": "flat", "logits": "flat"}, preprocessing=SMALL)
    assert without.widths == {"embedding": 256, "logits": 256}


class Meeting(nn.Module):
    """Lets a pass begin when another one has begun, as far as passes run at once."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.last = nn.Flatten(), nn.Identity()

    def forward(self, batch):
        rows = self.flat(batch)
        with contextlib.suppress(BrokenBarrierError):
            MEETING.wait(timeout=0.2)
        return self.last(rows)


MEETING = Barrier(2)


def test_threads_that_share_an_embedder_get_the_rows_of_their_own_images(pixels):
    embedder = Embedder(own_network(Meeting(), ["flat", "last"], preprocessing=SMALL), ["flat", "last"], device="cpu")
    mirrored = np.ascontiguousarray(pixels[:, :, ::-1])
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(embedder.embed, [pixels, mirrored]))
    for images, rows in zip([pixels, mirrored], found, strict=True):
        for layer in ("flat", "last"):
            np.testing.assert_allclose(rows[layer], images.reshape(len(images), -1) / 255, rtol=1e-6)
    assert embedder.images_embedded == 2 * len(pixels)


def pickled(embedder: Embedder) -> Embedder:
    return pickle.loads(pickle.dumps(embedder))  # noqa: S301


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
def test_a_copy_of_an_embedder_gives_the_same_rows(copied, trained, pixels):
    embedder = Embedder(trained(), ["embedding"], device="cpu")
    np.testing.assert_array_equal(copied(embedder).embed(pixels)["embedding"], embedder.embed(pixels)["embedding"])

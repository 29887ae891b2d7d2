import math

import pytest
import torch

from hybridfer.errors import RecipeError
from hybridfer.training import Augmentation

EVERYTHING = Augmentation(
    flip=True, rotation=15, shift=0.1, scale=0.1, shear=0.1, brightness=0.2, contrast=0.3, blur=1, erasing=0.5, noise=0.1
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(n: int, *sides: int) -> torch.Tensor:
    return torch.rand(n, *(sides or (1, 16, 16)), generator=seeded(7))


@pytest.mark.parametrize("shape", [(5, 1, 16, 16), (5, 3, 16, 16), (5, 1, 20, 12), (1, 1, 16, 16)])
def test_shape_and_range_stay(shape):
    batch = noise(*shape)
    changed = EVERYTHING(batch, seeded())
    assert changed.shape == batch.shape
    assert changed.dtype == batch.dtype
    assert 0 <= changed.min() <= changed.max() <= 1
    assert not torch.equal(changed, batch)


def test_the_generator_alone_decides():
    batch = noise(8)
    torch.manual_seed(1)
    first = EVERYTHING(batch, seeded())
    torch.manual_seed(2)
    assert torch.equal(EVERYTHING(batch, seeded()), first)
    assert not torch.equal(EVERYTHING(batch, seeded(1)), first)


def test_the_batch_itself_is_not_changed():
    batch = noise(8)
    before = batch.clone()
    EVERYTHING(batch, seeded())
    assert torch.equal(batch, before)


def test_nothing_asked_for_is_nothing_done():
    batch = noise(8)
    assert Augmentation()(batch, seeded()) is batch


@pytest.mark.parametrize("others", [{}, {"scale": 1e-9}], ids=["by mirroring", "by resampling"])
def test_a_flip_mirrors_about_half_of_the_images_and_leaves_the_rest(others):
    batch = noise(200)
    changed = Augmentation(flip=True, **others)(batch, seeded())
    mirrored = [torch.allclose(after, before.flip(2), atol=1e-4) for after, before in zip(changed, batch, strict=True)]
    kept = [torch.allclose(after, before, atol=1e-4) for after, before in zip(changed, batch, strict=True)]
    assert all(one != other for one, other in zip(mirrored, kept, strict=True))
    assert 70 < sum(mirrored) < 130


def centres(batch: torch.Tensor) -> torch.Tensor:
    """Centre of mass of each image: (n, 2), row and column in pixels."""
    rows = torch.arange(batch.shape[2]).view(-1, 1) * batch[:, 0]
    columns = torch.arange(batch.shape[3]) * batch[:, 0]
    mass = batch[:, 0].sum(dim=(1, 2))
    return torch.stack((rows.sum(dim=(1, 2)), columns.sum(dim=(1, 2))), dim=1) / mass[:, None]


@pytest.fixture
def dots() -> torch.Tensor:
    """A small square in the middle of each of 400 dark images of 48 x 32."""
    batch = torch.zeros(400, 1, 48, 32)
    batch[:, :, 22:26, 14:18] = 1
    return batch


def test_a_shift_moves_by_up_to_its_share_of_each_side(dots):
    moved = centres(Augmentation(shift=0.25)(dots, seeded())) - centres(dots)
    furthest = moved.abs().max(dim=0).values
    assert 11.5 < furthest[0] <= 12.01
    assert 7.6 < furthest[1] <= 8.01
    # either way, and about evenly
    assert moved.mean(dim=0).abs().max() < 1


def test_a_shift_by_whole_pixels_moves_whole_pixels(monkeypatch):
    batch = noise(1, 1, 10, 10)
    draws = iter([0.0, 0.0, 0.0, 0.5, -0.4, 0.2])
    monkeypatch.setattr(
        "hybridfer.training.augmentation._uniform",
        lambda n, bound, generator, like: torch.full((n,), next(draws)),
    )
    moved = Augmentation(shift=0.2)(batch, seeded())
    # sampled 2 pixels to the left and 1 below, in units of half a side
    torch.testing.assert_close(moved[0, 0, :9, 2:], batch[0, 0, 1:, :8])


def test_a_rotation_keeps_distances_whatever_the_shape_of_the_image():
    batch = torch.zeros(300, 1, 48, 96)
    batch[:, :, 22:26, 78:82] = 1
    middle = torch.tensor([23.5, 47.5])
    turned = centres(Augmentation(rotation=30)(batch, seeded())) - middle
    distances = turned.norm(dim=1)
    torch.testing.assert_close(distances, torch.full((300,), 32.0), atol=0.3, rtol=0)
    angles = torch.rad2deg(torch.atan2(turned[:, 0], turned[:, 1]))
    assert 28 < angles.max() <= 30.5
    assert -30.5 <= angles.min() < -28


def test_a_zoom_enlarges_and_shrinks(dots):
    areas = Augmentation(scale=0.5)(dots, seeded()).sum(dim=(1, 2, 3)) / 16
    assert 0.2 < areas.min() < 0.35
    assert 2 < areas.max() < 2.4


def test_a_shear_moves_rows_in_proportion_to_their_height():
    batch = torch.zeros(300, 1, 48, 48)
    batch[:, :, 4:8, 22:26] = 1
    moved = centres(Augmentation(shear=0.5)(batch, seeded())) - centres(batch)
    assert moved[:, 0].abs().max() < 0.1
    # 18 pixels above the middle
    assert 8.5 < moved[:, 1].abs().max() < 9.1


def test_brightness_adds_and_contrast_multiplies():
    batch = noise(300) * 0.2 + 0.4
    brighter = Augmentation(brightness=0.2)(batch, seeded()) - batch
    assert brighter.std(dim=(1, 2, 3)).max() < 1e-6
    assert 0.19 < brighter.amax() <= 0.2
    stretched = Augmentation(contrast=0.5)(batch, seeded())
    torch.testing.assert_close(stretched.mean(dim=(1, 2, 3)), batch.mean(dim=(1, 2, 3)))
    gains = stretched.std(dim=(1, 2, 3)) / batch.std(dim=(1, 2, 3))
    assert 0.5 <= gains.min() < 0.52
    assert 1.48 < gains.max() <= 1.501


def test_erasing_paints_rectangles_of_the_right_size_into_the_right_share_of_images():
    batch = noise(2000, 1, 40, 40)
    erased = Augmentation(erasing=0.3)(batch, seeded()) != batch
    shares = erased.float().mean(dim=(1, 2, 3))
    assert (shares > 0).float().mean() == pytest.approx(0.3, abs=0.04)
    # rectangles may reach beyond the image, never beyond a fifth of its area
    assert shares.max() <= 0.23
    for mask in erased[shares > 0][:20, 0]:
        rows, columns = mask.any(dim=1), mask.any(dim=0)
        assert int(mask.sum()) == int(rows.sum()) * int(columns.sum())


def test_erased_pixels_take_the_mean_of_the_image():
    batch = noise(50, 3, 16, 16)
    erased = Augmentation(erasing=1)(batch, seeded())
    means = batch.mean(dim=(1, 2, 3), keepdim=True).expand_as(batch)
    changed = erased != batch
    assert changed.any()
    torch.testing.assert_close(erased[changed], means[changed])


@pytest.mark.parametrize(
    "fields", [{"scale": 1}, {"erasing": 1.5}, {"shift": -0.1}, {"rotation": math.nan}, {"brightness": math.inf}]
)
def test_amounts_out_of_range_are_refused(fields):
    with pytest.raises(RecipeError, match=f"{next(iter(fields))} of the augmentation must lie in"):
        Augmentation(**fields)


def test_an_unknown_field_is_refused_with_the_known_ones():
    with pytest.raises(RecipeError, match=r"augmentation must have fields among \['flip'.*got \['mirror'\]"):
        Augmentation.from_fields({"mirror": True})
    assert Augmentation.from_fields({"flip": True}) == Augmentation(flip=True)


def test_a_blur_smooths_half_of_the_images_and_keeps_their_mean():
    points = torch.zeros(400, 1, 17, 17)
    points[:, :, 8, 8] = 1
    blurred = Augmentation(blur=1.5)(points, seeded())
    peaks = blurred[:, 0, 8, 8]
    sharp = (peaks > 0.999).float().mean()
    assert 0.4 < sharp < 0.6
    torch.testing.assert_close(blurred.sum(dim=(1, 2, 3)), torch.ones(400))
    # the second moment of a Gaussian is its variance, here at most 1.5 squared
    offsets = torch.arange(-8, 9, dtype=torch.float32)
    spread = (blurred[:, 0].sum(dim=1) * offsets**2).sum(dim=1).sqrt()
    assert 1.3 < spread.max() <= 1.5


def test_noise_of_every_deviation_up_to_the_largest_is_added_to_half_of_the_images():
    grey = torch.full((400, 1, 32, 32), 0.5)
    noisy = Augmentation(noise=0.1)(grey, seeded())
    deviations = noisy.std(dim=(1, 2, 3))
    clean = (deviations == 0).float().mean()
    assert 0.4 < clean < 0.6
    assert 0.09 < deviations.max() < 0.11
    assert 0.04 < deviations[deviations > 0].mean() < 0.06
    assert (noisy.mean(dim=(1, 2, 3)) - 0.5).abs().max() < 0.02


def test_noise_comes_last_and_can_be_left_for_later():
    augmentation = Augmentation(flip=True, erasing=0.5, noise=0.1)
    generator, together = seeded(), augmentation(noise(8), seeded())
    changed = augmentation.changed(noise(8), generator)
    torch.testing.assert_close(augmentation.roughened(changed, generator), together)
    torch.testing.assert_close(changed, Augmentation(flip=True, erasing=0.5)(noise(8), seeded()))


def test_each_channel_of_an_image_is_blurred_alike():
    grey = noise(6)
    colour = Augmentation(blur=2)(grey.expand(-1, 3, -1, -1), seeded())
    torch.testing.assert_close(colour[:, 0], colour[:, 2])
    torch.testing.assert_close(colour[:, :1], Augmentation(blur=2)(grey, seeded()))

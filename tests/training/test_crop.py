import torch

from hybridfer.training import Augmentation


def ramp(n: int) -> torch.Tensor:
    """Images that grow brighter to the right and to the bottom, never twice as bright."""
    across, down = torch.linspace(0, 0.5, 40), torch.linspace(0, 0.5, 40)
    return (down[:, None] + across)[None, None].expand(n, 1, 40, 40).clone()


def cropped(crop: float, n: int = 64) -> torch.Tensor:
    return Augmentation(crop=crop)(ramp(n), torch.Generator().manual_seed(0))[:, 0]


def test_a_crop_enlarges_by_up_to_its_share():
    changed = cropped(0.5)
    # the ramp of a window is as much flatter as the window is smaller
    shares = (changed[:, 20, 30] - changed[:, 20, 10]) / (ramp(1)[0, 0, 20, 30] - ramp(1)[0, 0, 20, 10])
    assert 0.5 <= shares.min() < 0.55
    assert 0.95 < shares.max() <= 1.0001


def test_a_crop_lies_anywhere_and_within_the_image():
    changed = cropped(0.5)
    assert not (changed.diff(dim=2)[:, :, 1:-1] <= 0).any()
    centres = changed[:, 19:21, 19:21].mean(dim=(1, 2))
    assert centres.min() < 0.4 < 0.6 < centres.max()


def test_a_crop_keeps_the_proportions():
    changed = cropped(0.5)
    torch.testing.assert_close(changed[:, 20, 30] - changed[:, 20, 10], changed[:, 30, 20] - changed[:, 10, 20])


def test_a_crop_of_nothing_is_none():
    torch.testing.assert_close(cropped(1e-9), ramp(64)[:, 0])

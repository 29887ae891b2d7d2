import numpy as np
import pytest
import torch

from hybridfer.training import lesson
from hybridfer.training.lesson import LessonNet
from hybridfer.training.mixing import Mixup, mixed
from hybridfer.training.net import TrainedModule


@pytest.fixture
def turned_round(monkeypatch):
    """Mix each batch with its own reversal, by one share, and collect what steps give as logits, with their labels."""

    def by(share: float) -> list[tuple[torch.Tensor, torch.Tensor]]:
        steps = []

        def mix(mixup, pixels, labels, generator):
            steps.append([labels])
            return mixed(pixels, labels, torch.arange(len(labels)).flip(0), share)

        logits = TrainedModule.logits

        def noting(module, pixels):
            given = logits(module, pixels)
            if module.training:
                steps[-1].append(given.detach())
            return given

        monkeypatch.setattr(Mixup, "__call__", mix)
        monkeypatch.setattr(TrainedModule, "logits", noting)
        return steps

    return by


def test_an_image_and_its_label_are_mixed_with_those_of_its_partner_by_the_same_share():
    pixels = torch.arange(3.0).view(3, 1, 1, 1).expand(3, 1, 2, 2)
    mixture, ((own, larger), (partners, smaller)) = mixed(pixels, torch.tensor([4, 5, 6]), torch.tensor([2, 0, 1]), 0.75)
    torch.testing.assert_close(mixture[:, 0, 0, 0], torch.tensor([0.5, 0.75, 1.75]))
    assert (own.tolist(), larger) == ([4, 5, 6], 0.75)
    assert (partners.tolist(), smaller) == ([6, 4, 5], 0.25)


@pytest.mark.parametrize("share", [0.8, 0.3])
def test_the_loss_is_mixed_as_the_images_are(share, turned_round, quick, faces):
    X, y = faces
    steps = turned_round(share)
    heavy = {int(np.unique(y)[0]): 3.0}
    settings = {"mixup": 0.2, "label_smoothing": 0.1, "class_weight": heavy, "validation_fraction": 0, "batch_size": 16}
    classifier = quick(**settings, max_epochs=1).fit(X, y)
    loss = torch.nn.CrossEntropyLoss(torch.tensor([3.0, 1, 1, 1]), label_smoothing=0.1)
    expected = [
        len(labels) * (share * loss(logits, labels) + (1 - share) * loss(logits, labels.flip(0))) for labels, logits in steps
    ]
    assert classifier.history_[0]["train_loss"] == pytest.approx(float(sum(expected)) / len(X), rel=1e-5)


@pytest.mark.parametrize("share", [0.8, 0.3])
def test_training_accuracy_goes_by_the_label_with_the_larger_share(share, turned_round, quick, faces):
    steps = turned_round(share)
    classifier = quick(mixup=1.0, validation_fraction=0, max_epochs=1, batch_size=16).fit(*faces)
    right = [(logits.argmax(1) == (labels if share > 0.5 else labels.flip(0))).sum() for labels, logits in steps]
    assert classifier.history_[0]["train_accuracy"] == pytest.approx(float(sum(right)) / len(faces[0]))


@pytest.mark.parametrize("alpha", [1e-9, 0.2, 1.0, 8.0])
def test_shares_are_drawn_from_a_beta_distribution(alpha):
    torch.manual_seed(0)
    labels, pixels = torch.zeros(2), torch.zeros(2, 1, 1, 1)
    generator = torch.Generator().manual_seed(0)
    mixup = Mixup(alpha)
    shares = np.array([mixup(pixels, labels, generator)[1][0][1] for _ in range(2000)])
    assert shares.mean() == pytest.approx(0.5, abs=0.05)
    assert shares.var() == pytest.approx(1 / (8 * alpha + 4), rel=0.1)


def test_partners_are_a_permutation_that_the_trainings_own_generator_draws():
    labels, pixels = torch.arange(20), torch.zeros(20, 1, 1, 1)
    drawn = [Mixup(0.2)(pixels, labels, torch.Generator().manual_seed(seed))[1][1][0].tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert sorted(drawn[2]) == labels.tolist()


def test_one_seed_gives_one_mixture(quick, faces):
    first, second, other = (
        quick(mixup=mixup, max_epochs=1).fit(*faces).network_.digest for mixup in (np.float32(0.5), 0.5, 0.0)
    )
    assert first == second != other


def test_global_generators_are_left_by_mixup(quick, faces):
    before = torch.get_rng_state()
    quick(mixup=0.2, max_epochs=1).fit(*faces)
    assert torch.equal(torch.get_rng_state(), before)


def test_images_are_mixed_after_balancing_and_augmentation(quick, faces, monkeypatch):
    sizes = []
    mix = Mixup.__call__

    def noting(mixup, pixels, labels, generator):
        sizes.append(len(pixels))
        assert 0 <= pixels.min() <= pixels.max() <= 1
        return mix(mixup, pixels, labels, generator)

    monkeypatch.setattr(Mixup, "__call__", noting)
    label = int(faces[1][0])
    settings = {"balance": {label: 9}, "augmentation": {"flip": True}, "balance_augmentation": {"rotation": 10}}
    quick(mixup=0.2, max_epochs=1, validation_fraction=0, **settings).fit(*faces)
    assert sum(sizes) == len(faces[0]) + 9


def test_a_training_without_mixup_and_teacher_takes_the_plain_step(quick, faces, monkeypatch):
    monkeypatch.setattr(LessonNet, "train_step_single", None)
    monkeypatch.setattr(lesson, "Mixup", None)
    assert len(quick(max_epochs=1).fit(*faces).history_) == 1

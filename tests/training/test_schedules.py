import math
from types import SimpleNamespace

import pytest
import torch
from skorch.history import History

from hybridfer.errors import RecipeError
from hybridfer.training.optimizers import OPTIMIZERS
from hybridfer.training.schedules import build_schedule


def rates(classifier) -> list[float]:
    return [epoch["learning_rate"] for epoch in classifier.history_]


def test_a_constant_rate_stays(quick, faces):
    assert rates(quick(max_epochs=3, learning_rate=0.003).fit(*faces)) == [0.003] * 3


def test_a_cosine_falls_to_nothing_over_all_steps(quick, faces):
    found = rates(quick(max_epochs=4, learning_rate=0.01, schedule="cosine").fit(*faces))
    assert found == pytest.approx([0.005 * (1 + math.cos(math.pi * epoch / 4)) for epoch in (1, 2, 3, 4)], abs=1e-9)


def test_one_cycle_rises_over_a_quarter_and_falls_to_nothing(quick, faces):
    found = rates(quick(max_epochs=8, learning_rate=0.01, schedule="one-cycle").fit(*faces))
    assert found[0] < found[1]
    assert found[1] == pytest.approx(0.01, rel=0.02)
    assert found[1:] == sorted(found[1:], reverse=True)
    assert found[-1] < 1e-6


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
def test_one_cycle_of_any_number_of_steps_comes_to_its_end(steps, quick, faces):
    X, y = faces
    chosen = slice(16 * steps)
    (rate,) = rates(
        quick(max_epochs=1, batch_size=16, schedule="one-cycle", validation_fraction=0).fit(X[chosen], y[chosen])
    )
    assert 0 < rate <= 1e-3


def test_one_cycle_leaves_the_momentum_of_sgd(quick, faces, monkeypatch):
    momenta = set()

    class Watched(torch.optim.SGD):
        def step(self, *arguments):
            momenta.add(self.param_groups[0]["momentum"])
            return super().step(*arguments)

    monkeypatch.setitem(OPTIMIZERS, "sgd", Watched)
    quick(optimizer="sgd", momentum=0.8, schedule="one-cycle").fit(*faces)
    assert momenta == {0.8}


def test_a_plateau_halves_the_rate_after_five_epochs_that_bring_nothing():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.8)
    net = SimpleNamespace(optimizer_=optimizer, history=History())
    callback = build_schedule("plateau", 0.8, 20, 3)
    callback.initialize()
    callback.on_train_begin(net)
    found = []
    for loss in [1.0, 0.5, *[0.5] * 5, 0.4, *[0.6] * 5]:
        net.history.new_epoch()
        net.history.record("valid_loss", loss)
        callback.on_epoch_end(net)
        found.append(optimizer.param_groups[0]["lr"])
    assert found == [0.8] * 6 + [0.4] * 6 + [0.2]


def test_a_plateau_watches_the_validation_loss_of_a_training(quick, faces):
    # a network without BatchNorm that learns nothing, so that its loss stands still
    still = quick(network="baseline", optimizer="sgd", learning_rate=1e-6, max_epochs=7, schedule="plateau").fit(*faces)
    # recorded before the epoch's own verdict
    assert rates(still) == [1e-6] * 6 + [5e-7]


@pytest.mark.parametrize("schedule", ["onecycle", None])
def test_an_unknown_schedule_is_refused_before_training(schedule, quick, faces):
    with pytest.raises(RecipeError, match="schedule must be among"):
        quick(schedule=schedule).fit(*faces)

import pytest
import torch

from hybridfer.errors import RecipeError
from hybridfer.networks import choose_device, choose_precision

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_auto_takes_the_best_device_there_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == CUDA
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto").type == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == CPU


@pytest.mark.parametrize("device", ["abacus", "meta", "cpu:x", None, 3.5])
def test_unknown_devices_are_refused(device):
    with pytest.raises(RecipeError, match="device must be 'auto', 'cpu'"):
        choose_device(device)


def test_a_device_that_is_not_there_is_refused_with_what_there_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("cuda") == CUDA
    with pytest.raises(RecipeError, match="sees 1 CUDA devices"):
        choose_device("cuda:1")
    with pytest.raises(RecipeError, match="this machine has none"):
        choose_device("mps")


def test_auto_precision_is_bf16_only_where_the_gpu_has_it(monkeypatch):
    assert choose_precision("auto", CPU) == "fp32"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert choose_precision("auto", CUDA) == "bf16"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert choose_precision("auto", CUDA) == "fp32"
    assert choose_precision("fp16", CUDA) == "fp16"
    assert choose_precision("bf16", CPU) == "bf16"

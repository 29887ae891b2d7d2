import os
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch

# searches that take all cores start no processes: each would load scikit-learn anew for a handful of rows
os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")

SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@pytest.fixture(scope="session")
def timm() -> Iterator[ModuleType]:
    """timm, also where the compiled part of torchvision, which timm imports and does not need, is not of torch's build."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    try:
        import timm
    except RuntimeError:
        # what torchvision looks for when it is imported
        for operator in ("nms", "qnms"):
            library.define(operator + SIGNATURE)
    except ImportError as error:
        pytest.skip(f"timm cannot be imported: {error}")
    import timm

    yield timm
    # up to here the operators are there for as long as the library is
    del library

"""The networks of 'Feature extraction with classical heads' (Universidad de Antioquia, 2024): baseline and models B to F.

The layers of model F are published, those of B to E are not: the four here are ours, steps from the baseline to model F, and
the report's figures of models B and C are not theirs. All counts are of trainable parameters, for 48 x 48 grey images and
seven classes, as the report counts model F.
"""

from __future__ import annotations

from torch import nn

from hybridfer.networks.blocks import stack

PLAIN = ("conv", "relu", "pool", "dropout")
PLAIN_DENSE = ("linear", "relu", "dropout")


def build_baseline(*, n_classes: int = 7, channels: int = 1, image_size: tuple[int, int] = (48, 48)) -> nn.Sequential:
    """Two 3 x 3 convolutions with max-pooling and one dense layer of 128 units."""
    return stack(
        (32, 64),
        (128,),
        n_classes=n_classes,
        channels=channels,
        image_size=image_size,
        order=PLAIN,
        dense_order=PLAIN_DENSE,
    )


def build_model_b(
    *, n_classes: int = 7, channels: int = 1, image_size: tuple[int, int] = (48, 48), dropout: float = 0.25
) -> nn.Sequential:
    """Ours: a third convolution and dropout, still without BatchNorm; 683,527 parameters."""
    return stack(
        (32, 64, 128),
        (128,),
        n_classes=n_classes,
        channels=channels,
        image_size=image_size,
        order=PLAIN,
        dense_order=PLAIN_DENSE,
        dropout=dropout,
        dense_dropout=dropout,
    )


def build_model_c(*, n_classes: int = 7, channels: int = 1, image_size: tuple[int, int] = (48, 48)) -> nn.Sequential:
    """Ours: four narrow convolutions with BatchNorm, without dropout; 538,439 parameters."""
    return stack((32, 64, 128, 128), (256,), n_classes=n_classes, channels=channels, image_size=image_size)


def build_model_d(
    *, n_classes: int = 7, channels: int = 1, image_size: tuple[int, int] = (48, 48), dropout: float = 0.25
) -> nn.Sequential:
    """Ours: half the filters of model F, the 5 x 5 kernel first, BatchNorm and dropout; 1,620,871 parameters."""
    return stack(
        (64, 128, 256, 256),
        (256, 256),
        n_classes=n_classes,
        channels=channels,
        image_size=image_size,
        kernels=(5, 3, 3, 3),
        dropout=dropout,
        dense_dropout=dropout,
    )


def build_model_e(*, n_classes: int = 7, channels: int = 1, image_size: tuple[int, int] = (48, 48)) -> nn.Sequential:
    """Ours: the filters of model F with 3 x 3 kernels alone, BatchNorm, no dropout; 4,343,687 parameters."""
    return stack((64, 128, 512, 512), (256, 512), n_classes=n_classes, channels=channels, image_size=image_size)


def build_model_f(
    *, n_classes: int = 7, channels: int = 1, image_size: tuple[int, int] = (48, 48), dropout: float = 0.25
) -> nn.Sequential:
    """Four wide convolutions and two dense layers: 4,474,759 parameters, 4,478,727 with running statistics."""
    return stack(
        (64, 128, 512, 512),
        (256, 512),
        n_classes=n_classes,
        channels=channels,
        image_size=image_size,
        kernels=(3, 5, 3, 3),
        dropout=dropout,
        dense_dropout=dropout,
    )

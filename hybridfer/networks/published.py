"""Networks from papers and reports on FER2013, rebuilt layer by layer.

Counts of parameters are those of the published summaries: for 48 x 48 grey images and the source's own number of classes,
with BatchNorm's two running statistics, which Keras counts as parameters that are not trained. Where a source leaves a
width or a dropout rate out, the docstring says that it is ours.
"""

from __future__ import annotations

from torch import nn

from hybridfer.errors import RecipeError
from hybridfer.networks.blocks import stack
from hybridfer.networks.initialisation import initialise

KERNELS = (2, 3)


def build_model_1(
    *, n_classes: int = 4, channels: int = 1, image_size: tuple[int, int] = (48, 48), dropout: float = 0.2
) -> nn.Sequential:
    """Three 2 x 2 convolutions and one dense layer: 605,060 parameters, as published. The dropout rate is ours."""
    return stack(
        (64, 32, 32),
        (512,),
        n_classes=n_classes,
        channels=channels,
        image_size=image_size,
        kernels=2,
        order=("conv", "relu", "pool", "dropout"),
        dense_order=("linear", "relu", "dropout"),
        dropout=dropout,
        dense_dropout=dropout,
    )


def build_model_2(
    *,
    n_classes: int = 4,
    channels: int = 1,
    image_size: tuple[int, int] = (48, 48),
    dropout: float = 0.2,
    slope: float = 0.1,
) -> nn.Sequential:
    """Four 2 x 2 convolutions and three dense layers, the logits among them: 830,948 parameters; 830,928 are published.

    The list of layers is not published; this one is ours. No network of four classes whose widths are multiples of 16 can
    have the published count: it is a multiple of 16, and theirs leave a remainder of 4, the biases of the four logits. Of
    the networks with 2 x 2 kernels, BatchNorm and pooling after each convolution, widths that are powers of two and never
    fall from one convolution to the next, and two hidden dense layers without BatchNorm, this is the nearest.
    """
    return stack(
        (64, 128, 128, 256),
        (256, 32),
        n_classes=n_classes,
        channels=channels,
        image_size=image_size,
        kernels=2,
        dense_order=("linear", "relu", "dropout"),
        dropout=dropout,
        dense_dropout=dropout,
        slope=slope,
    )


def build_model_3(
    *,
    n_classes: int = 4,
    channels: int = 1,
    image_size: tuple[int, int] = (48, 48),
    kernel: int = 3,
    dropout: float = 0.2,
    slope: float = 0.1,
) -> nn.Sequential:
    """Five convolutions and two dense layers with BatchNorm: 1,782,340 parameters with 2 x 2 kernels, as published.

    Kernels of 3 x 3 make it 3,789,700. The dropout rate is ours.
    """
    if kernel not in KERNELS:
        raise RecipeError(f"kernel of model_3 must be among {list(KERNELS)}; got {kernel!r}.")
    return stack(
        (64, 128, 512, 512, 128),
        (256, 512),
        n_classes=n_classes,
        channels=channels,
        image_size=image_size,
        kernels=kernel,
        dropout=dropout,
        dense_dropout=dropout,
        slope=slope,
    )


def build_leaky_cnn(
    *,
    n_classes: int = 7,
    channels: int = 1,
    image_size: tuple[int, int] = (48, 48),
    slope: float = 0.01,
    initialisation: str = "normal",
) -> nn.Sequential:
    """Three convolutions, BatchNorm after pooling, and four dense layers with dropout of 0.25, 0.25, 0.25 and 0.4.

    The widths (32, 64, 128 filters of 3 x 3; 512, 256, 128 and 64 units) are ours, as the source gives none, and so is the
    place of BatchNorm in the dense layers, after the activation as it stands after the pooling. "Normal initialisation" is
    taken for Keras's RandomNormal: see `hybridfer.networks.initialisation`.
    """
    module = stack(
        (32, 64, 128),
        (512, 256, 128, 64),
        n_classes=n_classes,
        channels=channels,
        image_size=image_size,
        order=("conv", "relu", "pool", "norm"),
        dense_order=("linear", "relu", "norm", "dropout"),
        dense_dropout=(0.25, 0.25, 0.25, 0.4),
        slope=slope,
    )
    return initialise(module, initialisation)


def build_grigorasi(
    *,
    n_classes: int = 7,
    channels: int = 1,
    image_size: tuple[int, int] = (48, 48),
    dropout: float = 0.4,
    dense_dropout: float = 0.3,
) -> nn.Sequential:
    """Five 3 x 3 convolutions and one dense layer: 5,173,959 parameters, 5,170,503 of them trainable, as published."""
    return stack(
        (256, 512, 384, 192, 384),
        (256,),
        n_classes=n_classes,
        channels=channels,
        image_size=image_size,
        bare=1,
        order=("conv", "relu", "norm", "pool", "dropout"),
        dense_order=("linear", "relu", "norm", "dropout"),
        dropout=dropout,
        dense_dropout=dense_dropout,
    )

"""Make a deeper network of weights of `compact`, as a training's start: what it computes hardly changes.

    hybridfer train fer2013.zip -f compact-robust -o compact-robust.safetensors --precision bf16 --store-as fp16
    python benchmarks/grow_compact.py fer2013.zip --weights compact-robust.safetensors --out grown.safetensors
    hybridfer train fer2013.zip -f compact-deep -o compact.safetensors --precision bf16 --store-as fp16

The third stage loses the channels that matter least, which pays for one more residual block in the first stage and one in
the second. What a channel of the embedding matters is its variance over training images times the squared weights that the
logits give it; what a channel inside the block matters is its mean square times what the second convolution makes of it.
The training images that are looked at are drawn before validation is held out: their pixels count, no label does. The new
blocks begin as the identity, so that nothing but the lost channels changes.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch

from hybridfer.datasets import read_dataset
from hybridfer.networks import Network, catalogue_network, load_network, save_network

# channels of the third stage that stay, and training images that are looked at
KEPT, IMAGES = 192, 3000


def kept_channels(network: Network, images: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose which channels of the third stage stay: of its maps and of the inside of its residual block."""
    module = network.module
    block, linear = module.stage3.residual, module.logits.linear
    with torch.no_grad():
        maps = network.preprocessing(torch.from_numpy(images))
        for name in ("stem", "stage1", "pool1", "stage2", "pool2"):
            maps = module.get_submodule(name)(maps)
        maps = module.stage3.widen(maps)
        inner = torch.relu(block.norm1(block.conv1(maps)))
        embedding = module.embedding(block(maps))
        weights = linear.weight - linear.weight.mean(dim=0)
        outer_matters = embedding.var(dim=0) * weights.square().sum(dim=0)
        gain = block.norm2.weight / torch.sqrt(block.norm2.running_var + block.norm2.eps)
        made = (block.conv2.weight * gain[:, None, None, None]).square().sum(dim=(0, 2, 3))
        inner_matters = inner.square().mean(dim=(0, 2, 3)) * made
    outer, within = (matters.argsort(descending=True)[:KEPT].sort().values for matters in (outer_matters, inner_matters))
    return outer, within


def grown(network: Network, outer: torch.Tensor, within: torch.Tensor) -> Network:
    """Build the deeper network, and fill it with what stays of the other."""
    arguments = {"widths": f"64-128-{KEPT}", "depths": "2-2-1"}
    deeper = catalogue_network("compact", preprocessing=network.preprocessing, random_state=0, arguments=arguments)
    rows = {"stage3.widen": outer, "stage3.residual.conv1": within, "stage3.residual.norm1": within}
    rows |= {"stage3.residual.conv2": outer, "stage3.residual.norm2": outer}
    columns = {"stage3.residual.conv1": outer, "stage3.residual.conv2": within, "logits.linear": outer}
    state = deeper.module.state_dict()
    for name, tensor in network.module.state_dict().items():
        for part, chosen in rows.items():
            if name.startswith(f"{part}.") and tensor.ndim:
                tensor = tensor[chosen]
        for part, chosen in columns.items():
            if name == f"{part}.weight":
                tensor = tensor[:, chosen]
        state[name] = tensor
    deeper.module.load_state_dict(state)
    return replace(
        deeper,
        classes=network.classes,
        training=network.training,
        history=network.history,
        trained_on=network.trained_on,
        watched=network.watched,
    )


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True))
@click.option("--weights", type=click.Path(exists=True), required=True, help="Of compact as the catalogue builds it.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(data: str, weights: str, out: Path) -> None:
    train = read_dataset(data).split("train")
    sample = np.argsort(train.names)[np.random.default_rng(0).choice(len(train), IMAGES, replace=False)]
    network = load_network(weights)
    save_network(grown(network, *kept_channels(network, train.images[:][sample])), out)


if __name__ == "__main__":
    main()

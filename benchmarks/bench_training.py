"""What the training loop costs beside a bare one: step time of our loop, skorch's, over that of hand-written torch.

Both loops train the same network from the same weights on the same batches with the same optimiser, and read the loss back
once an epoch. They take turns, epoch by epoch, so that a noisy machine disturbs both alike; figures are medians.

    python benchmarks/bench_training.py --network tiny --network compact --out training.json
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.utils import convert_conv2d_weight_memory_format

from hybridfer.networks import Network, Preprocessing, catalogue_network, choose_device, choose_precision
from hybridfer.networks.device import autocast
from hybridfer.training.batches import DeviceBatches, DeviceImages
from hybridfer.training.net import ImageNet, TrainedModule

RATE, MOMENTUM = 0.01, 0.9
# loss and accuracy of an epoch
Figures = tuple[float, float]


def main() -> None:
    arguments = parse_arguments()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = choose_device(arguments.device)
    precision = choose_precision(arguments.precision, device)
    figures = {
        "machine": platform.processor() or platform.machine(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "precision": precision,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "batch_size": arguments.batch_size,
        "steps_a_round": arguments.steps,
        "rounds": arguments.rounds,
        "networks": {},
    }
    for name in arguments.network or ["tiny", "compact"]:
        row = compare(name, arguments, device, precision)
        figures["networks"][name] = row
        low, high = row["ratio_quartiles"]
        print(
            f"{name}: skorch {row['skorch_ms']:.2f} ms a step, bare {row['bare_ms']:.2f} ms; ratio {row['ratio']:.3f} "
            f"(median of {arguments.rounds} rounds, quartiles {low:.3f}..{high:.3f})"
        )
    if arguments.out:
        arguments.out.write_text(json.dumps(figures, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", action="append", help="a network of the catalogue; may be repeated (tiny, compact)")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=10, help="steps of each loop in a round")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, help="threads of torch on the CPU")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    return parser.parse_args()


def compare(name: str, arguments: argparse.Namespace, device: torch.device, precision: str) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    n = arguments.batch_size * arguments.steps
    images = DeviceImages(rng.integers(0, 256, (n, 48, 48), dtype=np.uint8), rng.integers(0, 7, n, dtype=np.int64), device)
    loops = {
        "skorch": skorch_epoch(trained_module(name, device, precision), images, arguments.batch_size, device),
        "bare": bare_epoch(trained_module(name, device, precision).module, images, arguments.batch_size, precision),
    }
    # warmed up twice: memory, kernels, and the optimiser's own state
    for epoch in [*loops.values()] * 2:
        epoch()
    seconds: dict[str, list[float]] = {loop: [] for loop in loops}
    for turn in range(arguments.rounds):
        # whoever goes first changes from round to round
        for loop in list(loops)[:: 1 if turn % 2 else -1]:
            seconds[loop].append(timed(loops[loop], device))
    ratios = [ours / bare for ours, bare in zip(seconds["skorch"], seconds["bare"], strict=True)]
    quartiles = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    milliseconds = {f"{loop}_ms": statistics.median(found) * 1000 / arguments.steps for loop, found in seconds.items()}
    return {**milliseconds, "ratio": statistics.median(ratios), "ratio_quartiles": [quartiles[0], quartiles[2]]}


def timed(epoch: Callable[[], Figures], device: torch.device) -> float:
    """Seconds of an epoch; its loss is read back, so that a device has finished."""
    start = time.perf_counter()
    epoch()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def trained_module(name: str, device: torch.device, precision: str) -> TrainedModule:
    network: Network = catalogue_network(name, preprocessing=Preprocessing())
    generator = torch.Generator(device).manual_seed(0)
    module = TrainedModule(network.module, network.preprocessing, None, precision, generator).to(device)
    return convert_conv2d_weight_memory_format(module, torch.channels_last)


def skorch_epoch(
    module: TrainedModule, images: DeviceImages, batch_size: int, device: torch.device
) -> Callable[[], Figures]:
    net = ImageNet(
        module,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.SGD,
        optimizer__momentum=MOMENTUM,
        lr=RATE,
        batch_size=batch_size,
        iterator_train=DeviceBatches,
        iterator_train__generator=module.generator,
        train_split=None,
        device=str(device),
        verbose=0,
    ).initialize()
    net.notify("on_train_begin", X=images, y=None)

    def epoch() -> Figures:
        net.fit_loop(images, epochs=1)
        return net.history[-1]["train_loss"], net.history[-1]["train_accuracy"]

    return epoch


def bare_epoch(module: torch.nn.Module, images: DeviceImages, batch_size: int, precision: str) -> Callable[[], Figures]:
    """The shortest honest loop: bytes to floats, forward, loss, backward, step; loss and accuracy summed on the device."""
    device = images.images.device
    generator = torch.Generator(device).manual_seed(0)
    optimizer = torch.optim.SGD(module.parameters(), lr=RATE, momentum=MOMENTUM)
    module.train()

    def epoch() -> Figures:
        order = torch.randperm(len(images), generator=generator, device=device)
        loss_sum, correct = torch.zeros((), device=device), torch.zeros((), device=device)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            labels = images.labels[rows]
            batch = (images.images[rows].float() / 255).unsqueeze(1).contiguous(memory_format=torch.channels_last)
            optimizer.zero_grad()
            with autocast(precision, device):
                logits = module(batch)
            loss = torch.nn.functional.cross_entropy(logits.float(), labels)
            loss.backward()
            optimizer.step()
            loss_sum += loss.detach() * len(labels)
            correct += (logits.detach().argmax(dim=1) == labels).sum()
        return float(loss_sum) / len(order), float(correct) / len(order)

    return epoch


if __name__ == "__main__":
    main()

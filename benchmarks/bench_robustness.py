"""How much accuracy a network keeps when faces are cropped, turned, lit or resolved otherwise than those it was trained on.

    python benchmarks/bench_robustness.py fer2013.zip --weights compact --weights mine.safetensors --out robustness.json

Images of the validation split (carved from train as every benchmark does; the test split is not looked at) are changed one
way at a time, each by a fixed amount, and classified by softmax, in a single view. It stands in for other collections of
faces where none is at hand, and cannot replace them: other people, other cameras, other poses are not in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from hybridfer.datasets import read_dataset
from hybridfer.evaluation.splits import three_splits
from hybridfer.networks import Embedder, Network, load_network
from hybridfer.reporting.gfm import escape, table

Image = NDArray[np.uint8]
Change = Callable[[Image], Image]


def moved(zoom: float = 1.0, degrees: float = 0.0, shift: float = 0.0) -> Change:
    """Zoom, turn and shift (to the right and down, by a fraction of the side); the border is repeated."""

    def change(image: Image) -> Image:
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, zoom)
        matrix[:, 2] += shift * width, shift * height
        # warpAffine looks at the nearest pixels alone, so that what shrinks has to be smoothed before
        smooth = cv2.GaussianBlur(image, (0, 0), 0.5 / zoom) if zoom < 1 else image
        return cv2.warpAffine(smooth, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    return change


def relit(gain: float = 1.0, offset: float = 0.0, gamma: float = 1.0) -> Change:
    """Change contrast around mid-grey, brightness (in units of the range) and gamma; what leaves the range is cut off."""
    grey = np.arange(256) / 255
    lut = (255 * np.clip((grey**gamma - 0.5) * gain + 0.5 + offset, 0, 1)).round().astype(np.uint8)
    return lambda image: lut[image]


def lit_from_a_side(image: Image) -> Image:
    """Darken towards the left, down to 40 %, and brighten towards the right, up to 160 %."""
    light = np.linspace(0.4, 1.6, image.shape[1]).reshape(1, -1, *[1] * (image.ndim - 2))
    return np.clip(image * light, 0, 255).round().astype(np.uint8)


def resolved(side: int) -> Change:
    """Shrink to so many pixels a side, and enlarge again."""

    def change(image: Image) -> Image:
        small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        return cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    return change


def noisy(deviation: float) -> Change:
    """Add Gaussian noise, of a deviation in grey levels; the same for every image, so that runs agree."""

    def change(image: Image) -> Image:
        noise = np.random.default_rng(0).normal(0, deviation, image.shape)
        return np.clip(image + noise, 0, 255).round().astype(np.uint8)

    return change


def compressed(quality: int) -> Change:
    """Write as JPEG and read again."""

    def change(image: Image) -> Image:
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return cv2.imdecode(data, cv2.IMREAD_UNCHANGED)

    return change


def hidden(image: Image) -> Image:
    """Cover the lowest quarter, where a mouth may be, with mid-grey."""
    covered = image.copy()
    covered[3 * len(image) // 4 :] = 128
    return covered


CHANGES: dict[str, Change] = {
    "as they are": lambda image: image,
    "face at 60 % of its size": moved(zoom=0.6),
    "face at 75 %": moved(zoom=0.75),
    "face at 125 %": moved(zoom=1.25),
    "face at 150 %": moved(zoom=1.5),
    "shifted by 10 % of the side": moved(shift=0.1),
    "shifted by 20 %": moved(shift=0.2),
    "turned by 15 degrees": moved(degrees=15),
    "turned by 30 degrees": moved(degrees=30),
    "blurred, deviation 1 pixel": lambda image: cv2.GaussianBlur(image, (0, 0), 1),
    "blurred, 2 pixels": lambda image: cv2.GaussianBlur(image, (0, 0), 2),
    "resolved by 24 pixels a side": resolved(24),
    "resolved by 16 pixels": resolved(16),
    "contrast x 0.4": relit(gain=0.4),
    "contrast x 2": relit(gain=2),
    "brighter by a quarter of the range": relit(offset=0.25),
    "darker by a quarter of the range": relit(offset=-0.25),
    "gamma 0.5": relit(gamma=0.5),
    "gamma 2": relit(gamma=2),
    "lit from a side": lit_from_a_side,
    "noise, deviation 10 grey levels": noisy(10),
    "noise, 25 grey levels": noisy(25),
    "JPEG of quality 20": compressed(20),
    "lowest quarter hidden": hidden,
}


def accuracy(network: Network, images: NDArray[np.uint8], names: NDArray[np.str_], precision: str) -> float:
    """The share of images whose most probable class, among those that occur, is the right one."""
    classes = [name for name in network.classes if name in set(names)]
    columns = [network.classes.index(name) for name in classes]
    logits = Embedder(network, ["logits"], precision=precision).embed(images)["logits"]
    return float((np.array(classes)[logits[:, columns].argmax(axis=1)] == names).mean())


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True))
@click.option("--weights", multiple=True, default=["compact"], help="A name of weights in the wheel, or a weights file.")
@click.option("--images", type=click.IntRange(1), help="Take so many of the validation images.")
@click.option("--precision", default="auto", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
def main(data: str, weights: tuple[str, ...], images: int | None, precision: str, out: Path | None) -> None:
    validation = three_splits(read_dataset(data)).dataset.split("validation")
    faces, names = validation.images[:images], np.array(validation.classes)[validation.labels[:images]]
    networks = {name: load_network(name) for name in weights}
    kept: dict[str, dict[str, float]] = {name: {} for name in networks}
    for told, change in CHANGES.items():
        changed = np.stack([change(face) for face in faces]).reshape(faces.shape)
        for name, network in networks.items():
            kept[name][told] = accuracy(network, changed, names, precision)
    if out is not None:
        out.write_text(json.dumps({"images": len(faces), "accuracy": kept}, indent=1) + "\n")
    rows = [[told, *(f"{100 * kept[name][told]:.1f}" for name in networks)] for told in CHANGES]
    means = [f"{100 * np.mean([kept[name][told] for told in list(CHANGES)[1:]]):.1f}" for name in networks]
    click.echo(table(["images", *map(escape, networks)], 1, [*rows, ["mean of all changes", *means]]))
    error = 100 * max(np.sqrt(share * (1 - share) / len(faces)) for row in kept.values() for share in row.values())
    click.echo(f"\nAccuracy in % on {len(faces):,} validation images; standard errors up to {error:.1f} points.")


if __name__ == "__main__":
    main()

"""Drawn faces that show expressions: the embedded data set, made on the spot and free of anybody's rights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import starmap

import cv2
import numpy as np
from numpy.typing import NDArray

from hybridfer.datasets.classes import FER_CLASSES, select_classes
from hybridfer.datasets.dataset import Dataset
from hybridfer.datasets.drawing import Camera
from hybridfer.datasets.expressions import draw_strengths
from hybridfer.datasets.portraits import Person, Units, draw_face
from hybridfer.errors import DatasetError

#: An identity appears in this many images, or once with each expression if those are more.
FEWEST_IMAGES_OF_A_PERSON = 4


def make_faces(
    n: int = 2000,
    classes: str | Iterable[str] = FER_CLASSES,
    image_size: int | tuple[int, int] = 48,
    random_state: int = 0,
) -> Dataset:
    """Draw parametric faces that show expressions.

    Brows, lids, nose, mouth, cheeks and wrinkles follow the action units of each expression (`EXPRESSIONS` in
    `hybridfer.datasets.expressions`), at a strength that varies from image to image, so that weak ones are mistaken for
    others. Head shape, features, tones, hair, beard and glasses belong to an identity; pose, light, blur, noise and
    occlusion to an image. A small CNN gets most of them right; a linear machine on the pixels falls clearly short of it.

    Parameters
    ----------
    n : int
        Number of images.
    classes : str or iterable of str
        Expressions to draw, among `FER_CLASSES`; synonyms will do.
    image_size : int or (int, int)
        Height and width in pixels, at least 16.
    random_state : int
        Seed; equal arguments give equal images.

    Returns
    -------
    Dataset
        Grey images, about 70 % train, 15 % validation and 15 % test. Every identity shows every expression equally often,
        and all its images belong to one split.

    Raises
    ------
    DatasetError
        If a class cannot be drawn (the message names those that can), or a number is out of range.

    Examples
    --------
    >>> faces = make_faces(100, classes="happy,sad")
    >>> faces.images.shape, faces.counts()["test"]
    ((100, 48, 48), {'happy': 8, 'sad': 8})
    """
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    if n < 1 or min(height, width) < 16 or max(height, width) > 1024:
        raise DatasetError(
            f"Faces can be drawn from 1 upwards, each 16..1024 pixels high and wide; got n={n}, {height}x{width}."
        )
    chosen = select_classes(classes, FER_CLASSES)
    rng = np.random.default_rng(random_state)
    labels = np.arange(n) % len(chosen)
    repeats = -(-FEWEST_IMAGES_OF_A_PERSON // len(chosen))
    identities = np.arange(n) // (len(chosen) * repeats)
    people = _draw_people(int(identities[-1]) + 1, rng)
    words = [chosen[label] for label in labels]
    strengths = list(starmap(Units, draw_strengths(words, rng)))
    cameras = _draw_cameras(n, rng)
    sitters = [people[identity] for identity in identities]
    pictures = _pictures(list(zip(sitters, strengths, cameras, strict=True)), height, width)
    splits = _split_people(len(people))[identities]
    names = [f"{split}/{word}/person{identity:04d}_{row:05d}.png"
             for row, (split, word, identity) in enumerate(zip(splits, words, identities, strict=True))]  # fmt: skip
    return Dataset(
        images=_photograph(pictures, rng),
        labels=labels.astype(np.int64),
        splits=splits,
        names=np.array(names),
        classes=chosen,
        source=f"faces:{n}",
    )


def _pictures(scenes: list[tuple[Person, Units, Camera]], height: int, width: int) -> NDArray[np.uint8]:
    """Draw at twice the size where that is small, for smooth edges."""
    finer = 2 if max(height, width) <= 128 else 1
    pictures = np.empty((len(scenes), height, width), dtype=np.uint8)
    for row, (person, units, camera) in enumerate(scenes):
        picture = draw_face(person, units, camera, finer * height, finer * width)
        pictures[row] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return pictures


def _draw_people(count: int, rng: np.random.Generator) -> list[Person]:
    def between(low: float, high: float) -> NDArray:
        return rng.uniform(low, high, count)

    def sometimes(share: float, values: NDArray) -> NDArray:
        return np.where(rng.random(count) < share, values, 0.0)

    skin = between(95, 225)
    bearded = sometimes(0.18, between(1, 2))
    columns = {
        "width": between(0.56, 0.70),
        "jaw": between(0.50, 0.82),
        "chin": between(0.80, 0.93),
        "skin": skin,
        "hair": np.where(rng.random(count) < 0.2, between(90, 200), between(15, 80)),
        "hair_line": between(-0.72, -0.52),
        "hair_length": sometimes(0.4, between(0.3, 1.2)),
        "brow_height": between(-0.045, 0.03),
        "brow_thickness": between(0.018, 0.042),
        "brow_slope": between(-0.07, 0.07),
        "eye_size": between(0.12, 0.165),
        "eye_distance": between(0.26, 0.33),
        "eye_open": between(0.05, 0.08),
        "iris": between(15, 75),
        "nose_length": between(-0.05, 0.05),
        "nose_width": between(0.10, 0.16),
        "mouth_width": between(0.20, 0.29),
        "lips": between(0.03, 0.065),
        "mouth_rest": between(-0.03, 0.035),
        "lip_tone": skin * between(0.55, 0.85),
        "age": np.clip(rng.normal(0.15, 0.35, count), 0.0, 1.0),
        "beard": bearded,
        "moustache": np.maximum(bearded, sometimes(0.06, between(1, 2))),
        "glasses": sometimes(0.16, between(20, 90)),
    }
    return [Person(**traits) for traits in _rows(columns)]


def _draw_cameras(count: int, rng: np.random.Generator) -> list[Camera]:
    def between(low: float, high: float) -> NDArray:
        return rng.uniform(low, high, count)

    columns = {
        "roll": rng.normal(0.0, 0.11, count),
        "yaw": rng.normal(0.0, 0.25, count),
        "pitch": rng.normal(0.0, 0.14, count),
        "scale": between(1.15, 1.4),
        "right": rng.normal(0.0, 0.045, count),
        "down": rng.normal(0.0, 0.045, count),
        "gaze": between(-1, 1),
        "back_top": between(10, 240),
        "back_bottom": between(10, 240),
        "shirt": between(20, 230),
        "cover": np.where(rng.random(count) < 1 / 7, between(0, 3), 0.0),
        "cover_x": between(-0.7, 0.7),
        "cover_y": between(0.2, 0.7),
        "cover_tone": between(10, 240),
    }
    return [Camera(**settings) for settings in _rows(columns)]


def _rows(columns: dict[str, NDArray]) -> Iterator[dict[str, float]]:
    """Turn one array a parameter into one dict an entry."""
    lists = [column.tolist() for column in columns.values()]
    return (dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True))


def _photograph(pictures: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Light from a side, lens blur, exposure and sensor noise."""
    count, height, width = pictures.shape
    blur = rng.uniform(0.0, 0.017, size=(count,)) * min(height, width)
    light_x, light_y = rng.normal(0.0, 0.25, (2, count, 1)).astype(np.float32)
    gain = rng.uniform(0.7, 1.1, size=(count,))
    offset = rng.uniform(-10, 30, size=(count,))
    grain = rng.uniform(1.0, 7.0, size=(count,))
    across, down = (np.linspace(-1, 1, side, dtype=np.float32) for side in (width, height))
    photographs = np.empty_like(pictures)
    for row, picture in enumerate(pictures):
        if blur[row] > 0.4:
            picture = cv2.GaussianBlur(picture, (0, 0), blur[row])
        light = gain[row] * np.clip(1.0 + light_x[row] * across + (light_y[row] * down)[:, None], 0.25, 1.5)
        noise = grain[row] * rng.standard_normal((height, width), dtype=np.float32)
        photographs[row] = np.clip(picture * light + noise + offset[row], 0, 255)
    return photographs


def _split_people(count: int) -> NDArray[np.str_]:
    """Split of each identity: 70 %, 15 % and 15 %; one at least for each split where there are three people."""
    held_out = max(round(0.15 * count), 1) if count >= 3 else 0
    sizes = [count - 2 * held_out, held_out, held_out]
    return np.repeat(["train", "validation", "test"], sizes)

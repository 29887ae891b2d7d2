"""Shapes in a face's own coordinates, and the camera that turns them into pixels.

The middle of the head is (0, 0), y points down, the head is about 1.3 wide and 1.7 high.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

_SHIFT = 4  # fractional bits of OpenCV's coordinates
_ANGLES = np.linspace(0.0, 2.0 * math.pi, 28, endpoint=False)

Points = NDArray[np.float64] | Sequence[Sequence[float]]


def curve(x: NDArray, y: ArrayLike) -> NDArray[np.float64]:
    """Points of shape (n, 2) from their coordinates."""
    points = np.empty((len(x), 2))
    points[:, 0], points[:, 1] = x, y
    return points


CIRCLE = curve(np.cos(_ANGLES), np.sin(_ANGLES))


class Camera(NamedTuple):
    """How one image was taken: pose, background and what stands in the way."""

    roll: float
    yaw: float
    pitch: float
    scale: float
    right: float
    down: float
    gaze: float
    back_top: float
    back_bottom: float
    shirt: float
    cover: float
    cover_x: float
    cover_y: float
    cover_tone: float


class Shape(NamedTuple):
    """A polygon or, with a width, an open line; what has more depth lies nearer to the camera."""

    points: Points
    tone: float
    depth: float
    width: float


class Drawing:
    """Shapes in a face's coordinates, kept until all of them can be turned and scaled at once."""

    def __init__(self) -> None:
        self.shapes: list[Shape] = []

    def fill(self, points: Points, tone: float, depth: float = 0.45) -> None:
        """Fill a polygon."""
        self.shapes.append(Shape(points, max(tone, 0.0), depth, 0.0))

    def line(self, points: Points, tone: float, width: float, depth: float = 0.45) -> None:
        """Draw an open line."""
        self.shapes.append(Shape(points, max(tone, 0.0), depth, width))

    def disc(self, x: float, y: float, wide: float, high: float, tone: float, depth: float = 0.45) -> None:
        """Fill an ellipse."""
        self.fill(CIRCLE * (wide, high) + (x, y), tone, depth)

    def seen_by(self, camera: Camera, height: int, width: int) -> NDArray[np.uint8]:
        """The shapes over a plain background, as a picture of a size in pixels."""
        picture = np.empty((height, width), dtype=np.uint8)
        picture[:] = np.linspace(camera.back_top, camera.back_bottom, height)[:, None]
        unit = 0.5 * min(height, width) * camera.scale
        counts = [len(shape.points) for shape in self.shapes]
        depths = np.repeat([shape.depth for shape in self.shapes], counts)
        pixels = _project(np.concatenate([shape.points for shape in self.shapes]), depths, camera, unit, height, width)
        start = 0
        for shape, count in zip(self.shapes, counts, strict=True):
            points = [pixels[start : start + count]]
            start += count
            if shape.width:
                thickness = max(1, round(shape.width * unit))
                cv2.polylines(picture, points, False, shape.tone, thickness, cv2.LINE_AA, _SHIFT)
            else:
                cv2.fillPoly(picture, points, shape.tone, cv2.LINE_AA, _SHIFT)
        return picture


def _project(points: NDArray, depths: NDArray, camera: Camera, unit: float, height: int, width: int) -> NDArray[np.int32]:
    """Turn the head, then the picture; what lies nearer moves further."""
    yaw, pitch = math.sin(camera.yaw), math.sin(camera.pitch)
    bulge = depths * np.sqrt(np.clip(1.0 - points[:, 0] ** 2, 0.0, 1.0))
    across = points[:, 0] * (1.0 - 0.25 * abs(yaw)) + yaw * bulge
    down = points[:, 1] + pitch * bulge
    cos, sin = math.cos(camera.roll) * unit, math.sin(camera.roll) * unit
    x = cos * across - sin * down + 0.5 * width * (1 + camera.right)
    y = sin * across + cos * down + 0.5 * height * (1 + camera.down)
    return (curve(x, y) * 2**_SHIFT).astype(np.int32)

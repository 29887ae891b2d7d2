"""Drawing one face: a person, the action units of the moment, and how the camera sees it.

Coordinates are those of `hybridfer.datasets.drawing`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hybridfer.datasets.drawing import CIRCLE, Camera, Drawing, Points, curve

_EYE_Y, _BROW_Y, _NOSE_Y, _MOUTH_Y = -0.13, -0.33, 0.21, 0.46
_STEPS = np.linspace(-1.0, 1.0, 9)
_BOW = 1.0 - _STEPS**2


class Person(NamedTuple):
    """What stays the same in all images of one identity; tones are grey levels from 0 to 255."""

    width: float
    jaw: float
    chin: float
    skin: float
    hair: float
    hair_line: float
    hair_length: float
    brow_height: float
    brow_thickness: float
    brow_slope: float
    eye_size: float
    eye_distance: float
    eye_open: float
    iris: float
    nose_length: float
    nose_width: float
    mouth_width: float
    lips: float
    mouth_rest: float
    lip_tone: float
    age: float
    beard: float
    moustache: float
    glasses: float


class Units(NamedTuple):
    """Strength of each action unit, in the order of `hybridfer.datasets.expressions.ACTION_UNITS`."""

    au1: float
    au2: float
    au4: float
    au5: float
    au6: float
    au7: float
    au9: float
    au10: float
    au12: float
    au15: float
    au16: float
    au17: float
    au20: float
    au23: float
    au25: float
    au26: float


def draw_face(person: Person, units: Units, camera: Camera, height: int, width: int) -> NDArray[np.uint8]:
    """Draw one face without light, blur or noise.

    Parameters
    ----------
    person, units, camera
        Who, with which expression, seen how.
    height, width : int
        Size of the picture in pixels.

    Returns
    -------
    ndarray of shape (height, width), dtype uint8
    """
    drawing = Drawing()
    _head(drawing, person, units, camera)
    _wrinkles(drawing, person, units)
    _nose(drawing, person, units)
    for side in (-1.0, 1.0):
        _eye(drawing, person, units, camera.gaze, side)
        _brow(drawing, person, units, side)
    _mouth(drawing, person, units)
    _in_front(drawing, person, camera)
    return drawing.seen_by(camera, height, width)


def _head(drawing: Drawing, person: Person, units: Units, camera: Camera) -> None:
    hair, skin, wide = person.hair, person.skin, person.width
    drawing.fill([[-1.3, 1.9], [-1.1, 1.15], [-0.3, 0.9], [0.3, 0.9], [1.1, 1.15], [1.3, 1.9]], camera.shirt, depth=0.0)
    drawing.disc(0.0, -0.22, wide + 0.12, 0.80, hair, depth=0.05)
    if person.hair_length > 0:
        low = person.hair_length
        drawing.fill([[-wide - 0.12, -0.2], [wide + 0.12, -0.2], [wide + 0.16, low], [-wide - 0.16, low]], hair, depth=0.0)
    drawing.fill([[-0.3, 0.4], [0.3, 0.4], [0.34, 1.2], [-0.34, 1.2]], skin * 0.8, depth=0.1)
    for side in (-1.0, 1.0):
        drawing.disc(side * (wide + 0.02), 0.0, 0.09, 0.17, skin * 0.86, depth=0.05)
    across, down = CIRCLE[:, 0], CIRCLE[:, 1]
    below = np.clip(down, 0.0, 1.0)
    outline_x = across * wide * (1.0 - (1.0 - person.jaw) * below**2)
    outline_y = np.where(down > 0, (person.chin + 0.16 * units.au26) * down, 0.86 * down)
    drawing.fill(curve(outline_x, outline_y), skin, depth=0.12)
    line = person.hair_line
    edge = np.array([[-1.0, 0.25], [-0.6, 0.02], [0.0, -0.03], [0.6, 0.02], [1.0, 0.25]]) * (wide, 1.0) + (0.0, line)
    top = np.array([[0.95, -0.5], [0.55, -0.9], [0.0, -1.0], [-0.55, -0.9], [-0.95, -0.5]]) * (wide, 1.0)
    drawing.fill(np.concatenate([edge, top]), hair, depth=0.15)


def _wrinkles(drawing: Drawing, person: Person, units: Units) -> None:
    def crease(points: Points, strength: float) -> None:
        if strength > 0.12:
            drawing.line(points, person.skin * (1.0 - 0.42 * min(strength, 1.0)), 0.035)

    age = 0.5 * person.age
    raised = 0.6 * units.au1 + 0.5 * units.au2
    for level in (0.0, 0.09):
        crease(curve(0.32 * _STEPS, person.hair_line + 0.17 + level - 0.03 * _BOW), raised + age - 0.3)
    for side in (-1.0, 1.0):
        crease([[side * 0.05, -0.34], [side * 0.06, -0.2]], 0.9 * units.au4 + 0.4 * age - 0.15)
        crease([[side * 0.06, -0.1], [side * 0.15, -0.02]], 1.1 * units.au9)
        crease([[side * 0.07, -0.02], [side * 0.17, 0.07]], 1.1 * units.au9)
        crease([[side * 0.47, -0.12], [side * 0.58, -0.17]], units.au6 - 0.1)
        crease([[side * 0.47, -0.07], [side * 0.59, -0.05]], units.au6 - 0.1)
        crease([[side * 0.16, 0.02], [side * 0.29, 0.07], [side * 0.4, 0.04]], 0.7 * units.au6 + 0.4 * age)
        out = 0.05 * units.au12
        fold = [[side * 0.17, 0.17], [side * (0.29 + out), 0.28], [side * (0.36 + out), 0.42]]
        crease(fold, 0.7 * units.au12 + 0.8 * units.au9 + 0.5 * units.au10 + age - 0.2)
    crease(curve(0.12 * _STEPS, 0.7 - 0.04 * _BOW), units.au17)


def _nose(drawing: Drawing, person: Person, units: Units) -> None:
    skin, wide = person.skin, person.nose_width * (1.0 + 0.25 * units.au9)
    base = _NOSE_Y + person.nose_length - 0.06 * units.au9
    drawing.line([[0.05, -0.16], [0.07, 0.0], [wide * 0.7, base - 0.06]], skin * 0.84, 0.04, depth=0.5)
    drawing.line([[-wide, base - 0.02], [-wide * 0.5, base + 0.03], [0.0, base + 0.02], [wide * 0.5, base + 0.03],
                 [wide, base - 0.02]], skin * 0.66, 0.04, depth=0.52)  # fmt: skip
    for side in (-1.0, 1.0):
        drawing.disc(side * wide * 0.52, base, 0.035, 0.022, skin * 0.4, depth=0.52)


def _eye(drawing: Drawing, person: Person, units: Units, gaze: float, side: float) -> None:
    half, middle = person.eye_size, side * person.eye_distance
    up = max(0.012, person.eye_open * (1.0 + 0.75 * units.au5 - 0.35 * units.au7 - 0.25 * units.au6 - 0.35 * units.au9))
    down = max(0.008, 0.75 * person.eye_open * (1.0 + 0.15 * units.au5 - 0.6 * units.au7 - 0.75 * units.au6))
    # A raised inner brow lifts the lid's inner half, which is the look of grief.
    droop = 0.05 * max(units.au1 - units.au2, 0.0) * side * _STEPS
    upper = curve(middle + half * _STEPS, _EYE_Y - up * _BOW + droop)
    lower = curve(middle + half * _STEPS, _EYE_Y + down * _BOW + droop)
    drawing.fill(np.concatenate([upper, lower[::-1]]), min(235.0, 90 + 0.75 * person.skin))
    iris = CIRCLE * (0.075, 0.082) + (middle + 0.05 * gaze, _EYE_Y - 0.008)
    iris[:, 1] = np.clip(
        iris[:, 1], np.interp(iris[:, 0], upper[:, 0], upper[:, 1]), np.interp(iris[:, 0], lower[:, 0], lower[:, 1])
    )
    drawing.fill(iris, person.iris)
    drawing.line(upper, person.skin * 0.32, 0.04)
    drawing.line(lower, person.skin * (0.72 - 0.12 * units.au6 - 0.1 * units.au7), 0.025)
    drawing.line(upper[1:-1] - (0.0, 0.055), person.skin * 0.78, 0.025)


def _brow(drawing: Drawing, person: Person, units: Units, side: float) -> None:
    along = np.linspace(0.0, 1.0, 6)
    inner, outer = (1.0 - along) ** 1.5, along**1.3
    x = 0.11 + 0.4 * along - 0.05 * units.au4 * inner
    y = _BROW_Y + person.brow_height - 0.05 * np.sin(math.pi * along**0.8) + person.brow_slope * (along - 0.5)
    y = y - 0.15 * units.au1 * inner - 0.15 * units.au2 * outer
    y = y + units.au4 * (0.13 * inner + 0.04) + 0.05 * units.au9 * inner
    thick = person.brow_thickness * (1.0 - 0.55 * along)
    upper, lower = curve(side * x, y - thick), curve(side * x, y + thick)
    drawing.fill(np.concatenate([upper, lower[::-1]]), min(person.hair, person.skin * 0.55))


def _mouth(drawing: Drawing, person: Person, units: Units) -> None:
    half = person.mouth_width * (1.0 + 0.35 * units.au12 + 0.32 * units.au20 - 0.22 * units.au23 - 0.18 * units.au26)
    middle = _MOUTH_Y + 0.03 * units.au26 - 0.03 * units.au17
    corner = middle + person.mouth_rest - 0.17 * units.au12 + 0.14 * units.au15 + 0.03 * units.au20
    parted = max(0.0, units.au25 - 0.15)
    gap = 0.07 * parted + 0.2 * units.au26 + 0.05 * units.au12 * parted
    top = middle - 0.4 * gap - 0.06 * units.au10 - 0.03 * units.au9 + 0.03 * units.au12
    bottom = middle + 0.6 * gap + 0.06 * units.au16 + 0.04 * units.au12 - 0.02 * units.au17
    lips = person.lips * (1.0 - 0.65 * min(units.au23, 1.0)) * (1.0 - 0.25 * units.au12)
    x = half * _STEPS
    cupid = 0.012 * np.cos(3.0 * math.pi * _STEPS) * _BOW
    inner_top = corner + (top - corner) * _BOW
    inner_bottom = np.maximum(corner + (bottom - corner) * _BOW, inner_top)
    outer_top, outer_bottom = inner_top - 0.8 * lips * _BOW + cupid, inner_bottom + lips * _BOW
    _hair_of_face(drawing, person, half, top, bottom)
    drawing.fill(_band(x, outer_top, outer_bottom), person.lip_tone)
    drawing.line(curve(x, inner_top), person.skin * 0.35, 0.028)
    opening = inner_bottom - inner_top
    if opening.max() > 0.02:
        drawing.fill(_band(x, inner_top, inner_bottom), 0.18 * person.skin)
        shown = np.minimum(opening * 0.55, 0.07) * min(1.0, 0.35 + units.au12 + units.au20 + units.au10)
        drawing.fill(_band(x * 0.85, inner_top + 0.01, inner_top + 0.01 + shown), min(235.0, person.skin + 70.0))
    drawing.line([[-0.12, bottom + lips + 0.06], [0.12, bottom + lips + 0.06]], person.skin * 0.84, 0.035)


def _band(x: NDArray, top: NDArray, bottom: NDArray) -> NDArray:
    return np.concatenate([curve(x, top), curve(x, bottom)[::-1]])


def _hair_of_face(drawing: Drawing, person: Person, half: float, top: float, bottom: float) -> None:
    tone = 0.45 * person.skin + 0.55 * min(person.hair, person.skin)
    if person.beard > 0:
        below_lip = bottom + 0.09
        outline = [[-0.5, 0.3], [-half - 0.08, 0.5], [-0.2, below_lip], [0.2, below_lip], [half + 0.08, 0.5], [0.5, 0.3],
                   [0.42, 0.66], [0.18, person.chin], [-0.18, person.chin], [-0.42, 0.66]]  # fmt: skip
        drawing.fill(outline, tone, depth=0.3)
    if person.moustache > 0:
        drawing.fill([[-half, top - 0.02], [-0.1, top - 0.15], [0.1, top - 0.15], [half, top - 0.02]], tone)


def _in_front(drawing: Drawing, person: Person, camera: Camera) -> None:
    """Glasses; and in one image of seven a bar, a hand or a lock of hair."""
    if person.glasses > 0:
        for side in (-1.0, 1.0):
            ring = CIRCLE * (0.21, 0.17) + (side * person.eye_distance, _EYE_Y + 0.01)
            drawing.line(np.concatenate([ring, ring[:1]]), person.glasses, 0.035)
            drawing.line(
                [[side * (person.eye_distance + 0.2), _EYE_Y], [side * person.width, _EYE_Y - 0.03]],
                person.glasses,
                0.03,
            )
        drawing.line([[-0.1, _EYE_Y], [0.1, _EYE_Y]], person.glasses, 0.03)
    x, y, tone = camera.cover_x, camera.cover_y, camera.cover_tone
    if 0 < camera.cover <= 1:
        drawing.fill([[x - 0.16, -1.6], [x + 0.16, -1.6], [x + 0.1, 1.6], [x - 0.1, 1.6]], tone, depth=0.0)
    elif 1 < camera.cover <= 2:
        drawing.line([[x + 0.6, 1.5], [x + 0.3, y + 0.5]], person.skin * 0.9, 0.36, depth=0.0)
        for finger in range(4):
            drawing.line(
                [[x + 0.15 + 0.13 * finger, y + 0.55], [x + 0.13 * finger, y]],
                person.skin * (0.84 + 0.04 * finger),
                0.12,
                depth=0.0,
            )
    elif 2 < camera.cover <= 3:
        drawing.fill([[x - 0.3, -1.2], [x + 0.35, -1.2], [x + 0.25, -0.3], [x + 0.05, 0.15]], person.hair, depth=0.1)

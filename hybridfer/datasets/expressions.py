"""How faces move: the action units of the Facial Action Coding System that make up each expression.

Source: Ekman and Friesen's Emotional FACS (EMFACS-7) as tabulated by Friesen and Ekman, 1983; the weights are ours and say
how strongly a unit shows at an expression's full strength.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Units that a drawn face has, by their number in FACS.
ACTION_UNITS = {
    1: "inner brow raiser",
    2: "outer brow raiser",
    4: "brow lowerer",
    5: "upper lid raiser",
    6: "cheek raiser",
    7: "lid tightener",
    9: "nose wrinkler",
    10: "upper lip raiser",
    12: "lip corner puller",
    15: "lip corner depressor",
    16: "lower lip depressor",
    17: "chin raiser",
    20: "lip stretcher",
    23: "lip tightener",
    25: "lips part",
    26: "jaw drop",
}

#: Expression -> action unit -> strength: happy is 6+12, sad 1+4+15, surprise 1+2+5+26, fear 1+2+4+5+7+20+26,
#: angry 4+5+7+23, disgust 9+15+16; 10, 17 and 25 accompany them often.
EXPRESSIONS: dict[str, dict[int, float]] = {
    "angry": {4: 1.0, 5: 0.5, 7: 0.7, 23: 0.9, 17: 0.4},
    "disgust": {9: 1.0, 10: 0.7, 15: 0.5, 16: 0.5, 4: 0.4, 7: 0.4},
    "fear": {1: 1.0, 2: 0.5, 4: 0.5, 5: 1.0, 7: 0.2, 20: 0.9, 25: 0.6, 26: 0.3},
    "happy": {6: 0.8, 12: 1.0, 25: 0.6},
    "sad": {1: 0.9, 4: 0.5, 15: 1.0, 17: 0.5},
    "surprise": {1: 0.9, 2: 1.0, 5: 0.7, 25: 0.7, 26: 1.0},
    "neutral": {},
}
_COLUMN = {unit: column for column, unit in enumerate(ACTION_UNITS)}


def draw_strengths(expressions: Sequence[str], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw how strongly each action unit shows in each face.

    Parameters
    ----------
    expressions : sequence of str, length n
        Keys of `EXPRESSIONS`.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (n, 16)
        Columns in the order of `ACTION_UNITS`, from 0 (absent) to about 1.2. An expression shows with a strength of its own,
        often weak; its units vary around that and sometimes one fails; and every unit twitches a little in every face.
    """
    full = np.zeros((len(expressions), len(ACTION_UNITS)))
    for row, expression in enumerate(expressions):
        for unit, strength in EXPRESSIONS[expression].items():
            full[row, _COLUMN[unit]] = strength
    intensity = 0.36 + 0.69 * rng.beta(2.0, 1.3, size=(len(full), 1))
    spread = rng.uniform(0.6, 1.15, size=full.shape) * (rng.random(full.shape) > 0.06)
    twitch = np.clip(rng.normal(0.0, 0.09, size=full.shape), 0.0, 0.4)
    return np.clip(full * intensity * spread + twitch, 0.0, 1.2)

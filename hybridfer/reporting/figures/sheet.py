"""Images side by side, each with a caption."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from hybridfer import phrases

# room for two lines of caption, as a share of an image's height
_CAPTION = 0.5
_GAP = 0.12


def image_sheet(ax: Axes, images: NDArray[np.uint8], captions: Sequence[str], columns: int = 6) -> Axes:
    """Lay images out in rows, with their captions below them.

    Parameters
    ----------
    ax : Axes
        To draw on; its own frame is hidden.
    images : ndarray of shape (n, h, w) or (n, h, w, 3), dtype uint8
        Grey or colour.
    captions : sequence of n str
        One for each image; two short lines fit.
    columns : int
        Images in a row.

    Raises
    ------
    ValueError
        If there is not a caption for each image.

    Examples
    --------
    >>> import numpy as np
    >>> from hybridfer.reporting.figures import new_axes
    >>> ax = image_sheet(new_axes(), np.zeros((2, 48, 48), dtype=np.uint8), ["fear", "sad"])
    >>> len(ax.images), ax.texts[0].get_text()
    (2, 'fear')
    """
    if len(images) != len(captions):
        raise ValueError(f"Each of {len(images)} images needs a caption; got {len(captions)}.")
    rows = math.ceil(len(images) / columns)
    height = sheet_row_height(images)
    for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
        left, top = (i % columns) * (1 + _GAP), (i // columns) * height
        bottom = top + height - _CAPTION
        ax.imshow(image, cmap="gray", vmin=0, vmax=255, extent=(left, left + 1, bottom, top), interpolation="nearest")
        told = "\n".join(map(phrases.printable, caption.split("\n")))
        ax.text(left, bottom + 0.05, told, fontsize=6.5, va="top", linespacing=1.25)
    ax.set(xlim=(0, columns * (1 + _GAP) - _GAP), ylim=(max(rows, 1) * height, 0))
    ax.set_aspect("equal")
    ax.axis("off")
    return ax


def sheet_row_height(images: NDArray[np.uint8]) -> float:
    """The height of a row with its captions, in widths of an image.

    Parameters
    ----------
    images : ndarray of shape (n, h, w) or (n, h, w, 3), dtype uint8

    Examples
    --------
    >>> import numpy as np
    >>> sheet_row_height(np.zeros((2, 48, 48), dtype=np.uint8))
    1.5
    """
    return images.shape[1] / images.shape[2] + _CAPTION

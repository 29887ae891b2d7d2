"""An HTML page as a value, and how it becomes one file that loads nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from importlib.metadata import version

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from hybridfer.reporting.cells import Table
from hybridfer.reporting.panels import Panel

# pixels of a style sheet in an inch
_PIXELS = 96
# wider figures scroll on a phone, as their type would be too small
_WIDE = 4.5
# what matplotlib writes and no browser needs: comments, names that nothing refers to, indents
_NEEDLESS = re.compile(r"<!--.*?-->|<metadata>.*?</metadata>|(?<=<g) id=\"[\w.]+_\d+\"|(?<=\n)[ \n]+", re.DOTALL)


@dataclass(frozen=True)
class Drawing:
    """A figure within the page.

    Attributes
    ----------
    address : str
        The figure as a data: address.
    caption, alt : str
        What is drawn, and what is seen.
    width, height : int
        In pixels.
    """

    address: str
    caption: str
    alt: str
    width: int
    height: int

    @property
    def wide(self) -> bool:
        """Whether it is too wide for a phone."""
        return self.width > _WIDE * _PIXELS

    @classmethod
    def of(cls, panel: Panel, svg: str) -> Drawing:
        """Put a figure, as it was written to SVG, into the page."""
        width, height = panel.figure.get_size_inches() * _PIXELS
        address = data_address("image/svg+xml", _NEEDLESS.sub("", svg).encode())
        return cls(address, panel.caption, panel.alt, round(width), round(height))


@dataclass(frozen=True)
class Face:
    """An image of the dataset: its data: address, size in pixels, what is seen, and lines of caption."""

    address: str
    width: int
    height: int
    alt: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, image: NDArray[np.uint8], alt: str, *lines: str) -> Face:
        """Put an image of shape (h, w) or (h, w, 3), RGB, into the page."""
        encoded = cv2.imencode(".png", image if image.ndim == 2 else image[..., ::-1])[1].tobytes()
        return cls(data_address("image/png", encoded), image.shape[1], image.shape[0], alt, lines)


@dataclass(frozen=True)
class FaceGroup:
    """Images that belong together, and why."""

    title: str
    faces: tuple[Face, ...]


@dataclass(frozen=True)
class Part:
    """A part of a section; whatever is empty is left out.

    Attributes
    ----------
    title, text : str
        A heading below the section's, and a paragraph.
    lines : tuple of str
        A list of sentences.
    code : str
        A command.
    tables, drawings, faces, groups : tuple
        What is shown.
    facts : tuple of pairs of str
        Names and what is known of them.
    """

    title: str = ""
    text: str = ""
    lines: tuple[str, ...] = ()
    code: str = ""
    tables: tuple[Table, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    faces: tuple[Face, ...] = ()
    groups: tuple[FaceGroup, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def beside(self) -> bool:
        """Whether its one figure stands beside its one table, where there is room."""
        return len(self.tables) == 1 and len(self.drawings) == 1


@dataclass(frozen=True)
class Section:
    """A section with its anchor and title."""

    id: str
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Document:
    """A page.

    Attributes
    ----------
    kicker, title : str
        A line above the title, and the title.
    warnings : tuple of str
        What must be read before anything else.
    verdict : str
        The page in a sentence.
    byline, footer : str
        What it is about in numbers, and where it came from.
    sections : tuple of Section
        The rest.
    beside_verdict : Part or None
        What the reader should know right after the verdict.
    """

    kicker: str
    title: str
    warnings: tuple[str, ...]
    verdict: str
    byline: str
    footer: str
    sections: tuple[Section, ...]
    beside_verdict: Part | None = None

    def to_html(self) -> str:
        """Write the page as one file.

        Every text is escaped: names of classes and files come from strangers. A policy in its head lets the browser run
        this page's own script and style alone and load nothing.
        """
        environment = Environment(
            loader=PackageLoader("hybridfer.reporting"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        style, script = (_own_text(environment, name) for name in ("page.css", "page.js"))
        return environment.get_template("page.html").render(
            page=self, style=style, script=script, policy=_policy(style, script), version=version("hybridfer")
        )


def data_address(kind: str, content: bytes) -> str:
    """Write content as an address that holds it.

    Examples
    --------
    >>> data_address("text/plain", b"face")
    'data:text/plain;base64,ZmFjZQ=='
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _own_text(environment: Environment, name: str) -> Markup:
    """Read the style sheet or the script, which are hybridfer's own."""
    loader = environment.loader
    if loader is None:
        raise LookupError(name)
    return Markup(loader.get_source(environment, name)[0])


def _policy(style: str, script: str) -> str:
    """The content security policy: this very style and script, pictures inside the page, and nothing else."""
    style_hash, script_hash = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script))
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{style_hash}'; script-src 'sha256-{script_hash}'; "
        "base-uri 'none'; form-action 'none'"
    )

"""Which figures a report wrote into a folder, so that a later report there removes these and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from hybridfer.files import write_aside

#: The page and the folder of its figures.
PAGE_NAME = "report.html"
FIGURES_NAME = "figures"
#: Lists the figures of the report, a name a line; those of other pages and of the user are not in it.
LIST_NAME = "report.txt"

# a list that was tampered with must not name files elsewhere
_FIGURE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*\.(svg|png)")


def listed_figures(folder: Path) -> set[str]:
    """Read which figures the earlier report wrote into its folder of figures; none where there is no list."""
    try:
        text = (folder / LIST_NAME).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    return {name for name in text.splitlines() if _FIGURE.fullmatch(name)}


def list_figures(folder: Path, names: Iterable[str]) -> None:
    """Write down which figures are the report's."""
    write_aside(folder / LIST_NAME, "".join(f"{name}\n" for name in sorted(names)).encode())


def remove_page(folder: Path) -> None:
    """Remove the page of an earlier report and its figures; their folder too, if nothing else is in it."""
    figures = folder / FIGURES_NAME
    for path in [folder / PAGE_NAME, *(figures / name for name in listed_figures(figures)), figures / LIST_NAME]:
        path.unlink(missing_ok=True)
    if figures.is_dir() and not any(figures.iterdir()):
        figures.rmdir()

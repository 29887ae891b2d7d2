"""A report as one HTML page, and its figures as files for papers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from hybridfer import phrases
from hybridfer.evaluation import wording
from hybridfer.evaluation.gallery import Gallery
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.files import write_aside, write_text_aside
from hybridfer.home import given_path
from hybridfer.reporting.chosen_words import describe_chosen, with_table
from hybridfer.reporting.document import Document, Drawing, Part
from hybridfer.reporting.figures import figure_png, figure_svg
from hybridfer.reporting.figures.style import boxes_untold
from hybridfer.reporting.page_tables import chosen_table
from hybridfer.reporting.panels import Panel, report_panels
from hybridfer.reporting.sections import PageSource, page_sections
from hybridfer.reporting.shown import about_twins
from hybridfer.reporting.written import FIGURES_NAME, PAGE_NAME, list_figures, listed_figures

# of how many CNNs the figures are shown: as many as a page of this many bytes holds, the most accurate ones
_DETAILED = (4, 3, 2, 1)
_LARGEST = 4_800_000


@boxes_untold()
def write_page(report: BenchmarkReport, folder: str | Path, gallery: Gallery | None = None) -> Path:
    """Write report.html, and its figures into figures/ as SVG and PNG.

    Parameters
    ----------
    report : BenchmarkReport
        What to show. Parts that it does not have are left out.
    folder : str or Path
        Created where it is missing. Earlier files of these names are replaced; of an earlier report in it, figures that this
        one lacks are removed.
    gallery : Gallery, optional
        The images to show, instead of the report's own.

    Returns
    -------
    Path
        The page.

    See Also
    --------
    hybridfer.reporting.figures : The figures one by one, on axes of your own.
    """
    folder = given_path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    gallery = gallery or report.gallery
    panels = report_panels(report, gallery)
    svgs = _replace_figures(panels, folder / FIGURES_NAME)
    path = folder / PAGE_NAME
    write_text_aside(path, _page(report, gallery, panels, svgs))
    return path


@boxes_untold()
def render_page(report: BenchmarkReport, gallery: Gallery | None = None) -> str:
    """Render the page without writing anything.

    Parameters
    ----------
    report : BenchmarkReport
        What to show.
    gallery : Gallery, optional
        The images to show, instead of the report's own.

    Returns
    -------
    str
        HTML that needs no other file.
    """
    gallery = gallery or report.gallery
    panels = report_panels(report, gallery)
    return _page(report, gallery, panels, [figure_svg(panel.figure) for panel in panels])


def write_figures(panels: Sequence[Panel], folder: Path) -> list[str]:
    """Write each figure as SVG and as PNG.

    Parameters
    ----------
    panels : sequence of Panel
        The figures.
    folder : Path
        Created where it is missing.

    Returns
    -------
    list of str
        The SVG texts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    svgs = []
    for panel in panels:
        svgs.append(figure_svg(panel.figure))
        write_aside(folder / f"{panel.name}.svg", svgs[-1].encode())
        write_aside(folder / f"{panel.name}.png", figure_png(panel.figure))
    return svgs


def _replace_figures(panels: Sequence[Panel], folder: Path) -> list[str]:
    """Write the figures, and remove those of an earlier report that are not among them."""
    folder.mkdir(parents=True, exist_ok=True)
    earlier, names = listed_figures(folder), {f"{panel.name}.{kind}" for panel in panels for kind in ("svg", "png")}
    # whenever it is interrupted, the list names every figure that a report wrote
    list_figures(folder, earlier | names)
    svgs = write_figures(panels, folder)
    for name in earlier - names:
        (folder / name).unlink(missing_ok=True)
    list_figures(folder, names)
    return svgs


def _page(report: BenchmarkReport, gallery: Gallery | None, panels: Sequence[Panel], svgs: Sequence[str]) -> str:
    """Put text, tables and figures together."""
    drawings: dict[tuple[str, str | None], list[Drawing]] = defaultdict(list)
    for panel, svg in zip(panels, svgs, strict=True):
        drawings[panel.section, panel.feature].append(Drawing.of(panel, svg))
    for most in _DETAILED:
        text = _document(PageSource(report, gallery, drawings, most)).to_html()
        if len(text) < _LARGEST:
            break
    return text


def _document(source: PageSource) -> Document:
    """Word the page."""
    report = source.report
    leaks = " ".join(report.leaks)
    return Document(
        kicker="Softmax or hybrid?",
        title=report.dataset.source,
        warnings=(*report.leaks, *report.warnings),
        verdict=wording.unbroken(report.verdict.removeprefix(leaks).strip()),
        byline=_byline(report),
        footer=f"Made by hybridfer {report.environment.hybridfer}, {report.created}. The page loads and sends nothing.",
        sections=page_sections(source),
        beside_verdict=_chosen(report),
    )


def _chosen(report: BenchmarkReport) -> Part | None:
    """The head that validation chose against softmax: in words and, of several, as a table."""
    if report.chosen is None:
        return None
    tables = (chosen_table(report.chosen, leaked=bool(report.leaks)),) if with_table(report) else ()
    return Part(text=wording.unbroken(describe_chosen(report)), tables=tables)


def _byline(report: BenchmarkReport) -> str:
    """What was compared on what, in numbers."""
    heads = sum(not row.is_softmax for row in report.rows)
    text = (
        f"{phrases.count(heads, 'head')} (classifiers fitted on the features of a CNN) beside the softmax of "
        f"{phrases.count(len(report.features), 'CNN')}, scored on {phrases.count(report.dataset.n_test, 'test image')} "
        f"({report.dataset.test_split})."
    )
    return f"{text} {about_twins(report)}".strip()

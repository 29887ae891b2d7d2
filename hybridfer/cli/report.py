"""``hybridfer report``: a report's page again, or several runs side by side."""

from __future__ import annotations

from pathlib import Path

import click

from hybridfer.cli.options import check_free, check_writable, json_option
from hybridfer.errors import HybridferError


@click.command(
    epilog="\b\nExample:\n  hybridfer report runs/fer2013\n"
    "  hybridfer report runs/seed0 runs/seed1 runs/seed2 --out runs/seeds",
)
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the page goes: DIR itself, or ./comparison for several.",
)
@click.option("--overwrite", is_flag=True, help="Replace a page that stands in --out.")
@json_option
def report(folders: tuple[Path, ...], out: Path | None, overwrite: bool, as_json: bool) -> None:
    """Render the page of a benchmark again from what is in DIR, or lay the runs of several DIRs side by side.

    Of one DIR, the page, its figures, report.md and the tables are written again; report.json, predictions and gallery
    are only read. Of several, comparison.html shows means and deviations over the runs and tests each head against
    softmax; the table is also written as Markdown, JSON, CSV and LaTeX. Runs on other images, or of CNNs trained
    otherwise, are shown apart.
    """
    missing = [str(folder) for folder in folders if not (folder / "report.json").is_file()]
    if missing:
        raise HybridferError(
            f"There is no report.json in {', '.join(missing)}. Name folders that hybridfer benchmark --out wrote."
        )
    if len(folders) == 1:
        _render_again(folders[0], out or folders[0], overwrite, as_json)
    else:
        _lay_side_by_side(folders, out or Path("comparison"), overwrite, as_json)


def _render_again(folder: Path, out: Path, overwrite: bool, as_json: bool) -> None:
    """Write what people read of one run."""
    from hybridfer.evaluation.report import BenchmarkReport
    from hybridfer.phrases import printable
    from hybridfer.reporting.folder import write_readable

    # a run's own page is made of its report, so that nothing is lost there
    if out.resolve() != folder.resolve():
        check_free(out / "report.html", "--out", overwrite)
    else:
        check_writable(out)
    read = BenchmarkReport.read(folder)
    write_readable(read, out)
    click.echo(read.to_json().rstrip() if as_json else printable(f"{out / 'report.html'}: {read.verdict}"))


def _lay_side_by_side(folders: tuple[Path, ...], out: Path, overwrite: bool, as_json: bool) -> None:
    """Write the page of several runs, and print its table."""
    from hybridfer.reporting.several.page import write_comparison
    from hybridfer.reporting.several.runs import SeveralRuns
    from hybridfer.reporting.several.tables import comparison_json
    from hybridfer.reporting.several.text import comparison_text

    check_free(out / "comparison.html", "--out", overwrite)
    runs = SeveralRuns.read(folders)
    path = write_comparison(runs, out)
    click.echo(comparison_json(runs).rstrip() if as_json else comparison_text(runs))
    click.echo(f"\n{path} shows it all; beside it are comparison.md, .json, .csv and .tex", err=True)

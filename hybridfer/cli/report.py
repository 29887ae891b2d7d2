"""``hybridfer report``: a report's page again, or several runs side by side."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import HybridferError
from .options import check_writable, json_option


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
@json_option
def report(folders: tuple[Path, ...], out: Path | None, as_json: bool) -> None:
    """Render the page of a benchmark again from what is in DIR, or lay the runs of several DIRs side by side.

    Of one DIR, the page, its figures, report.md and the tables are written again; report.json, predictions and gallery are
    only read. Of several, comparison.html shows mean and standard deviation over the runs; all must be scored on the same
    test images.
    """
    missing = [str(folder) for folder in folders if not (folder / "report.json").is_file()]
    if missing:
        raise HybridferError(
            f"There is no report.json in {', '.join(missing)}. Name folders that hybridfer benchmark --out wrote."
        )
    if len(folders) == 1:
        _render_again(folders[0], out or folders[0], as_json)
    else:
        _lay_side_by_side(folders, out or Path("comparison"), as_json)


def _render_again(folder: Path, out: Path, as_json: bool) -> None:
    """Write what people read of one run."""
    from ..evaluation.report import BenchmarkReport
    from ..reporting.folder import write_readable

    check_writable(out)
    read = BenchmarkReport.read(folder)
    write_readable(read, out)
    click.echo(read.to_json().rstrip() if as_json else f"{out / 'report.html'}: {read.verdict}")


def _lay_side_by_side(folders: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Write the page of several runs, and print its table."""
    from .. import json_layout
    from ..reporting.several import SeveralRuns, comparison_text, write_comparison

    runs = SeveralRuns.read(folders)
    check_writable(out)
    path = write_comparison(runs, out)
    click.echo(json_layout.to_json(json_layout.plain(runs.rows)).rstrip() if as_json else comparison_text(runs))
    click.echo(f"\n{path}", err=True)

"""The table of several runs for other programs: as CSV, as LaTeX, and all of it as JSON."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hybridfer import json_layout
from hybridfer.evaluation import wording
from hybridfer.evaluation.over_runs import OverRuns
from hybridfer.reporting.several.leads import Lead
from hybridfer.reporting.several.rows import RepeatedRow
from hybridfer.reporting.several.runs import RepeatedCNN, SeveralRuns
from hybridfer.reporting.several.words import (
    about_deviation,
    about_test,
    lead_and_deviation,
    mean_and_deviation,
    seeds,
    trainings,
    verdict,
    warnings,
)
from hybridfer.reporting.tables import csv_text, escape_latex

#: The version of the JSON layout.
FORMAT_VERSION = 1

_NONE = "--"
_LATEX_COLUMNS: tuple[tuple[str, Callable[[RepeatedRow], str]], ...] = (
    ("CNN", lambda row: escape_latex(row.feature)),
    ("Pipeline", lambda row: escape_latex(row.pipeline)),
    ("Trainings", trainings),
    ("Accuracy", lambda row: mean_and_deviation(row.twin_free) if row.twin_free else _NONE),
    ("vs.\\ softmax", lambda row: _NONE if row.lead is None else lead_and_deviation(row.lead)),
    ("95\\,\\%", lambda row: _NONE if row.lead is None else wording.points_interval(row.lead.points_interval)),
    ("$p$", lambda row: _NONE if row.lead is None else f"${wording.p_value(row.lead.p_holm)}$"),
    ("Whole", lambda row: mean_and_deviation(row.whole)),
)


def comparison_csv(runs: SeveralRuns) -> str:
    """Write a line for each row.

    Parameters
    ----------
    runs : SeveralRuns
        What to write.

    Returns
    -------
    str
        CSV with a header. Accuracies are shares from 0 to 1, leads over softmax percentage points; means and deviations
        (n - 1) are taken over the trainings, of which there are as many as ``weights``; of one, over its runs. A cell is
        empty where there is nothing to say.
    """
    return csv_text([_csv_cells(row) for row in runs.rows])


def comparison_latex(runs: SeveralRuns) -> str:
    r"""Write the table for ``\input`` into a paper.

    Parameters
    ----------
    runs : SeveralRuns
        What to write.

    Returns
    -------
    str
        A ``tabular`` with booktabs' rules, and in comments what its columns mean. A line is bold where a head beats its
        softmax beyond chance and nothing has leaked.
    """
    blocks = ["\n".join(_latex_line(row, bold=runs.stands_out(row)) for row in cnn.rows) for cnn in runs.cnns]
    notes = ["Written by hybridfer. Needs \\usepackage{booktabs}.", about_deviation(runs.cnns), about_test(runs.rows)]
    notes += ["Accuracy: % of the test images without a twin. Whole: of all.", *runs.leaks, *warnings(runs)]
    # names of files and recipes may hold line breaks, which would end the comment
    comments = [f"% {' '.join(note.split())}" for note in notes if note]
    head = " & ".join(title for title, _ in _LATEX_COLUMNS)
    top = [rf"\begin{{tabular}}{{ll{'r' * (len(_LATEX_COLUMNS) - 2)}}}", r"\toprule", rf"{head} \\", r"\midrule"]
    return "\n".join([*comments, *top, "\n\\midrule\n".join(blocks), r"\bottomrule", r"\end{tabular}", ""])


def comparison_json(runs: SeveralRuns) -> str:
    """Write all that is known of the runs side by side.

    Parameters
    ----------
    runs : SeveralRuns
        What to write.

    Returns
    -------
    str
        ``verdict``, ``leaks`` (part of the verdict), ``warnings``, ``notes`` in words; ``cnns``, each with its runs, weights
        and conditions; ``rows``, with each run's accuracies and leads over softmax in the order of ``folders``, and
        ``by_weights`` the same averaged over runs that share weights; ``published``, what the sources of the recipes say
        beside ours.
    """
    return json_layout.to_json(
        {
            "format_version": FORMAT_VERSION,
            "verdict": verdict(runs),
            "leaks": list(runs.leaks),
            "warnings": list(warnings(runs)),
            "notes": [note for note in (about_deviation(runs.cnns), about_test(runs.rows)) if note],
            "cnns": [_cnn_values(cnn) for cnn in runs.cnns],
            "rows": [_row_values(row) for row in runs.rows],
            "published": [{"folder": name, **json_layout.plain(line)} for name, line in runs.published],
        }
    )


def _cnn_values(cnn: RepeatedCNN) -> dict[str, Any]:
    """A CNN with its runs, and the conditions that they share."""
    runs = [
        {
            "folder": repeat.folder,
            "seed": repeat.report.seed,
            "cnn_seed": repeat.run.training_seed,
            "weights_digest": repeat.run.weights_digest,
            "epochs": repeat.run.epochs,
            "created": repeat.report.created,
            "command": repeat.report.command,
        }
        for repeat in cnn.repeats
    ]
    first = cnn.repeats[0]
    return {"name": cnn.name, "recipe": first.run.recipe, "apart": cnn.apart, "runs": runs, "conditions": first.conditions}


def _row_values(row: RepeatedRow) -> dict[str, Any]:
    """A row with its figures run by run, and by the weights of the CNN."""
    points = None if row.lead is None else row.lead.points
    figures = {"whole": row.whole, "twin_free": row.twin_free, "points": points}
    return {
        **json_layout.plain(row, skip=("whole", "twin_free", "lead")),
        "whole": list(row.whole.runs),
        "twin_free": [] if row.twin_free is None else list(row.twin_free.runs),
        "lead": None if row.lead is None else {**json_layout.plain(row.lead), "points": list(row.lead.points.runs)},
        "by_weights": {name: [] if figure is None else list(figure.trainings) for name, figure in figures.items()},
    }


def _csv_cells(row: RepeatedRow) -> dict[str, object]:
    """All that is said of a row."""
    return {
        "feature": row.feature,
        "pipeline": row.pipeline,
        "softmax": "yes" if row.is_softmax else "no",
        "runs": len(row.folders),
        "seeds": seeds(row.seeds),
        "cnn_seeds": seeds(row.cnn_seeds),
        "weights": row.weights,
        **_mean_cells("twin_free_accuracy", row.twin_free),
        **_mean_cells("whole_accuracy", row.whole),
        **_lead_cells(row.lead),
    }


def _lead_cells(lead: Lead | None) -> dict[str, object]:
    """The comparison with softmax; empty cells where there is none."""
    return {
        **_mean_cells("vs_softmax_points", None if lead is None else lead.points),
        "vs_softmax_points_low": None if lead is None else lead.points_interval[0],
        "vs_softmax_points_high": None if lead is None else lead.points_interval[1],
        "vs_softmax_ahead": None if lead is None else lead.ahead,
        "vs_softmax_p_value": None if lead is None else lead.p_value,
        "vs_softmax_p_holm": None if lead is None else lead.p_holm,
    }


def _mean_cells(name: str, values: OverRuns | None) -> dict[str, object]:
    """A mean and its deviation; empty cells where there is nothing."""
    mean, deviation = (None, None) if values is None else (values.mean, values.deviation)
    return {name: mean, f"{name}_deviation": deviation}


def _latex_line(row: RepeatedRow, bold: bool) -> str:
    """A line of the table, with signs as LaTeX sets them."""
    names, cells = [cell(row) for _, cell in _LATEX_COLUMNS[:2]], [cell(row) for _, cell in _LATEX_COLUMNS[2:]]
    figures = [re.sub(r"([+-])([\d.]+)", r"$\1\2$", cell).replace("±", r"$\pm$") for cell in cells]
    return " & ".join(rf"{{\bfseries\boldmath {cell}}}" if bold else cell for cell in [*names, *figures]) + r" \\"

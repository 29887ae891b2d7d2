"""``hybridfer recipes``: what ``-f`` and ``-p`` may name."""

from __future__ import annotations

import json
import shutil

import click

from hybridfer.cli.options import json_option

# columns where standard output is no terminal: a recipe a line, for grep
_UNBROKEN = 10_000


@click.command(epilog="\b\nExample:\n  hybridfer recipes")
@json_option
def recipes(as_json: bool) -> None:
    """List the feature recipes (-f) and the pipeline recipes (-p) that come with hybridfer."""
    from hybridfer.recipes import list_recipes, load_recipe

    described = {
        "features": {name: load_recipe("feature", name).description for name in list_recipes("feature")},
        "pipelines": {name: load_recipe("pipeline", name).description for name in list_recipes("pipeline")},
    }
    if as_json:
        click.echo(json.dumps(described, indent=2))
        return
    formatter = click.HelpFormatter(width=shutil.get_terminal_size((_UNBROKEN, 24)).columns)
    for title, listed in (("Feature recipes (-f)", "features"), ("Pipeline recipes (-p)", "pipelines")):
        with formatter.section(title):
            formatter.write_dl(list(described[listed].items()))
    click.echo(formatter.getvalue().strip())

"""``hybridfer recipes``: what ``-f`` and ``-p`` may name."""

from __future__ import annotations

import json

import click

from .options import json_option


@click.command(epilog="\b\nExample:\n  hybridfer recipes")
@json_option
def recipes(as_json: bool) -> None:
    """List the feature recipes (-f) and the pipeline recipes (-p) that come with hybridfer."""
    from ..recipes import list_recipes, load_recipe

    described = {
        "features": {name: load_recipe("feature", name).description for name in list_recipes("feature")},
        "pipelines": {name: load_recipe("pipeline", name).description for name in list_recipes("pipeline")},
    }
    if as_json:
        click.echo(json.dumps(described, indent=2))
        return
    for title, listed in (("Feature recipes (-f):", "features"), ("\nPipeline recipes (-p):", "pipelines")):
        click.echo(title)
        width = max(map(len, described[listed]))
        for name, description in described[listed].items():
            click.echo(f"  {name:<{width}}  {description}")

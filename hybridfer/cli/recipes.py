"""``hybridfer recipes``: what ``-f`` and ``-p`` may name."""

from __future__ import annotations

import click


@click.command(epilog="\b\nExample:\n  hybridfer recipes")
def recipes() -> None:
    """List the feature recipes (-f) and the pipeline recipes (-p) that come with hybridfer."""
    from ..recipes import list_recipes, load_recipe

    click.echo("Feature recipes (-f):")
    for name in list_recipes("feature"):
        click.echo(f"  {name:<12} {load_recipe('feature', name).description}")
    click.echo("\nPipeline recipes (-p):")
    for name in list_recipes("pipeline"):
        click.echo(f"  {name:<12} {load_recipe('pipeline', name).description}")

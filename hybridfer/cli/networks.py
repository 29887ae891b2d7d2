"""``hybridfer networks``: the catalogue."""

from __future__ import annotations

import json
from dataclasses import asdict

import click


@click.command(
    epilog="\b\nExample:\n  hybridfer networks\n  hybridfer networks model_f --classes 4",
)
@click.argument("name", required=False)
@click.option("--classes", "n_classes", type=click.IntRange(1), default=7, show_default=True, help="Number of logits.")
@click.option("--image-size", type=click.IntRange(1, 1024), default=48, show_default=True, help="Pixels a side.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def networks(name: str | None, n_classes: int, image_size: int, as_json: bool) -> None:
    """List the networks of the catalogue, or the layers of one."""
    from ..networks import NETWORKS, builtin_networks, summarise_network

    size = (image_size, image_size)
    names = [name] if name else list(NETWORKS)
    summaries = [summarise_network(one, n_classes=n_classes, image_size=size) for one in names]
    if as_json:
        click.echo(json.dumps([asdict(summary) for summary in summaries], indent=2))
        return
    if name:
        (summary,) = summaries
        click.echo(f"{summary.name}: {summary.source}\n")
        for layer, shape in summary.layers.items():
            click.echo(f"  {layer:<12} {' x '.join(map(str, shape))}")
        click.echo(f"\n{summary.parameters:,} trainable parameters for {image_size} x {image_size} grey images.")
        return
    shipped = builtin_networks()
    click.echo(f"{'name':<10} {'input':<12} {'parameters':>10}  {'weights':<8} layers")
    for summary in summaries:
        weights = "builtin" if summary.name in shipped else "-"
        entry = f"{image_size} x {image_size} x {summary.channels}"
        click.echo(f"{summary.name:<10} {entry:<12} {summary.parameters:>10,}  {weights:<8} {', '.join(summary.layers)}")
        click.echo(f"{'':<10} {summary.source}")

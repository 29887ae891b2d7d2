"""``hybridfer networks``: the catalogue."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from hybridfer.cli.completion import complete_network

if TYPE_CHECKING:
    from hybridfer.networks import NetworkSummary


@click.command(
    epilog="\b\nExample:\n  hybridfer networks\n  hybridfer networks grigorasi\n"
    "  hybridfer networks model_3 --classes 7 --argument kernel=2",
)
@click.argument("name", required=False, shell_complete=complete_network)
@click.option(
    "--classes", "n_classes", type=click.IntRange(1), help="Number of logits.  [default: what a network was published for]"
)
@click.option("--image-size", type=click.IntRange(1, 1024), help="Pixels a side.  [default: 48; its own of a model of timm]")
@click.option("--argument", "arguments", metavar="NAME=VALUE", multiple=True, help="An argument of the network's own.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def networks(
    name: str | None, n_classes: int | None, image_size: int | None, arguments: tuple[str, ...], as_json: bool
) -> None:
    """List the networks of the catalogue, or sum one up layer by layer: one of them, or timm:NAME, a model of timm.

    Shapes are (height, width, channels), as published summaries write them. BatchNorm's running means and variances are
    counted as parameters that are not trained; the total of a summary by Keras has them in it.
    """
    from hybridfer.networks import NETWORKS, find_architecture, summarise_network

    if arguments and name is None:
        raise click.UsageError("--argument needs the NAME of a network.")
    defaults = find_architecture(name).arguments if name else {}
    given = dict(_parsed(argument, defaults) for argument in arguments)
    fitting = [row.name for row in NETWORKS.values() if row.smallest <= (image_size or 48)]
    sides = None if image_size is None else (image_size, image_size)
    summaries = [
        summarise_network(one, n_classes=n_classes, image_size=sides, arguments=given)
        for one in ([name] if name else fitting or NETWORKS)
    ]
    if as_json:
        click.echo(json.dumps([asdict(summary) for summary in summaries], indent=2))
    else:
        click.echo("\n".join(_summary(summaries[0]) if name else _catalogue(summaries)))
        if left_out := [] if name else sorted(set(NETWORKS) - set(fitting)):
            click.echo(f"Left out, as they need larger images: {', '.join(left_out)}.", err=True)


def _catalogue(summaries: list[NetworkSummary]) -> Iterator[str]:
    from hybridfer.networks import builtin_weights

    shipped = builtin_weights()
    yield f"{'name':<10} {'input':<12} {'classes':>7} {'parameters':>10} {'trainable':>10}  {'weights':<8} layers"
    for summary in summaries:
        weights = "builtin" if summary.name in shipped else "-"
        figures = f"{summary.n_classes:>7} {summary.total:>10,} {summary.parameters:>10,}"
        yield f"{summary.name:<10} {_input(summary):<12} {figures}  {weights:<8} {', '.join(summary.layers)}"
        yield f"{'':<10} {summary.source}"
    yield f"Weights in the wheel, by their names: {', '.join(shipped)}; each has a card: hybridfer card NAME."


def _summary(summary: NetworkSummary) -> Iterator[str]:
    yield f"{summary.name}: {summary.source}"
    yield f"{_input(summary)}, {summary.n_classes} classes\n"
    width = max(24, *(len(line.name) for line in summary.lines))
    yield f"{'layer':<{width}} {'type':<24} {'output shape':<22} {'parameters':>12}"
    for line in summary.lines:
        shape = f"({', '.join(['None', *map(str, line.shape)])})"
        yield f"{line.name:<{width}} {line.kind:<24} {shape:<22} {line.parameters:>12,}"
    yield f"\n{summary.total:,} parameters in all, running means and variances of BatchNorm among them"
    yield f"{summary.parameters:,} trainable parameters"
    yield f"{summary.non_trainable:,} non-trainable parameters"


def _input(summary: NetworkSummary) -> str:
    return " x ".join(map(str, (*summary.image_size, summary.channels)))


def _parsed(argument: str, defaults: Mapping[str, Any]) -> tuple[str, Any]:
    """Split NAME=VALUE; a string stays one, and so does what is neither a number nor true or false."""
    name, separator, value = argument.partition("=")
    if not separator:
        raise click.BadParameter(f"expected NAME=VALUE, such as kernel=2; got {argument!r}.", param_hint="--argument")
    if isinstance(defaults.get(name), str):
        return name, value
    if value in ("true", "false"):
        return name, value == "true"
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, value

"""``hybridfer extract``: from images to a feature store."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Literal

import click

from hybridfer.cli.completion import complete_feature
from hybridfer.cli.options import check_home, dataset_options, device_options, json_option, reading

if TYPE_CHECKING:
    from pathlib import Path

    from hybridfer.datasets import Dataset
    from hybridfer.extraction import Extraction
    from hybridfer.recipes import FeatureRecipe

log = logging.getLogger("hybridfer")


def _batch_size(_context: click.Context, _parameter: click.Parameter, value: str) -> int | Literal["auto"]:
    if value == "auto":
        return "auto"
    if value.isdecimal() and int(value) > 0:
        return int(value)
    raise click.BadParameter(f"expected 'auto' or a positive number; got {value!r}.")


@click.command(
    epilog="\b\nExample:\n  hybridfer extract faces --features compact --store faces.store\n"
    "  hybridfer extract fer2013.zip -f model_f --weights model_f.safetensors --layers dense1,embedding",
)
@click.argument("data")
@click.option(
    "-f",
    "--features",
    default="compact",
    show_default=True,
    shell_complete=complete_feature,
    help="A feature recipe: its name or its file.",
)
@click.option(
    "--weights", type=click.Path(), help="A weights file, or a name of weights in the wheel, instead of the recipe's."
)
@click.option("--store", type=click.Path(), help="The store's folder; by default that of its key, whatever its name.")
@click.option("--layers", help="Layers to keep, with commas between them, instead of the recipe's.")
@click.option("--batch-size", default="auto", show_default=True, callback=_batch_size, help="Images a forward pass.")
@json_option
@dataset_options
@device_options
@click.pass_obj
def extract(
    obj: dict[str, Any],
    data: str,
    features: str,
    weights: str | Path | None,
    store: str | None,
    layers: str | None,
    batch_size: int | Literal["auto"],
    as_json: bool,
    device: str,
    precision: str | None,
    **options: Any,
) -> None:
    """Embed every image of DATA into a feature store; what the store holds already is not computed again.

    DATA is a file, folder or archive of images, or faces for drawn ones (faces:300 for so many).
    A benchmark by the same recipe finds the same store. A recipe that trains is embedded with what a benchmark of DATA has
    trained by it, unless --weights says otherwise.
    """
    from hybridfer.datasets.dataset import describe_skipped
    from hybridfer.extraction import extract_features
    from hybridfer.recipes import load_recipe

    if store is None:
        check_home()
    keywords = reading(options)
    recipe = load_recipe("feature", features)
    asked = tuple(name.strip() for name in layers.split(",")) if layers else recipe.layers
    source: str | Dataset = data
    if weights is None and recipe.weights is None:
        source, weights = _trained_before(data, recipe, precision, keywords)
        keywords = {}
    extraction = extract_features(
        source,
        recipe,
        store=store,
        weights=weights,
        layers=asked,
        device=device,
        precision=precision,
        batch_size=batch_size,
        progress=bool(obj["verbose"]),
        **keywords,
    )
    if extraction.problems:
        click.echo(describe_skipped(extraction.problems), err=True)
    if as_json:
        click.echo(json.dumps(_told(extraction), indent=2))
    else:
        click.echo(_summary(extraction))
    log.info("%s", _what_next(extraction, asked))


def _trained_before(
    data: str, recipe: FeatureRecipe, precision: str | None, keywords: dict[str, Any]
) -> tuple[Dataset, Path | None]:
    """Read the images, and find what a benchmark has trained on them."""
    from hybridfer.datasets import read_dataset
    from hybridfer.evaluation.remembered import find_training

    dataset = read_dataset(data, **keywords)
    weights = find_training(recipe, dataset, keywords["test_split"], precision)
    if weights is not None:
        log.info("training of %s found, not repeated (%s)", recipe.name, weights)
    return dataset, weights


def _summary(extraction: Extraction) -> str:
    """Say in a line what an extraction did."""
    store = extraction.store
    rate = f", {extraction.embedded / extraction.seconds:,.0f} images/s" if extraction.embedded else ""
    return (
        f"{store.path}: {extraction.images:,} images, {extraction.embedded:,} of them through the network "
        f"({extraction.seconds:.1f} s{rate}); {store.n_features} features of {', '.join(store.widths)}"
    )


def _what_next(extraction: Extraction, asked: tuple[str, ...]) -> str:
    """Say how the features are read; layers are named where others were asked for when the store was made."""
    store = extraction.store
    # of a benchmark of the same images there are finer splits
    splits = {split for listing in store.listings() if listing.divides(extraction.listing) for split in listing.splits}
    split = "train" if "train" in splits else None
    given = [f"split={split!r}"] if split else []
    given += [f"layers={list(asked)}"] if asked != tuple(store.widths) else []
    given += _source_given(extraction, split)
    return f"read them with: X, y = hybridfer.FeatureStore({str(store.path)!r}).load({', '.join(given)})"


def _source_given(extraction: Extraction, split: str | None) -> list[str]:
    """Name the dataset where the store remembers others that fit: by its source, or of one source by its digest."""
    from hybridfer.errors import StoreError
    from hybridfer.store.listing import choose_listing

    store, wanted = extraction.store, extraction.listing
    for source in (None, wanted.source):
        try:
            found = choose_listing(store.path, store.listings(), split, source)
        except StoreError:
            continue
        if found.divides(wanted):
            return [] if source is None else [f"source={source!r}"]
    return [f"source={wanted.digest[:8]!r}"]


def _told(extraction: Extraction) -> dict[str, Any]:
    """Say what an extraction did, as plain values."""
    return {
        "store": str(extraction.store.path),
        "images": extraction.images,
        "embedded": extraction.embedded,
        "seconds": extraction.seconds,
        "layers": dict(extraction.store.widths),
        "problems": [str(problem) for problem in extraction.problems],
    }

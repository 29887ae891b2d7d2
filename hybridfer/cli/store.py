"""``hybridfer store``: info, verify, merge."""

from __future__ import annotations

import json
from pathlib import Path

import click

_STORE = click.argument("store", type=click.Path(exists=True, file_okay=False, path_type=Path))


class WholeLines(click.Group):
    """Lists its commands with their whole summaries, wrapped; click cuts them at the width of the terminal."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands."""
        longest = max(len(command.help or "") for command in self.commands.values())
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.commands[name].get_short_help_str(longest)) for name in self.list_commands(ctx)])


@click.group(cls=WholeLines)
def store() -> None:
    """Look into, check and join feature stores."""


@store.command(epilog="\b\nExample:\n  hybridfer store info faces.store --json")
@_STORE
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(store: Path, as_json: bool) -> None:
    """Say what a store holds, and which weights made it."""
    from hybridfer.store import FeatureStore

    told = FeatureStore(store).info()
    click.echo(json.dumps(told.to_dict(), indent=2) if as_json else str(told))


@store.command(epilog="\b\nExample:\n  hybridfer store verify faces.store")
@_STORE
@click.option("--quarantine", is_flag=True, help="Move damaged files aside, so that their rows are computed again.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def verify(ctx: click.Context, store: Path, quarantine: bool, as_json: bool) -> None:
    """Check every row of a store against its checksum; exit 1 if anything is damaged."""
    from hybridfer.store.verification import verify_store

    report = verify_store(store, quarantine=quarantine)
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else str(report))
    ctx.exit(0 if report.ok else 1)


@store.command(epilog="\b\nExample:\n  hybridfer store merge all.store part1.store part2.store")
@click.argument("store", type=click.Path(file_okay=False, path_type=Path))
@click.argument("others", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
def merge(store: Path, others: tuple[Path, ...]) -> None:
    """Add the rows and listings of OTHERS to STORE, which is made if need be; all must hold the same kind of features."""
    from hybridfer.store import FeatureStore

    first, *further = (FeatureStore(other) for other in others)
    for other in further:
        first.require_same_key(other)
    target = FeatureStore.create(store, first.key, first.widths, first.riding)
    added = target.merge(first, *further)
    click.echo(f"{store}: {added:,} rows added, {len(target):,} in all")


@store.command(epilog="\b\nExample:\n  hybridfer store compact faces.store")
@_STORE
def compact(store: Path) -> None:
    """Join many small shards into few large ones."""
    from hybridfer.phrases import count
    from hybridfer.store import FeatureStore

    removed = FeatureStore(store).compact()
    click.echo(f"{store}: {count(removed, 'shard')} joined")

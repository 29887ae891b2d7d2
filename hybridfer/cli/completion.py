"""``hybridfer completion``: Tab in the shell."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

# what makes click answer the shell instead of running a command
VARIABLE = "_HYBRIDFER_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command(
    epilog="\b\nExamples:\n  hybridfer completion bash >> ~/.bashrc\n"
    "  hybridfer completion zsh >> ~/.zshrc\n"
    "  hybridfer completion fish > ~/.config/fish/completions/hybridfer.fish",
)
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.pass_context
def completion(ctx: click.Context, shell: str | None) -> None:
    """Print the script that completes commands, options and recipes in a SHELL, the one in use by default."""
    shell = shell or Path(os.environ.get("SHELL", "")).name
    complete = get_completion_class(shell) if shell in SHELLS else None
    if complete is None:
        raise click.UsageError(f"Name the shell, one of {', '.join(SHELLS)}; $SHELL is none of them.")
    click.echo(complete(ctx.find_root().command, {}, "hybridfer", VARIABLE).source())


def complete_feature(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Give the feature recipes that begin so; other words are left to the shell's own completion of files."""
    from hybridfer.recipes import list_recipes, load_recipe

    return _or_files({name: load_recipe("feature", name).description for name in list_recipes("feature")}, incomplete)


def complete_pipeline(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Give the pipeline recipes that begin so; other words are left to the shell's own completion of files."""
    from hybridfer.recipes import list_recipes, load_recipe

    return _or_files({name: load_recipe("pipeline", name).description for name in list_recipes("pipeline")}, incomplete)


def complete_network(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Give the networks of the catalogue that begin so."""
    from hybridfer.networks import NETWORKS

    rows = NETWORKS.values()
    return [CompletionItem(row.name, help=row.source) for row in rows if row.name.startswith(incomplete)]


def complete_weights(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Give the names of weights in the wheel that begin so; other words are left to the shell's own completion of files."""
    from hybridfer.networks import builtin_weights

    return _or_files(dict.fromkeys(builtin_weights(), "weights in the wheel"), incomplete)


def _or_files(described: dict[str, str], incomplete: str) -> list[CompletionItem]:
    begun = [CompletionItem(name, help=text) for name, text in described.items() if name.startswith(incomplete)]
    return begun or [CompletionItem(incomplete, type="file")]

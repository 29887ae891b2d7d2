"""A model card: what a weights file knows of itself and what a benchmark found of it, as Markdown."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from safetensors import safe_open

from hybridfer import phrases
from hybridfer.errors import WeightsError
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.home import given_path
from hybridfer.networks import Network, Preprocessing, builtin_weights
from hybridfer.networks.loading import SHIPPED
from hybridfer.networks.rebuilding import network_from_weights
from hybridfer.recipes import list_recipes
from hybridfer.reporting.cards.scores import NOT_COMPARED, leak_warning, score_parts, select_runs
from hybridfer.reporting.cards.training import training_facts, training_part
from hybridfer.reporting.gfm import escape, fence, section
from hybridfer.suggestion import suggest

# safetensors' names of the formats that weights are stored in
_FORMATS = {"F32": "single precision (fp32)", "F16": "half precision (fp16)", "BF16": "half precision (bf16)"}
# of whole numbers, which count batches beside weights
_WHOLE = ("I", "U", "BOOL")


@dataclass(frozen=True, eq=False)
class DescribedFile:
    """A weights file as a card tells of it.

    Attributes
    ----------
    name : str
        Of the file, without the folders above it.
    n_bytes : int
        Its size.
    sha256 : str
        Of all its bytes, as the command ``sha256sum`` prints it.
    formats : tuple of str
        The number formats of its weights, as safetensors calls them; mostly one.
    versions : dict of str to str
        The packages that it was written with.
    network : Network
        The network that it holds.
    """

    name: str
    n_bytes: int
    sha256: str
    formats: tuple[str, ...]
    versions: dict[str, str]
    network: Network

    @classmethod
    def read(cls, path: Path) -> DescribedFile:
        """Read a file of a network of the catalogue, checked as `load_network` checks it."""
        network = network_from_weights(path)
        with safe_open(path, framework="np") as file:
            versions = json.loads(file.metadata()["versions"])
            names = [name for name in list(file.keys()) if name.startswith("module.")]
            formats = {file.get_slice(name).get_dtype() for name in names}
        with path.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        return cls(path.name, path.stat().st_size, sha256, _of_weights(formats), versions, network)


def _of_weights(formats: set[str]) -> tuple[str, ...]:
    """The formats of the weights of a file, those with a name of their own first."""
    weights = [name for name in sorted(formats) if not name.startswith(_WHOLE)]
    return (*(name for name in _FORMATS if name in weights), *(name for name in weights if name not in _FORMATS))


def shipped_card(weights: str | os.PathLike[str]) -> str | None:
    """Give the finished card of weights in the wheel, with what was measured of them.

    Parameters
    ----------
    weights : str or path
        As for `model_card`.

    Returns
    -------
    str or None
        Markdown; None for anything but a name of weights in the wheel.

    Examples
    --------
    >>> shipped_card("compact").splitlines()[0]
    '# compact.safetensors'
    """
    return (files(SHIPPED) / f"{weights}.md").read_text(encoding="utf-8") if str(weights) in builtin_weights() else None


def model_card(
    weights: str | os.PathLike[str],
    report: BenchmarkReport | None = None,
    *,
    features: str | None = None,
    notes: str = "",
) -> str:
    """Tell in Markdown what is known of trained weights.

    Parameters
    ----------
    weights : str or path
        A weights file that ``hybridfer train`` wrote, or a name of weights in the wheel.
    report : BenchmarkReport, optional
        A benchmark of these very weights: its runs of them are found by their digest. Without one the card has no accuracy,
        and says how to measure it.
    features : str, optional
        Of several runs of these weights the feature recipe that is looked at class by class; the first one by default.
    notes : str
        Markdown that ends the card as it is: what the images were, what the network is meant for. It gets a heading where
        it does not begin with one.

    Returns
    -------
    str
        The card. All but the notes is made of the weights file and the report.

    Raises
    ------
    WeightsError
        If there are no such weights, or the file is damaged, or of no network of the catalogue.
    ReportError
        If the report holds no run of these weights, or none by the recipe that `features` names.

    Examples
    --------
    >>> lines = model_card("compact", notes="Meant for teaching.").splitlines()
    >>> lines[0], lines[-1]
    ('# compact.safetensors', 'Meant for teaching.')
    """
    with _located(weights) as path:
        file = DescribedFile.read(path)
    if report is None:
        warning, scores = "", [_how_to_measure(file.network, weights)]
    else:
        measured = select_runs(report, file.network.digest, features)
        warning, scores = leak_warning(measured), score_parts(measured, file.network)
    parts = [f"# {escape(file.name)}", warning, _facts(file), *scores, training_part(file.network), _with_heading(notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


@contextmanager
def _located(weights: str | os.PathLike[str]) -> Iterator[Path]:
    """Find a weights file by the name of weights in the wheel, or by its path."""
    shipped = builtin_weights()
    if str(weights) in shipped:
        with as_file(files(SHIPPED) / f"{weights}.safetensors") as path:
            yield path
    elif given_path(weights).is_file():
        yield given_path(weights)
    else:
        raise WeightsError(
            f"There is no weights file {weights}, and no weights of that name in the wheel; "
            f"{suggest(str(weights), shipped)} Make a file with: hybridfer train DATA -f RECIPE -o FILE.safetensors"
        )


def _facts(file: DescribedFile) -> str:
    """The list at the top of the card."""
    network = file.network
    facts = {
        "network": f"{escape(network.name)}, {_parameters(network)}",
        "input": _input(network.preprocessing),
        "classes": f"{len(network.classes)}: {escape(', '.join(network.classes))}" if network.classes else "not named",
        "file": f"{file.n_bytes / 1e6:,.1f} MB, weights in {_formats(file)}",
        "sha256 of the file": f"`{file.sha256}`",
        "digest of the weights": f"`{network.digest}`, by which reports know them",
        **training_facts(network),
        "written with": escape(", ".join(f"{package} {version}" for package, version in file.versions.items())),
    }
    return "\n".join(f"- {name}: {fact}" for name, fact in facts.items())


def _formats(file: DescribedFile) -> str:
    """The formats of its weights, by safetensors' own names where they have no better one."""
    return phrases.listed([_FORMATS.get(name, escape(name)) for name in file.formats])


def _parameters(network: Network) -> str:
    """How many parameters a network has, and how many of them can be trained where some are frozen."""
    total = sum(parameter.numel() for parameter in network.module.parameters())
    frozen = "" if total == network.parameters else f", of which {network.parameters:,} are not frozen"
    return f"{phrases.count(total, 'parameter')}{frozen}"


def _input(preprocessing: Preprocessing) -> str:
    """What the network takes, and what happens to an image before its first layer."""
    height, width = preprocessing.image_size
    told = f"{height} x {width} pixels, {'grey' if preprocessing.channels == 1 else 'colour'}"
    if preprocessing.standardize == "image":
        return f"{told}; each image is brought to mean 0 and standard deviation 1"
    if preprocessing.mean is not None and preprocessing.std is not None:
        mean, std = (", ".join(f"{value:.3g}" for value in values) for values in (preprocessing.mean, preprocessing.std))
        return f"{told}; less {mean} and divided by {std}, channel by channel, of pixels from 0 to 1"
    return f"{told}; pixels from 0 to 1"


def _how_to_measure(network: Network, weights: str | os.PathLike[str]) -> str:
    """Say that nothing was measured, and which commands do it."""
    recipe = network.name if network.name in list_recipes("feature") else "RECIPE"
    named = shlex.quote(phrases.printable(str(weights)))
    commands = (
        f"hybridfer benchmark DATA -f {recipe} --weights {named} --out runs/measured\n"
        f"hybridfer card {named} --report runs/measured"
    )
    return section(
        "Accuracy",
        f"No accuracy was given. Measure it on images that the network has not seen:\n\n{fence(commands, 'sh')}\n\n"
        f"{NOT_COMPARED}",
    )


def _with_heading(notes: str) -> str:
    """Give notes a heading if they have none of their own."""
    notes = notes.strip("\n")
    return notes if not notes.strip() or notes.startswith("#") else section("Notes", notes)

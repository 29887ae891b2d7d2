"""run_benchmark: heads against the softmax of the same CNN, by the protocol that the README describes."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from hybridfer.audit import Findings, find_faults
from hybridfer.datasets import Dataset, read_dataset
from hybridfer.errors import RecipeError
from hybridfer.evaluation.chosen import compare_chosen
from hybridfer.evaluation.embedded import Embedded, embed_splits
from hybridfer.evaluation.feature_run import FeatureRun
from hybridfer.evaluation.fitting import Tuning, finish_head
from hybridfer.evaluation.gallery import Gallery
from hybridfer.evaluation.leaks import NetworkLeaks, find_leaks
from hybridfer.evaluation.missing_classes import find_missing_classes
from hybridfer.evaluation.near_twins import find_near_twins
from hybridfer.evaluation.plan import Features, Pipelines, Plan, load_features, load_heads
from hybridfer.evaluation.prediction import Key, Prediction
from hybridfer.evaluation.predictions import PredictionTable
from hybridfer.evaluation.report import BenchmarkReport
from hybridfer.evaluation.rows import compare_rows
from hybridfer.evaluation.splits import Splits, three_splits, without_twins
from hybridfer.evaluation.subgroups import read_groups
from hybridfer.evaluation.summary import describe_protocol, summarise
from hybridfer.evaluation.twins import near_twin_mask, twin_mask
from hybridfer.heads.durations import find_slow_heads
from hybridfer.heads.search import Refit, Strategy

log = logging.getLogger("hybridfer")

PIPELINES = ("softmax", "svm-linear", "svm-rbf", "linear-svc", "forest", "xgboost", "logistic", "knn")


def run_benchmark(
    source: str | os.PathLike[str] | Dataset = "faces",
    features: Features | Sequence[Features] | None = None,
    pipelines: Pipelines | Sequence[Pipelines] = PIPELINES,
    *,
    weights: str | os.PathLike[str] | None = None,
    store: str | os.PathLike[str] | None = None,
    epochs: int | None = None,
    search: Strategy = "grid",
    n_candidates: int = 10,
    refit: Refit = "train",
    drop_twins: bool = False,
    groups: str | os.PathLike[str] | None = None,
    audit: bool = True,
    n_jobs: int | None = None,
    device: str = "auto",
    precision: str | None = None,
    random_state: int = 0,
    verbose: int = 1,
    command: str = "hybridfer.run_benchmark(...)",
    **reading: Any,
) -> BenchmarkReport:
    """Train or load CNNs, embed, tune heads on validation, score test once, and compare with softmax.

    Whatever is finished - trainings, features, heads - is kept and found again by a later call. All that can be known to
    be wrong before images are read is found out first. Heads are tuned and chosen, and temperatures fitted, on the
    validation images that are no copies of train images.

    Parameters
    ----------
    source : path or Dataset
        What `read_dataset` reads. A missing test or validation split is carved from train.
    features : str, path or FeatureRecipe, or a sequence of these
        Feature recipes. By default ``"tiny"`` for drawn faces, and for everything else ``"compact"`` and
        ``"compact-views"``, of which the first alone where weights or a store are given. A recipe with a grid stands for
        all its members.
    pipelines : str, path or PipelineRecipe, or a sequence of these
        Pipeline recipes. The softmax row is always there, where the network knows all classes of the dataset.
    weights, store : path, optional
        A weights file and a feature store, for a benchmark of a single feature recipe.
    epochs : int, optional
        The most that networks are trained for, instead of their recipes' ``max_epochs``.
    search : {"grid", "halving", "random", "off"}
        How heads are tuned.
    n_candidates : int
        For ``search="random"``.
    refit : {"train", "train+validation"}
        What each head is fitted on with the chosen parameters. ``"train+validation"`` leaves no image that a head has not
        seen to fit its temperature on.
    drop_twins : bool
        Remove the images whose pixels also occur in the test split from train and validation, before anything is trained.
        Weights that were trained elsewhere may have seen them, which is then reported as a leak.
    groups : path, optional
        A CSV file with a column ``name`` and further columns of words, such as ``gender``: every row is also scored on each
        of these subgroups of the test split. Test images that it leaves out are "(not told)".
    audit : bool
        Look for duplicates, conflicting labels and blanks in the dataset as it was read.
    n_jobs : int, optional
        Worker processes of a search: 1 by default, -1 for all cores.
    device, precision : str
        As for `CNNFeaturizer`; a precision holds for the training as well, but for fp16, in which nothing is trained.
    random_state : int
        Seeds heads, searches and bootstrap, from 0 to 2**32 - 1; a training has its recipe's own seed, and splits are carved
        alike in every run.
    verbose : int
        1 shows bars on a terminal.
    command : str
        What the report says it was made by.
    **reading
        ``classes``, ``image_size``, ``mode``, ``test_split``, ``index`` and ``on_error``, as for `read_dataset`.

    Returns
    -------
    BenchmarkReport

    Raises
    ------
    DatasetError, RecipeError, WeightsError, StoreError
        If something that was named cannot be had; heads are tried on a few synthetic rows before anything long begins.

    Examples
    --------
    >>> from hybridfer import FeatureRecipe, make_faces
    >>> quick = FeatureRecipe(name="quick", network="tiny", training={"max_epochs": 1})
    >>> report = run_benchmark(make_faces(120), quick, "knn", search="off", verbose=0)
    >>> [row.pipeline for row in report.rows]
    ['softmax', 'knn']
    """
    tuning = Tuning(search, n_candidates, refit, random_state)
    if n_jobs == 0:
        raise RecipeError("n_jobs must be a number of processes, or -1 for all cores; got 0.")
    recipes = load_features(features, source, epochs, precision, single=not (weights is None and store is None))
    plan = Plan(recipes, load_heads(pipelines), weights, store, device, precision, epochs)
    searched = search != "off"
    widths = plan.rehearse(searched=searched)
    table = None if groups is None else read_groups(groups)
    dataset, read_seconds = _read(source, reading)
    found = _audit(dataset, n_jobs, verbose) if audit else None
    audited = None if found is None else found.report()
    splits, dropped = three_splits(dataset, reading.get("test_split", "auto")), None
    if drop_twins:
        splits, dropped = without_twins(splits)
    plan.check_heads(widths, len(splits.labels("train")), splits.dataset.classes, searched=searched)
    _tell_splits(splits)
    test = splits.test
    by_column = {} if table is None else table.of_images(test.names)
    twins = twin_mask(test.digests, _learnt(splits))
    summary = summarise(splits, twins, read_seconds, dropped, _count_near_twins(splits, found))
    known = [NetworkLeaks.of(name, network, splits, twins) for name, network in plan.load_networks()]
    known += [NetworkLeaks.inherited(name, ancestry, splits, twins) for name, ancestry in plan.load_ancestries()]
    slow = find_slow_heads(plan.heads, len(splits.labels("train")))
    for warning in (
        *find_leaks(summary, known),
        *find_near_twins(summary, audited),
        *find_missing_classes(summary),
        *slow,
    ):
        log.warning("%s", warning)
    runs, predictions, projections = _embed_and_fit(plan, splits, twins, tuning, n_jobs, verbose)
    rows = compare_rows(
        test.labels,
        twins,
        predictions,
        test.classes,
        tuning.random_state,
        validation_labels=splits.labels("tuning"),
        groups=by_column,
    )
    protocol = describe_protocol(plan.features, weights, search, refit)
    said = PredictionTable.collect(test.labels, test.names, test.digests, twins, predictions, test.classes, projections)
    return BenchmarkReport(
        command=command,
        seed=tuning.random_state,
        dataset=summary,
        protocol=replace(protocol, tuning=" ".join(filter(None, [protocol.tuning, splits.tuning_remark]))),
        features=runs,
        audit=audited,
        rows=rows,
        predictions=said,
        gallery=Gallery.collect(said, rows, test.images, audited, dataset.images),
        chosen=compare_chosen(test.labels, twins, predictions),
    )


def _read(source: str | os.PathLike[str] | Dataset, reading: Mapping[str, Any]) -> tuple[Dataset, float | None]:
    """Read the images, and say how long that took; images that are in memory are taken as they are."""
    if isinstance(source, Dataset) and not reading:
        return source, None
    start = time.perf_counter()
    return read_dataset(source, **reading), time.perf_counter() - start


def _tell_splits(splits: Splits) -> None:
    """Log which images are in which split, and which of validation heads are not tuned on."""
    log.info("%s", splits.summary())
    if splits.tuning_remark:
        level = logging.WARNING if splits.validation_copies == len(splits.labels("validation")) else logging.INFO
        log.log(level, "%s", splits.tuning_remark)


def _audit(dataset: Dataset, n_jobs: int | None, verbose: int) -> Findings:
    """Audit the images, in as many threads as a search may have processes."""
    log.info("auditing %d images", len(dataset))
    return find_faults(dataset, n_jobs=n_jobs, verbose=verbose)


def _learnt(splits: Splits) -> NDArray[np.bytes_]:
    """Digests of all images that are trained or tuned on."""
    return np.concatenate([splits.digests("train"), splits.digests("validation")])


def _count_near_twins(splits: Splits, found: Findings | None) -> int | None:
    """Count the test images that look nearly like what is trained or tuned on; None where nobody looked for them."""
    if found is None or found.near is None:
        return None
    return int(near_twin_mask(splits.digests("test"), _learnt(splits), found.dataset.digests, found.near.groups).sum())


def _embed_and_fit(
    plan: Plan, splits: Splits, twins: NDArray[np.bool_], tuning: Tuning, n_jobs: int | None, verbose: int
) -> tuple[tuple[FeatureRun, ...], dict[Key, Prediction], dict[str, NDArray[np.float32]]]:
    """For each CNN in turn: train or load it, embed all images, and ask its softmax and each head about the test split."""
    runs, predictions, projections = [], {}, {}
    for recipe in plan.features:
        embedded = embed_splits(
            recipe,
            splits,
            twins,
            weights=plan.weights,
            store=plan.store,
            device=plan.device,
            precision=plan.precision,
            verbose=verbose,
        )
        runs.append(embedded.run)
        if embedded.projection is not None:
            projections[recipe.name] = embedded.projection
        softmax = _softmax(embedded, splits)
        if softmax is not None:
            predictions[recipe.name, "softmax"] = softmax
        with tqdm(plan.heads, unit=" heads", leave=False, disable=None if verbose else True, dynamic_ncols=True) as bar:
            for head in bar:
                bar.set_description(f"fit {head.name} on {recipe.name}")
                predictions[recipe.name, head.name] = finish_head(head, embedded, splits, tuning, n_jobs)
    return tuple(runs), predictions, projections


def _softmax(embedded: Embedded, splits: Splits) -> Prediction | None:
    """The CNN's own answers; None, and a warning, where it does not know all classes."""
    softmax = embedded.softmax(splits)
    if softmax is None:
        log.warning(
            "%s does not know all classes of %s: no softmax row. To train a CNN on them, name a recipe without weights, "
            "such as -f tiny or -f model_f.",
            embedded.run.recipe,
            splits.dataset.source,
        )
    return softmax

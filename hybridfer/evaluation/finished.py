"""What a benchmark has finished: each head's predictions, kept so that an interrupted run does not fit it again."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from hybridfer.evaluation.prediction import Prediction
from hybridfer.files import write_aside
from hybridfer.npz_layout import read_npz

FORMAT = 3
PROBABILITIES = ("probabilities", "validation_probabilities")


@dataclass(frozen=True)
class FinishedHeads:
    """Predictions of heads in a folder, each in a file named after all that it depends on.

    Attributes
    ----------
    folder : Path
        Created when the first head is kept.
    """

    folder: Path

    def find(self, identity: Mapping[str, Any]) -> Prediction | None:
        """Return the predictions of a head that was finished before; None if there are none that can be read."""
        try:
            arrays = read_npz(self._path(identity))
            told = json.loads(str(arrays["told"]))
            told["warnings"] = tuple(told["warnings"])
            known: dict[str, Any] = {name: arrays.get(name) for name in PROBABILITIES}
            return Prediction(arrays["labels"], **known, **told)
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    def keep(self, identity: Mapping[str, Any], prediction: Prediction) -> None:
        """Write a head's predictions, whole or not at all."""
        told = {
            "best_params": {name: _plain(value) for name, value in prediction.best_params.items()},
            "validation_accuracy": prediction.validation_accuracy,
            "search_seconds": prediction.search_seconds,
            "fit_seconds": prediction.fit_seconds,
            "predict_seconds": prediction.predict_seconds,
            "warnings": list(prediction.warnings),
            "grid_ends": dict(prediction.grid_ends),
        }
        arrays: dict[str, Any] = {"labels": prediction.labels, "told": np.array(json.dumps(told))}
        known = {name: getattr(prediction, name) for name in PROBABILITIES}
        arrays |= {name: probabilities for name, probabilities in known.items() if probabilities is not None}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        path = self._path(identity)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_aside(path, buffer.getvalue())

    def _path(self, identity: Mapping[str, Any]) -> Path:
        libraries = {name: version(name) for name in ("scikit-learn", "xgboost") if _installed(name)}
        text = json.dumps({"format": FORMAT, "libraries": libraries, **identity}, sort_keys=True)
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.npz"


def _installed(name: str) -> bool:
    try:
        return bool(version(name))
    except ModuleNotFoundError:
        return False


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value

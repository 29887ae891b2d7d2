"""How heads are tuned, as a value."""

import json
from dataclasses import asdict

import numpy as np

from hybridfer.evaluation.fitting import Tuning


def test_seeds_of_numpy_are_taken_and_can_be_written():
    tuning = Tuning(random_state=np.int64(3), n_candidates=np.int32(4))
    assert json.loads(json.dumps(asdict(tuning)))["random_state"] == 3

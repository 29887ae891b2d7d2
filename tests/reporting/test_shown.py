"""What is shown of a CNN, in words."""

from dataclasses import replace

import pytest

from hybridfer.evaluation.feature_run import FeatureRun
from hybridfer.evaluation.twins import Leak
from hybridfer.reporting.markdown_details import feature
from hybridfer.reporting.shown import seen_of_test, seen_of_validation

UNKNOWN = "unknown: the weights do not say what they were trained on"
PARTLY = ("the member tiny",)


@pytest.fixture(scope="module")
def run(make_report) -> FeatureRun:
    return make_report(n=50).features[0]


@pytest.mark.parametrize(
    ("leak", "told"),
    [
        (None, UNKNOWN),
        (Leak(9, 2), "9, of which 2 are no twins of train or validation images"),
        (
            Leak(0, 0, untold=PARTLY),
            "at least 0, of which 0 are no twins of train or validation images; what the member tiny was trained on is "
            "unknown",
        ),
    ],
)
def test_test_images_that_were_seen_are_told_as_far_as_they_are_known(run, leak, told):
    assert seen_of_test(replace(run, leak=leak)) == told


@pytest.mark.parametrize(
    ("leak", "count", "told"),
    [
        (None, None, UNKNOWN),
        (Leak(0, 0), None, UNKNOWN),
        (Leak(0, 0), 3, "3"),
        (Leak(0, 0, untold=PARTLY), 3, "at least 3; what the member tiny was trained on is unknown"),
        (Leak(0, 0, 40), None, "40; these it was trained on or watched, the weights do not say which"),
    ],
)
def test_validation_images_that_were_seen_are_told_as_far_as_they_are_known(run, leak, count, told):
    assert seen_of_validation(replace(run, leak=leak, validation_leak=count)) == told


def test_both_counts_stand_beside_a_cnn(run):
    lines = feature(replace(run, leak=Leak(9, 2), validation_leak=7)).splitlines()
    assert "- test images it was trained on: 9, of which 2 are no twins of train or validation images" in lines
    assert "- validation images it was trained on: 7" in lines

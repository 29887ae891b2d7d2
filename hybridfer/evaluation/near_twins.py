"""A warning of test images that look nearly like what was learnt from: one photograph cut twice, or frames of a video."""

from __future__ import annotations

from hybridfer.audit.report import AuditReport
from hybridfer.evaluation.summary import DatasetSummary

#: Share of the images that decide which may look nearly like others: with as many, an accuracy near one half is flattered by
#: 2.5 points at most, less than its interval where 1,000 images decide. Of FER2013's PublicTest it is 9.5 % with validation
#: carved from train: heads on ``compact`` are right about 78 to 82 % of these and 67 % of the others, and gain 1.0 to 1.5
#: points by them.
MOST_NEAR = 0.05


def find_near_twins(dataset: DatasetSummary, audit: AuditReport | None) -> tuple[str, ...]:
    """Word a warning where many of the test images that decide look nearly like an image of train or validation.

    Twins do not decide, and are told elsewhere. That images which look alike are one photograph is likely, not certain,
    which is why they do decide.

    Parameters
    ----------
    dataset : DatasetSummary
        The images of the report.
    audit : AuditReport or None
        The audit of these images as they were read: it knows whether they had a test split.

    Returns
    -------
    tuple of str
        One warning, or none: where there are few such images, and where nobody looked for them.

    Examples
    --------
    >>> counts = {"train": (50, 50), "validation": (5, 5), "test": (10, 10)}
    >>> carved = DatasetSummary("faces", ("happy", "sad"), (48, 48), counts, "test", "carved", 0, 0, 0, near_twins=12)
    >>> find_near_twins(carved, None)[0][:73]
    '12 of 20 test images look nearly like an image of train or validation (on'
    """
    deciding = dataset.n_test - dataset.twins
    if dataset.near_twins is None or dataset.near_twins <= MOST_NEAR * deciding:
        return ()
    images = "twin-free test images" if dataset.twins else "test images"
    told = (
        f"{dataset.near_twins:,} of {deciding:,} {images} look nearly like an image of train or validation (one photograph "
        "cut twice, or frames of a video): accuracies on them are flattered."
    )
    if audit is not None and "test" in audit.counts:
        return (
            f"{told} To drop those of train and validation: hybridfer audit DATA --fix cleaned.csv --drop-near, then read "
            "with --index cleaned.csv; weights that were trained on them still know them.",
        )
    return (f"{told} Put each person's images into one split: DATA/train/<class>/..., DATA/test/<class>/...",)

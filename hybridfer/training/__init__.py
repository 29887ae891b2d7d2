"""Training: the CNN is fitted, end to end, on images that live on the device."""

from hybridfer.training.augmentation import Augmentation
from hybridfer.training.classifier import CNNClassifier
from hybridfer.training.train import (
    check_training,
    recipe_classifier,
    remembered_checkpoint,
    remembered_path,
    train_network,
    trained_anew,
    trained_once,
    trained_or_found,
)

__all__ = [
    "Augmentation",
    "CNNClassifier",
    "check_training",
    "recipe_classifier",
    "remembered_checkpoint",
    "remembered_path",
    "train_network",
    "trained_anew",
    "trained_once",
    "trained_or_found",
]

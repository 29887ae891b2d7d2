"""CNNClassifier: the end-to-end CNN as a scikit-learn classifier."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from skorch.callbacks import Callback

from hybridfer.errors import DatasetError, RecipeError
from hybridfer.home import without_path_objects
from hybridfer.image_arrays import as_images
from hybridfer.networks import Embedder
from hybridfer.training.ancestry import load_ancestry
from hybridfer.training.balancing import added_counts
from hybridfer.training.construction import TrainingData
from hybridfer.training.fitted_images import images_as_fitted
from hybridfer.training.identity import training_recipe
from hybridfer.training.optimizers import check_optimizer
from hybridfer.training.parameters import check_parameters, plain_parameters
from hybridfer.training.run import run_training
from hybridfer.training.schedules import check_schedule
from hybridfer.training.validation_images import given_images, held_out


class CNNClassifier(ClassifierMixin, BaseEstimator):
    """A CNN of the catalogue, trained end to end, with its own softmax: the baseline that every head is compared with.

    Parameters
    ----------
    network : str
        A name that `hybridfer.list_networks` gives, or ``"timm:"`` and the name of a model of timm.
    network_arguments : dict, optional
        The network's own arguments, such as ``{"dropout": 0.3}``. For a model of timm, whose classifier a new head replaces:
        ``pretrained``, ``"hub"`` (which downloads) or the path of a state dict; ``frozen``, whether the head alone is
        trained; ``hidden``, units of a dense layer in the head; ``dropout``; ``pre_logits``, whether dense layers of the
        model's own before its classifier, as VGG has them, stay.
    start : str, path or None
        Trained weights to go on from, instead of random ones: the name of weights in the wheel, or a weights file. They must
        be of this network with these arguments (rates of dropout, and whether a model of timm is frozen, may be others),
        `colour` and `standardize`; another `image_size` is taken where no layer is bound to one. Of the last layer the
        rows of classes that the weights know, by their names, are kept; those of other classes begin with random weights.
        Cross-validation flatters where the weights have learnt from its images: `fit` logs a warning.
    start_share : float
        With `start`, its share of the weights in the end, in [0, 1): see `hybridfer.training.averaging.averaged_with_start`.
        ``history_`` is of the training before that.
    image_size : int, tuple of (h, w), or None
        Images are resized to this many pixels a side; None takes the size that a model of timm was trained at, 48 otherwise.
    colour : bool
        Three channels instead of one; a model of timm has three in any case.
    standardize : {"none", "image"}
        Whether each image is brought to mean 0 and standard deviation 1; a model of timm has a normalisation of its own.
    optimizer : {"adam", "adamw", "sgd", "adadelta", "rmsprop"}
        Which optimiser.
    learning_rate : float
        The highest learning rate of the schedule.
    momentum, nesterov : float, bool
        For ``"sgd"``.
    weight_decay : float
        L2 penalty (decoupled for ``"adamw"``).
    max_epochs : int
        Passes over the training images, at most.
    batch_size : int
        Images a step, at most; 2 or more. Few images are cut finer, down to 16 a step, so that an epoch has 8 steps.
    schedule : {"constant", "plateau", "cosine", "one-cycle"}
        How the learning rate moves. ``"plateau"`` halves it when the validation loss has not fallen for 5 epochs.
    patience : int, optional
        Stop when the validation loss has not fallen for this many epochs, and restore the best weights. Without it all
        epochs are run and the last weights kept.
    initial_scale : float
        Fraction of `image_size` that training starts with, above 0 and at most 1: see
        `hybridfer.training.resizing.ProgressiveResizing`. Below 1 it saves time, for networks that take images of any size.
    label_smoothing : float
        Share of the target that is spread over all classes.
    class_weight : "balanced" or dict of class to float, optional
        Weights of the classes in the loss; a class that the dict leaves out weighs 1.
    balance : "match-majority" or dict of class to int, optional
        Images to add to each class in every epoch: further copies of its own images, each as often as any other, drawn and
        augmented anew in each epoch. ``"match-majority"`` brings every class to the number of the largest. The numbers are
        added to the images that are trained on: held-out images are taken away before, and never copied.
    balance_augmentation : dict, optional
        Fields of `hybridfer.training.Augmentation` for the added images, instead of `augmentation`; by default both are
        augmented alike.
    augmentation : dict, optional
        Fields of `hybridfer.training.Augmentation`, such as ``{"flip": True, "rotation": 10}``.
    mixup : float
        Above 0, each training step mixes its augmented images with each other, and the loss with them: see
        `hybridfer.training.mixing.Mixup`, whose ``alpha`` it is; 0.2 is common. 0 mixes nothing.
    teacher : str, path, sequence of these, or None
        A trained network that the network learns from too: the name of weights in the wheel, a weights file, or several of
        these, which teach as an ensemble. It sees the very pixels that the network is trained on, after augmentation (but
        for noise) and mixup (Beyer et al., Knowledge Distillation: A Good Teacher Is Patient and Consistent, CVPR 2022),
        brought to its own size, and never shrunk by `initial_scale`. It must know all classes, which are found by name.
    distillation : float
        With a teacher, its share of the loss, in [0, 1]; the labels have the rest, with label smoothing and class weights.
        Without one it does nothing, nor does `temperature`.
    temperature : float
        With a teacher, what its logits and the network's are divided by in its part of the loss: see
        `hybridfer.training.teaching.divergence`.
    calibrate : bool
        At the end, divide the logits by the temperature that fits the validation images: see
        `hybridfer.training.calibrating.calibrated`. It changes no prediction.
    validation_fraction : float
        Share of the training images held out, stratified, when `fit` is given no validation images: of every class one at
        least. Copies of an image are held out with it, and the order of the images makes no difference. 0 holds out none.
    device, precision : str
        As for `CNNFeaturizer`; ``precision="bf16"`` may be asked for on CPUs that have it. Training knows no fp16.
    checkpoint : str or Path, optional
        File that is replaced after each epoch.
    resume : bool
        Go on from `checkpoint` if it exists.
    verbose : int
        1 shows a bar on a terminal.
    random_state : int, RandomState or None
        Seeds weights, shuffling, augmentation and dropout. Two CPU runs with one integer and one number of threads are
        identical.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels seen in `fit`.
    network_ : Network
        The trained network. Its ``training`` holds the parameters and, beside them, ``train_counts``, the training images of
        each class, ``trained_counts``, those of an epoch, where balancing added any, and ``fitted_temperature``, where it
        was calibrated; `start` and `teacher` are there by their digests. Images that those have seen are among the ones that
        the network was trained on, as it has learnt from them.
    history_ : list of dict
        One entry an epoch: ``train_loss``, ``train_accuracy``, ``valid_loss``, ``valid_accuracy``, ``learning_rate``,
        ``dur`` in seconds. ``train_loss`` is what was minimised, a teacher's part included; with `mixup`, ``train_accuracy``
        goes by the label that has the larger share. Validation goes by labels alone.
    n_features_in_ : int
        Length of the second axis of X in `fit`.

    Examples
    --------
    >>> from hybridfer import CNNClassifier, make_faces
    >>> faces = make_faces(140, image_size=24, random_state=0)
    >>> X, y = faces.arrays("train")
    >>> cnn = CNNClassifier("tiny", image_size=24, max_epochs=1, validation_fraction=0, verbose=0).fit(X, y)
    >>> cnn.predict_proba(X[:2]).shape
    (2, 7)
    """

    def __init__(
        self,
        network: str = "compact",
        *,
        network_arguments: dict[str, Any] | None = None,
        start: str | os.PathLike[str] | None = None,
        start_share: float = 0.0,
        image_size: int | tuple[int, int] | None = 48,
        colour: bool = False,
        standardize: Literal["none", "image"] = "none",
        optimizer: Literal["adam", "adamw", "sgd", "adadelta", "rmsprop"] = "adam",
        learning_rate: float = 1e-3,
        momentum: float = 0.9,
        nesterov: bool = True,
        weight_decay: float = 0.0,
        max_epochs: int = 30,
        batch_size: int = 128,
        schedule: Literal["constant", "plateau", "cosine", "one-cycle"] = "constant",
        patience: int | None = None,
        initial_scale: float = 1.0,
        label_smoothing: float = 0.0,
        class_weight: Literal["balanced"] | dict[Any, float] | None = None,
        balance: Literal["match-majority"] | dict[Any, int] | None = None,
        balance_augmentation: dict[str, Any] | None = None,
        augmentation: dict[str, Any] | None = None,
        mixup: float = 0.0,
        teacher: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
        distillation: float = 0.5,
        temperature: float = 1.0,
        calibrate: bool = False,
        validation_fraction: float = 0.1,
        device: str = "auto",
        precision: str = "auto",
        checkpoint: str | Path | None = None,
        resume: bool = False,
        verbose: int = 1,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.network = network
        self.network_arguments = network_arguments
        self.start = start
        self.start_share = start_share
        self.image_size = image_size
        self.colour = colour
        self.standardize = standardize
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.schedule = schedule
        self.patience = patience
        self.initial_scale = initial_scale
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.balance = balance
        self.balance_augmentation = balance_augmentation
        self.augmentation = augmentation
        self.mixup = mixup
        self.teacher = teacher
        self.distillation = distillation
        self.temperature = temperature
        self.calibrate = calibrate
        self.validation_fraction = validation_fraction
        self.device = device
        self.precision = precision
        self.checkpoint = checkpoint
        self.resume = resume
        self.verbose = verbose
        self.random_state = random_state

    def fit(
        self,
        X: NDArray,
        y: Sequence[Any] | NDArray,
        *,
        validation: tuple[NDArray, NDArray] | None = None,
        callbacks: Sequence[Callback] = (),
        class_names: Sequence[str] | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : ndarray
            Images in any layout that `CNNFeaturizer` takes.
        y : array-like of shape (n,)
            Labels of any kind.
        validation : tuple of (X, y), optional
            Images and labels to watch, for early stopping, the plateau schedule and `calibrate`; they are never trained on.
            A warning is logged where they hold copies of images in X. Without it, `validation_fraction` of X is held out.
        callbacks : sequence of skorch.callbacks.Callback
            Watch the training, before its own callbacks are called; they should not change it.
        class_names : sequence of str, optional
            What the labels, sorted, are called in `network_`, by `start` and by a teacher; as they are written by default.

        Returns
        -------
        self

        Raises
        ------
        RecipeError
            If a parameter is unknown or out of range, the weights to start with are of another network, the teacher does not
            know a class, or the training diverges.
        DatasetError
            If the validation images do not go with the training images, or the names of classes with the labels; or if
            images are to be held out of a class that has fewer than two different ones.
        WeightsError
            If the checkpoint to resume from is damaged, belongs to another training or was written on another kind of
            device, or weights to start with or of the teacher are missing or damaged.
        """
        self._check_parameters()
        X, y = validate_data(self, X, y, allow_nd=True)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        classes = self.classes_.tolist()
        seed = self._seed()
        images = as_images(X)
        self._size, self._of_rows = images.shape[1:3], X.ndim == 2
        train, valid = self._split(images, labels, validation, seed)
        added = added_counts(self.balance, train[1], classes)
        data = TrainingData(train, valid, tuple(classes), self._names(class_names), added, given=validation is not None)
        self.network_ = run_training(self._parameters(), data, seed, callbacks)
        self.history_ = [dict(epoch) for epoch in self.network_.history]
        return self

    def predict_proba(self, X: NDArray) -> NDArray[np.float64]:
        """Return the softmax, of shape (n, n_classes), columns as in `classes_`, of images of the size that `fit` got."""
        check_is_fitted(self)
        images = images_as_fitted(self, X)
        embedder = Embedder(self.network_, ["logits"], device=self.device, precision=self.precision)
        logits = torch.from_numpy(embedder.embed(images)["logits"])
        return torch.softmax(logits.double(), dim=1).numpy()

    def predict(self, X: NDArray) -> NDArray:
        """Return the most probable class of each image, of shape (n,)."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    @property
    def recipe(self) -> dict[str, Any]:
        """Parameters that the weights depend on, as plain values; files and other weights are there by their digests."""
        parameters = self._parameters()
        return training_recipe(parameters, load_ancestry(parameters))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        # a fit that fails leaves n_features_in_
        return hasattr(self, "network_")

    def __getstate__(self) -> dict[str, Any]:
        return without_path_objects(super().__getstate__())

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _check_parameters(self) -> None:
        check_optimizer(self.optimizer)
        check_schedule(self.schedule)
        check_parameters(self._parameters())

    def _parameters(self) -> dict[str, Any]:
        return plain_parameters(self.get_params(deep=False))

    def _names(self, class_names: Sequence[str] | None) -> tuple[str, ...]:
        if class_names is None:
            return tuple(str(label) for label in self.classes_)
        names = tuple(class_names)
        if isinstance(class_names, str) or not all(isinstance(name, str) for name in names):
            raise DatasetError(f"class_names must be a list of strings; got {class_names!r}.")
        if len(names) != len(self.classes_) or len(set(names)) != len(names):
            raise DatasetError(
                f"class_names must be as many different names as there are labels, {len(self.classes_)}; got {list(names)}."
            )
        return names

    def _split(
        self, images: NDArray, labels: NDArray, validation: tuple[NDArray, NDArray] | None, seed: int
    ) -> tuple[tuple[NDArray, NDArray], tuple[NDArray, NDArray] | None]:
        if validation is not None:
            return (images, labels), given_images(validation, self.classes_.tolist())
        if self.validation_fraction == 0:
            if self.patience is not None or self.schedule == "plateau" or self.calibrate:
                raise RecipeError(
                    "patience, the plateau schedule and calibrate need validation images: set validation_fraction above 0."
                )
            return (images, labels), None
        out = held_out(images, labels, self.classes_.tolist(), self.validation_fraction, seed)
        return (images[~out], labels[~out]), (images[out], labels[out])

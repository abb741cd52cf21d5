"""Evaluation beyond single scores: precision and recall of each class, and residuals of a regression."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorsmith.recipes.single_training import as_arguments
from tensorsmith.runs import Scores

if TYPE_CHECKING:
    from tensorsmith.training import Trainer

BINARY_LOSSES = ("binary_crossentropy", "binary_focal_crossentropy", "sigmoid_focal_crossentropy", "hinge")


@dataclass(frozen=True)
class ClassReport:
    """Numbers of correct and incorrect predictions of each class.

    Attributes:
        names: Names of the classes.
        confusion: Number of examples by true class (rows) and predicted class (columns).
    """

    names: tuple[str, ...]
    confusion: np.ndarray

    @property
    def support(self) -> np.ndarray:
        """Number of examples of each class."""
        return self.confusion.sum(axis=1)

    @property
    def precision(self) -> np.ndarray:
        """Fraction of the predictions of each class that are correct, or 0 if it is never predicted."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(axis=0))

    @property
    def recall(self) -> np.ndarray:
        """Fraction of the examples of each class that are predicted correctly, or 0 if there are none."""
        return _ratio(self.confusion.diagonal(), self.support)

    @property
    def f1(self) -> np.ndarray:
        """Harmonic mean of precision and recall of each class, or 0 if both are 0."""
        return _ratio(2 * self.confusion.diagonal(), self.confusion.sum(axis=0) + self.support)

    @property
    def accuracy(self) -> float:
        """Fraction of all examples that are predicted correctly."""
        return float(self.confusion.diagonal().sum() / self.confusion.sum())


@dataclass(frozen=True)
class Residuals:
    """Targets and predictions of a regression with one output.

    Attributes:
        targets: Target values.
        predictions: Predicted values.
    """

    targets: np.ndarray
    predictions: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """Differences between predictions and targets."""
        return self.predictions - self.targets

    @property
    def r2(self) -> float:
        """Coefficient of determination, or NaN if all targets are equal."""
        squares = np.sum((self.targets - self.targets.mean()) ** 2)
        return float(1 - np.sum(self.errors**2) / squares) if squares > 0 else float("nan")


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model, and a detailed report on one split.

    Attributes:
        scores: Scores of all splits.
        split: Name of the split of `report`.
        report: `ClassReport` or `Residuals`, or `None` if the model is neither a classifier nor a regression with one
            output.
    """

    scores: Scores
    split: str
    report: ClassReport | Residuals | None


def assess(trainer: "Trainer", data: Any, names: Sequence[str]) -> ClassReport | Residuals | None:
    """Return a report on the predictions of a model.

    Args:
        trainer: Trainer of the model.
        data: Examples of a split: a tuple of arrays, or a finite dataset of batches.
        names: Names of the classes. If their number is not that of the classes, they are named 0, 1 and so on.

    Returns:
        A `ClassReport` if the targets are class indices, one-hot vectors, or 0 and 1 with a binary loss; `Residuals` if
        they are other numbers, and the model has one output; otherwise `None`.
    """
    pairs = list(_predictions(trainer, data))
    if not pairs:
        return None
    targets, outputs = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    if outputs.shape[1] > 1:
        classes = outputs.shape[1]
        if targets.shape[1] == classes and np.isin(targets, (0, 1)).all() and (targets.sum(axis=1) == 1).all():
            targets = targets.argmax(axis=1)[:, None]
        labels = targets.shape[1] == 1 and np.isin(targets, np.arange(classes)).all()
        return _class_report(targets[:, 0], outputs.argmax(axis=1), classes, names) if labels else None
    threshold = _threshold(trainer.model.loss)
    if threshold is not None and np.isin(targets, (0, 1)).all():
        return _class_report(targets[:, 0], outputs[:, 0] > threshold, 2, names)
    return Residuals(targets[:, 0].astype(float), outputs[:, 0].astype(float))


def _class_report(true: np.ndarray, predicted: np.ndarray, classes: int, names: Sequence[str]) -> ClassReport:
    confusion = np.zeros((classes, classes), int)
    np.add.at(confusion, (true.astype(int), predicted.astype(int)), 1)
    return ClassReport(tuple(names) if len(names) == classes else tuple(map(str, range(classes))), confusion)


def _threshold(loss: Any) -> float | None:
    """Return the output above which a model with a binary loss predicts class 1, or `None` for other losses."""
    name = loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", "")
    if name not in BINARY_LOSSES:
        return None
    return 0.0 if name == "hinge" or getattr(loss, "from_logits", False) else 0.5


def _predictions(trainer: "Trainer", data: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield targets and outputs of shape (examples, columns), or nothing if they have another form."""
    import keras
    import tensorflow as tf

    batches: Iterable[Any] = [data]
    predict = trainer.predict
    if isinstance(data, tf.data.Dataset | keras.utils.PyDataset):
        batches = data if isinstance(data, tf.data.Dataset) else map(data.__getitem__, range(len(data)))
        predict = trainer.model.predict_on_batch
    for batch in batches:
        arguments = as_arguments(batch)
        targets = _matrix(arguments["y"])
        outputs = None if targets is None else _matrix(predict(arguments["x"]))
        if targets is None or outputs is None or outputs.shape[1] < targets.shape[1]:
            return
        yield targets, outputs


def _matrix(values: Any) -> np.ndarray | None:
    """Return the values of the only target or output as an array with two axes, or `None` if there are others."""
    if isinstance(values, Mapping | list | tuple):
        parts = list(values.values() if isinstance(values, Mapping) else values)
        return _matrix(parts[0]) if len(parts) == 1 else None
    if values is None or len(values.shape) not in (1, 2):
        return None
    array = np.asarray(values)
    return array.reshape(len(array), -1) if array.dtype.kind in "biuf" else None


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)

"""Checks that targets and predictions have the same shape, without implicit broadcasting."""

from keras import ops

from tensorsmith.core import argument_error, check
from tensorsmith.core.types import Tensor, TensorLike


def same_shape(
    y_true: TensorLike, y_pred: TensorLike, names: tuple[str, str] = ("y_true", "y_pred")
) -> tuple[Tensor, Tensor]:
    """Return targets and predictions as tensors of equal shapes, adding a missing trailing axis of size 1.

    Args:
        y_true: Tensor of targets.
        y_pred: Tensor of predictions.
        names: Names of the two arguments in the caller, for error messages.

    Raises:
        ValueError: If the shapes differ in other ways. Unknown sizes are accepted.
    """
    true, predicted = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    missing = len(predicted.shape) - len(true.shape)
    if missing == 1 and predicted.shape[-1] == 1:
        true = ops.expand_dims(true, -1)
    elif missing == -1 and true.shape[-1] == 1:
        predicted = ops.expand_dims(predicted, -1)
    if not true.shape.is_compatible_with(predicted.shape):
        raise argument_error(names[0], tuple(true.shape), f"have shape {tuple(predicted.shape)} to match `{names[1]}`")
    return true, predicted


def class_numbers(y_true: Tensor, scores: Tensor) -> Tensor:
    """Return class indices as an `int32` tensor with the shape of the scores, excluding the last axis.

    Args:
        y_true: Tensor of class indices.
        scores: Tensor of predictions with classes along the last axis.

    Raises:
        ValueError: If the shapes do not match. Unknown sizes are accepted.
    """
    classes = ops.cast(y_true, "int32")
    if len(classes.shape) == len(scores.shape) and classes.shape[-1] == 1:
        classes = ops.squeeze(classes, -1)
    fits = classes.shape.is_compatible_with(scores.shape[:-1])
    check(
        fits,
        "y_true",
        tuple(classes.shape),
        f"have shape {tuple(scores.shape[:-1])} to match the predictions without the last axis",
    )
    return classes

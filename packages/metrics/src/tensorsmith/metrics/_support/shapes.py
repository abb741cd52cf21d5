"""Targets and predictions of shapes that fit, where others would broadcast in silence."""

from keras import ops

from tensorsmith.core import argument_error, check
from tensorsmith.core.types import Tensor, TensorLike


def same_shape(
    y_true: TensorLike, y_pred: TensorLike, names: tuple[str, str] = ("y_true", "y_pred")
) -> tuple[Tensor, Tensor]:
    """Both as tensors; a last axis of size 1 that only one of them has is forgiven.

    Args:
        y_true: Targets.
        y_pred: Predictions.
        names: What the caller calls the two.

    Raises:
        ValueError: The shapes differ otherwise; a size known only later passes.
    """
    true, predicted = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    missing = len(predicted.shape) - len(true.shape)
    if missing == 1 and predicted.shape[-1] == 1:
        true = ops.expand_dims(true, -1)
    elif missing == -1 and true.shape[-1] == 1:
        predicted = ops.expand_dims(predicted, -1)
    if not true.shape.is_compatible_with(predicted.shape):
        raise argument_error(names[0], tuple(true.shape), f"the shape of `{names[1]}`, {tuple(predicted.shape)}")
    return true, predicted


def class_numbers(y_true: Tensor, scores: Tensor) -> Tensor:
    """Targets as int32, one for scores of all classes along the last axis; a last axis of size 1 is forgiven.

    Args:
        y_true: Class numbers.
        scores: Tensor of predictions.

    Raises:
        ValueError: The shapes do not fit; a size known only later passes.
    """
    classes = ops.cast(y_true, "int32")
    if len(classes.shape) == len(scores.shape) and classes.shape[-1] == 1:
        classes = ops.squeeze(classes, -1)
    fits = classes.shape.is_compatible_with(scores.shape[:-1])
    check(fits, "y_true", tuple(classes.shape), f"class numbers, for predictions of {tuple(scores.shape)}")
    return classes

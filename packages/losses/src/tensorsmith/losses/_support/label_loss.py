"""Base class and helpers for losses that depend only on the equality of labels."""

from typing import Any

from keras import ops

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.losses._support.addons_loss import AddonsLoss


class LabelLoss(AddonsLoss):
    """Base class for metric learning losses, which depend only on the equality of labels.

    Keras casts targets to the float dtype of the loss, in which large labels become equal: above 2,048 in `float16` and
    above 2**24 in `float32`. Therefore labels are compared before the cast, and `call` receives the matrix of equal
    labels in their place, with 1 for equal and 0 for different, which every dtype represents exactly.
    """

    always_averaged = True

    def __call__(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> Tensor:
        """Return the reduced loss of a batch."""
        return super().__call__(same_label(y_true), y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the loss."""
        return {**super().get_config(), "dtype": self.dtype}


def same_label(y_true: TensorLike) -> Tensor:
    """Return the pairwise label equality matrix for labels of shape `(batch,)` or `(batch, 1)` and any dtype."""
    labels = ops.convert_to_tensor(y_true)
    shape = labels.shape
    fits = len(shape) == 1 or (len(shape) == 2 and shape[-1] == 1)
    check(fits, "y_true", tuple(shape), "have shape (batch,) or (batch, 1)", "pass class indices, not one-hot labels")
    # Broadcasting a column against a row compares all pairs: (batch, batch).
    labels = ops.reshape(labels, (-1, 1))
    return ops.equal(labels, ops.transpose(labels))


def check_labels(same: Tensor, distances: Tensor) -> None:
    """Raise an ArgumentError if the numbers of labels and embeddings are known and differ.

    Args:
        same: Boolean matrix of shape `(batch, batch)` that is `True` where two samples have equal labels.
        distances: Matrix of shape `(batch, batch)` with the pairwise distances between embeddings.
    """
    labels, count = same.shape[0], distances.shape[0]
    fits = None in (labels, count) or labels == count
    check(fits, "y_true", Verbatim(f"{labels} labels"), f"have one label for each of the {count} embeddings")


def positives(same: Tensor) -> Tensor:
    """Return the mask of positive pairs: different samples with equal labels."""
    positions = ops.arange(ops.shape(same)[0])
    # An anchor is not its own positive.
    return ops.logical_and(same, positions[:, None] != positions)


def batch_mean(losses: Tensor) -> Tensor:
    """Return the mean of the sample losses, or 0 for an empty batch."""
    return ops.divide_no_nan(ops.sum(losses), ops.cast(ops.size(losses), losses.dtype))


def pair_mean(losses: Tensor, pairs: Tensor) -> Tensor:
    """Return a loss per sample whose mean equals the mean loss over all pairs.

    Args:
        losses: Loss of each pair, of shape `(batch, batch)`.
        pairs: Boolean tensor of shape `(batch, batch)` that is `True` for the pairs to include.
    """
    count = ops.sum(ops.cast(pairs, losses.dtype))
    samples = ops.cast(ops.shape(losses)[0], losses.dtype)
    # Keras divides by the number of samples. The factor replaces it by the number of pairs, and is 0 without pairs.
    return ops.sum(ops.where(pairs, losses, 0), axis=1) * ops.divide_no_nan(samples, count)

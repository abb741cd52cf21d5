"""What losses of labels that are only compared have in common."""

from typing import Any

from keras import ops

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.losses._support.addons_loss import AddonsLoss


class LabelLoss(AddonsLoss):
    """A loss of samples' labels, of which it matters only which are the same.

    Keras casts targets to the loss' float type, in which large labels fall together: above 2,048 in float16, above
    2**24 in float32. So labels are compared as they come, and `call` gets the answer in their place: a matrix of 1 for
    the same and 0 for others, which every type holds.
    """

    always_averaged = True

    def __call__(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> Tensor:
        """Loss of a batch."""
        return super().__call__(same_label(y_true), y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """The arguments that all losses have."""
        return {**super().get_config(), "dtype": self.dtype}


def same_label(y_true: TensorLike) -> Tensor:
    """Matrix of which samples have the same label, for labels `(batch,)` or `(batch, 1)` of any type."""
    labels = ops.convert_to_tensor(y_true)
    shape = labels.shape
    fits = len(shape) == 1 or (len(shape) == 2 and shape[-1] == 1)
    check(fits, "y_true", tuple(shape), "labels, (batch,) or (batch, 1)", "give the class as a number, not one-hot")
    labels = ops.reshape(labels, (-1, 1))
    return ops.equal(labels, ops.transpose(labels))


def check_labels(same: Tensor, distances: Tensor) -> None:
    """Raises ArgumentError unless there are as many labels as embeddings; a number known only later passes.

    Args:
        same: Matrix of which samples have the same label.
        distances: Matrix of the distances between embeddings.
    """
    labels, count = same.shape[0], distances.shape[0]
    fits = None in (labels, count) or labels == count
    check(fits, "y_true", Verbatim(f"{labels} labels"), f"one for each of the {count} embeddings")


def positives(same: Tensor) -> Tensor:
    """Matrix of which others have a sample's label."""
    places = ops.arange(ops.shape(same)[0])
    return ops.logical_and(same, places[:, None] != places)


def batch_mean(losses: Tensor) -> Tensor:
    """Mean of the losses of samples, 0 for none."""
    return ops.divide_no_nan(ops.sum(losses), ops.cast(ops.size(losses), losses.dtype))


def pair_mean(losses: Tensor, pairs: Tensor) -> Tensor:
    """For every sample, the sum over its pairs, scaled so that the mean over samples is that over all pairs.

    Args:
        losses: Loss of every pair, `(batch, batch)`.
        pairs: Which of them there are.
    """
    count = ops.sum(ops.cast(pairs, losses.dtype))
    samples = ops.cast(ops.shape(losses)[0], losses.dtype)
    return ops.sum(ops.where(pairs, losses, 0), axis=1) * ops.divide_no_nan(samples, count)

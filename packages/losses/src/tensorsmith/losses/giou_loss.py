"""Generalized intersection over union (GIoU) loss for bounding boxes."""

from typing import Any

from tensorsmith import ops
from tensorsmith.core import check, did_you_mean, export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.addons_loss import AddonsLoss
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import check_broadcastable, same_shape

MODES = ("giou", "iou")


@export
def giou_loss(y_true: TensorLike, y_pred: TensorLike, mode: str = "giou") -> Tensor:
    """Return 1 minus the intersection over union (IoU) or generalized IoU of each pair of boxes.

    Half-precision inputs are computed in `float32`, which is also the dtype of the result, because the area of a box in
    pixels overflows `float16`. Unlike TensorFlow Addons, axes of size 1 are kept: a batch of one box gives a tensor
    with one loss, not a scalar.

    Args:
        y_true: Tensor of true boxes, with `(y_min, x_min, y_max, x_max)` along the last axis, as in TensorFlow Addons.
            The loss is the same if both tensors contain `(x_min, y_min, x_max, y_max)`, as elsewhere in this project.
        y_pred: Tensor of predicted boxes, with the shape of `y_true` or one that can be broadcast with it.
        mode: Type of intersection over union: `"giou"` or `"iou"`.

    Returns:
        A tensor with the common shape without its last axis.

    Raises:
        ValueError: If `mode` is not one of the two, the size of the last axis is not 4, or the shapes cannot be
            broadcast.

    Example:
        >>> print(giou_loss([[0.0, 0.0, 2.0, 2.0]], [[0.0, 0.0, 2.0, 1.0]]).numpy())  # overlap: half of the union
        [0.5]
    """
    _check_mode(mode)
    y_true, y_pred = precise(y_true, y_pred)
    for name, boxes in (("y_true", y_true), ("y_pred", y_pred)):
        check(boxes.shape[-1] == 4, name, tuple(boxes.shape), "have 4 coordinates along the last axis")
    check_broadcastable(y_true, y_pred)
    return 1 - ops.box_iou(y_true, y_pred, mode)


@export
class GIoULoss(AddonsLoss):
    """Generalized intersection over union (GIoU) loss for bounding boxes.

    Unlike plain intersection over union, it also has a gradient for boxes that do not overlap.

    Formula, where C is the smallest box that encloses the boxes A and B:

        loss = 1 - |A ∩ B| / |A ∪ B| + (|C| - |A ∪ B|) / |C|

    The last term is omitted for `mode="iou"`. A quotient with a denominator of 0 is 0, and a side whose end is less
    than its start has length 0.

    Source: Rezatofighi et al., "Generalized Intersection over Union", 2019.

    Args:
        mode: Type of the loss: `"giou"` for generalized intersection over union, or `"iou"` for standard intersection
            over union, which has no gradient for disjoint boxes.
        reduction: Type of reduction to apply to the loss. Supported options are those of `keras.losses.Loss`.
        name: Name of the loss instance.
        dtype: Data type of the computation. If `None`, `keras.config.floatx()` is used.

    Call arguments:
        y_true: Tensor of true boxes, with `(y_min, x_min, y_max, x_max)` along the last axis, as in TensorFlow Addons,
            or with `(x_min, y_min, x_max, y_max)`.
        y_pred: Tensor of predicted boxes, in the same format.
        sample_weight: Optional weights, one per box.

    Input shape:
        `(..., 4)` for both tensors.

    Output shape:
        A scalar, or the input shape without its last axis if `reduction` is `None`.

    Raises:
        ValueError: If `mode` is not one of the two.

    Example:
        >>> boxes, found = [[4.0, 3.0, 7.0, 5.0]], [[3.0, 4.0, 6.0, 8.0]]
        >>> round(float(GIoULoss()(boxes, found)), 4), round(float(GIoULoss("iou")(boxes, found)), 4)
        (1.075, 0.875)
    """

    def __init__(
        self,
        mode: str = "giou",
        reduction: str | None = "sum_over_batch_size",
        name: str = "giou_loss",
        dtype: DType | None = None,
    ):
        _check_mode(mode)
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.mode = mode

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each box, before weighting and reduction."""
        return giou_loss(*same_shape(*precise(y_true, y_pred)), self.mode)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the loss."""
        return {**super().get_config(), "mode": self.mode, "dtype": self.dtype}


def _check_mode(mode: str) -> None:
    check(mode in MODES, "mode", mode, "'giou' or 'iou'", did_you_mean(str(mode), MODES))

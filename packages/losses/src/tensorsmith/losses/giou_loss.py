"""The loss of generalized intersection over union."""

from typing import Any

from keras import ops

from tensorsmith.core import check, did_you_mean, export
from tensorsmith.core.types import DType, Tensor, TensorLike
from tensorsmith.losses._support.addons_loss import AddonsLoss
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import same_shape

MODES = ("giou", "iou")


@export
def giou_loss(y_true: TensorLike, y_pred: TensorLike, mode: str = "giou") -> Tensor:
    """1 minus the (generalized) intersection over union of every pair of boxes.

    Half precision is computed, and returned, in float32: areas of boxes in pixels overflow float16. Unlike TensorFlow
    Addons' it keeps axes of size 1, so that a batch of one box gives one loss, not a scalar.

    Args:
        y_true: Boxes, as (y_min, x_min, y_max, x_max) along the last axis.
        y_pred: Boxes likewise, of the same shape.
        mode: "giou" or "iou".

    Returns:
        Tensor of the shape of `y_pred` without its last axis.

    Raises:
        ValueError: `mode` is none of the two, the last axis has another size than 4, or the shapes differ.

    Example:
        >>> print(giou_loss([[0.0, 0.0, 2.0, 2.0]], [[0.0, 0.0, 2.0, 1.0]]).numpy())  # half of it
        [0.5]
    """
    _check_mode(mode)
    y_true, y_pred = precise(y_true, y_pred)
    for name, boxes in (("y_true", y_true), ("y_pred", y_pred)):
        check(boxes.shape[-1] == 4, name, tuple(boxes.shape), "boxes of 4 coordinates along the last axis")
    y_true, y_pred = same_shape(y_true, y_pred)
    # Corners, as (y, x): the upper left and the lower right.
    (true_low, true_high), (low, high) = ((boxes[..., :2], boxes[..., 2:]) for boxes in (y_true, y_pred))
    common = _area(ops.maximum(true_low, low), ops.minimum(true_high, high))
    union = _area(true_low, true_high) + _area(low, high) - common
    value = ops.divide_no_nan(common, union)
    if mode == "giou":
        around = _area(ops.minimum(true_low, low), ops.maximum(true_high, high))
        value -= ops.divide_no_nan(around - union, around)
    return 1 - value


@export
class GIoULoss(AddonsLoss):
    """How far boxes are from those wanted: intersection over union, which also tells how far apart disjoint boxes are.

    Formula, with C the smallest box around the boxes A and B:

        loss = 1 - |A ∩ B| / |A ∪ B| + (|C| - |A ∪ B|) / |C|

    without the last term for `mode="iou"`. A quotient with a denominator of 0 counts as 0, and a side whose end lies
    before its begin as 0 long.

    Source: Rezatofighi et al., "Generalized Intersection over Union", 2019.

    Args:
        mode: "giou", or "iou" for plain intersection over union, which has no gradient for disjoint boxes.
        reduction: How to make one number of a batch, as for every Keras loss.
        name: Name of the loss.
        dtype: Precision of the computation; `None` means Keras' default float.

    Call arguments:
        y_true: Boxes, as (y_min, x_min, y_max, x_max) along the last axis.
        y_pred: Boxes likewise.
        sample_weight: Optional weights, one a box.

    Input shape:
        `(..., 4)`, twice.

    Output shape:
        A scalar, or with `reduction=None` the input shape without its last axis.

    Raises:
        ValueError: `mode` is none of the two.

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
        """Loss of every box, before weights and reduction."""
        return giou_loss(y_true, y_pred, self.mode)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "mode": self.mode, "dtype": self.dtype}


def _area(low: Tensor, high: Tensor) -> Tensor:
    sides = ops.maximum(high - low, 0)
    return sides[..., 0] * sides[..., 1]


def _check_mode(mode: str) -> None:
    check(mode in MODES, "mode", mode, "'giou' or 'iou'", did_you_mean(str(mode), MODES))

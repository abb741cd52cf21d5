"""YOLO loss for object detection."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_integer, is_number
from tensorsmith.core.types import DType, Tensor
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import same_shape


@export
class YOLOLoss(keras.losses.Loss):
    """YOLO loss for object detection on a grid of cells with several anchor boxes and one class per cell.

    The last axis contains 5 numbers for each box of the cell, followed by one number for each class:

        y_true: x, y, height, width, object;  then the one-hot class, all 0 if no object is centered in the cell
        y_pred: the same as logits (x, y, object, classes) and without an activation (height, width)

    x and y are the position of the box center within its cell, in [0, 1]. height and width are the logarithms of the
    ratios to the anchor of the box: a box of 150 x 45 for an anchor of 100 x 50 is (log 1.5, log 0.9). `object` is 1
    for the box with the best matching anchor of an object that is centered in the cell, and 0 otherwise; if it is 0,
    the other four numbers of the box are ignored.

    Formula, where s is the sigmoid, summed over cells, and over boxes except for the classes:

        loss = box_weight * object * ((s(x') - x)^2 + (s(y') - y)^2 + (height' - height)^2 + (width' - width)^2)
               + (object, else no_object_weight) * binary cross-entropy of object'
               + cross-entropy of the classes, if the cell has one

    The loss follows the detectors with anchors. As in the third version, objects and classes have cross-entropy instead
    of squared errors. The target of `object` is 1, not the intersection over union.

    Source: Redmon and Farhadi, "YOLO9000: Better, Faster, Stronger", 2017; weights: Redmon et al., "You Only Look
    Once", 2016.

    Args:
        boxes: Number of anchor boxes per cell.
        box_weight: Weight of the coordinate errors, `>= 0`.
        no_object_weight: Weight of the confidence loss for boxes without an object, which are the majority, `>= 0`.
        reduction: Type of reduction to apply to the loss. Supported options are those of `keras.losses.Loss`.
        name: Name of the loss instance.
        dtype: Data type of the computation. If `None`, `keras.config.floatx()` is used.

    Call arguments:
        y_true: Tensor of targets for the grid.
        y_pred: Tensor of predictions for the grid.
        sample_weight: Optional weights, one per image.

    Input shape:
        `(batch, rows, columns, 5 * boxes + classes)` for both tensors; the last size is 45 for 5 boxes and 20 classes.

    Output shape:
        A scalar, or `(batch,)` if `reduction` is `None`.

    Raises:
        ValueError: If `boxes` is not a positive integer, a weight is negative, or a shape does not match.

    Example:
        >>> import numpy as np
        >>> y_true = np.zeros((1, 7, 7, 45))
        >>> y_true[0, 3, 3, :5] = 0.5, 0.5, 0.0, 0.0, 1.0
        >>> y_true[0, 3, 3, 25] = 1.0
        >>> loss = YOLOLoss(boxes=5)(y_true, np.zeros((1, 7, 7, 45)))
        >>> round(float(loss), 3)  # log(2) + 0.5 * 244 * log(2) + log(20)
        88.253
    """

    def __init__(
        self,
        boxes: int,
        box_weight: float = 5.0,
        no_object_weight: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "yolo_loss",
        dtype: DType | None = None,
    ):
        fits = is_integer(boxes) and boxes > 0
        check(fits, "boxes", boxes, "a positive integer")
        for title, weight in (("box_weight", box_weight), ("no_object_weight", no_object_weight)):
            fits = is_number(weight) and weight >= 0
            check(fits, title, weight, "a non-negative number")
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.boxes = boxes
        self.box_weight = box_weight
        self.no_object_weight = no_object_weight

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each image, before weighting and reduction."""
        y_true, y_pred = precise(y_true, y_pred)
        for name, values in (("y_true", y_true), ("y_pred", y_pred)):
            fits = len(values.shape) == 4 and values.shape[-1] > 5 * self.boxes
            check(fits, name, tuple(values.shape), f"have shape (batch, rows, columns, {5 * self.boxes} + classes)")
        y_true, y_pred = same_shape(y_true, y_pred)
        true_boxes, true_classes = self._parts(y_true)
        boxes, classes = self._parts(y_pred)
        # Presence of an object and its logit: (batch, rows, columns, boxes).
        there, verdict = true_boxes[..., 4], boxes[..., 4]
        # Ignored targets may be infinite, such as the logarithm of 0, and 0 times infinity is NaN.
        true_boxes = ops.where(there[..., None] > 0, true_boxes, 0)
        # Positions are compared after the sigmoid, sizes on the logarithmic scale: (batch, rows, columns, boxes, 2).
        centers = ops.square(ops.sigmoid(boxes[..., :2]) - true_boxes[..., :2])
        sizes = ops.square(boxes[..., 2:4] - true_boxes[..., 2:4])
        # Terms for the coordinates, for the presence of an object, and for its class.
        of_boxes = self.box_weight * there * ops.sum(centers + sizes, axis=-1)
        of_objects = there * ops.softplus(-verdict) + self.no_object_weight * (1 - there) * ops.softplus(verdict)
        # One class per cell, not per box. A cell without an object has a target of zeros and thus no loss.
        of_classes = -ops.sum(true_classes * ops.log_softmax(classes), axis=-1)
        return ops.sum(of_boxes + of_objects, axis=(1, 2, 3)) + ops.sum(of_classes, axis=(1, 2))

    def get_config(self) -> dict[str, Any]:
        """Return the config of the loss."""
        own = {
            "boxes": self.boxes,
            "box_weight": self.box_weight,
            "no_object_weight": self.no_object_weight,
            "dtype": self.dtype,
        }
        return {**super().get_config(), **own}

    def _parts(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Split grid outputs into boxes of shape `(batch, rows, columns, boxes, 5)` and class predictions."""
        boxes, classes = values[..., : 5 * self.boxes], values[..., 5 * self.boxes :]
        return ops.reshape(boxes, (*ops.shape(boxes)[:-1], self.boxes, 5)), classes

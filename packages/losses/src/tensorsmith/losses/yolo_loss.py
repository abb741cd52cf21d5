"""The loss of detectors that look once."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_integer, is_number
from tensorsmith.core.types import DType, Tensor
from tensorsmith.losses._support.precision import precise
from tensorsmith.losses._support.shapes import same_shape


@export
class YOLOLoss(keras.losses.Loss):
    """Makes a grid of cells detect objects: each cell several boxes, how likely one holds an object, and one class.

    Along the last axis come, for each of the cell's boxes, 5 numbers, and then one for each class:

        y_true: x, y, height, width, object;  then the class, one-hot, 0 throughout where no object is centered
        y_pred: the same as logits (x, y, object, classes) and plain numbers (height, width)

    x and y are the center's place within its cell, in [0, 1]; height and width are logarithms of factors on the box's
    anchor: a box of 150 x 45 for an anchor of 100 x 50 is (log 1.5, log 0.9). `object` is 1 for the box whose anchor
    is nearest to an object that is centered in the cell, else 0, and then its other four do not matter.

    Formula, s being the sigmoid, summed over cells, and over boxes but for the classes:

        loss = box_weight * object * ((s(x') - x)^2 + (s(y') - y)^2 + (height' - height)^2 + (width' - width)^2)
               + (object, else no_object_weight) * binary cross-entropy of object'
               + cross-entropy of the classes, where there is one

    It follows the detectors with anchors, with cross-entropy in place of the squared errors of objects and classes, as
    in the third version; the target of `object` is 1, not the intersection over union.

    Source: Redmon and Farhadi, "YOLO9000: Better, Faster, Stronger", 2017; weights: Redmon et al., "You Only Look
    Once", 2016.

    Args:
        boxes: Number of boxes in a cell.
        box_weight: Weight of the coordinates' errors, 0 or more.
        no_object_weight: Weight of boxes without an object, of which there are many, 0 or more.
        reduction: How to make one number of a batch, as for every Keras loss.
        name: Name of the loss.
        dtype: Precision of the computation; `None` means Keras' default float.

    Call arguments:
        y_true: What the grid should say.
        y_pred: What it says.
        sample_weight: Optional weights, one an image.

    Input shape:
        `(batch, rows, columns, 5 * boxes + classes)`, twice; 45 numbers for 5 boxes and 20 classes.

    Output shape:
        A scalar, or with `reduction=None` `(batch,)`.

    Raises:
        ValueError: `boxes` is no positive integer, a weight is negative, or a shape does not fit.

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
            check(fits, title, weight, "a number of 0 or more")
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.boxes = boxes
        self.box_weight = box_weight
        self.no_object_weight = no_object_weight

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Loss of every image, before weights and reduction."""
        y_true, y_pred = precise(y_true, y_pred)
        for name, values in (("y_true", y_true), ("y_pred", y_pred)):
            fits = len(values.shape) == 4 and values.shape[-1] > 5 * self.boxes
            check(fits, name, tuple(values.shape), f"(batch, rows, columns, {5 * self.boxes} + classes)")
        y_true, y_pred = same_shape(y_true, y_pred)
        true_boxes, true_classes = self._parts(y_true)
        boxes, classes = self._parts(y_pred)
        there, verdict = true_boxes[..., 4], boxes[..., 4]
        # What does not matter may be infinite, as the logarithm of 0 is, and 0 times that would be no number.
        true_boxes = ops.where(there[..., None] > 0, true_boxes, 0)
        centers = ops.square(ops.sigmoid(boxes[..., :2]) - true_boxes[..., :2])
        sizes = ops.square(boxes[..., 2:4] - true_boxes[..., 2:4])
        of_boxes = self.box_weight * there * ops.sum(centers + sizes, axis=-1)
        of_objects = there * ops.softplus(-verdict) + self.no_object_weight * (1 - there) * ops.softplus(verdict)
        of_classes = -ops.sum(true_classes * ops.log_softmax(classes), axis=-1)
        return ops.sum(of_boxes + of_objects, axis=(1, 2, 3)) + ops.sum(of_classes, axis=(1, 2))

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        own = {
            "boxes": self.boxes,
            "box_weight": self.box_weight,
            "no_object_weight": self.no_object_weight,
            "dtype": self.dtype,
        }
        return {**super().get_config(), **own}

    def _parts(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes `(batch, rows, columns, boxes, 5)`, and classes."""
        boxes, classes = values[..., : 5 * self.boxes], values[..., 5 * self.boxes :]
        return ops.reshape(boxes, (*ops.shape(boxes)[:-1], self.boxes, 5)), classes

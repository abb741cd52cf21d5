"""Selection of the boxes that a detector predicts, for a batch of images."""

import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import Verbatim, check, is_integer
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import numbers
from tensorsmith.image.boxes._support.arguments import as_boxes


def select_detections(
    boxes: TensorLike,
    scores: TensorLike,
    max_output_size: int = 100,
    iou_threshold: float = 0.5,
    score_threshold: float = float("-inf"),
    across_classes: bool = False,
    each_class: bool = False,
) -> tf.Tensor:
    """Return the selected boxes of each image, in the format of `tensorsmith.metrics.AveragePrecision`.

    `non_max_suppression` selects the boxes of each image. A box has the class of its greatest score, or counts for each
    class with the score of this class, as is usual if the average precisions of the classes are computed.

    Args:
        boxes: Tensor of shape `(batch, n, 4)` with the coordinates x_min, y_min, x_max and y_max, such as those of
            `decode_grid`.
        scores: Tensor of shape `(batch, n, classes)` with the score of each class.
        max_output_size: Number of rows of the result for each image.
        iou_threshold: Greatest intersection over union (IoU) of two selected boxes.
        score_threshold: Boxes with this score or a lower one are discarded.
        across_classes: If `True`, a box suppresses boxes of other classes as well.
        each_class: If `True`, each box is a candidate for each class, and not only for that of its greatest score.

    Returns:
        A float32 tensor of shape `(batch, max_output_size, 6)` with the coordinates, the class and the score of each
        selected box, in the order of the scores. Unused rows have the class -1, and are 0 otherwise.

    Raises:
        ValueError: If a shape or another argument is invalid.

    Example:
        >>> from tensorsmith.image import boxes
        >>> corners = [[[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 3.0], [6.0, 6.0, 8.0, 8.0]]]
        >>> scores = [[[0.1, 0.9], [0.2, 0.6], [0.7, 0.3]]]
        >>> print(boxes.select_detections(corners, scores, max_output_size=3).numpy()[0])
        [[ 0.   0.   4.   4.   1.   0.9]
         [ 6.   6.   8.   8.   0.   0.7]
         [ 0.   0.   0.   0.  -1.   0. ]]
    """
    boxes, scores = as_boxes("boxes", boxes), numbers("scores", scores, tf.float32)
    check(boxes.shape.rank == 3, "boxes", Verbatim(f"shape {boxes.shape}"), "have shape (batch, n, 4)")
    valid = scores.shape.rank == 3 and scores.shape[:2].is_compatible_with(boxes.shape[:2]) and scores.shape[2] != 0
    shape = f"({boxes.shape[0]}, {boxes.shape[1]}, classes)"
    check(valid, "scores", Verbatim(f"shape {scores.shape}"), f"have shape {shape} to match the boxes")
    valid = is_integer(max_output_size) and max_output_size >= 0
    check(valid, "max_output_size", max_output_size, "an integer >= 0")
    remedy = "pass only one of the two"
    check(not (each_class and across_classes), "each_class", each_class, "False if `across_classes` is True", remedy)
    if each_class:
        count, (images, candidates) = scores.shape[2], tf.unstack(tf.shape(boxes)[:2])
        check(count is not None, "scores", Verbatim(f"shape {scores.shape}"), "have a known number of classes")
        best = tf.reshape(scores, [images, -1])
        classes = tf.tile(tf.range(count)[tf.newaxis], [images, candidates])
        boxes = tf.repeat(boxes, count, axis=1)
    else:
        best, classes = tf.reduce_max(scores, axis=-1), tf.argmax(scores, axis=-1, output_type=tf.int32)
    options = max_output_size, iou_threshold, score_threshold
    return _select(boxes, best, classes, None if across_classes else classes, *options)


@tf.function(autograph=False, reduce_retracing=True)  # the loop over images would be slow outside of a graph
def _select(
    boxes: tf.Tensor, scores: tf.Tensor, classes: tf.Tensor, groups: tf.Tensor | None, size: int, *thresholds: float
) -> tf.Tensor:
    def of_image(index: tf.Tensor) -> tf.Tensor:
        corners, best, labels = boxes[index], scores[index], classes[index]
        chosen = ops.non_max_suppression(
            corners,
            best,
            None if groups is None else groups[index],
            max_output_size=size,
            iou_threshold=thresholds[0],
            score_threshold=thresholds[1],
        )
        label = tf.cast(tf.gather(labels, chosen.indices), tf.float32)
        rows = tf.concat(
            [tf.gather(corners, chosen.indices), label[:, tf.newaxis], chosen.scores[:, tf.newaxis]], axis=1
        )
        unused = tf.tile([[0.0] * 4 + [-1.0, 0.0]], [size - tf.shape(rows)[0], 1])
        return tf.ensure_shape(tf.concat([rows, unused], axis=0), [size, 6])

    # If an argument is refused within tf.map_fn, TensorFlow refuses to create variables afterwards.
    batch = tf.shape(boxes)[0]
    rows = tf.TensorArray(tf.float32, batch, element_shape=[size, 6])
    _, rows = tf.while_loop(
        lambda index, _: index < batch, lambda index, rows: (index + 1, rows.write(index, of_image(index))), (0, rows)
    )
    return tf.ensure_shape(rows.stack(), [boxes.shape[0], size, 6])

"""Application of transforms and color maps to images with their boxes, masks and keypoints."""

import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import check
from tensorsmith.core.types import Tensor
from tensorsmith.image._support.checks import constant
from tensorsmith.image.augment._support.examples import Images
from tensorsmith.image.projective_transforms import matrices_to_flat_transforms
from tensorsmith.image.transform import transform

Size = tuple[int | Tensor, int | Tensor]
"""Height and width, as integers if they are known when the function is traced."""


def moved(
    images: Images,
    geometry: tf.Tensor | None,
    size: Size,
    fill: tuple[str, float],
    colors: tf.Tensor | None,
    normalization: tuple[tuple[float, ...], tuple[float, ...]] | None,
    white: float,
) -> Images:
    """Return images after a transform, a color map and a normalization.

    Args:
        images: Batch of images.
        geometry: Matrices of shape `(batch, 3, 3)` that map output to input coordinates, or `None` for the identity.
        size: Height and width of the result.
        fill: Fill mode and fill value.
        colors: Matrices of shape `(batch, channels + 1, channels + 1)`, or `None` for the identity.
        normalization: Mean and standard deviation of the channels, with white at 1, or `None`.
        white: Value of white. Colors are clipped to the range from 0 to this value.
    """
    count, channels = tf.shape(images.image)[0], images.image.shape[-1]
    identity = geometry is None
    if identity:
        geometry = tf.eye(3, batch_shape=[count])
    if colors is None:
        limits, colors = (-float("inf"), float("inf")), tf.eye(channels + 1, batch_shape=[count])
    else:
        limits = (0.0, white)
    scale = offset = None
    if normalization is not None:
        for name, values in zip(("mean", "std"), normalization, strict=True):
            check(len(values) in (1, channels), name, values, f"a number, or one for each of {channels} channels")
        mean, std = (tf.broadcast_to(tf.constant(value, tf.float32), [channels]) for value in normalization)
        scale, offset = 1 / (std * white), -mean / std
    if fill[0] == "constant":
        constant("fill_value", fill[1], images.image.dtype)
    transforms = matrices_to_flat_transforms(_between_centers(geometry))
    image = ops.augment_images(
        images.image, transforms, colors[:, :channels], tf.stack(size), scale=scale, offset=offset, limits=limits,
        fill_mode=fill[0], fill_value=fill[1],
    )  # fmt: skip
    image.set_shape([images.image.shape[0], *(side if isinstance(side, int) else None for side in size), channels])
    if identity:
        return Images(image, images.boxes, images.masks, images.keypoints)
    forward = _inverse(geometry)
    masks = images.masks
    if masks is not None:
        numbers = tf.cast(masks, tf.uint8) if masks.dtype == tf.bool else masks
        numbers = transform(numbers, transforms, fill_mode=fill[0], output_shape=tf.stack(size))
        numbers.set_shape([*image.shape[:3], masks.shape[3]])
        masks = tf.cast(numbers, masks.dtype)
    boxes = None if images.boxes is None else _moved_boxes(images.boxes, forward, size)
    keypoints = None if images.keypoints is None else _moved_points(images.keypoints, forward)
    return Images(image, boxes, masks, keypoints)


def _between_centers(matrices: tf.Tensor) -> tf.Tensor:
    """Return matrices for coordinates whose origin is the center of the first pixel instead of its corner."""
    half = tf.constant([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    return tf.linalg.inv(half) @ matrices @ half


def _inverse(matrices: tf.Tensor) -> tf.Tensor:
    """Return the inverses of matrices of shape `(batch, 3, 3)`, or 0 for singular ones, as of images without pixels."""
    first, second, third = tf.unstack(matrices, axis=1)
    columns = [tf.linalg.cross(*rows) for rows in ((second, third), (third, first), (first, second))]
    determinant = tf.reduce_sum(first * columns[0], axis=-1)
    return tf.math.divide_no_nan(tf.stack(columns, axis=-1), determinant[:, tf.newaxis, tf.newaxis])


def _moved_points(points: tf.Tensor, forward: tf.Tensor) -> tf.Tensor:
    homogeneous = tf.concat([points, tf.ones_like(points[..., :1])], axis=-1)
    result = tf.einsum("bij,bnj->bni", forward, homogeneous)
    return tf.math.divide_no_nan(result[..., :2], result[..., 2:])


def _moved_boxes(boxes: tf.Tensor, forward: tf.Tensor, size: Size) -> tf.Tensor:
    """Return the bounding boxes of the moved corners of boxes, clipped to the image. Rows of 0 remain 0."""
    corners = tf.gather(boxes, [0, 1, 2, 1, 0, 3, 2, 3], axis=-1)
    shape = tf.shape(boxes)
    corners = _moved_points(tf.reshape(corners, [shape[0], 4 * shape[1], 2]), forward)
    corners = tf.reshape(corners, [shape[0], shape[1], 4, 2])
    extremes = tf.concat([tf.reduce_min(corners, axis=2), tf.reduce_max(corners, axis=2)], axis=-1)
    limits = tf.cast(tf.stack([size[1], size[0]] * 2), tf.float32)
    used = tf.reduce_any(boxes != 0, axis=-1, keepdims=True)  # rows of 0 fill up the arrays of a batch
    return tf.ensure_shape(tf.where(used, tf.clip_by_value(extremes, 0.0, limits), 0.0), boxes.shape)

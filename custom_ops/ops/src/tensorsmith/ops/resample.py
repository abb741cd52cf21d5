"""Op for bilinear interpolation of images at given positions."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops._support.gradients import vjp
from tensorsmith.ops.arguments import of_rank
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library

PADDING_MODES = ("zeros", "border")


def resample(images: TensorLike, positions: TensorLike, padding_mode: str = "zeros") -> tf.Tensor:
    """Computes the values of images at given positions by bilinear interpolation.

    The op is differentiable with respect to the images and the positions. At the position of a pixel, the derivative
    with respect to the position is the one toward larger coordinates, except at the last row and column of a border.

    Source: Jaderberg et al., "Spatial Transformer Networks", 2015.

    Args:
        images: Floating-point tensor of shape `(batch, height, width, channels)`. For half-precision inputs, the
            computation uses float32.
        positions: Positions (x, y), that is, columns and rows, in pixels, a floating-point tensor of shape `(batch,
            points, 2)`.
        padding_mode: Values outside of the images. With `"zeros"`, all pixels outside are 0, so that values decrease
            linearly to 0 within one pixel of the border, and the value is 0 where a position is NaN. With `"border"`,
            values are those of the nearest position at the border, and NaN where a position is NaN.

    Returns:
        A tensor of shape `(batch, points, channels)` with the dtype of the images.

    Raises:
        ValueError: If a dtype, a rank or `padding_mode` is invalid.
        tf.errors.InvalidArgumentError: If other sizes do not match, or images without pixels have a border.

    Example:
        >>> images = [[[[0.0], [1.0]], [[10.0], [11.0]]]]
        >>> print(resample(images, [[[0.5, 0.0], [1.0, 0.25], [1.5, 0.0]]])[0, :, 0].numpy())
        [0.5 3.5 0.5]
        >>> print(resample(images, [[[1.5, 0.0]]], padding_mode="border")[0, :, 0].numpy())
        [1.]
    """
    check(padding_mode in PADDING_MODES, "padding_mode", padding_mode, f"one of {PADDING_MODES}")
    images, positions = tf.convert_to_tensor(images), tf.convert_to_tensor(positions)
    for name, tensor, rank, shape in (
        ("images", images, 4, "(batch, height, width, channels)"),
        ("positions", positions, 3, "(batch, points, 2)"),
    ):
        check(tensor.dtype.is_floating, name, tensor.dtype.name, "have a floating-point dtype")
        check(tensor.shape.rank in (rank, None), name, Verbatim(f"shape {tensor.shape}"), f"have shape {shape}")
    dtype = images.dtype
    images, positions = (tf.cast(value, tf.float32) if value.dtype.size < 4 else value for value in (images, positions))
    border = padding_mode == "border"
    if compiled(images, positions):
        y = library().ops.tensorsmith_resample(images, positions, border=border)
        y.set_shape([None] * 3)
    else:
        y = _reference(of_rank(images, 4), of_rank(positions, 3), border)
    return tf.cast(y, dtype)


def _reference(images: tf.Tensor, positions: tf.Tensor, border: bool) -> tf.Tensor:
    """Reference implementation of bilinear interpolation in TensorFlow."""
    batch, rows, columns, channels = tf.unstack(tf.shape(images))
    flat = tf.reshape(images, [batch, rows * columns, channels])
    sizes = [columns, rows]
    corners, fractions = zip(*(_axis(positions[:, :, axis], sizes[axis], border) for axis in (0, 1)), strict=True)
    x, y = (tf.cast(fraction, images.dtype)[:, :, tf.newaxis] for fraction in fractions)
    lines = []
    for below in (0, 1):
        pixels = []
        for right in (0, 1):
            column, row = corners[0] + right, corners[1] + below
            if border:
                column, row = tf.minimum(column, columns - 1), tf.minimum(row, rows - 1)
            inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
            values = tf.gather(_or_zero(flat), tf.where(inside, row * columns + column, 0), batch_dims=1)
            pixels.append(tf.where(inside[:, :, tf.newaxis], values, 0))
        lines.append((1 - x) * pixels[0] + x * pixels[1])
    # Two nested interpolations, because optimizers of graphs change the order of a sum of four terms.
    return (1 - y) * lines[0] + y * lines[1]


def _or_zero(flat: tf.Tensor) -> tf.Tensor:
    """Returns images of at least one pixel. TensorFlow cannot gather from images of none."""
    return tf.pad(flat, [[0, 0], [0, tf.cast(tf.equal(tf.shape(flat)[1], 0), tf.int32)], [0, 0]])


def _axis(position: tf.Tensor, size: tf.Tensor, border: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the index of the pixel before each position, and the weight of the one after it."""
    most = tf.cast(size, position.dtype)
    if border:
        # The last pixel is never the one before, so that there is always a next one.
        floor = tf.clip_by_value(tf.floor(position), 0, tf.maximum(most - 2, 0))
        corner = tf.cast(tf.where(tf.math.is_nan(floor), tf.zeros_like(floor), floor), tf.int32)
        return corner, tf.clip_by_value(position - floor, 0, 1)
    # All positions outside are equal. Those of large magnitude, and NaN, would not fit into an integer.
    known = tf.where(tf.math.is_nan(position), tf.constant(-2, position.dtype), position)
    known = tf.clip_by_value(known, tf.constant(-2, position.dtype), most)
    floor = tf.floor(known)
    return tf.cast(floor, tf.int32), known - floor


@tf.RegisterGradient("TensorsmithResample")
def _gradient(op: tf.Operation, dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return library().ops.tensorsmith_resample_grad(dy, *op.inputs, border=op.get_attr("border"))


@tf.RegisterGradient("TensorsmithResampleGrad")
def _second_gradient(op: tf.Operation, *upstream: tf.Tensor) -> list[tf.Tensor]:
    def gradients(dy: tf.Tensor, images: tf.Tensor, positions: tf.Tensor) -> list[tf.Tensor]:
        border = op.get_attr("border")
        return vjp(lambda images, positions: _reference(images, positions, border), [images, positions], dy)

    return vjp(gradients, list(op.inputs), list(upstream))

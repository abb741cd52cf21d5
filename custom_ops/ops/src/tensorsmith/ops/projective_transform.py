"""Op for projective transforms of images."""

import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library

DTYPES = (tf.uint8, tf.int32, tf.int64, tf.float16, tf.bfloat16, tf.float32, tf.float64)
INTERPOLATIONS = ("nearest", "bilinear")
FILL_MODES = ("constant", "reflect", "wrap", "nearest")  # in the order of the kernel


def projective_transform(
    images: TensorLike,
    transforms: TensorLike,
    output_shape: TensorLike,
    interpolation: str = "nearest",
    fill_mode: str = "constant",
    fill_value: Scalar = 0.0,
) -> tf.Tensor:
    """Applies projective transforms to a batch of images.

    A transform `(a0, a1, a2, b0, b1, b2, c0, c1)` maps the output pixel `(x, y)` to the input position

        ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)    with k = c0 x + c1 y + 1

    Where k is 0, the result is the fill value. Results are those of `tf.raw_ops.ImageProjectiveTransformV3`, which is
    the reference implementation, bit by bit on x86-64. The exception are reflected and wrapped positions beyond 2^62,
    for which TensorFlow defines no result.

    The gradient of the images is the one that TensorFlow defines: the upstream gradient after the inverse transform,
    which must exist. The op is not differentiable with respect to the transforms.

    Args:
        images: Tensor of shape `(batch, height, width, channels)` and dtype uint8, int32, int64, float16, bfloat16,
            float32 or float64.
        transforms: Float32 tensor of shape `(batch, 8)`, or `(1, 8)` with the same transform for all images.
        output_shape: Height and width of the result, an int32 tensor of shape `(2,)`.
        interpolation: `"nearest"` or `"bilinear"`.
        fill_mode: Pixels outside of the images: `"constant"`, `"reflect"`, `"wrap"` or `"nearest"`.
        fill_value: Number with which `fill_mode="constant"` fills.

    Returns:
        A tensor of shape `(batch, *output_shape, channels)` with the dtype of the images. Integers are rounded toward
        zero.

    Raises:
        ValueError: If a dtype, shape or mode is invalid.
        tf.errors.InvalidArgumentError: If a shape that is unknown when the graph is traced turns out to be invalid, or
            if a size in `output_shape` is not positive.

    Example:
        >>> images = [[[[1.0], [2.0]], [[3.0], [4.0]]]]
        >>> left = [[1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]]  # moves images to the left by one pixel
        >>> print(projective_transform(images, left, [2, 2])[0, :, :, 0].numpy())
        [[2. 0.]
         [4. 0.]]
    """
    check(interpolation in INTERPOLATIONS, "interpolation", interpolation, f"one of {INTERPOLATIONS}")
    check(fill_mode in FILL_MODES, "fill_mode", fill_mode, f"one of {FILL_MODES}")
    images, transforms = tf.convert_to_tensor(images), tf.convert_to_tensor(transforms, tf.float32)
    size = tf.convert_to_tensor(output_shape, tf.int32)
    # An array, because TensorFlow may return a cached -0.0 for the number 0.0.
    fill_value = tf.cast(fill_value if tf.is_tensor(fill_value) else np.asarray(fill_value, np.float32), tf.float32)
    names = tuple(dtype.name for dtype in DTYPES)
    check(images.dtype in DTYPES, "images", Verbatim(f"dtype {images.dtype.name}"), f"of a dtype in {names}")
    for name, tensor, rank, shape in (
        ("images", images, 4, "(batch, height, width, channels)"),
        ("transforms", transforms, 2, "(batch, 8) or (1, 8)"),
        ("output_shape", size, 1, "(2,)"),
    ):
        check(tensor.shape.rank in (rank, None), name, Verbatim(f"shape {tensor.shape}"), f"have shape {shape}")
    if compiled(images, types=DTYPES):
        y = library().ops.tensorsmith_projective_transform(
            images,
            transforms,
            size,
            fill_value,
            bilinear=interpolation == "bilinear",
            fill_mode=FILL_MODES.index(fill_mode),
        )
        known = tf.get_static_value(size)
        if images.shape.rank is not None and known is not None:
            y.set_shape([images.shape[0], *known, images.shape[3]])
        return y
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=size,
        fill_value=fill_value,
        interpolation=interpolation.upper(),
        fill_mode=fill_mode.upper(),
    )


@tf.RegisterGradient("TensorsmithProjectiveTransform")
def _gradient(op: tf.Operation, dy: tf.Tensor) -> list[tf.Tensor | None]:
    images, transforms, *_ = op.inputs
    matrices = tf.reshape(tf.pad(transforms, [[0, 0], [0, 1]], constant_values=1), [-1, 3, 3])
    inverse = tf.reshape(tf.linalg.inv(matrices), [-1, 9])
    dimages = library().ops.tensorsmith_projective_transform(
        dy,
        (inverse / inverse[:, 8:])[:, :8],
        tf.shape(images)[1:3],
        0.0,
        bilinear=op.get_attr("bilinear"),
        fill_mode=op.get_attr("fill_mode"),
    )
    return [dimages, None, None, None]

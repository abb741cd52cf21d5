"""Projective transform of images."""

import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.image._support.checks import constant, converted, integers, one_or_each
from tensorsmith.image._support.type_error import ArgumentTypeError
from tensorsmith.image.projective_transforms import as_batch
from tensorsmith.image.utils import from_4D_image, get_ndims, to_4D_image

DTYPES = ("uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64")
INTERPOLATIONS = ("nearest", "bilinear")
FILL_MODES = ("constant", "reflect", "wrap", "nearest")


def transform(
    images: TensorLike,
    transforms: TensorLike,
    interpolation: str = "nearest",
    fill_mode: str = "constant",
    output_shape: TensorLike | None = None,
    name: str | None = None,
    fill_value: Scalar = 0.0,
) -> tf.Tensor:
    """Return images after a projective transform, which is given as a vector of eight numbers.

    A transform `(a0, a1, a2, b0, b1, b2, c0, c1)` maps the output pixel `(x, y)` to the input position

        ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)    with k = c0 x + c1 y + 1

    so that it is the inverse of the transform of the input pixels. Source: `transform` of TensorFlow Addons.

    The function is differentiable with respect to the images, but not to the transforms. Its gradient is the one that
    TensorFlow defines: the gradient image after the inverse transform, which must exist. It is exact only for
    translations by whole pixels, reflections and rotations by multiples of 90 degrees, filled with a constant.

    Args:
        images: Tensor of shape `(height, width)`, `(height, width, channels)` or `(batch, height, width, channels)`, of
            dtype uint8, int32, int64, float16, bfloat16, float32 or float64. The rank may be unknown.
        transforms: Tensor of shape `(8,)`, or `(batch, 8)` with one transform for each image.
        interpolation: "nearest" or "bilinear".
        fill_mode: Pixels outside of the image `a b c d`: "constant" (`k k k | a b c d | k k k`), "reflect"
            (`c b a | a b c d | d c b`), "wrap" (`b c d | a b c d | a b c`) or "nearest" (`a a a | a b c d | d d d`).
        output_shape: Height and width of the result. Defaults to those of the images.
        name: Name scope of the operations.
        fill_value: Number k with which `fill_mode="constant"` fills.

    Returns:
        A tensor with the rank and dtype of the images. Integers are rounded toward zero.

    Raises:
        ValueError: If the shape or dtype of the images (a `TypeError`, too), the shape of the transforms, or another
            argument is invalid. Images without pixels are invalid.
        tf.errors.InvalidArgumentError: If a shape that is unknown when the graph is traced turns out to be invalid.

    Example:
        >>> image = [[1.0, 2.0], [3.0, 4.0]]
        >>> print(transform(image, [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]).numpy())  # one pixel to the left
        [[2. 0.]
         [4. 0.]]
    """
    with tf.name_scope(name or "transform"):
        images = converted("images", images)
        if images.dtype.name not in DTYPES:
            received = Verbatim(f"dtype {images.dtype.name}")
            raise ArgumentTypeError.like(argument_error("images", received, f"of a dtype in {DTYPES}"))
        for argument, mode, known in (
            ("interpolation", interpolation, INTERPOLATIONS),
            ("fill_mode", fill_mode, FILL_MODES),
        ):
            check(isinstance(mode, str) and mode.lower() in known, argument, mode, f"one of {known}")
        batch, transforms = to_4D_image(images), as_batch(transforms)
        one_or_each("transforms", transforms, batch)
        received, expected = Verbatim(f"shape {images.shape}"), "have a positive height and width"
        check(0 not in batch.shape[1:3], "images", received, expected)
        size = tf.shape(batch)[1:3] if output_shape is None else integers("output_shape", output_shape)
        shape = Verbatim(f"shape {size.shape}")
        check(size.shape.is_compatible_with([2]), "output_shape", shape, "have two elements, height and width")
        known = tf.get_static_value(size)
        check(known is None or bool((known > 0).all()), "output_shape", output_shape, "positive")
        value = constant("fill_value", fill_value, images.dtype)
        # A number is passed on as it is: TensorFlow may have converted 0.0 to a cached -0.0.
        fill_value = value if tf.is_tensor(fill_value) else fill_value
        modes = interpolation.lower(), fill_mode.lower()
        transformed = ops.projective_transform(batch, transforms, size, *modes, fill_value)
        if output_shape is None:
            transformed.set_shape(batch.shape)
        return from_4D_image(transformed, get_ndims(images))

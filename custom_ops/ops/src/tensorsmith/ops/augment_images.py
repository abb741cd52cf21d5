"""Op that warps, recolors and normalizes images in one pass."""

from collections.abc import Sequence

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library

DTYPES = (tf.uint8, tf.float32)
FILL_MODES = ("constant", "reflect", "nearest")
MAX_CHANNELS = 8  # supported by the kernel


def augment_images(
    images: TensorLike,
    transforms: TensorLike,
    colors: TensorLike,
    size: TensorLike,
    *,
    scale: TensorLike | None = None,
    offset: TensorLike | None = None,
    limits: Sequence[float] = (-float("inf"), float("inf")),
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> tf.Tensor:
    """Warps, recolors and normalizes images in one pass, with a transform and a color map for each image.

    The output pixel `(x, y)` is read at the input position

        ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)    with k = c0 x + c1 y + 1

    by bilinear interpolation, where integer positions are centers of pixels. The image extends by half a pixel beyond
    the centers of its border, so that with `fill_mode="constant"` it has a sharp edge. The color `p` becomes `A p + b`,
    which is clipped to `limits`, multiplied by `scale` and added to `offset`. Images are not written between these
    steps. The op has no gradient.

    Args:
        images: Tensor of shape `(batch, height, width, channels)` and dtype uint8 or float32. With more than
            8 channels, the reference implementation is used, if the number is known when the op is traced.
        transforms: Transforms `(a0, a1, a2, b0, b1, b2, c0, c1)`, a float32 tensor of shape `(batch, 8)`.
        colors: Color maps `[A b]`, a float32 tensor of shape `(batch, channels, channels + 1)`.
        size: Height and width of the result, an int32 tensor of shape `(2,)`.
        scale: Factor for each channel, a float32 tensor of shape `(channels,)`. If `scale` and `offset` are `None`, the
            dtype of the images is preserved, and integers are rounded.
        offset: Summand for each channel, a float32 tensor of shape `(channels,)`.
        limits: Least and greatest value of a color, before normalization.
        fill_mode: Pixels outside of the image `a b c d`: "constant" (`k k k | a b c d | k k k`), "reflect"
            (`c b a | a b c d | d c b`) or "nearest" (`a a a | a b c d | d d d`).
        fill_value: Number k with which `fill_mode="constant"` fills.

    Returns:
        A tensor of shape `(batch, *size, channels)`, of dtype float32 if `scale` or `offset` is given, else of the
        dtype of the images.

    Raises:
        ValueError: If a shape, a dtype or `fill_mode` is invalid.
        tf.errors.InvalidArgumentError: If a shape that is unknown when the op is traced is invalid.

    Example:
        >>> import tensorflow as tf
        >>> images = tf.constant([[[[10], [20]], [[30], [40]]]], tf.uint8)  # one image of 2 x 2 pixels
        >>> mirror = [[-1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]]
        >>> brighter = [[[1.0, 5.0]]]
        >>> print(augment_images(images, mirror, brighter, [2, 2]).numpy()[0, :, :, 0])
        [[25 15]
         [45 35]]
        >>> print(augment_images(images, mirror, brighter, [2, 2], scale=[0.1]).numpy()[0, :, :, 0])
        [[2.5 1.5]
         [4.5 3.5]]
    """
    images = tf.convert_to_tensor(images)
    shape = images.shape
    check(shape.rank in (4, None), "images", Verbatim(shape), "have shape (batch, height, width, channels)")
    check(images.dtype in DTYPES, "images", Verbatim(images.dtype.name), "have dtype uint8 or float32")
    check(fill_mode in FILL_MODES, "fill_mode", fill_mode, f"one of {FILL_MODES}")
    batch, channels = (None, None) if shape.rank is None else (shape[0], shape[3])
    normalized = scale is not None or offset is not None
    scale = tf.ones(tf.shape(images)[3:]) if scale is None else scale
    offset = tf.zeros(tf.shape(images)[3:]) if offset is None else offset
    more = None if channels is None else channels + 1
    transforms = _tensor("transforms", transforms, tf.float32, (batch, 8))
    colors = _tensor("colors", colors, tf.float32, (batch, channels, more))
    scale, offset = (_tensor(*each, tf.float32, (channels,)) for each in (("scale", scale), ("offset", offset)))
    size = _tensor("size", size, tf.int32, (2,))
    dtype = tf.float32 if normalized else images.dtype
    few = (channels or 0) <= MAX_CHANNELS
    if few and compiled(transforms, colors, scale, offset) and compiled(images, types=DTYPES):
        augmented = library().ops.tensorsmith_augment_images(
            images, transforms, colors, scale, offset, size, U=dtype, fill_mode=FILL_MODES.index(fill_mode),
            fill_value=fill_value, low=limits[0], high=limits[1],
        )  # fmt: skip
    else:
        augmented = _reference(images, transforms, colors, scale, offset, size, dtype, limits, fill_mode, fill_value)
        augmented = tf.stop_gradient(augmented)
    height, width = tf.get_static_value(size) if tf.get_static_value(size) is not None else (None, None)
    augmented.set_shape([batch, height, width, channels])
    return augmented


def _tensor(name: str, value: TensorLike, dtype: tf.DType, shape: tuple[int | None, ...]) -> tf.Tensor:
    tensor = tf.convert_to_tensor(value, dtype)
    check(tensor.shape.is_compatible_with(shape), name, Verbatim(tensor.shape), f"have shape {shape}")
    return tensor


def _reference(
    images: tf.Tensor,
    transforms: tf.Tensor,
    colors: tf.Tensor,
    scale: tf.Tensor,
    offset: tf.Tensor,
    size: tf.Tensor,
    dtype: tf.DType,
    limits: Sequence[float],
    fill_mode: str,
    fill_value: float,
) -> tf.Tensor:
    """Reference implementation in TensorFlow, which writes an image after each step."""
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32),
        transforms=transforms,
        output_shape=size,
        fill_value=tf.constant(fill_value, tf.float32),
        interpolation="BILINEAR",
        fill_mode="NEAREST" if fill_mode == "constant" else fill_mode.upper(),
    )
    if fill_mode == "constant":
        inside = _inside(transforms, size, tf.shape(images)[1:3])
        warped = tf.where(inside[..., tf.newaxis], warped, tf.constant(fill_value, tf.float32))
    recolored = tf.einsum("bhwc,bdc->bhwd", warped, colors[:, :, :-1]) + colors[:, tf.newaxis, tf.newaxis, :, -1]
    normalized = tf.clip_by_value(recolored, *limits) * scale + offset
    return tf.saturate_cast(tf.round(normalized), dtype) if dtype.is_integer else normalized


def _inside(transforms: tf.Tensor, size: tf.Tensor, image_size: tf.Tensor) -> tf.Tensor:
    """Returns `True` for output pixels whose input position is in the image, a tensor of shape `(batch, *size)`."""
    x, y = tf.cast(tf.range(size[1]), tf.float32), tf.cast(tf.range(size[0])[:, tf.newaxis], tf.float32)
    a0, a1, a2, b0, b1, b2, c0, c1 = tf.unstack(transforms[:, :, tf.newaxis, tf.newaxis], axis=1)
    k = c0 * x + c1 * y + 1
    height, width = tf.unstack(tf.cast(image_size, tf.float32) - 0.5)
    column, row = (a0 * x + a1 * y + a2) / k, (b0 * x + b1 * y + b2) / k
    return (column >= -0.5) & (column < width) & (row >= -0.5) & (row < height)


tf.no_gradient("TensorsmithAugmentImages")

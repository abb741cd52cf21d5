"""Conversion of images between two, three and four axes, and an extra channel that marks valid pixels."""

import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check, is_integer
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.checks import converted, fill, numbers, ranked

RANKS = "2/3/4D tensor"  # the words of TensorFlow Addons, which programs look for in the message


def get_ndims(image: tf.Tensor) -> int | tf.Tensor:
    """Return the rank of an image as a Python integer or, if it is not known statically, as a tensor.

    Example:
        >>> import tensorflow as tf
        >>> get_ndims(tf.zeros((4, 5, 3)))
        3
    """
    image = converted("image", image)
    return tf.rank(image) if image.shape.rank is None else image.shape.rank


def to_4D_image(image: TensorLike) -> tf.Tensor:  # noqa: N802
    """Return an image as a batch of images with channels.

    Source: `to_4D_image` of TensorFlow Addons.

    Args:
        image: Tensor of shape `(height, width)`, `(height, width, channels)` or `(batch, height, width, channels)`. The
            rank may be unknown.

    Returns:
        A tensor of shape `(batch, height, width, channels)` with the same values.

    Raises:
        ValueError: If the tensor does not have rank 2, 3 or 4.
        tf.errors.InvalidArgumentError: The same, if the rank is only known at run time.

    Example:
        >>> import tensorflow as tf
        >>> to_4D_image(tf.zeros((4, 5))).shape.as_list()
        [1, 4, 5, 1]
    """
    image = converted("image", image)
    rank = image.shape.rank
    if rank is None:
        image = ranked(image, (2, 3, 4), f"`image` must be {RANKS}")
        rank, shape = tf.rank(image), tf.shape(image)
        first = tf.ones(tf.cast(rank <= 3, tf.int32), tf.int32)
        last = tf.ones(tf.cast(rank == 2, tf.int32), tf.int32)
        return tf.ensure_shape(tf.reshape(image, tf.concat([first, shape, last], axis=0)), (None,) * 4)
    if rank not in (2, 3, 4):
        raise argument_error("`image`", Verbatim(f"shape {image.shape}"), RANKS)
    if rank == 2:
        image = image[:, :, tf.newaxis]
    return image if rank == 4 else image[tf.newaxis]


def from_4D_image(image: TensorLike, ndims: int | tf.Tensor) -> tf.Tensor:  # noqa: N802
    """Return a batch of images with the rank that the image had before `to_4D_image`.

    Source: `from_4D_image` of TensorFlow Addons.

    Args:
        image: Tensor of shape `(batch, height, width, channels)`. The axes to remove have size 1.
        ndims: Rank of the result, 2, 3 or 4.

    Returns:
        A tensor of rank `ndims` with the same values.

    Raises:
        ValueError: If the image does not have rank 4, or `ndims` is another number.
        tf.errors.InvalidArgumentError: If an axis to remove does not have size 1.

    Example:
        >>> import tensorflow as tf
        >>> from_4D_image(tf.zeros((1, 4, 5, 1)), 2).shape.as_list()
        [4, 5]
    """
    image = converted("image", image)
    if image.shape.rank not in (4, None):
        raise argument_error("`image`", Verbatim(f"shape {image.shape}"), "4D tensor")
    if tf.is_tensor(ndims):
        begin, end = tf.cast(ndims <= 3, tf.int32), 4 - tf.cast(ndims == 2, tf.int32)
        return tf.reshape(image, tf.shape(image)[begin:end])
    check(is_integer(ndims) and ndims in (2, 3, 4), "ndims", ndims, "2, 3 or 4")
    return tf.squeeze(image, {2: [0, 3], 3: [0]}[ndims]) if ndims != 4 else image


def wrap(image: TensorLike) -> tf.Tensor:
    """Return an image with an extra channel of ones, in which a transform leaves zeros where it has no pixels.

    Source: `wrap` of TensorFlow Addons.

    Args:
        image: Tensor of shape `(..., height, width, channels)`.

    Returns:
        A tensor of shape `(..., height, width, channels + 1)`.

    Raises:
        ValueError: If the image is no tensor of numbers, or has no axis.

    Example:
        >>> import tensorflow as tf
        >>> wrap(tf.zeros((4, 5, 3))).shape.as_list()
        [4, 5, 4]
    """
    image = _with_last_axis(image)
    return tf.concat([image, tf.ones_like(image[..., :1])], axis=-1)


def unwrap(image: TensorLike, replace: TensorLike) -> tf.Tensor:
    """Return an image without the extra channel of `wrap`, and with a given color where that channel is not 1.

    Source: `unwrap` of TensorFlow Addons.

    Args:
        image: Tensor of shape `(..., height, width, channels + 1)`.
        replace: Color of the empty pixels: a number, or a tensor of shape `(channels,)`.

    Returns:
        A tensor of shape `(..., height, width, channels)`.

    Raises:
        ValueError: If the image is no tensor of numbers, or the color has another number of channels or is not in the
            range of the dtype of the image.

    Example:
        >>> import tensorflow as tf
        >>> unwrap(tf.constant([[[7.0, 1.0], [7.0, 0.0]]]), 5.0).numpy().ravel()
        array([7., 5.], dtype=float32)
    """
    image = _with_last_axis(image)
    color, channels = tf.cast(fill("replace", replace, image.dtype), image.dtype), image.shape[-1]
    if channels is not None and not (color.shape.rank == 0 or color.shape.is_compatible_with([channels - 1])):
        expected = f"a number or have shape ({channels - 1},), one number for each channel"
        raise argument_error("replace", Verbatim(f"shape {color.shape}"), expected)
    return tf.where(image[..., -1:] == tf.ones_like(image[..., -1:]), image[..., :-1], color)


def _with_last_axis(image: TensorLike) -> tf.Tensor:
    """Return an image as a tensor of numbers, after a check that it has an axis."""
    image = numbers("image", image)
    check(image.shape.rank != 0, "image", Verbatim("shape ()"), "have shape (..., height, width, channels)")
    return image

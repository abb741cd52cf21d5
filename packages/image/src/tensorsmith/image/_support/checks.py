"""Checks of images that several functions share."""

import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.core.types import TensorLike
from tensorsmith.image._support.type_error import ArgumentTypeError


def with_channels(image: TensorLike) -> tf.Tensor:
    """Return an image as a tensor, after a check that it has a channel axis.

    Raises:
        ValueError: If the image does not have three or four axes.
    """
    image = tf.convert_to_tensor(image)
    shape = Verbatim(f"shape {image.shape}")
    check(image.shape.rank in (3, 4, None), "image", shape, "have three or four axes, the last one for channels")
    return image


def floats(name: str, value: TensorLike) -> tf.Tensor:
    """Return a tensor after a check that its dtype is a floating-point dtype.

    Raises:
        ValueError: If it is not. The error is a `TypeError`, too, as in TensorFlow Addons.
    """
    tensor = tf.convert_to_tensor(value)
    if not tensor.dtype.is_floating:
        expected, remedy = "of a floating-point dtype", f"pass tf.cast({name}, tf.float32)"
        raise ArgumentTypeError.like(argument_error(name, Verbatim(tensor.dtype.name), expected, remedy))
    return tensor

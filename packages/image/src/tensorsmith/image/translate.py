"""Translation of images."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.image._support.checks import converted, numbers, one_or_each, with_channels
from tensorsmith.image.projective_transforms import translations_to_projective_transforms
from tensorsmith.image.transform import transform
from tensorsmith.image.utils import to_4D_image, unwrap, wrap


def translate(
    images: TensorLike,
    translations: TensorLike,
    interpolation: str = "nearest",
    fill_mode: str = "constant",
    name: str | None = None,
    fill_value: Scalar = 0.0,
) -> tf.Tensor:
    """Return images after a translation.

    Source: `translate` of TensorFlow Addons.

    Args:
        images: Tensor of shape `(height, width)`, `(height, width, channels)` or `(batch, height, width, channels)`, of
            a dtype that `transform` supports. The rank may be unknown.
        translations: Vector `(dx, dy)` in pixels, to the right and down, or a tensor of shape `(batch, 2)` with a
            vector for each image.
        interpolation: "nearest" or "bilinear".
        fill_mode: Pixels outside of the image, see `transform`.
        name: Name scope of the operations.
        fill_value: Number with which `fill_mode="constant"` fills.

    Returns:
        A tensor with the shape and dtype of the images.

    Raises:
        ValueError: If the rank or dtype of the images, the shape of the translations, or another argument is invalid.

    Example:
        >>> print(translate([[1.0, 2.0], [3.0, 4.0]], [1.0, 0.0]).numpy())
        [[0. 1.]
         [0. 3.]]
    """
    with tf.name_scope(name or "translate"):
        transforms = translations_to_projective_transforms(translations)
        images = converted("images", images)
        one_or_each("translations", transforms, to_4D_image(images))
        return transform(images, transforms, interpolation, fill_mode, fill_value=fill_value)


def translate_xy(image: TensorLike, translate_to: TensorLike, replace: TensorLike) -> tf.Tensor:
    """Return an image after a translation, with a given color in the empty pixels.

    Source: `translate_xy` of TensorFlow Addons, which requires three channels and no batch axis.

    Args:
        image: Tensor of shape `(height, width, channels)` or `(batch, height, width, channels)`, of a dtype that
            `transform` supports.
        translate_to: Vector `(dx, dy)` in pixels, to the right and down.
        replace: Color of the empty pixels: a number, or a tensor of shape `(channels,)`.

    Returns:
        A tensor with the shape and dtype of the image.

    Raises:
        ValueError: If the rank or dtype of the image, or the shape of the vector or color is invalid.

    Example:
        >>> import tensorflow as tf
        >>> image = tf.constant([[1, 2], [3, 4]], tf.uint8)[:, :, tf.newaxis]
        >>> print(translate_xy(image, [1, 0], 9).numpy()[:, :, 0])
        [[9 1]
         [9 3]]
    """
    vector = numbers("translate_to", translate_to, tf.float32)  # may be an unsigned integer
    check(vector.shape.is_compatible_with([2]), "translate_to", Verbatim(f"shape {vector.shape}"), "have shape (2,)")
    return unwrap(translate(wrap(with_channels(image)), vector), replace)

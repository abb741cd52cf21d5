"""Projective transforms as vectors of eight numbers: construction, composition and conversion to matrices."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Scalar, TensorLike
from tensorsmith.image._support.checks import after, numbers, scalar, with_rank


def angles_to_projective_transforms(
    angles: TensorLike, image_height: Scalar, image_width: Scalar, name: str | None = None
) -> tf.Tensor:
    """Return the transforms that rotate images counterclockwise about their centers.

    Source: `angles_to_projective_transforms` of TensorFlow Addons.

    Args:
        angles: Angle in radians, or a tensor of shape `(batch,)` with an angle for each image.
        image_height: Height of the images in pixels.
        image_width: Width of the images in pixels.
        name: Name scope of the operations.

    Returns:
        A float32 tensor of shape `(batch, 8)`, or `(1, 8)` for a single angle, for `transform`.

    Raises:
        ValueError: If the angles do not have rank 0 or 1, or a size is not a number.
        tf.errors.InvalidArgumentError: The same, if the rank is only known at run time.

    Example:
        >>> import math
        >>> print(angles_to_projective_transforms(math.pi, 3, 5).numpy().round(3) + 0.0)
        [[-1.  0.  4.  0. -1.  2.  0.  0.]]
    """
    with tf.name_scope(name or "angles_to_projective_transforms"):
        angles = with_rank("angles", numbers("angles", angles, tf.float32), (0, 1), "have rank 0 or 1")
        angles = tf.reshape(angles, [-1])
        sizes = {"image_height": image_height, "image_width": image_width}
        bottom, right = (scalar(argument, size, tf.float32) - 1 for argument, size in sizes.items())
        cosine, sine = tf.cos(angles), tf.sin(angles)
        x_offset = (right - (cosine * right - sine * bottom)) / 2
        y_offset = (bottom - (sine * right + cosine * bottom)) / 2
        zero = tf.zeros_like(angles)
        return tf.stack([cosine, -sine, x_offset, sine, cosine, y_offset, zero, zero], axis=1)


def translations_to_projective_transforms(translations: TensorLike, name: str | None = None) -> tf.Tensor:
    """Return the transforms that translate images.

    Source: `translations_to_projective_transforms` of TensorFlow Addons.

    Args:
        translations: Vector `(dx, dy)` in pixels, to the right and down, or a tensor of shape `(batch, 2)`.
        name: Name scope of the operations.

    Returns:
        A float32 tensor of shape `(batch, 8)`, or `(1, 8)` for a single vector, for `transform`.

    Raises:
        ValueError: If the translations do not have shape `(2,)` or `(batch, 2)`.
        tf.errors.InvalidArgumentError: The same, if the shape is only known at run time.

    Example:
        >>> print(translations_to_projective_transforms([2.0, 3.0]).numpy())
        [[ 1.  0. -2.  0.  1. -3.  0.  0.]]
    """
    with tf.name_scope(name or "translations_to_projective_transforms"):
        translations = _as_batch("translations", translations, (2,), "have shape (2,) or (batch, 2)")
        one, zero = tf.ones_like(translations[:, 0]), tf.zeros_like(translations[:, 0])
        return tf.stack([one, zero, -translations[:, 0], zero, one, -translations[:, 1], zero, zero], axis=1)


def compose_transforms(transforms: list[TensorLike], name: str | None = None) -> tf.Tensor:
    """Return a transform that is equivalent to several transforms, one after the other.

    Source: `compose_transforms` of TensorFlow Addons.

    Args:
        transforms: List of transforms of shape `(8,)` or `(batch, 8)`, in the order in which they are applied.
        name: Name scope of the operations.

    Returns:
        A float32 tensor of shape `(batch, 8)`, or `(1, 8)` for single transforms.

    Raises:
        ValueError: If the list is empty, or a transform has another shape.

    Example:
        >>> right = translations_to_projective_transforms([2.0, 0.0])
        >>> print(compose_transforms([right, right]).numpy())
        [[ 1.  0. -4.  0.  1.  0.  0.  0.]]
    """
    valid = isinstance(transforms, list | tuple) and len(transforms) > 0
    check(valid, "transforms", transforms, "a list of at least one transform")
    with tf.name_scope(name or "compose_transforms"):
        # Each matrix maps output to input coordinates, so the first transform is applied last to the coordinates.
        composed = flat_transforms_to_matrices(transforms[0])
        for each in transforms[1:]:
            composed = composed @ flat_transforms_to_matrices(each)
        return matrices_to_flat_transforms(composed)


def flat_transforms_to_matrices(transforms: TensorLike, name: str | None = None) -> tf.Tensor:
    """Return the matrices of transforms, which map output coordinates to input coordinates.

    Source: `flat_transforms_to_matrices` of TensorFlow Addons.

    Args:
        transforms: Tensor of shape `(8,)` or `(batch, 8)`.
        name: Name scope of the operations.

    Returns:
        A float32 tensor of shape `(batch, 3, 3)`, whose last entries are 1.

    Raises:
        ValueError: If the transforms do not have shape `(8,)` or `(batch, 8)`.
        tf.errors.InvalidArgumentError: The same, if the shape is only known at run time.

    Example:
        >>> print(flat_transforms_to_matrices([1.0, 0.0, -2.0, 0.0, 1.0, -3.0, 0.0, 0.0]).numpy()[0])
        [[ 1.  0. -2.]
         [ 0.  1. -3.]
         [ 0.  0.  1.]]
    """
    with tf.name_scope(name or "flat_transforms_to_matrices"):
        transforms = as_batch(transforms)
        return tf.reshape(tf.concat([transforms, tf.ones_like(transforms[:, :1])], axis=1), [-1, 3, 3])


def matrices_to_flat_transforms(transform_matrices: TensorLike, name: str | None = None) -> tf.Tensor:
    """Return the transforms of matrices, which map output coordinates to input coordinates.

    Source: `matrices_to_flat_transforms` of TensorFlow Addons.

    Args:
        transform_matrices: Tensor of shape `(3, 3)` or `(batch, 3, 3)`, whose last entries are not 0.
        name: Name scope of the operations.

    Returns:
        A float32 tensor of shape `(batch, 8)`.

    Raises:
        ValueError: If the matrices do not have shape `(3, 3)` or `(batch, 3, 3)`.
        tf.errors.InvalidArgumentError: The same, if the shape is only known at run time.

    Example:
        >>> print(matrices_to_flat_transforms([[2.0, 0.0, 4.0], [0.0, 2.0, 6.0], [0.0, 0.0, 2.0]]).numpy())
        [[1. 0. 2. 0. 1. 3. 0. 0.]]
    """
    with tf.name_scope(name or "matrices_to_flat_transforms"):
        expected = "have shape (3, 3) or (batch, 3, 3)"
        matrices = _as_batch("transform_matrices", transform_matrices, (3, 3), expected)
        return tf.reshape(matrices / matrices[:, 2:, 2:], [-1, 9])[:, :8]


def as_batch(transforms: TensorLike) -> tf.Tensor:
    """Return transforms of shape `(8,)` or `(batch, 8)` with shape `(batch, 8)`."""
    return _as_batch("transforms", transforms, (8,), "have shape (8,) or (batch, 8)")


def _as_batch(name: str, values: TensorLike, shape: tuple[int, ...], expected: str) -> tf.Tensor:
    """Return values of a shape, or a batch of them, as a float32 batch. The rank may be unknown in a graph."""
    rank = len(shape)
    values = with_rank(name, numbers(name, values, tf.float32), (rank, rank + 1), expected)
    size = values.shape[-rank:]
    check(size.is_compatible_with(shape), name, Verbatim(f"shape {values.shape}"), expected)
    known = size.is_fully_defined()
    valid = None if known else tf.debugging.assert_equal(tf.shape(values)[-rank:], shape, f"{name} must {expected}")
    with after(valid):
        return tf.reshape(values, [-1, *shape])

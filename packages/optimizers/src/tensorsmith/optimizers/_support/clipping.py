"""Gradient clipping that sums duplicate indices of sparse gradients."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core.types import Gradient
from tensorsmith.optimizers._support.rows import MergedSlices, merged


def clipped(
    gradients: Sequence[Any], clipnorm: float | None, clipvalue: float | None, global_clipnorm: float | None
) -> list[Any]:
    """Return the gradients clipped by norm or by value. Sparse gradients remain sparse, without duplicate indices.

    Duplicate indices are summed first, because neither the squares nor the clipped values of the slices add up to those
    of the row. Norms of half-precision gradients, whose squares overflow, are computed in `float32`.

    Args:
        gradients: List of dense or sparse gradients.
        clipnorm: Maximum norm of each gradient, or `None` for no clipping.
        clipvalue: Maximum absolute value of each element, or `None` for no clipping.
        global_clipnorm: Maximum global norm of all gradients, or `None` for no clipping.
    """
    limit = clipnorm or global_clipnorm
    if not (limit or clipvalue):
        return list(gradients)
    gradients = [merged(gradient) for gradient in gradients]
    if clipvalue and not limit:
        return [_cut(gradient, clipvalue) for gradient in gradients]
    # One norm per gradient. `merged` has cast half precision to float32 before the squares.
    norms = [tf.cast(tf.norm(_values(gradient)), tf.float32) for gradient in gradients]
    if global_clipnorm:
        # The norm of the norms is the global norm.
        norms = [tf.norm(tf.stack(norms))] * len(norms)
    # Gradients below the limit are multiplied by 1.
    shares = [limit / tf.maximum(norm, limit) for norm in norms]
    return [_scaled(gradient, share) for gradient, share in zip(gradients, shares, strict=True)]


def _values(gradient: Gradient) -> tf.Tensor:
    return gradient.values if isinstance(gradient, MergedSlices) else gradient


def _with_values(gradient: Gradient, values: tf.Tensor) -> Gradient:
    if isinstance(gradient, MergedSlices):
        return MergedSlices(values, gradient.indices, gradient.dense_shape)
    return values


def _cut(gradient: Gradient, size: float) -> Gradient:
    return _with_values(gradient, tf.clip_by_value(_values(gradient), -size, size))


def _scaled(gradient: Gradient, share: tf.Tensor) -> Gradient:
    values = _values(gradient)
    return _with_values(gradient, values * tf.cast(share, values.dtype))

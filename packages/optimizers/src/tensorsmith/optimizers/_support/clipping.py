"""Clipping gradients, sparse ones by their true norm."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tensorsmith.core.types import Gradient
from tensorsmith.optimizers._support.rows import MergedSlices, merged


def clipped(
    gradients: Sequence[Any], clipnorm: float | None, clipvalue: float | None, global_clipnorm: float | None
) -> list[Any]:
    """The gradients with at most the norm or the value; sparse ones stay sparse, with one slice for each row.

    Slices of one row are summed first, since neither their squares nor their clipped values add up to the row's.
    Norms of half precision, where squares overflow, are computed in float32.

    Args:
        gradients: Dense or sparse.
        clipnorm: Largest norm of each, or None.
        clipvalue: Largest size of a number, or None.
        global_clipnorm: Largest norm of all together, or None.
    """
    limit = clipnorm or global_clipnorm
    if not (limit or clipvalue):
        return list(gradients)
    gradients = [merged(gradient) for gradient in gradients]
    if clipvalue and not limit:
        return [_cut(gradient, clipvalue) for gradient in gradients]
    norms = [tf.cast(tf.norm(_values(gradient)), tf.float32) for gradient in gradients]
    if global_clipnorm:
        norms = [tf.norm(tf.stack(norms))] * len(norms)
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

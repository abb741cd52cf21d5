"""Conversion and validation of the arguments of the functions for conditional random fields (CRF)."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.arguments import of_rank


def as_potentials(value: TensorLike, name: str) -> tf.Tensor:
    """Return unary scores as a floating-point tensor of shape `(batch, steps, tags)`."""
    scores = tf.convert_to_tensor(value)
    check(scores.dtype.is_floating, name, scores.dtype.name, "have a floating-point dtype")
    check(scores.shape.rank in (3, None), name, Verbatim(scores.shape), "have shape (batch, steps, tags)")
    return of_rank(scores, 3)


def as_transitions(value: TensorLike, dtype: tf.DType, tags: int | None) -> tf.Tensor:
    """Return transition scores as a tensor of this dtype and of shape `(tags, tags)`."""
    scores = tf.cast(value, dtype)
    fits = scores.shape.is_compatible_with([tags, tags])
    check(fits, "transition_params", Verbatim(scores.shape), f"have shape ({tags}, {tags})")
    return of_rank(scores, 2)


def as_tags(value: TensorLike, shape: tf.TensorShape) -> tf.Tensor:
    """Return tag indices as an int32 tensor of this shape, `(batch, steps)`. As in Addons, they may be floats."""
    tags = tf.cast(value, tf.int32)
    expected = f"have shape (batch, steps) = {shape}"
    check(tags.shape.is_compatible_with(shape), "tag_indices", Verbatim(tags.shape), expected)
    return of_rank(tags, 2)


def as_lengths(value: TensorLike, batch: int | None, name: str = "sequence_lengths") -> tf.Tensor:
    """Return sequence lengths as an int32 tensor of shape `(batch,)`. As in Addons, they may be floats."""
    lengths = tf.cast(value, tf.int32)
    check(lengths.shape.is_compatible_with([batch]), name, Verbatim(lengths.shape), f"have shape ({batch},)")
    return of_rank(lengths, 1)


def precise(scores: tf.Tensor) -> tf.Tensor:
    """Cast half-precision scores to float32, in which all sums are computed."""
    return tf.cast(scores, tf.float32) if scores.dtype.size == 2 else scores


def with_first(state: TensorLike, scores: tf.Tensor) -> tf.Tensor:
    """Return the scores of all steps, given those of the first one and of the other ones."""
    first = tf.cast(state, scores.dtype)
    batch, _, tags = scores.shape
    fits = first.shape.is_compatible_with([batch, tags])
    check(fits, "state", Verbatim(first.shape), f"have shape (batch, tags) = ({batch}, {tags})")
    return tf.concat([of_rank(first, 2)[:, tf.newaxis], scores], axis=1)

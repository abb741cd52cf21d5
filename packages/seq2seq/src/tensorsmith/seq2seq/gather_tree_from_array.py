"""Values of the beams of a beam search, in the order of the final beams."""

import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.arguments import as_int32


def gather_tree_from_array(t: TensorLike, parent_ids: TensorLike, sequence_length: TensorLike) -> tf.Tensor:
    """Return the values of each final beam at all steps of a beam search, such as its attention weights.

    A beam search reorders the beams at each step. `tensorsmith.ops.gather_tree` follows the parent indices of a beam
    from the last step to the first, and this function selects the values along that path. The gradient is that of the
    selected values.

    Source: `gather_tree_from_array` of TensorFlow Addons.

    Args:
        t: Tensor of shape `(steps, batch, beams, ...)` or `(steps, batch * beams, ...)`, such as a stacked
            `TensorArray`.
        parent_ids: Integer tensor of shape `(steps, batch, beams)`. Each entry is the index of the parent beam in the
            previous step.
        sequence_length: Integer tensor of shape `(batch, beams)` with the length of the sequence of each beam. Values
            at later steps are not reordered.

    Returns:
        A tensor with the same shape and dtype as `t`.

    Raises:
        ValueError: If shapes do not match.
        tf.errors.InvalidArgumentError: If a parent index is out of range.

    Example:
        >>> from tensorsmith.seq2seq import gather_tree_from_array
        >>> values = [[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, 6.0]]]
        >>> parents = [[[0, 0]], [[1, 0]], [[0, 1]]]
        >>> print(gather_tree_from_array(values, parents, [[3, 3]]).numpy()[:, 0].T)
        [[2. 3. 5.]
         [1. 4. 6.]]
    """
    t, parents, lengths = (
        tf.convert_to_tensor(t),
        as_int32(parent_ids, "parent_ids"),
        as_int32(sequence_length, "sequence_length"),
    )
    check(parents.shape.rank == 3, "parent_ids", Verbatim(parents.shape), "have shape (steps, batch, beams)")
    steps, batch, beams = parents.shape
    fits = lengths.shape.is_compatible_with([batch, beams])
    check(fits, "sequence_length", Verbatim(lengths.shape), f"have shape (batch, beams) = ({batch}, {beams})")
    flat = None if None in (batch, beams) else batch * beams
    fits = bool(t.shape.rank) and any(
        t.shape[: len(shape)].is_compatible_with(shape) for shape in ((steps, batch, beams), (steps, flat))
    )
    expected = f"have shape ({steps}, {batch}, {beams}, ...) or ({steps}, {flat}, ...) to match `parent_ids`"
    check(fits, "t", Verbatim(t.shape), expected)

    # The index of the beam of each step takes the place of a token. The end token is no index, so that none is changed.
    sizes = tf.shape(parents)
    own = tf.broadcast_to(tf.range(sizes[2]), sizes)
    ordered = ops.gather_tree(own, parents, tf.reduce_max(lengths, axis=1), sizes[2])
    inside = tf.transpose(tf.sequence_mask(lengths, sizes[0]), [2, 0, 1])
    # All further axes are collapsed. Their size cannot be inferred for an empty batch.
    depth = tf.size(t) // tf.maximum(tf.size(parents), 1)
    values = tf.reshape(t, tf.concat([sizes, [depth]], 0))
    found = tf.reshape(tf.gather(values, tf.where(inside, ordered, own), axis=2, batch_dims=2), tf.shape(t))
    return tf.ensure_shape(found, t.shape)

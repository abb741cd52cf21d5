"""Op that reconstructs the sequences of a beam search."""

import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import TensorLike
from tensorsmith.ops.arguments import as_int32, of_rank
from tensorsmith.ops.dispatch import compiled
from tensorsmith.ops.library import library


def gather_tree(
    step_ids: TensorLike, parent_ids: TensorLike, max_sequence_lengths: TensorLike, end_token: TensorLike
) -> tf.Tensor:
    """Reconstructs the token sequences of a beam search by following parent indices back from the last step.

    Arguments and results are those of TensorFlow Addons' `gather_tree`: a beam is followed from the last step of its
    example. All tokens after its first end token, or after that last step, are set to the end token.

    Args:
        step_ids: Integer tensor of shape `(steps, batch, beams)` with the token id of each beam at each step.
        parent_ids: Integer tensor of shape `(steps, batch, beams)`. Each entry is the index of the parent beam in the
            previous step.
        max_sequence_lengths: Integer tensor of shape `(batch,)` with the sequence length of each example. Larger values
            are limited to the number of steps.
        end_token: Integer scalar, the id of the end token.

    Returns:
        An int32 tensor of shape `(steps, batch, beams)`.

    Raises:
        ValueError: If shapes do not match.
        tf.errors.InvalidArgumentError: If a parent index is out of range.

    Example:
        >>> ids = [[[1, 2]], [[3, 4]], [[5, 9]]]
        >>> parents = [[[0, 0]], [[1, 0]], [[0, 1]]]
        >>> print(gather_tree(ids, parents, [3], 9)[:, 0].numpy().T)
        [[2 3 5]
         [1 4 9]]
    """
    step_ids, parent_ids = as_int32(step_ids, "step_ids"), as_int32(parent_ids, "parent_ids")
    lengths, end = as_int32(max_sequence_lengths, "max_sequence_lengths"), as_int32(end_token, "end_token")
    check(step_ids.shape.rank in (3, None), "step_ids", Verbatim(step_ids.shape), "have shape (steps, batch, beams)")
    fits = parent_ids.shape.is_compatible_with(step_ids.shape)
    check(fits, "parent_ids", Verbatim(parent_ids.shape), f"have shape {step_ids.shape} to match `step_ids`")
    batch = step_ids.shape[1] if step_ids.shape.rank else None
    fits = lengths.shape.is_compatible_with([batch])
    check(fits, "max_sequence_lengths", Verbatim(lengths.shape), f"have shape ({batch},)")
    check(end.shape.rank in (0, None), "end_token", Verbatim(end.shape), "a scalar with shape ()")
    step_ids, parent_ids = of_rank(step_ids, 3), of_rank(parent_ids, 3)
    lengths, end = of_rank(lengths, 1), of_rank(end, 0)
    if compiled(step_ids, types=(tf.int32,)):
        return library().ops.tensorsmith_gather_tree(step_ids, parent_ids, lengths, end)
    return _reference(step_ids, parent_ids, lengths, end)


def _reference(step_ids: tf.Tensor, parent_ids: tf.Tensor, lengths: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
    """Reference implementation of the beam search reconstruction in TensorFlow."""
    steps, batch, beams = tf.unstack(tf.shape(step_ids))

    def back(i: tf.Tensor, beam: tf.Tensor, tokens: tf.TensorArray) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        step = steps - 1 - i
        inside = (step < lengths)[:, tf.newaxis]
        tokens = tokens.write(step, tf.where(inside, tf.gather(step_ids[step], beam, axis=1, batch_dims=1), end))
        parent = tf.gather(parent_ids[step], beam, axis=1, batch_dims=1)
        return i + 1, tf.where(inside & (step > 0), parent, beam), tokens

    static = step_ids.shape[0] if step_ids.shape.rank else None
    own = tf.tile(tf.range(beams)[tf.newaxis], [batch, 1])
    tokens = tf.TensorArray(tf.int32, size=steps)
    *_, tokens = tf.while_loop(lambda i, *_: i < steps, back, (0, own, tokens), maximum_iterations=static)
    found = tf.reshape(tokens.stack(), [steps, batch, beams])
    after_end = tf.cumsum(tf.cast(found == end, tf.int32), axis=0, exclusive=True) > 0
    result = tf.where(after_end, end, found)
    result.set_shape(step_ids.shape)
    return result


tf.no_gradient("TensorsmithGatherTree")

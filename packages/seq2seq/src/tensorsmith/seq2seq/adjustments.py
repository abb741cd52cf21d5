"""Functions that change the logits of the next tokens, given the tokens before."""

from collections.abc import Callable

import tensorflow as tf

from tensorsmith.core import Verbatim, check, is_number
from tensorsmith.core.types import Tensor, TensorLike
from tensorsmith.seq2seq._support.types import Adjust


def repetition_penalty(penalty: float) -> Adjust:
    """Return a function that makes tokens less probable if they occur in the prefix.

    Positive logits of these tokens are divided by the penalty, and negative ones are multiplied by it.

    Source: Keskar et al., "CTRL: A Conditional Transformer Language Model for Controllable Generation", 2019. The paper
    divides all logits, which makes tokens with negative logits more probable.

    Args:
        penalty: Positive number. With 1, logits do not change, and with numbers below 1, repetitions become more
            probable. The paper recommends 1.2.

    Returns:
        A function of logits, of shape `(batch, vocabulary)`, and an integer prefix of shape `(batch, tokens)`, whose
        tokens must be in the vocabulary. It returns other logits, and can be passed in `adjust` to `decode`, `stream`
        and `beam_search`.

    Raises:
        ValueError: If `penalty` is not a positive number.

    Example:
        >>> from tensorsmith.seq2seq import repetition_penalty
        >>> print(repetition_penalty(2.0)([[3.0, 4.0, -1.0]], [[1, 2, 1]]).numpy())
        [[ 3.  2. -2.]]
    """
    check(is_number(penalty) and penalty > 0, "penalty", penalty, "a positive number")

    def adjust(logits: TensorLike, prefix: TensorLike) -> Tensor:
        logits, prefix = tf.convert_to_tensor(logits), tf.convert_to_tensor(prefix)
        repeated = tf.gather(logits, prefix, batch_dims=1)
        changed = tf.where(repeated > 0, repeated / penalty, repeated * penalty)
        rows = tf.broadcast_to(tf.range(tf.shape(prefix)[0])[:, tf.newaxis], tf.shape(prefix))
        return tf.tensor_scatter_nd_update(logits, tf.stack([rows, prefix], axis=-1), changed)

    return adjust


def allowed_tokens(function: Callable[[Tensor], TensorLike]) -> Adjust:
    """Return a function that sets the logits of all tokens to -inf that may not follow the prefix.

    Args:
        function: Function that takes an int32 prefix of shape `(batch, tokens)`, including the prompt, and returns a
            boolean mask of shape `(batch, vocabulary)` with the tokens that may follow.

    Returns:
        A function as that of `repetition_penalty`. `decode` and `stream` raise an error if no token is allowed for a
        sequence that has not ended, and `beam_search` if none is allowed for all hypotheses of a prompt.

    Raises:
        ValueError: If `function` is not a function. The result raises the same error if the mask is invalid.

    Example:
        >>> import tensorflow as tf
        >>> from tensorsmith.seq2seq import allowed_tokens
        >>> larger = allowed_tokens(lambda prefix: tf.range(4) > prefix[:, -1:])
        >>> print(larger([[5.0, 6.0, 7.0, 8.0]], tf.constant([[0, 1]])).numpy())
        [[-inf -inf   7.   8.]]
    """
    check(callable(function), "function", function, "a function of prefixes")

    def adjust(logits: TensorLike, prefix: TensorLike) -> Tensor:
        logits, mask = tf.convert_to_tensor(logits), tf.convert_to_tensor(function(tf.convert_to_tensor(prefix)))
        valid = mask.dtype.is_bool and mask.shape.is_compatible_with(logits.shape)
        received = Verbatim(f"a function that returns {mask.dtype.name} of shape {mask.shape}")
        check(valid, "function", received, f"a function that returns booleans of shape {logits.shape}")
        if not mask.shape.is_fully_defined():  # otherwise one row would be used for all sequences
            tf.debugging.assert_equal(tf.shape(mask), tf.shape(logits), "function must return a mask for each logit")
        return tf.where(mask, logits, tf.constant(float("-inf"), logits.dtype))

    return adjust

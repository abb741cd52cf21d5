"""Dot-product attention layer with a compiled kernel."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import Verbatim, check, export, is_number, plain
from tensorsmith.core.types import Tensor
from tensorsmith.layers._support.attention_masks import hidden_queries, joined_masks, same_batch_size
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.kernel_layer import KernelLayer


@export
class Attention(KernelLayer, keras.layers.Attention):
    """Dot-product attention layer of Keras (Luong-style), with a compiled kernel.

    Arguments, weights and results are those of `keras.layers.Attention`. Each output is the mean of the values,
    weighted by the softmax of the scores between query and keys. The scores are not scaled, except by a learned scalar
    with `use_scale`:

        output = softmax(scale * query keyᵀ) value

    The kernel computes the scores for blocks of queries, so that memory grows linearly with the number of steps instead
    of quadratically. The implementation of Keras is used if attention scores are returned, for `score_mode="concat"`,
    in float64, for inputs whose rank is not 3 or whose batch sizes differ, and for masks whose rank is not 2.

    Dropout draws other masks than in Keras, although from the seed of the layer. As in Keras, a query for which all
    keys are masked receives the mean over all keys. Unlike in Keras, no gradient flows from it to the query and keys.

    Source: Luong et al., "Effective Approaches to Attention-based Neural Machine Translation", 2015.

    Args:
        use_scale: If `True`, multiply the scores by a learned scalar.
        score_mode: Score function: `"dot"` for dot products or `"concat"` for additive scores.
        dropout: Dropout rate for the attention weights, in [0, 1).
        seed: Random seed for dropout.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: List of the query `(batch, steps, width)`, the value `(batch, keys, value_width)` and optionally the key
            `(batch, keys, width)`. If the key is omitted, the value is used as the key.
        mask: List of the query mask, a boolean tensor `(batch, steps)` that zeroes the outputs of masked queries, and
            the value mask, a boolean tensor `(batch, keys)` that hides keys. Each may be `None`.
        training: If `True`, apply dropout.
        return_attention_scores: If `True`, also return the attention scores.
        use_causal_mask: If `True`, a query position only attends to key positions up to its own.

    Input shape:
        A list of two or three tensors, as described for `inputs`.

    Output shape:
        `(batch, steps, value_width)`.

    Raises:
        ValueError: If `dropout` is not in [0, 1), or `score_mode` is unknown.

    Example:
        >>> import numpy as np
        >>> query, value = np.zeros((1, 2, 3)), np.arange(8.0).reshape(1, 4, 2)
        >>> print(Attention()([query, value, np.ones((1, 4, 3))]).numpy())
        [[[3. 4.]
          [3. 4.]]]
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        check(is_number(dropout) and 0 <= dropout < 1, "dropout", dropout, "a number in [0, 1)")
        check(score_mode in ("dot", "concat"), "score_mode", score_mode, "'dot' or 'concat'")
        dropout, seed = plain((dropout, seed))
        super().__init__(use_scale=use_scale, score_mode=score_mode, dropout=dropout, seed=seed, **kwargs)
        self.seed = seed

    def call(
        self,
        inputs: Sequence[Tensor],
        mask: Sequence[Tensor | None] | None = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Computes the attention outputs."""
        inputs = floating(inputs, self.compute_dtype)
        masks = [None, None] if mask is None else list(mask) if isinstance(mask, list | tuple) else mask
        fits = isinstance(masks, list) and len(masks) in (2, 3)
        received = Verbatim(type(mask).__name__ if masks is mask else f"{len(masks)} masks")
        check(fits, "mask", received, "a list [query_mask, value_mask] of masks or None values")
        query_mask, value_mask = masks[:2]
        # Cases that the kernel does not cover are computed by Keras, which broadcasts a batch size of 1. In float64, it
        # does not round masked scores to equal values, so that weights differ even if all keys are masked.
        plain = (
            all(len(tensor.shape) == 3 for tensor in inputs)
            and same_batch_size(*inputs)
            and (value_mask is None or len(value_mask.shape) == 2)
            and inputs[0].dtype != tf.float64
        )
        if return_attention_scores or self.score_mode != "dot" or not plain:
            return super().call(
                inputs,
                mask=mask,
                training=training,
                return_attention_scores=return_attention_scores,
                use_causal_mask=use_causal_mask,
            )
        query, value, key = inputs if len(inputs) == 3 else (*inputs, inputs[1])
        if self.scale is not None:
            query = query * tf.cast(self.scale, query.dtype)
        dropout = self.dropout if training else 0.0
        causal, mask = bool(use_causal_mask), joined_masks([value_mask], None)
        output = ops.attention(
            *(tf.expand_dims(tensor, 2) for tensor in (query, key, value)),  # one head
            scale=1.0,
            causal=causal,
            mask=mask,
            dropout=dropout,
            seed=self.seed_generator.next() if dropout else None,
        )
        output = tf.squeeze(output, 2)
        if mask is not None:
            # Where all keys are masked, the softmax of Keras returns equal weights for all of them.
            hidden = hidden_queries(mask, None, causal, tf.shape(query)[1])
            output = tf.where(hidden, tf.reduce_mean(value, axis=1, keepdims=True), output)
        # The query mask, (batch, steps, 1), is broadcast over the width.
        return output if query_mask is None else tf.where(tf.cast(query_mask, tf.bool)[..., tf.newaxis], output, 0)

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer, including the seed that Keras 3.12 omits."""
        return {**super().get_config(), "seed": self.seed}

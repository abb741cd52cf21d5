"""Dot-product attention on a compiled kernel."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import Verbatim, check, export, is_number, plain
from tensorsmith.core.types import Tensor
from tensorsmith.layers._support.floating import floating
from tensorsmith.layers._support.kernel_layer import KernelLayer
from tensorsmith.layers.attention.multi_head_attention import joined_masks


@export
class Attention(KernelLayer, keras.layers.Attention):
    """Keras' dot-product attention (Luong) on a compiled kernel: same arguments, weights and numbers.

    Each query gets the mean of the values, weighted by how well the keys match it, without a factor before the softmax
    but a learned one:

        output = softmax(scale * query keyᵀ) value

    The kernel forms the scores of some queries at a time, so that memory grows with the number of steps and not with
    its square. Where attention scores are asked for, and for `score_mode="concat"`, other ranks than
    3 and masks of other ranks than 2, Keras' own code serves.

    Two things differ from Keras: dropout draws other weights, from the layer's seed all the same, and a query that may
    see no key gets zeros, where Keras ignores the mask.

    Source: Luong et al., "Effective Approaches to Attention-based Neural Machine Translation", 2015.

    Args:
        use_scale: Whether a learned scalar multiplies the scores.
        score_mode: "dot", or "concat" for additive scores.
        dropout: Share of the attention weights to drop, in [0, 1).
        seed: Integer that fixes the dropout.
        **kwargs: `name`, `dtype`, `trainable`, as for every Keras layer.

    Call arguments:
        inputs: List of query (batch, steps, width), value (batch, keys, value_width) and, if it is not the value, key
            (batch, keys, width).
        mask: List of two: booleans (batch, steps) that zero the outputs of queries, and (batch, keys) that hide keys;
            each may be None.
        training: Whether there is dropout.
        return_attention_scores: Whether the weights are returned, too.
        use_causal_mask: Whether a query sees only keys at its own step and before.

    Input shape:
        A list, as above.

    Output shape:
        `(batch, steps, value_width)`.

    Raises:
        ValueError: `dropout` is not in [0, 1), or `score_mode` is unknown.

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
        """Attends."""
        inputs = floating(inputs, self.compute_dtype)
        masks = [None, None] if mask is None else list(mask) if isinstance(mask, list | tuple) else mask
        fits = isinstance(masks, list) and len(masks) in (2, 3)
        received = Verbatim(type(mask).__name__ if masks is mask else f"{len(masks)} masks")
        check(fits, "mask", received, "a list of the query's mask and the value's, each of which may be None")
        query_mask, value_mask = masks[:2]
        plain = all(len(tensor.shape) == 3 for tensor in inputs) and (value_mask is None or len(value_mask.shape) == 2)
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
        output = ops.attention(
            *(tf.expand_dims(tensor, 2) for tensor in (query, key, value)),  # one head
            scale=1.0,
            causal=use_causal_mask,
            mask=joined_masks([value_mask], None),
            dropout=dropout,
            seed=self.seed_generator.next() if dropout else None,
        )
        output = tf.squeeze(output, 2)
        return output if query_mask is None else tf.where(tf.cast(query_mask, tf.bool)[..., tf.newaxis], output, 0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of `__init__`; Keras 3.12 forgets the seed."""
        return {**super().get_config(), "seed": self.seed}

"""Multi-head attention on a compiled kernel."""

import functools
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.types import Tensor
from tensorsmith.layers._support.kernel_layer import KernelLayer


@export
class MultiHeadAttention(KernelLayer, keras.layers.MultiHeadAttention):
    """Keras' multi-head attention on a compiled kernel: same arguments, weights and numbers, without the big matrix.

    Queries, keys and values are projected into several heads, each head computes

        softmax(query keyᵀ / sqrt(key_dim)) value

    and what they give is projected once more. The kernel forms the scores of some queries at a time, with dropout too,
    so that memory grows with the number of steps and not with its square, and skips what a causal mask hides. Where
    attention scores are asked for, with gates or sliding windows, and over other axes than that of time, Keras' own
    code serves.

    Two things differ from Keras. Dropout draws other weights, from the layer's seed all the same. And a query whose own
    mask is False, or that may see no key, gets what the remaining masks allow, or zeros, where Keras gives a mean over
    all keys; the output's mask says that these steps do not count.

    Source: Vaswani et al., "Attention Is All You Need", 2017; Dao et al., "FlashAttention", 2022.

    Args:
        num_heads: Number of heads.
        key_dim: Size of each head's queries and keys.
        value_dim: Size of each head's values; `key_dim` if None.
        dropout: Share of the attention weights to drop, in [0, 1).
        use_bias: Whether the projections have biases.
        output_shape: Shape of an output beside batch and time; that of the query's features if None.
        attention_axes: Axes to attend over; all but batch, heads and features if None.
        seed: Integer that fixes the dropout.
        **kwargs: Keras' other arguments: `sliding_window`, `use_gate`, initializers, regularizers and constraints of
            kernels and biases, `activity_regularizer`, `name`, `dtype`, `trainable`.

    Call arguments:
        query: Tensor (batch, steps, features).
        value: Tensor (batch, keys, features).
        key: Tensor (batch, keys, features); `value` if None.
        query_mask, value_mask, key_mask: Booleans (batch, steps or keys).
        attention_mask: Booleans (batch, steps, keys): which query sees which key.
        return_attention_scores: Whether the weights are returned, too.
        training: Whether there is dropout.
        use_causal_mask: Whether a query sees only keys at its own step and before.

    Input shape:
        `(batch, steps, features)`, `(batch, keys, features)`, and the same for `key`.

    Output shape:
        `(batch, steps, *output_shape)`.

    Raises:
        ValueError: `num_heads` or `key_dim` is no positive integer, or `dropout` is not in [0, 1).

    Example:
        >>> import keras
        >>> x = keras.random.normal((2, 10, 16))
        >>> MultiHeadAttention(num_heads=4, key_dim=8)(x, x, use_causal_mask=True).shape
        TensorShape([2, 10, 16])
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | tuple[int, ...] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        *,
        seed: int | None = None,
        **kwargs: Any,
    ):
        for name, size in (("num_heads", num_heads), ("key_dim", key_dim)):
            check(is_integer(size) and size > 0, name, size, "a positive integer")
        check(is_number(dropout) and 0 <= dropout < 1, "dropout", dropout, "a number in [0, 1)")
        num_heads, key_dim, value_dim, dropout, seed = plain((num_heads, key_dim, value_dim, dropout, seed))
        super().__init__(
            num_heads=num_heads,
            key_dim=key_dim,
            value_dim=value_dim,
            dropout=dropout,
            use_bias=use_bias,
            output_shape=plain(output_shape),
            attention_axes=plain(attention_axes),
            seed=seed,
            **kwargs,
        )
        self._dropout_rate = dropout
        overridden = type(self)._compute_attention is not keras.layers.MultiHeadAttention._compute_attention
        self._has_kernel = (
            not overridden
            and attention_axes in (None, 1, (1,), [1])
            and not any(kwargs.get(name) for name in ("flash_attention", "sliding_window", "use_gate"))
        )
        if dropout > 0:
            self.seed_generator = keras.random.SeedGenerator(seed)

    def call(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Attends."""
        if return_attention_scores or not self._has_kernel or len(query.shape) != 3:
            return super().call(
                query,
                value,
                key,
                query_mask=query_mask,
                value_mask=value_mask,
                key_mask=key_mask,
                attention_mask=attention_mask,
                return_attention_scores=return_attention_scores,
                training=training,
                use_causal_mask=use_causal_mask,
            )
        # New tensors, without the masks that Keras attaches and the projections would warn about.
        query, value, key = (tf.identity(one) for one in (query, value, value if key is None else key))
        dropout = self._dropout_rate if training else 0.0
        output = ops.attention(
            self.query_dense(query),
            self.key_dense(key),
            self.value_dense(value),
            causal=use_causal_mask,
            mask=joined_masks([value_mask, key_mask], attention_mask),
            dropout=dropout,
            seed=self.seed_generator.next() if dropout else None,
        )
        return self.output_dense(output)


def joined_masks(key_masks: Sequence[Any], attention_mask: Tensor | None) -> tf.Tensor | None:
    """What all masks allow, as (batch, 1, steps, keys) with 1 where it is shared; None where all is allowed.

    Args:
        key_masks: Tensors (batch, keys) or None.
        attention_mask: Tensor (steps, keys), (batch, steps, keys) or (batch, heads, steps, keys), or None.
    """
    masks = [tf.cast(mask, tf.bool)[:, tf.newaxis, tf.newaxis] for mask in key_masks if mask is not None]
    if attention_mask is not None:
        mask = tf.cast(attention_mask, tf.bool)
        for _ in range(3 - mask.shape.rank):
            mask = mask[tf.newaxis]
        masks.append(mask if mask.shape.rank == 4 else mask[:, tf.newaxis])
    return functools.reduce(tf.logical_and, masks) if masks else None

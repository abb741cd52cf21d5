"""Multi-head attention layer with a compiled kernel."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import check, export, is_integer, is_number, plain
from tensorsmith.core.keras_internals import overrides_compute_attention, set_keras_mask
from tensorsmith.core.types import Tensor
from tensorsmith.layers._support.attention_masks import checked_attention_mask, joined_masks, same_batch_size
from tensorsmith.layers._support.dense_product import project
from tensorsmith.layers._support.kernel_attention import attend
from tensorsmith.layers._support.kernel_layer import KernelLayer


@export
class MultiHeadAttention(KernelLayer, keras.layers.MultiHeadAttention):
    """Multi-head attention layer of Keras with a compiled kernel that does not store the full score matrix.

    Arguments, weights and results are those of `keras.layers.MultiHeadAttention`. Queries, keys and values are
    projected for each head, each head computes

        softmax(query keyᵀ / sqrt(key_dim)) value

    and the concatenated outputs of the heads are projected once more. The kernel computes the scores for blocks of
    queries, also with dropout, so that memory grows linearly with the number of steps instead of quadratically. Blocks
    that a causal mask hides are skipped. The implementation of Keras is used if attention scores are returned, with
    gates or sliding windows, for attention over axes other than the time axis, and for inputs of different batch sizes.

    Dropout draws other masks than in Keras, although from the seed of the layer. As in Keras, a query whose own mask is
    `False`, or for which all keys are masked, receives the mean over all keys, or zeros if the layer has dropout. Keras
    3.15 ignores a `query_mask` that is passed as an argument; here it has the effect of a mask attached to the query.
    Keras also detaches the masks of its inputs, so that another layer that reads the same values ignores their mask,
    such as the second block of a decoder; here they remain.

    Source: Vaswani et al., "Attention Is All You Need", 2017; Dao et al., "FlashAttention", 2022.

    Args:
        num_heads: Number of attention heads.
        key_dim: Size of each attention head for query and key.
        value_dim: Size of each attention head for value. If `None`, `key_dim` is used.
        dropout: Dropout rate for the attention weights, in [0, 1).
        use_bias: If `True`, the projections of query, key, value and output use bias vectors.
        output_shape: Shape of the output, excluding the batch and time axes. If `None`, the number of features of the
            query is used.
        attention_axes: Axes over which attention is applied. If `None`, attention is applied over all axes except
            batch, heads and features.
        seed: Random seed for dropout.
        **kwargs: Other arguments of `keras.layers.MultiHeadAttention`: `sliding_window`, `use_gate`, initializers,
            regularizers and constraints for kernels and biases, `activity_regularizer`, `name`, `dtype` and
            `trainable`.

    Call arguments:
        query: Query tensor of shape `(batch, steps, features)`.
        value: Value tensor of shape `(batch, keys, features)`.
        key: Key tensor of shape `(batch, keys, features)`. If `None`, `value` is used.
        query_mask, value_mask, key_mask: Boolean tensors of shape `(batch, steps)` or `(batch, keys)`.
        attention_mask: Boolean tensor of shape `(steps, keys)`, `(batch, steps, keys)` or `(batch, heads, steps, keys)`
            that is `True` where a query may attend to a key. As in Keras, numbers are cast to boolean. Additive masks
            are not supported: their 0 would hide a key, and -1e9 would not.
        return_attention_scores: If `True`, also return the attention scores.
        training: If `True`, apply dropout.
        use_causal_mask: If `True`, a query position only attends to key positions up to its own.

    Input shape:
        `(batch, steps, features)`, `(batch, keys, features)`, and the same for `key`.

    Output shape:
        `(batch, steps, *output_shape)`.

    Raises:
        ValueError: If `num_heads` or `key_dim` is not a positive integer, `dropout` is not in [0, 1), or
            `attention_mask` has another shape, or contains strings.

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
        self.has_kernel = (
            not overrides_compute_attention(self)
            and attention_axes in (None, 1, (1,), [1])
            and not any(kwargs.get(name) for name in ("flash_attention", "sliding_window", "use_gate"))
        )

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
        """Computes the attention outputs."""
        if len(query.shape) == 3:
            attention_mask = checked_attention_mask(attention_mask, self.num_heads, query, value)
        supported = self.has_kernel and len(query.shape) == 3 and same_batch_size(query, value)
        if return_attention_scores or not supported:
            # Keras detaches the masks of its inputs, which other layers may read, so it receives copies.
            query, values = tf.identity(query), tf.identity(value)
            set_keras_mask(query, query_mask)
            key = values if key is value else None if key is None else tf.identity(key)
            return super().call(
                query,
                values,
                key,
                query_mask=query_mask,
                value_mask=value_mask,
                key_mask=key_mask,
                attention_mask=attention_mask,
                return_attention_scores=return_attention_scores,
                training=training,
                use_causal_mask=use_causal_mask,
            )
        # Copies without the masks that Keras attaches to tensors: the projections would warn about them.
        query, value, key = (tf.identity(one) for one in (query, value, value if key is None else key))
        # The projections have shape (batch, steps or keys, heads, width).
        query, key, value = (
            project(dense, inputs)
            for dense, inputs in ((self.query_dense, query), (self.key_dense, key), (self.value_dense, value))
        )
        output = attend(
            self,
            query,
            key,
            value,
            mask=joined_masks([value_mask, key_mask], attention_mask),
            query_mask=query_mask,
            causal=bool(use_causal_mask),
            training=training,
        )
        return project(self.output_dense, output)

"""Additive attention layer with a compiled kernel."""

from typing import Any

import keras
from keras import ops

from tensorsmith.core import check, export, is_number, plain
from tensorsmith.core.keras_internals import overrides_private
from tensorsmith.core.types import Tensor
from tensorsmith.layers._support.attention_masks import same_batch_size
from tensorsmith.layers._support.kernel_layer import KernelLayer
from tensorsmith.ops import additive_scores


@export
class AdditiveAttention(KernelLayer, keras.layers.AdditiveAttention):
    """Additive attention layer of Keras (Bahdanau-style), with a compiled kernel for the scores.

    Arguments, weights and results are those of `keras.layers.AdditiveAttention`. Each output is the mean of the values,
    weighted by the softmax of the scores of a hidden layer for the query and each key:

        score = sum(scale * tanh(query + key))

    The kernel does not store the hidden layer, a tensor of shape `(batch, steps, keys, width)`. The implementation of
    Keras is used for half precision and float64, for inputs whose rank is not 3 or whose batch sizes differ, and
    without `use_scale`.

    Source: Bahdanau et al., "Neural Machine Translation by Jointly Learning to Align and Translate", 2015.

    Args:
        use_scale: If `True`, the units of the hidden layer have learned weights. Otherwise, they are added.
        dropout: Dropout rate for the attention weights, in [0, 1).
        seed: Random seed for dropout.
        **kwargs: Base layer keyword arguments, such as `name`, `dtype` and `trainable`.

    Call arguments:
        inputs: List of the query `(batch, steps, width)`, the value `(batch, keys, value_width)` and optionally the key
            `(batch, keys, width)`. If the key is omitted, the value is used as the key.
        mask: List of the query mask, a boolean tensor `(batch, steps)` that zeroes the outputs of masked queries, and
            the value mask, a boolean tensor `(batch, keys)` that hides keys. Each may be `None`.
        training: If `True`, apply dropout.
        return_attention_scores: If `True`, also return the attention weights.
        use_causal_mask: If `True`, a query position only attends to key positions up to its own.

    Input shape:
        A list of two or three tensors, as described for `inputs`.

    Output shape:
        `(batch, steps, value_width)`.

    Raises:
        ValueError: If `dropout` is not in [0, 1).

    Example:
        >>> import numpy as np
        >>> query, value = np.zeros((1, 2, 3)), np.arange(8.0).reshape(1, 4, 2)
        >>> print(AdditiveAttention()([query, value, np.ones((1, 4, 3))]).numpy())
        [[[3. 4.]
          [3. 4.]]]
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, seed: int | None = None, **kwargs: Any):
        check(is_number(dropout) and 0 <= dropout < 1, "dropout", dropout, "a number in [0, 1)")
        dropout, seed = plain((dropout, seed))
        super().__init__(use_scale=use_scale, dropout=dropout, seed=seed, **kwargs)
        self.seed = seed

    @overrides_private("_calculate_scores", "`call` adds masks, softmax and dropout to the scores")
    def _calculate_scores(self, query: Tensor, key: Tensor) -> Tensor:
        pairs = len(query.shape) == len(key.shape) == 3 and same_batch_size(query, key)
        if not (self.use_scale and pairs and keras.backend.standardize_dtype(query.dtype) == "float32"):
            return super()._calculate_scores(query, key)
        return additive_scores(query, key, ops.cast(self.scale, query.dtype))

    def get_config(self) -> dict[str, Any]:
        """Returns the config of the layer, including the seed that Keras 3.12 omits."""
        return {**super().get_config(), "seed": self.seed}

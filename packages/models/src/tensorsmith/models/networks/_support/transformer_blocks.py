"""Residual sublayers of Transformer blocks: attention and dense layers, with normalization before or after them."""

from collections.abc import Callable
from typing import NamedTuple

from keras import layers

from tensorsmith.core.types import Activation, Tensor
from tensorsmith.layers import Dense, Dropout, LayerNormalization, MultiHeadAttention


class Sublayers(NamedTuple):
    """Options that all sublayers of a Transformer share.

    Attributes:
        heads: Number of attention heads.
        dropout: Dropout rate of the attention weights and of the output of each sublayer.
        hidden: Number of units of the hidden dense layer.
        activation: Activation of the hidden dense layer.
        epsilon: Small float added to the variance in layer normalization.
        normalize_first: If `True`, the inputs of sublayers are normalized (Xiong et al., 2020), otherwise the sums of
            their inputs and outputs (Vaswani et al., 2017).
    """

    heads: int
    dropout: float
    hidden: int
    activation: Activation
    epsilon: float = 1e-5
    normalize_first: bool = True

    def attention(
        self,
        x: Tensor,
        name: str,
        memory: Tensor | None = None,
        causal: bool = False,
        value_mask: Tensor | None = None,
    ) -> Tensor:
        """Apply attention to the sequence itself, or to another one if `memory` is given.

        The argument `value_mask` is for sequences without an attached mask.
        """
        size = x.shape[-1] // self.heads
        layer = MultiHeadAttention(self.heads, size, dropout=self.dropout, name=f"{name}_attention")

        def attend(x: Tensor) -> Tensor:
            return layer(x, x if memory is None else memory, value_mask=value_mask, use_causal_mask=causal)

        return self._residual(x, attend, f"{name}_attention_normalization", f"{name}_attended")

    def dense(self, x: Tensor, name: str) -> Tensor:
        """Apply two dense layers."""
        hidden = Dense(self.hidden, self.activation, name=f"{name}_hidden")
        output = Dense(x.shape[-1], name=f"{name}_output")
        return self._residual(x, lambda x: output(hidden(x)), f"{name}_dense_normalization", name)

    def _residual(self, x: Tensor, sublayer: Callable[[Tensor], Tensor], normalization: str, name: str) -> Tensor:
        normalize = LayerNormalization(epsilon=self.epsilon, name=normalization)
        outputs = Dropout(self.dropout)(sublayer(normalize(x) if self.normalize_first else x))
        outputs = layers.Add(name=name)([x, outputs])
        return outputs if self.normalize_first else normalize(outputs)

"""Multiplicative attention."""

from typing import Any

import tensorflow as tf

from tensorsmith.core import export, plain
from tensorsmith.core.types import DType, Shape, Tensor, TensorLike, Variable
from tensorsmith.seq2seq._support.attention_scores import multiplicative_score, probability_function, projection
from tensorsmith.seq2seq.addons.attention_mechanism import AttentionMechanism


@export
class LuongAttention(AttentionMechanism):
    """Multiplicative attention mechanism for the cells of decoders.

    The memory is projected to keys with the size of the queries, so that `units` must be this size. The paper calls
    this score "general".

    Formula, for a query q and the memory m, with a scalar weight g if `scale` is `True`, and g = 1 otherwise:

        alignments[t] = softmax_t(g qᵀ W m[t])

    Source: Luong et al., "Effective Approaches to Attention-based Neural Machine Translation", 2015; `LuongAttention`
    of TensorFlow Addons.

    Args:
        units: Positive integer, size of the queries and keys.
        memory: Tensor of shape `(batch, positions, features)`, or `None` to pass it later.
        memory_sequence_length: Integer tensor of shape `(batch,)` with the number of valid positions of each memory.
        scale: If `True`, multiply the scores by a weight of the layer, which is initially 1.
        probability_fn: `"softmax"`, or `"hardmax"` for one-hot weights, which have no gradient.
        dtype: Data type or dtype policy of the layer and of the dense layer for the memory.
        name: Name of the layer.
        **kwargs: Base layer keyword arguments, and `memory_layer`, a layer that computes the keys. By default, it is a
            dense layer without bias.

    Call arguments:
        inputs: List of a query and the previous state. A memory to set up before, and its lengths or its mask, may
            follow. With `setup_memory=True`, the memory, or a list of the memory and its lengths.
        mask: With `setup_memory=True`, boolean tensor of shape `(batch, positions)` with the valid positions.
        setup_memory: If `True`, set up the memory, and return its values.

    Input shape:
        `(batch, units)` and `(batch, positions)`.

    Output shape:
        Attention weights and new state, which are equal: `(batch, positions)` each.

    Raises:
        ValueError: If an argument is invalid, there is no memory, or the size of the queries is not `units`.

    Example:
        >>> import keras
        >>> from tensorsmith.seq2seq import LuongAttention
        >>> mechanism = LuongAttention(4, memory=keras.random.normal((2, 5, 3)), memory_sequence_length=[5, 3])
        >>> alignments, state = mechanism([keras.random.normal((2, 4)), keras.ops.zeros((2, 5))])
        >>> print(alignments.shape, alignments[1, 3:].numpy())
        (2, 5) [0. 0.]
    """

    def __init__(
        self,
        units: int,
        memory: TensorLike | None = None,
        memory_sequence_length: TensorLike | None = None,
        scale: bool = False,
        probability_fn: str = "softmax",
        dtype: DType | None = None,
        name: str = "LuongAttention",
        **kwargs: Any,
    ):
        memory_layer = projection("memory_layer", kwargs.pop("memory_layer", None), units, dtype)
        function = probability_function(probability_fn)
        super().__init__(None, function, memory_layer=memory_layer, dtype=dtype, name=name, **kwargs)
        self.units = plain(units)
        self.scale = scale
        self.probability_fn_name = probability_fn
        self.scale_weight: Variable | None = None
        self._accept_memory(memory, memory_sequence_length)

    def build(self, input_shape: Shape) -> None:
        """Create the scale, whose shape does not depend on those of the inputs."""
        if self.scale and self.scale_weight is None:
            self.scale_weight = self.add_weight((), "ones", name="attention_g")

    def score(self, query: Tensor) -> Tensor:
        """Return the scores of the positions, of shape `(batch, positions)`, for a query of shape `(batch, units)`."""
        scale = None if self.scale_weight is None else tf.convert_to_tensor(self.scale_weight)
        return multiplicative_score(query, self.keys, scale)

    def _calculate_attention(self, query: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        alignments = self.probability_fn(self.score(query), state)
        return alignments, alignments

    def get_config(self) -> dict[str, Any]:
        """Return the config of the layer, without its memory."""
        own = {"units": self.units, "scale": self.scale, "probability_fn": self.probability_fn_name}
        return {**super().get_config(), **own}

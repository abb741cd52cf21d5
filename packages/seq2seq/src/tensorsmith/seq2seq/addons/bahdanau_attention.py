"""Additive attention."""

import math
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import export, plain
from tensorsmith.core.types import DType, Initializer, Shape, Tensor, TensorLike, Variable
from tensorsmith.seq2seq._support.attention_scores import additive_score, probability_function, projection
from tensorsmith.seq2seq.addons.attention_mechanism import AttentionMechanism


@export
class BahdanauAttention(AttentionMechanism):
    """Additive attention mechanism for the cells of decoders: a network with one hidden layer computes the scores.

    Formula, for a query q and the memory m:

        alignments[t] = softmax_t(vᵀ tanh(W m[t] + U q))

    With `normalize=True`, v is replaced by g v / |v| with a scalar weight g, and a bias is added to the argument of
    tanh.

    Source: Bahdanau et al., "Neural Machine Translation by Jointly Learning to Align and Translate", 2015; Salimans and
    Kingma, "Weight Normalization", 2016; `BahdanauAttention` of TensorFlow Addons.

    Args:
        units: Positive integer, size of the hidden layer.
        memory: Tensor of shape `(batch, positions, features)`, or `None` to pass it later.
        memory_sequence_length: Integer tensor of shape `(batch,)` with the number of valid positions of each memory.
        normalize: If `True`, normalize v. The initial value of g is `sqrt(1 / units)`.
        probability_fn: `"softmax"`, or `"hardmax"` for one-hot weights, which have no gradient.
        kernel_initializer: Initializer for v.
        dtype: Data type or dtype policy of the layer and of its dense layers.
        name: Name of the layer.
        **kwargs: Base layer keyword arguments, and `query_layer` and `memory_layer`, layers that replace the dense
            layers U and W.

    Call arguments:
        inputs: List of a query and the previous state. A memory to set up before, and its lengths or its mask, may
            follow. With `setup_memory=True`, the memory, or a list of the memory and its lengths.
        mask: With `setup_memory=True`, boolean tensor of shape `(batch, positions)` with the valid positions.
        setup_memory: If `True`, set up the memory, and return its values.

    Input shape:
        `(batch, query_features)` and `(batch, positions)`.

    Output shape:
        Attention weights and new state, which are equal: `(batch, positions)` each.

    Raises:
        ValueError: If an argument is invalid, or there is no memory.

    Example:
        >>> import keras
        >>> from tensorsmith.seq2seq import BahdanauAttention
        >>> mechanism = BahdanauAttention(8, memory=keras.random.normal((2, 5, 3)), memory_sequence_length=[5, 3])
        >>> alignments, state = mechanism([keras.random.normal((2, 4)), keras.ops.zeros((2, 5))])
        >>> print(alignments.shape, alignments[1, 3:].numpy())
        (2, 5) [0. 0.]
    """

    def __init__(
        self,
        units: int,
        memory: TensorLike | None = None,
        memory_sequence_length: TensorLike | None = None,
        normalize: bool = False,
        probability_fn: str = "softmax",
        kernel_initializer: Initializer = "glorot_uniform",
        dtype: DType | None = None,
        name: str = "BahdanauAttention",
        **kwargs: Any,
    ):
        query_layer, memory_layer = (
            projection(each, kwargs.pop(each, None), units, dtype) for each in ("query_layer", "memory_layer")
        )
        function = probability_function(probability_fn)
        super().__init__(None, function, query_layer, memory_layer, dtype=dtype, name=name, **kwargs)
        self.units = plain(units)
        self.normalize = normalize
        self.probability_fn_name = probability_fn
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.attention_v: Variable | None = None
        self.attention_g: Variable | None = None
        self.attention_b: Variable | None = None
        self._accept_memory(memory, memory_sequence_length)

    def build(self, input_shape: Shape) -> None:
        """Create the weights of the output of the hidden layer, whose shapes do not depend on those of the inputs."""
        if self.attention_v is None:
            self.attention_v = self.add_weight((self.units,), self.kernel_initializer, name="attention_v")
            self._add_score_bias()
        if self.normalize and self.attention_g is None:
            gain = keras.initializers.Constant(math.sqrt(1 / self.units))
            self.attention_g = self.add_weight((), gain, name="attention_g")
            self.attention_b = self.add_weight((self.units,), "zeros", name="attention_b")

    def _add_score_bias(self) -> None:
        """Create the bias of the scores, which only monotonic attention has, between the other weights."""

    def score(self, query: Tensor) -> Tensor:
        """Return the scores of the positions, of shape `(batch, positions)`, for a query."""
        weights = (self.attention_v, self.attention_g, self.attention_b)
        tensors = [None if weight is None else tf.convert_to_tensor(weight) for weight in weights]
        return additive_score(query if self.query_layer is None else self.query_layer(query), self.keys, *tensors)

    def _calculate_attention(self, query: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        alignments = self.probability_fn(self.score(query), state)
        return alignments, alignments

    def get_config(self) -> dict[str, Any]:
        """Return the config of the layer, without its memory."""
        own = {
            "units": self.units,
            "normalize": self.normalize,
            "probability_fn": self.probability_fn_name,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
        return {**super().get_config(), **own}

"""Multiplicative attention that moves in one direction."""

from typing import Any

from tensorsmith.core import export
from tensorsmith.core.types import DType, TensorLike, Variable
from tensorsmith.seq2seq._support.monotonic_scores import MonotonicScores
from tensorsmith.seq2seq.addons.luong_attention import LuongAttention


@export
class LuongMonotonicAttention(MonotonicScores, LuongAttention):
    """Monotonic attention mechanism with multiplicative scores: from step to step, the attention moves forwards only.

    Formula, for a query q and the memory m, with a scalar weight g if `scale` is `True`, and g = 1 otherwise:

        p[t] = sigmoid(g qᵀ W m[t] + b)
        alignments = monotonic_attention(p, previous_alignments, mode)

    Source: Raffel et al., "Online and Linear-Time Attention by Enforcing Monotonic Alignments", 2017;
    `LuongMonotonicAttention` of TensorFlow Addons.

    Args:
        units: Positive integer, size of the queries and keys.
        memory: Tensor of shape `(batch, positions, features)`, or `None` to pass it later.
        memory_sequence_length: Integer tensor of shape `(batch,)` with the number of valid positions of each memory.
        scale: If `True`, multiply the scores by a weight of the layer, which is initially 1.
        sigmoid_noise: Standard deviation of the normal noise that is added to the scores in each call. It encourages
            high scores, and should be 0 after training.
        sigmoid_noise_seed: Random seed of the noise.
        score_bias_init: Initial value of the bias b. A negative number makes the attention move faster at first,
            which long memories need.
        mode: `"recursive"`, `"parallel"` or `"hard"`, as for `monotonic_attention`. With `"hard"`, the probabilities
            are 1 for positive scores, and 0 otherwise.
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
        >>> from tensorsmith.seq2seq import LuongMonotonicAttention
        >>> mechanism = LuongMonotonicAttention(4, memory=keras.random.normal((2, 5, 3)), mode="hard")
        >>> state = mechanism.initial_state(2, "float32")
        >>> print(state[0].numpy())
        [1. 0. 0. 0. 0.]
        >>> alignments, state = mechanism([keras.random.normal((2, 4)), state])
        >>> alignments.shape
        TensorShape([2, 5])
    """

    def __init__(
        self,
        units: int,
        memory: TensorLike | None = None,
        memory_sequence_length: TensorLike | None = None,
        scale: bool = False,
        sigmoid_noise: float = 0.0,
        sigmoid_noise_seed: int | None = None,
        score_bias_init: float = 0.0,
        mode: str = "parallel",
        dtype: DType | None = None,
        name: str = "LuongMonotonicAttention",
        **kwargs: Any,
    ):
        super().__init__(units, scale=scale, dtype=dtype, name=name, **kwargs)
        self._configure(sigmoid_noise, sigmoid_noise_seed, score_bias_init, mode)
        self._accept_memory(memory, memory_sequence_length)

    @property
    def attention_g(self) -> Variable | None:
        """Scale of the scores, or `None`."""
        return self.scale_weight

"""Additive attention that moves in one direction."""

from typing import Any

from tensorsmith.core import export
from tensorsmith.core.types import DType, Initializer, TensorLike
from tensorsmith.seq2seq._support.monotonic_scores import MonotonicScores
from tensorsmith.seq2seq.addons.bahdanau_attention import BahdanauAttention


@export
class BahdanauMonotonicAttention(MonotonicScores, BahdanauAttention):
    """Monotonic attention mechanism with additive scores: from step to step, the attention moves forwards only.

    Formula, for a query q and the memory m:

        p[t] = sigmoid(vᵀ tanh(W m[t] + U q) + b)
        alignments = monotonic_attention(p, previous_alignments, mode)

    With `normalize=True`, v is replaced by g v / |v| with a scalar weight g, and a bias is added to the argument of
    tanh.

    Source: Raffel et al., "Online and Linear-Time Attention by Enforcing Monotonic Alignments", 2017;
    `BahdanauMonotonicAttention` of TensorFlow Addons.

    Args:
        units: Positive integer, size of the hidden layer.
        memory: Tensor of shape `(batch, positions, features)`, or `None` to pass it later.
        memory_sequence_length: Integer tensor of shape `(batch,)` with the number of valid positions of each memory.
        normalize: If `True`, normalize v. The initial value of g is `sqrt(1 / units)`.
        sigmoid_noise: Standard deviation of the normal noise that is added to the scores in each call. It encourages
            high scores, and should be 0 after training.
        sigmoid_noise_seed: Random seed of the noise.
        score_bias_init: Initial value of the bias b. A negative number makes the attention move faster at first,
            which long memories need.
        mode: `"recursive"`, `"parallel"` or `"hard"`, as for `monotonic_attention`. With `"hard"`, the probabilities
            are 1 for positive scores, and 0 otherwise.
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
        >>> from tensorsmith.seq2seq import BahdanauMonotonicAttention
        >>> mechanism = BahdanauMonotonicAttention(8, memory=keras.random.normal((2, 5, 3)), score_bias_init=-1.0)
        >>> alignments, state = mechanism([keras.random.normal((2, 4)), mechanism.initial_state(2, "float32")])
        >>> alignments.shape
        TensorShape([2, 5])
    """

    def __init__(
        self,
        units: int,
        memory: TensorLike | None = None,
        memory_sequence_length: TensorLike | None = None,
        normalize: bool = False,
        sigmoid_noise: float = 0.0,
        sigmoid_noise_seed: int | None = None,
        score_bias_init: float = 0.0,
        mode: str = "parallel",
        kernel_initializer: Initializer = "glorot_uniform",
        dtype: DType | None = None,
        name: str = "BahdanauMonotonicAttention",
        **kwargs: Any,
    ):
        super().__init__(
            units, normalize=normalize, kernel_initializer=kernel_initializer, dtype=dtype, name=name, **kwargs
        )
        self._configure(sigmoid_noise, sigmoid_noise_seed, score_bias_init, mode)
        self._accept_memory(memory, memory_sequence_length)

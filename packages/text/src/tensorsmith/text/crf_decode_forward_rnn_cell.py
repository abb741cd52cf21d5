"""Recurrent cell for the forward pass of decoding a conditional random field (CRF)."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from tensorsmith.core import Verbatim, check, export, plain
from tensorsmith.core.types import Shape, Tensor, TensorLike
from tensorsmith.ops.crf import viterbi_step


@export
class CrfDecodeForwardRnnCell(keras.layers.Layer):
    """Cell that computes one step of `crf_decode_forward`, for use in `keras.layers.RNN`.

    `crf_decode_forward` computes the same without a layer; the cell is for scripts that combine it with other layers.
    The layer casts the output of the cell, which consists of integers, to its compute dtype.

    Formula:

        previous[j] = argmax_i (state[i] + A[i, j])
        new_state[j] = inputs[j] + max_i (state[i] + A[i, j])

    Source: Viterbi, "Error Bounds for Convolutional Codes", 1967.

    Args:
        transition_params: Tensor of shape `(tags, tags)`. Element `[i, j]` is the score of tag `j` after tag `i`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor of shape `(batch, tags)` with the score of each tag at this step.
        states: List of a tensor of shape `(batch, tags)` with the scores at the previous step.

    Input shape:
        `(batch, tags)`

    Output shape:
        `(batch, tags)`: integers, the previous tag of the best sequences that end with each tag. The new state has the
        same shape.

    Raises:
        ValueError: If `transition_params` is not a square matrix of numbers.

    Example:
        >>> layer = keras.layers.RNN(CrfDecodeForwardRnnCell([[0.0, -9.0], [0.0, 0.0]]), return_state=True)
        >>> previous, scores = layer(np.array([[[0.0, 1.0]]]), [np.array([[2.0, 0.0]])])
        >>> print(previous.numpy(), scores.numpy())
        [[0. 1.]] [[2. 1.]]
    """

    def __init__(self, transition_params: TensorLike, **kwargs: Any):
        super().__init__(**plain(kwargs))
        self.transition_params = keras.ops.convert_to_tensor(transition_params)
        shape = tuple(self.transition_params.shape)
        fits = len(shape) == 2 and shape[0] == shape[1]
        check(fits, "transition_params", transition_params, "a square matrix")
        self.state_size = self.output_size = shape[0]

    def build(self, input_shape: Shape) -> None:
        """Check the number of tags of the inputs."""
        tags = self.state_size
        check(input_shape[-1] in (tags, None), "inputs", Verbatim(input_shape), f"have shape (batch, {tags})")

    def call(self, inputs: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Compute one time step."""
        score, transitions = (keras.ops.cast(each, self.compute_dtype) for each in (states[0], self.transition_params))
        previous, new_score = viterbi_step(inputs, score, transitions)
        return previous, [new_score]

    def get_config(self) -> dict[str, Any]:
        """Return the config of the cell."""
        return {**super().get_config(), "transition_params": np.array(self.transition_params).tolist()}

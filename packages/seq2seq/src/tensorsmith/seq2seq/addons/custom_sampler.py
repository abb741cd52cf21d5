"""Sampler made of functions."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tensorsmith.core import check, export
from tensorsmith.core.types import DType, NestedTensors, Scalar, Tensor, TensorLike
from tensorsmith.seq2seq._support.base_sampler import BaseSampler
from tensorsmith.seq2seq._support.functions import saved
from tensorsmith.seq2seq._support.sampler_inputs import size_of
from tensorsmith.seq2seq.addons.inference_sampler import as_shape


@export
class CustomSampler(BaseSampler):
    """Sampler whose methods are given as functions.

    Source: `CustomSampler` of TensorFlow Addons.

    Args:
        initialize_fn: Function of the inputs and of further arguments of the decoder call, that returns a boolean
            tensor of shape `(batch,)` with the sequences that have ended, and the inputs of the first step.
        sample_fn: Function of `time`, `outputs` and `state` that returns the samples.
        next_inputs_fn: Function of `time`, `outputs`, `state` and `sample_ids` that returns the sequences that have
            ended, the inputs of the next step, and the state.
        sample_ids_shape: Shape of each sample without the batch axis. Defaults to that of a scalar.
        sample_ids_dtype: Data type of the samples. Defaults to int32.

    Raises:
        ValueError: If an argument is not a function.

    Example:
        >>> import keras, tensorflow as tf
        >>> from tensorsmith.seq2seq import BasicDecoder, CustomSampler
        >>> sampler = CustomSampler(  # reads its own outputs for four steps
        ...     lambda inputs: (tf.fill(tf.shape(inputs)[:1], False), inputs),
        ...     lambda time, outputs, state: tf.argmax(outputs, -1, tf.int32),
        ...     lambda time, outputs, state, sample_ids: (tf.fill(tf.shape(sample_ids), time > 2), outputs, state),
        ... )
        >>> decoder = BasicDecoder(keras.layers.LSTMCell(3), sampler)
        >>> outputs, state, lengths = decoder(keras.ops.ones((2, 3)))
        >>> outputs.rnn_output.shape
        TensorShape([2, 4, 3])
    """

    function_names = ("initialize_fn", "sample_fn", "next_inputs_fn")

    def __init__(
        self,
        initialize_fn: Callable[..., tuple[Tensor, NestedTensors]],
        sample_fn: Callable[..., Tensor],
        next_inputs_fn: Callable[..., tuple[Tensor, NestedTensors, NestedTensors]],
        sample_ids_shape: TensorLike | None = None,
        sample_ids_dtype: DType | None = None,
    ):
        super().__init__()
        self.initialize_fn = initialize_fn
        self.sample_fn = sample_fn
        self.next_inputs_fn = next_inputs_fn
        for name in self.function_names:
            check(callable(getattr(self, name)), name, getattr(self, name), "a function")
        self._sample_ids_shape = as_shape(sample_ids_shape)
        self._sample_ids_dtype = tf.as_dtype(sample_ids_dtype or tf.int32)

    @property
    def sample_ids_shape(self) -> tf.TensorShape:
        """Shape of the result of `sample` without the batch axis."""
        return self._sample_ids_shape

    @property
    def sample_ids_dtype(self) -> tf.DType:
        """Data type of the result of `sample`."""
        return self._sample_ids_dtype

    def initialize(self, inputs: NestedTensors, **kwargs: Any) -> tuple[Tensor, NestedTensors]:
        """Return the result of `initialize_fn`."""
        finished, next_inputs = self.initialize_fn(inputs, **kwargs)
        self._start(size_of(finished, 0))
        return finished, next_inputs

    def sample(self, time: Scalar, outputs: Tensor, state: NestedTensors) -> Tensor:
        """Return the result of `sample_fn`."""
        return self.sample_fn(time=time, outputs=outputs, state=state)

    def next_inputs(
        self, time: Scalar, outputs: Tensor, state: NestedTensors, sample_ids: Tensor
    ) -> tuple[Tensor, NestedTensors, NestedTensors]:
        """Return the result of `next_inputs_fn`."""
        return self.next_inputs_fn(time=time, outputs=outputs, state=state, sample_ids=sample_ids)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the sampler. The functions must be registered with Keras."""
        functions = {name: saved(name, getattr(self, name)) for name in self.function_names}
        shape = self._sample_ids_shape.as_list()
        return {**functions, "sample_ids_shape": shape, "sample_ids_dtype": self._sample_ids_dtype.name}

"""Inference with functions for outputs and inputs."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tensorsmith.core import check, export
from tensorsmith.core.types import DType, NestedTensors, Scalar, Tensor, TensorLike
from tensorsmith.seq2seq._support.base_sampler import BaseSampler
from tensorsmith.seq2seq._support.functions import saved
from tensorsmith.seq2seq._support.sampler_inputs import checked_function, size_of


@export
class InferenceSampler(BaseSampler):
    """Sampler for inference with your own functions, for example of continuous outputs.

    Source: `InferenceSampler` of TensorFlow Addons.

    Args:
        sample_fn: Function of the outputs that returns the samples.
        sample_shape: Shape of each sample without the batch axis.
        sample_dtype: Data type of the samples.
        end_fn: Function of the samples that returns a boolean tensor of shape `(batch,)` with the sequences that have
            ended.
        next_inputs_fn: Function of the samples that returns the next inputs. If `None`, the samples are the inputs.

    Raises:
        ValueError: If an argument is not a function.

    Example:
        >>> import keras, tensorflow as tf
        >>> from tensorsmith.seq2seq import BasicDecoder, InferenceSampler
        >>> sampler = InferenceSampler(
        ...     lambda outputs: outputs, [3], "float32", end_fn=lambda samples: tf.reduce_mean(samples, -1) > 1
        ... )
        >>> decoder = BasicDecoder(keras.layers.LSTMCell(8), sampler, keras.layers.Dense(3), maximum_iterations=5)
        >>> outputs, state, lengths = decoder(keras.ops.zeros((2, 3)))
        >>> outputs.sample_id.shape
        TensorShape([2, 5, 3])
    """

    function_names = ("sample_fn", "end_fn", "next_inputs_fn")

    def __init__(
        self,
        sample_fn: Callable[[Tensor], Tensor],
        sample_shape: TensorLike,
        sample_dtype: DType,
        end_fn: Callable[[Tensor], Tensor],
        next_inputs_fn: Callable[[Tensor], Tensor] | None = None,
    ):
        super().__init__()
        check(callable(sample_fn), "sample_fn", sample_fn, "a function of the outputs")
        check(callable(end_fn), "end_fn", end_fn, "a function of the samples")
        checked_function("next_inputs_fn", next_inputs_fn)
        self.sample_fn = sample_fn
        self.sample_shape = as_shape(sample_shape)
        self.sample_dtype = tf.as_dtype(sample_dtype)
        self.end_fn = end_fn
        self.next_inputs_fn = next_inputs_fn

    @property
    def sample_ids_shape(self) -> tf.TensorShape:
        """Shape of the result of `sample` without the batch axis."""
        return self.sample_shape

    @property
    def sample_ids_dtype(self) -> tf.DType:
        """Data type of the result of `sample`."""
        return self.sample_dtype

    def initialize(self, start_inputs: TensorLike) -> tuple[Tensor, Tensor]:
        """Store the inputs of a decoder call.

        Args:
            start_inputs: Inputs of the first step, of shape `(batch, ...)`.

        Returns:
            A boolean tensor of shape `(batch,)` with `False`, and the inputs of the first step.
        """
        self.start_inputs = tf.convert_to_tensor(start_inputs)
        batch_size = size_of(self.start_inputs, 0)
        self._start(batch_size)
        return tf.zeros([batch_size], tf.bool), self.start_inputs

    def sample(self, time: Scalar, outputs: Tensor, state: NestedTensors) -> Tensor:
        """Return the result of `sample_fn`."""
        return self.sample_fn(outputs)

    def next_inputs(
        self, time: Scalar, outputs: Tensor, state: NestedTensors, sample_ids: Tensor
    ) -> tuple[Tensor, NestedTensors, NestedTensors]:
        """Return the sequences that have ended, the inputs of the next step, and the state."""
        inputs = sample_ids if self.next_inputs_fn is None else self.next_inputs_fn(sample_ids)
        return self.end_fn(sample_ids), inputs, state

    def get_config(self) -> dict[str, Any]:
        """Return the config of the sampler. The functions must be registered with Keras."""
        functions = {name: saved(name, getattr(self, name)) for name in self.function_names}
        return {"sample_shape": self.sample_shape.as_list(), "sample_dtype": self.sample_dtype.name, **functions}


def as_shape(shape: TensorLike | None) -> tf.TensorShape:
    """Return the shape of a sample, given as a sequence or as a tensor, and `()` for `None`."""
    if shape is not None and tf.is_tensor(shape):
        shape = tf.get_static_value(shape)
    return tf.TensorShape([] if shape is None else shape)

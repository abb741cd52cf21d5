"""Loop over the steps of a decoder."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import NestedTensors, Scalar, Tensor
from tensorsmith.seq2seq._support.rnn_cells import forget_masks
from tensorsmith.seq2seq._support.sampler_inputs import time_major
from tensorsmith.seq2seq._support.structures import is_array, where_rows
from tensorsmith.seq2seq.addons.decoder import Decoder


class Loop(NamedTuple):
    """Variables of the loop."""

    time: Tensor
    arrays: NestedTensors  # outputs of all steps
    state: NestedTensors
    inputs: NestedTensors
    finished: Tensor
    lengths: Tensor


def dynamic_decode(
    decoder: Decoder | keras.Layer,
    output_time_major: bool = False,
    impute_finished: bool = False,
    maximum_iterations: Scalar | None = None,
    parallel_iterations: int = 32,
    swap_memory: bool = False,
    training: bool | None = None,
    scope: str | None = None,
    enable_tflite_convertible: bool = False,
    **kwargs: Any,
) -> tuple[NestedTensors, NestedTensors, Tensor]:
    """Call the steps of a decoder until all sequences have ended.

    The call of a `BaseDecoder` calls this function, which works in eager execution and in graphs. XLA cannot compile
    the loop, whose number of steps depends on the values.

    Source: `dynamic_decode` of TensorFlow Addons.

    Args:
        decoder: `Decoder` or `BaseDecoder`.
        output_time_major: If `True`, outputs have shape `(time, batch, ...)` instead of `(batch, time, ...)`.
        impute_finished: If `True`, the outputs of sequences that have ended are 0, and their states do not change.
        maximum_iterations: Maximum number of steps, a positive integer or a tensor. If `None`, there is no limit.
        parallel_iterations: Argument of `tf.while_loop`.
        swap_memory: Argument of `tf.while_loop`.
        training: If `True`, the steps are part of training.
        scope: Name scope of the operations.
        enable_tflite_convertible: If `True`, outputs are stored in arrays of the size of `maximum_iterations`, and the
            batch size must be 1. The outputs of steps that have not been computed are 0.
        **kwargs: For a `BaseDecoder`: `decoder_init_input` and `decoder_init_kwargs`, the argument and the keyword
            arguments of its method `initialize`.

    Returns:
        The outputs of all steps, the final state, and the lengths of the sequences.

    Raises:
        ValueError: If an argument is invalid.

    Example:
        >>> import keras
        >>> from tensorsmith.seq2seq import BasicDecoder, TrainingSampler, dynamic_decode
        >>> decoder = BasicDecoder(keras.layers.GRUCell(8), TrainingSampler())
        >>> x = keras.random.normal((2, 7, 3))
        >>> outputs, state, lengths = dynamic_decode(decoder, output_time_major=True, decoder_init_input=x)
        >>> outputs.rnn_output.shape
        TensorShape([7, 2, 8])
    """
    valid = isinstance(decoder, Decoder) or (isinstance(decoder, keras.Layer) and hasattr(decoder, "step"))
    check(valid, "decoder", decoder, "a Decoder or a BaseDecoder")
    with tf.name_scope(scope or "decoder"):
        limit = _checked_limit(maximum_iterations)
        if isinstance(decoder, Decoder):
            finished, inputs, state = decoder.initialize()
        else:
            given = kwargs.get("decoder_init_kwargs", {})
            finished, inputs, state = decoder.initialize(kwargs.get("decoder_init_input"), **given)
        finished = tf.convert_to_tensor(finished, tf.bool)
        inputs, state = _as_tensors((inputs, state))
        if limit is not None:
            finished |= limit <= 0
        if enable_tflite_convertible:
            check(limit is not None, "maximum_iterations", None, "given with enable_tflite_convertible=True")
            message = "the batch size must be 1 with enable_tflite_convertible=True"
            tf.debugging.assert_equal(decoder.batch_size, 1, message)
        arrays = _arrays(decoder, limit if enable_tflite_convertible else None)

        def unfinished(*loop: Any) -> Tensor:
            return ~tf.reduce_all(Loop(*loop).finished)

        def step(*loop: Any) -> Loop:
            return _next(decoder, Loop(*loop), training, impute_finished, enable_tflite_convertible)

        first = Loop(tf.constant(0), arrays, state, inputs, finished, tf.zeros_like(finished, tf.int32))
        options = {"parallel_iterations": parallel_iterations, "swap_memory": swap_memory}
        try:
            last = Loop(*tf.while_loop(unfinished, step, first, maximum_iterations=limit, **options))
        finally:
            forget_masks(getattr(decoder, "cell", None))
        outputs = tf.nest.map_structure(lambda array: array.stack(), last.arrays)
        try:
            outputs, state = decoder.finalize(outputs, last.state, last.lengths)
        except NotImplementedError:
            state = last.state
        if not output_time_major:
            if enable_tflite_convertible:
                outputs = tf.nest.map_structure(lambda each: each[:, tf.newaxis], outputs)
            outputs = tf.nest.map_structure(time_major, outputs)  # exchanges the first two axes
        return outputs, state, last.lengths


def _checked_limit(maximum_iterations: Scalar | None) -> Tensor | None:
    """Return the maximum number of steps as a tensor."""
    if maximum_iterations is None:
        return None
    limit = tf.cast(tf.convert_to_tensor(maximum_iterations), tf.int32)
    check(limit.shape.rank == 0, "maximum_iterations", Verbatim(f"shape {limit.shape}"), "a scalar")
    known = tf.get_static_value(limit)
    check(known is None or known > 0, "maximum_iterations", maximum_iterations, "a positive integer")
    if known is None:
        tf.debugging.assert_positive(limit, "maximum_iterations must be a positive integer.")
    return limit


def _as_tensors(structure: NestedTensors) -> NestedTensors:
    return tf.nest.map_structure(lambda each: each if is_array(each) else tf.convert_to_tensor(each), structure)


def _arrays(decoder: Decoder | keras.Layer, size: Tensor | None) -> NestedTensors:
    """Return arrays for the outputs of a decoder, which grow unless a size is given. Then, their elements are flat."""
    batch_size = decoder.batch_size
    batch_size = tf.get_static_value(batch_size) if tf.is_tensor(batch_size) else batch_size

    def array(shape: Any, dtype: tf.DType) -> tf.TensorArray:
        shape = tf.TensorShape(shape)
        if size is not None:
            return tf.TensorArray(dtype, size, element_shape=[shape.num_elements()])
        whole = tf.TensorShape([batch_size]).concatenate(shape)
        return tf.TensorArray(dtype, 0, dynamic_size=True, element_shape=whole)

    return tf.nest.map_structure(array, decoder.output_size, decoder.output_dtype)


def _next(decoder: Decoder | keras.Layer, loop: Loop, training: bool | None, impute: bool, flat: bool) -> Loop:
    """Return the variables of the loop after one step."""
    outputs, state, inputs, ended = decoder.step(loop.time, loop.inputs, loop.state, training)
    for before, after in ((loop.state, state), (loop.arrays, outputs), (loop.inputs, inputs)):
        tf.nest.assert_same_structure(before, after)
    finished = ended if decoder.tracks_own_finished else ended | loop.finished
    known = getattr(state, "lengths", None) if decoder.tracks_own_finished else None
    lengths = tf.where(loop.finished, loop.lengths, loop.time + 1) if known is None else tf.cast(known, tf.int32)
    if impute:
        outputs = tf.nest.map_structure(lambda each: _unless(loop.finished, each, tf.zeros_like(each)), outputs)
        state = tf.nest.map_structure(lambda old, new: _unless(loop.finished, new, old), loop.state, state)
    if flat:
        outputs = tf.nest.map_structure(lambda each: tf.reshape(each, [-1]), outputs)
    arrays = tf.nest.map_structure(lambda array, each: array.write(loop.time, each), loop.arrays, outputs)
    state, inputs = (tf.nest.map_structure(_with_shape, *each) for each in ((loop.state, state), (loop.inputs, inputs)))
    return Loop(loop.time + 1, arrays, state, inputs, finished, lengths)


def _unless(finished: Tensor, new: Any, old: Any) -> Any:
    """Return the new values of the sequences that have not ended. Arrays and scalars belong to all sequences."""
    if is_array(new) or new.shape.rank == 0:
        return new
    return where_rows(finished, old, new)


def _with_shape(old: Any, new: Any) -> Any:
    """Return a new tensor with the shape of the old one, which a loop requires."""
    if is_array(new):
        return new
    new = tf.convert_to_tensor(new)
    new.set_shape(old.shape)
    return new

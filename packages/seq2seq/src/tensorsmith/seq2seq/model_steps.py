"""Steps of models for `decode` and `stream`."""

import inspect
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Tensor
from tensorsmith.seq2seq._support.types import InitialState, State, Step


def recurrent_step(model: keras.Model) -> tuple[Step, InitialState]:
    """Return the step of a recurrent language model, whose state is that of its recurrent layers.

    The step uses the cells of the recurrent layers, with the weights of the model, which itself may be stateful. All
    other layers must process each step separately, such as embeddings, dense layers, normalization and dropout. Tokens
    that the model masks do not change the state, and their logits are meaningless.

    Args:
        model: Chain of layers that maps tokens of shape `(batch, steps)` to logits of shape `(batch, steps,
            vocabulary)`, with recurrent layers that return sequences.

    Returns:
        The function `step` for `decode`, and a function that returns the initial state for a batch size.

    Raises:
        ValueError: If the model is not a chain of layers, or a recurrent layer reads the sequence backwards.

    Example:
        >>> import keras
        >>> from tensorsmith.seq2seq import decode, recurrent_step
        >>> layers = keras.layers.Embedding(9, 4), keras.layers.GRU(5, return_sequences=True), keras.layers.Dense(9)
        >>> step, initial_state = recurrent_step(keras.Sequential([keras.Input((None,)), *layers]))
        >>> decode(step, initial_state(2), prompt=[[1, 3], [2, 5]], length=6).tokens.shape.as_list()
        [2, 6]
    """
    layers = _chain(model)
    recurrent = [layer for layer in layers if _is_recurrent(layer)]

    def step(tokens: Tensor, state: State) -> tuple[Tensor, State]:
        x, mask, states = tokens[:, tf.newaxis], None, list(state)
        for layer in layers:
            if layer in recurrent:
                position = recurrent.index(layer)
                x, states[position] = _cell_step(layer, x, states[position], mask)
            elif isinstance(layer, keras.layers.Dense):  # products of matrices are faster with two axes than with three
                x = layer(tf.squeeze(x, 1))[:, tf.newaxis]
            else:
                mask = layer.compute_mask(x, mask)
                x = layer(x, training=False) if _takes_training(layer) else layer(x)
        return tf.squeeze(x, 1), tuple(states)

    def initial_state(batch_size: int) -> State:
        return tuple(list(layer.get_initial_state(batch_size)) for layer in recurrent)

    return step, initial_state


def window_step(model: keras.Model) -> tuple[Step, InitialState]:
    """Return the step of a causal language model without states, which reads its context window again at each step.

    The context window contains the last tokens, as many as the model reads.

    Args:
        model: Model that maps tokens of shape `(batch, context)` to logits of shape `(batch, context, vocabulary)`,
            which depend on the tokens of the same and of earlier positions only, such as a Transformer with causal
            attention.

    Returns:
        The function `step` for `decode`, and a function that returns the initial state for a batch size.

    Raises:
        ValueError: If the model does not have a single input of a known number of steps.

    Example:
        >>> import keras
        >>> from tensorsmith.seq2seq import decode, window_step
        >>> tokens = keras.Input((8,), dtype="int32")
        >>> model = keras.Model(tokens, keras.layers.Dense(9)(keras.layers.Embedding(9, 4)(tokens)))
        >>> step, initial_state = window_step(model)
        >>> decode(step, initial_state(1), prompt=[[1, 3]], length=20).tokens.shape.as_list()
        [1, 20]
    """
    shape: Any = getattr(model, "input_shape", None)
    known = isinstance(shape, tuple) and len(shape) == 2 and shape[1] is not None
    check(known, "model", Verbatim(f"a model with input shape {shape}"), "a model with input shape (batch, context)")
    context = shape[1]

    def step(tokens: Tensor, state: State) -> tuple[Tensor, State]:
        window, count = state
        # Until the context window is full, the tokens are at its start, as attention does not read later positions.
        window = tf.where(count[:, tf.newaxis] < context, window, tf.roll(window, -1, axis=1))
        position = tf.minimum(count, context - 1)
        window = tf.where(tf.range(context) == position[:, tf.newaxis], tokens[:, tf.newaxis], window)
        return tf.gather(model(window, training=False), position, batch_dims=1), (window, count + 1)

    def initial_state(batch_size: int) -> State:
        return tf.zeros([batch_size, context], tf.int32), tf.zeros([batch_size], tf.int32)

    return step, initial_state


def _chain(model: keras.Model) -> list[keras.Layer]:
    """Return the layers of a model, each of which receives the first output of the layer before."""
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    remedy = "write a function step(tokens, state) for other models"
    received = Verbatim(f"{model.name}, which is not a chain")
    check(
        isinstance(model, keras.Sequential) or _is_chain(model, layers), "model", received, "a chain of layers", remedy
    )
    return layers


def _is_chain(model: keras.Model, layers: list[keras.Layer]) -> bool:
    """Return `True` if the layers of a functional model are connected one after another."""
    tensors: list[Any] = list(getattr(model, "inputs", None) or [])
    if len(tensors) != 1:
        return False
    for layer in layers:
        try:
            if keras.tree.flatten(layer.input)[0] is not tensors[0]:  # a mask may follow
                return False
            tensors = keras.tree.flatten(layer.output)
        except AttributeError:  # the layer is called several times
            return False
    return tensors[0] is model.outputs[0]


def _is_recurrent(layer: keras.Layer) -> bool:
    """Return `True` for a recurrent layer.

    Raises:
        ValueError: If it reads the sequence backwards.
    """
    if isinstance(layer, keras.layers.Bidirectional):
        check(False, "model", Verbatim(f"a model with {layer.name}"), "a model without bidirectional layers")
    if not isinstance(layer, keras.layers.RNN):
        return False
    check(not layer.go_backwards, "model", Verbatim(f"{layer.name} with go_backwards"), "a model that reads forwards")
    return True


def _cell_step(layer: keras.layers.RNN, x: Tensor, state: State, mask: Tensor | None) -> tuple[Tensor, State]:
    """Return the output of a recurrent layer for a single step, and its new state, which is the old one if masked.

    For a single step, the cell is faster than the compiled kernels of layers, which prepare the weights for many steps.
    """
    output, new = layer.cell(tf.squeeze(x, 1), state, training=False)
    before, after = tf.nest.flatten(state), tf.nest.flatten(new)
    if mask is not None:
        after = [tf.where(mask, *pair) for pair in zip(after, before, strict=True)]
    return output[:, tf.newaxis], tf.nest.pack_sequence_as(state, after)


def _takes_training(layer: keras.Layer) -> bool:
    """Return `True` if the method `call` of a layer has an argument `training`."""
    return "training" in inspect.signature(layer.call).parameters

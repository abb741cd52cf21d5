"""Cells with attention: steps in NumPy, states, recurrent layers, configs and errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import layers
from tensorsmith.seq2seq import (
    AttentionWrapper,
    AttentionWrapperState,
    BahdanauAttention,
    BasicDecoder,
    LuongAttention,
    TrainingSampler,
)
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
MEMORY = RNG.normal(size=(2, 5, 3)).astype("float32")
X = RNG.normal(size=(2, 7, 4)).astype("float32")


def wrapped(cell=None, mechanism=None, **options):
    return AttentionWrapper(cell or keras.layers.LSTMCell(6), mechanism or LuongAttention(6, MEMORY), **options)


@keras.saving.register_keras_serializable("test")
def summed(inputs, attention):
    return tf.concat([inputs, 2 * attention], -1)


@keras.saving.register_keras_serializable("test")
def halved(mechanism, output, state, layer):
    alignments, state = mechanism([output, state])
    return 0.5 * tf.einsum("bt,btf->bf", alignments, mechanism.values), alignments, state


@pytest.mark.parametrize("output_attention", [True, False])
def test_step_in_numpy(output_attention):
    cell = keras.layers.SimpleRNNCell(6)
    wrapper = wrapped(cell, attention_layer_size=4, output_attention=output_attention)
    state = wrapper.get_initial_state(batch_size=2)._replace(attention=RNG.normal(size=(2, 4)).astype("float32"))
    found, new = wrapper(X[:, 0], state)
    kernel, recurrent, bias = cell.get_weights()
    output = np.tanh(np.concatenate([X[:, 0], state.attention], -1) @ kernel + bias)
    keys = MEMORY @ wrapper.attention_mechanisms[0].memory_layer.get_weights()[0]
    scores = np.exp(np.einsum("bu,btu->bt", output, keys))
    alignments = scores / scores.sum(-1, keepdims=True)
    context = np.einsum("bt,btf->bf", alignments, MEMORY)
    attention = np.concatenate([output, context], -1) @ wrapper.attention_layers[0].get_weights()[0]
    np.testing.assert_allclose(found, attention if output_attention else output, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(new.alignments, alignments, rtol=1e-5)
    np.testing.assert_allclose(new.attention, attention, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(new.cell_state[0], output, rtol=1e-5, atol=1e-6)


CELLS = [
    pytest.param(keras.layers.LSTMCell, marks=pytest.mark.slow),
    keras.layers.GRUCell,
    pytest.param(layers.NASCell, marks=pytest.mark.slow),
    lambda units: keras.layers.StackedRNNCells([keras.layers.GRUCell(units), keras.layers.LSTMCell(units)]),
]


@pytest.mark.parametrize("make", CELLS, ids=["LSTM", "GRU", "NAS", "stacked"])
def test_recurrent_layer_equals_steps(make):
    wrapper = wrapped(make(6), [LuongAttention(6, MEMORY), BahdanauAttention(3, MEMORY[:, :4])])
    layer = keras.layers.RNN(wrapper, return_sequences=True, return_state=True)
    outputs, *state = layer(X)
    assert outputs.shape == (2, 7, wrapper.output_size) == (2, 7, 6)
    expected = wrapper.get_initial_state(inputs=X[:, 0])
    for time in range(7):
        output, expected = wrapper(X[:, time], expected)
        np.testing.assert_allclose(outputs[:, time], output, rtol=1e-5, atol=1e-6)
    for one, other in zip(tf.nest.flatten(state), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    given = wrapper.get_initial_state(batch_size=2)
    np.testing.assert_allclose(layer(X, initial_state=given)[0], outputs, rtol=1e-6)
    masked = layer(X, mask=np.array([[True] * 7, [True] * 3 + [False] * 4]))
    np.testing.assert_allclose(masked[0][1, 6], outputs[1, 2], rtol=1e-6)


def test_alignment_history():
    """It contains the alignments of all steps, also of a wrapper inside of stacked cells and in a graph."""
    wrapper = wrapped(mechanism=[LuongAttention(6, MEMORY), BahdanauAttention(3, MEMORY)], alignment_history=True)
    state = wrapper.get_initial_state(batch_size=2)
    expected = []
    for time in range(3):
        _, state = wrapper(X[:, time], state)
        expected.append(state.alignments)
    for history, alignments in zip(state.alignment_history, zip(*expected, strict=True), strict=True):
        np.testing.assert_array_equal(history.stack(), alignments)
    stacked = keras.layers.StackedRNNCells([wrapper, keras.layers.GRUCell(2)])
    decoder = BasicDecoder(stacked, TrainingSampler())

    @tf.function
    def decoded(x):
        _, state, _ = decoder(x)
        return [history.stack() for history in state[0].alignment_history]

    for history, alignments in zip(decoded(X[:, :3]), zip(*expected, strict=True), strict=True):
        np.testing.assert_allclose(history, alignments, rtol=1e-6)


def test_clone():
    state = wrapped().get_initial_state(batch_size=2)
    ones, twos = tf.ones((2, 6)), tf.fill((2, 6), 2.0)
    changed = state.clone(cell_state=(ones, twos))
    assert type(changed.cell_state) is list
    np.testing.assert_array_equal(changed.cell_state[1], twos)
    assert changed.attention is state.attention
    gru = wrapped(keras.layers.GRUCell(6)).get_initial_state(batch_size=2)
    np.testing.assert_array_equal(gru.clone(cell_state=ones).cell_state[0], ones)
    with raises_argument_error("cell_state", expected="a structure of 2 tensors"):
        state.clone(cell_state=ones)
    with raises_argument_error("attention", received="(2, 4)", expected="have shape (2, 3)"):
        state.clone(attention=tf.ones((2, 4)))
    with raises_argument_error("clone", received="memory"):
        state.clone(memory=ones)

    @tf.function(input_signature=[tf.TensorSpec([None, 6])])
    def cloned(h):
        return state.clone(cell_state=[h, h]).cell_state[0]

    np.testing.assert_array_equal(cloned(ones), ones)
    with pytest.raises(tf.errors.InvalidArgumentError, match="cell_state must have the shape"):
        cloned(ones[:1])


@pytest.mark.parametrize("memory", [True, False])
def test_config(memory):
    """Weights are restored with those of the parts, before and after the memory of the copy is set up."""
    options = {"attention_layer": [keras.layers.Dense(4, "tanh"), keras.layers.Dense(2)], "cell_input_fn": summed}
    mechanisms = [LuongAttention(6, MEMORY, scale=True), BahdanauAttention(3, MEMORY)]
    wrapper = wrapped(mechanism=mechanisms, alignment_history=True, name="attentive", **options)
    wrapper(X[:, 0], wrapper.get_initial_state(batch_size=2))
    config = keras.saving.serialize_keras_object(wrapper)
    copy = keras.saving.deserialize_keras_object(config)
    assert keras.saving.serialize_keras_object(copy) == config
    if memory:
        for mechanism in copy.attention_mechanisms:
            mechanism.setup_memory(MEMORY)
    copy.set_weights(wrapper.get_weights())
    for mechanism in copy.attention_mechanisms:
        mechanism.setup_memory(MEMORY)
    expected, found = (each(X[:, 0], each.get_initial_state(batch_size=2)) for each in (wrapper, copy))
    for one, other in zip(tf.nest.flatten(expected[1][:3]), tf.nest.flatten(found[1][:3]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_function_for_the_attention():
    wrapper = wrapped(attention_fn=halved)
    plain = wrapped(wrapper.cell, wrapper.attention_mechanisms[0])
    state = wrapper.get_initial_state(batch_size=2)
    np.testing.assert_allclose(wrapper(X[:, 0], state)[0], plain(X[:, 0], state)[0] / 2, rtol=1e-6)
    copy = AttentionWrapper.from_config(wrapper.get_config())
    assert copy.attention_fn is halved


def test_initial_cell_state():
    given = [tf.ones((2, 6)), tf.zeros((2, 6))]
    wrapper = wrapped(initial_cell_state=given)
    np.testing.assert_array_equal(wrapper.get_initial_state(batch_size=2).cell_state, given)
    with raises_argument_error("initial_cell_state", expected="batch size of the memory", remedy="tile_batch"):
        wrapped(initial_cell_state=[tf.ones((3, 6))] * 2)


def test_order_of_weights():
    wrapper = wrapped(mechanism=BahdanauAttention(3, MEMORY), attention_layer_size=4)
    wrapper(X[:, 0], wrapper.get_initial_state(batch_size=2))
    shapes = [weight.shape for weight in wrapper.weights]
    assert shapes == [(9, 4), (8, 24), (6, 24), (24,), (3,), (6, 3), (3, 3)]


def test_sizes():
    mechanism = LuongAttention(6)
    wrapper = wrapped(mechanism=mechanism)
    assert (wrapper.attention_size, wrapper.output_size) == (None, None)
    assert wrapped(mechanism=mechanism, output_attention=False).output_size == 6
    mechanism.setup_memory(MEMORY)
    assert wrapper.state_size == AttentionWrapperState([6, 6], 3, 5, (), 5)
    assert wrapped(mechanism=[mechanism] * 2, attention_layer_size=[4, 1]).state_size.attention == 5


def graph_call(batch):
    """Call a cell whose memory has another batch size, which is only known at run time."""
    mechanism = LuongAttention(6)
    wrapper = wrapped(mechanism=mechanism)
    mechanism.setup_memory(MEMORY)
    wrapper.build((None, 4))

    @tf.function(input_signature=[tf.TensorSpec([None, 4])])
    def step(x):
        return wrapper(x, wrapper.get_initial_state(batch_size=tf.shape(x)[0], dtype="float32"))[0]

    return step(tf.ones((batch, 4)))


@pytest.mark.slow
def test_batch_size_at_run_time():
    assert graph_call(2).shape == (2, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="batch size of the memory"):
        graph_call(3)


@pytest.mark.parametrize(
    ("call", "name", "expected"),
    [
        (lambda: AttentionWrapper(keras.layers.LSTM(6), LuongAttention(6)), "cell", "a recurrent cell"),
        (lambda: AttentionWrapper(keras.layers.LSTMCell(6), []), "attention_mechanism", "an AttentionMechanism"),
        (lambda: wrapped(mechanism="luong"), "attention_mechanism", "an AttentionMechanism"),
        (lambda: wrapped(attention_layer_size=[4, 4]), "attention_layer_size", "a list of 1 positive integers"),
        (
            lambda: wrapped(attention_layer_size=4, attention_layer=keras.layers.Dense(4)),
            "attention_layer",
            "None if there is",
        ),
        (lambda: wrapped(mechanism=LuongAttention(6)).get_initial_state(batch_size=2), "memory", "set up before"),
        (lambda: wrapped().get_initial_state(), "batch_size", "given if there are no `inputs`"),
        (lambda: wrapped().get_initial_state(batch_size=6), "batch_size", "batch size of the memory"),
        (lambda: wrapped()(X[:, 0], [tf.zeros((2, 6))]), "state", "an AttentionWrapperState"),
        (
            lambda: wrapped()(tf.zeros((4, 4)), wrapped().get_initial_state(batch_size=2)),
            "inputs",
            "batch size of the memory",
        ),
        (
            lambda: wrapped()(
                X[:, 0], wrapped(mechanism=LuongAttention(6, MEMORY[:1])).get_initial_state(batch_size=1)
            ),
            "state",
            "batch size of the inputs",
        ),
        (lambda: wrapped(cell_input_fn=lambda x, a: x).get_config(), "cell_input_fn", "not be a lambda expression"),
        (
            lambda: wrapped(initial_cell_state=[keras.Input((6,))] * 2),
            "initial_cell_state",
            "a tensor with values",
        ),
    ],
)
def test_errors(call, name, expected):
    with raises_argument_error(name, expected=expected):
        call()

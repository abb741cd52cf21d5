"""Tests of recurrent layers against those of Keras, and against NumPy loops where Keras has no such layer."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import layers, ops
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 7, 4)).astype("float32")
MASK = np.array([[1] * 7, [1, 1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 1, 1], [0] * 7, [1, 0, 1, 0, 1, 0, 1]], bool)
DROP_IN = {"LSTM": 2, "GRU": 1, "SimpleRNN": 1}  # number of states
ADDED = {"PeepholeLSTM": 2, "LayerNormLSTM": 2, "LayerNormSimpleRNN": 1}
STATES = DROP_IN | ADDED
FEW = [pytest.param(name, marks=() if name == "PeepholeLSTM" else pytest.mark.slow) for name in STATES]
KERNELS = {"LSTM": "Lstm", "PeepholeLSTM": "Lstm", "GRU": "Gru", "LayerNormLSTM": "LayerNormLstm"}


def drawn(layer, scale=0.5):
    """Returns the built layer with random weights."""
    layer.build(X.shape)
    rng = np.random.default_rng(1)
    layer.set_weights([scale * rng.normal(size=weight.shape) for weight in layer.weights])
    return layer


def pair(name, **kwargs):
    """Returns our layer and that of Keras with the same weights."""
    ours, theirs = (getattr(position, name)(**{"units": 3, **kwargs}) for position in (layers, keras.layers))
    drawn(theirs), ours.build(X.shape)
    assert [weight.name for weight in ours.weights] == [weight.name for weight in theirs.weights]
    ours.set_weights(theirs.get_weights())
    return ours, theirs


def states_of(name):
    """Returns random initial states."""
    return [
        tf.constant(0.5 * np.random.default_rng(2 + i).normal(size=(5, 3)), tf.float32) for i in range(STATES[name])
    ]


def differentiated(layer, **call):
    """Returns the outputs, and the gradients with respect to weights and inputs."""
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = keras.tree.flatten(layer(x, **call))
        rng = np.random.default_rng(3)
        total = tf.add_n([tf.reduce_sum(tf.constant(rng.normal(size=y.shape), y.dtype) * y) for y in outputs])
    watched = [x, *(weight.value for weight in layer.trainable_weights)]
    return [*outputs, *tape.gradient(total, watched)]


def expect_same(first, second, tolerance=1e-5):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


ASKED = {"return_sequences": True, "return_state": True}
CASES = [
    ({}, {}),
    (ASKED, {}),
    ({"use_bias": False, "return_state": True}, {"mask": MASK}),
    (ASKED, {"mask": MASK}),
    (ASKED, {"mask": MASK, "initial_state": True}),
    ({**ASKED, "go_backwards": True}, {"mask": MASK, "initial_state": True}),
    ({**ASKED, "zero_output_for_mask": True}, {"mask": MASK}),
    ({**ASKED, "zero_output_for_mask": True, "go_backwards": True}, {"mask": MASK}),
    ({"zero_output_for_mask": True}, {"mask": MASK}),
    ({**ASKED, "unroll": True}, {"mask": MASK}),
    ({**ASKED, "dropout": 0.4, "seed": 3}, {"training": True, "mask": MASK}),
    ({**ASKED, "dropout": 0.4, "seed": 3}, {"training": False}),
    ({**ASKED, "activation": "softsign"}, {"mask": MASK}),
]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("name", DROP_IN)
def test_matches_keras(name, case):
    kwargs, call = case
    if "initial_state" in call:
        call = {**call, "initial_state": states_of(name)}
    ours, theirs = pair(name, **kwargs)
    expect_same(differentiated(ours, **call), differentiated(theirs, **call))


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        ("GRU", {"reset_after": False}),
        ("GRU", {"recurrent_activation": "hard_sigmoid"}),
        ("LSTM", {"recurrent_activation": "hard_sigmoid", "unit_forget_bias": False}),
        ("SimpleRNN", {"recurrent_dropout": 0.4, "dropout": 0.2, "seed": 3}),
    ],
    ids=str,
)
def test_layer_specific_arguments_match_keras(name, kwargs):
    ours, theirs = pair(name, **ASKED, **kwargs)
    call = {"mask": MASK, "training": True}
    expect_same(differentiated(ours, **call), differentiated(theirs, **call))


@pytest.mark.parametrize("name", DROP_IN)
def test_config_matches_keras(name):
    ours, theirs = pair(name, dropout=0.1, recurrent_dropout=0.2, stateful=True, go_backwards=True, seed=4)
    config = theirs.get_config() | {"name": ours.name, "seed": 4}  # Keras omits the seed of SimpleRNN
    assert ours.get_config() == config
    assert isinstance(ours, getattr(keras.layers, name))
    assert getattr(layers, name)(3, "softsign").activation is keras.activations.softsign  # by position


@pytest.mark.parametrize("name", DROP_IN)
def test_stateful(name):
    ours, theirs = pair(name, stateful=True, return_sequences=True)
    for _ in range(3):
        expect_same([ours(X)], [theirs(X)])
    first = ours(X).numpy()
    ours.reset_state(), theirs.reset_state()
    again = ours(X).numpy()
    expect_same([again], [theirs(X)])
    assert np.abs(first - again).max() > 0.01


@pytest.mark.parametrize("name", STATES)
def test_bidirectional_with_masks(name):
    def model(position):
        keras.utils.set_random_seed(0)
        recurrent = getattr(position, name)
        return keras.Sequential(
            [
                keras.layers.Embedding(9, 4, mask_zero=True),
                keras.layers.Bidirectional(recurrent(3, return_sequences=True)),
                recurrent(2),
            ]
        )

    words = RNG.integers(0, 9, (6, 8))
    words[:, 5:] = 0
    with ops.use("reference"):
        expected = model(keras.layers if name in DROP_IN else layers)(words)
    expect_same([model(layers)(words)], [expected])


@pytest.mark.parametrize("name", ADDED)
def test_argument_attributes(name):
    layer = getattr(layers, name)(3, dropout=0.1, recurrent_dropout=0.2, use_bias=False)
    assert (layer.units, layer.dropout, layer.recurrent_dropout, layer.use_bias) == (3, 0.1, 0.2, False)
    assert layer.activation is keras.activations.tanh
    assert hasattr(layer, "recurrent_activation") == name.endswith("LSTM")


@pytest.mark.skipif(not ops.active(), reason="compiled kernels are off here")
@pytest.mark.parametrize("name", FEW)
def test_kernel_is_used(name):
    kernel = f"Tensorsmith{KERNELS.get(name, 'SimpleRnn')}"

    def types(layer, **function):
        graph = tf.function(layer, **function).get_concrete_function(tf.TensorSpec([None, None, 4])).graph
        return {operation.type for operation in graph.get_operations()}

    assert kernel in types(getattr(layers, name)(3, unroll=False))
    assert kernel not in types(getattr(layers, name)(3, activation="softsign"))
    assert kernel not in types(getattr(layers, name)(3, dtype="float64"))
    with ops.use("reference"):
        assert kernel not in types(getattr(layers, name)(3))


@pytest.mark.skipif(not ops.active(), reason="compiled kernels are off here")
@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_kernel_is_used_with_padding(name):
    """Masks of embeddings and explicit masks, whose padding is only known at run time, keep the kernel."""
    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(9, 4, mask_zero=True)(tokens)
    x = keras.layers.Bidirectional(getattr(layers, name)(3, return_sequences=True))(x)
    x = getattr(layers, name)(2)(x, mask=keras.ops.not_equal(tokens, 0))
    model = keras.Model(tokens, x)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def train(tokens):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(tokens, training=True))
        return tape.gradient(loss, model.trainable_variables)

    types = [operation.type for operation in train.get_concrete_function().graph.get_operations()]
    assert types.count(f"Tensorsmith{KERNELS[name]}") == 3  # forwards, backwards, and the second layer
    assert types.count(f"Tensorsmith{KERNELS[name]}Grad") == 3
    assert not {"While", "StatelessWhile", "TensorListReserve"} & {*types}  # the loop of the reference implementation


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", FEW)
def test_half_precision_is_computed_in_float32(name, half):
    full, mixed = (
        drawn(getattr(layers, name)(3, return_sequences=True, return_state=True, dtype=dtype))
        for dtype in ("float32", f"mixed_{half}")
    )
    for one, other in zip(full(X, mask=MASK), mixed(X, mask=MASK), strict=True):
        assert other.dtype == half
        np.testing.assert_allclose(one, tf.cast(other, "float32"), atol=3e-3 if half == "float16" else 3e-2)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def normalized(x, epsilon):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)


def peephole_step(x, h, c, w):
    i, f, g, o = np.split(x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"], 4, axis=-1)
    p_i, p_f, p_o = (w[f"{gate}_gate_peephole_weights"] for gate in ("input", "forget", "output"))
    c_new = sigmoid(f + p_f * c) * c + sigmoid(i + p_i * c) * np.tanh(g)
    return sigmoid(o + p_o * c_new) * np.tanh(c_new), c_new


def layer_norm_step(x, h, c, w):
    def norm(value, name):
        return w[f"{name}_norm/gamma"] * normalized(value, 1e-3) + w[f"{name}_norm/beta"]

    z = norm(x @ w["kernel"], "kernel") + norm(h @ w["recurrent_kernel"], "recurrent") + w["bias"]
    i, f, g, o = np.split(z, 4, axis=-1)
    c = norm(sigmoid(f) * c + sigmoid(i) * np.tanh(g), "state")
    return sigmoid(o) * np.tanh(c), c


def layer_norm_simple_step(x, h, w):
    z = normalized(x @ w["kernel"] + h @ w["recurrent_kernel"], 1e-5)
    return (np.tanh(w["layer_normalization/gamma"] * z + w["bias"]),)


STEPS = {"PeepholeLSTM": peephole_step, "LayerNormLSTM": layer_norm_step, "LayerNormSimpleRNN": layer_norm_simple_step}


def in_numpy(layer, step, mask, states):
    """Returns all outputs and the final states, step by step in float64."""
    weights = {}
    for weight in layer.weights:
        *_, owner, name = weight.path.split("/")
        weights[name if owner.endswith("cell") else f"{owner.rstrip('_0123456789')}/{name}"] = np.array(
            weight.value, "float64"
        )
    states = [np.array(state, "float64") for state in states]
    outputs, shown = [], 0 * states[0]
    order = reversed(range(7)) if layer.go_backwards else range(7)
    for t in order:
        seen = mask[:, t, np.newaxis]
        after = step(X[:, t].astype("float64"), *states, weights)
        states = [np.where(seen, new, old) for new, old in zip(after, states, strict=True)]
        shown = np.where(seen, after[0], shown)
        outputs.append(shown)
    return [np.stack(outputs, axis=1), *states]


@pytest.mark.parametrize("name", ADDED)
def test_matches_numpy(name):
    layer = drawn(getattr(layers, name)(3, go_backwards=True, **ASKED))
    states = states_of(name)
    found = layer(X, mask=MASK, initial_state=states)
    expect_same(found, in_numpy(layer, STEPS[name], MASK, states), 2e-5)


@pytest.mark.parametrize(
    ("kwargs", "call"),
    [
        ({}, {}),
        ({"use_bias": False, "zero_output_for_mask": True}, {"mask": MASK}),
        ({"dropout": 0.3, "recurrent_dropout": 0.4, "seed": 3, "go_backwards": True}, {"training": True}),
        ({"stateful": True}, {"mask": MASK}),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ADDED)
def test_kernel_matches_cell_loop(name, kwargs, call):
    def run():
        layer = drawn(getattr(layers, name)(3, **ASKED, **kwargs))
        layer(X, **call)
        return differentiated(layer, **call)

    ours = run()
    with ops.use("reference"):
        expect_same(ours, run(), 5e-5)


@pytest.mark.skipif(not ops.active(), reason="compiled kernels are off here")  # Keras uses one mask per gate
@pytest.mark.parametrize("name", ["LSTM", "GRU", "PeepholeLSTM"])
def test_recurrent_dropout_mask_is_shared(name):
    """A network with one unit has two possible outputs.

    The unit is either dropped before the recurrent product, or doubled.
    """
    kwargs = {"units": 1, "recurrent_dropout": 0.5, "seed": 2}
    layer = drawn(getattr(layers, name)(**kwargs))
    x = np.repeat(X[:1], 2000, axis=0)
    found = layer(x, training=True).numpy()[:, 0]
    still = drawn(getattr(layers, name)(1))
    values = []
    for factor in (0, 2):
        weights = {weight.name: weight for weight in layer.weights}
        still.set_weights(
            [np.array(w.value) * (factor if w.name == "recurrent_kernel" else 1) for w in weights.values()]
        )
        values.append(still(X[:1]).numpy()[0, 0])
    dropped, kept = (np.isclose(found, value, atol=1e-6) for value in values)
    assert (dropped ^ kept).all()
    assert abs(dropped.mean() - 0.5) < 5 * 0.5 / np.sqrt(2000)


@pytest.mark.parametrize("name", STATES)
def test_ragged_sequences(name):
    """They are refused. With padding and a mask, each sequence has the result that it has alone."""
    layer, ragged = drawn(getattr(layers, name)(3)), tf.RaggedTensor.from_tensor(X, lengths=[7, 2, 4, 1, 6])
    with raises_argument_error("sequences"):
        layer(ragged)
    outputs = layer(ragged.to_tensor(), mask=tf.sequence_mask(ragged.row_lengths()))
    for output, sequence in zip(outputs, ragged, strict=True):
        np.testing.assert_allclose(output, layer(sequence[tf.newaxis])[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ADDED)
def test_unknown_arguments(name):
    with pytest.raises((ValueError, TypeError), match="reset_after"):
        getattr(layers, name)(3, reset_after=True)


@pytest.mark.parametrize("name", ["IndRNNCell", "LayerNormLSTMCell", "LayerNormSimpleRNNCell"])
def test_numpy_scalars_that_cells_pass_on_to_keras(name):
    cell = getattr(layers, name)(3, seed=np.int64(3), dropout=np.float32(0.5), recurrent_dropout=np.float32(0.25))
    config = json.loads(json.dumps(cell.get_config()))
    assert (config["seed"], config["dropout"], config["recurrent_dropout"]) == (3, 0.5, 0.25)


def test_weights_of_shared_initializer_differ():
    peephole = layers.PeepholeLSTM(4)
    normalized = layers.LayerNormLSTM(4, norm_gamma_initializer="random_normal")
    for layer in (peephole, normalized):
        layer.build((None, 3, 2))
    drawn = [*peephole.cell.peepholes, normalized.cell.kernel_norm.gamma, normalized.cell.recurrent_norm.gamma]
    values = [tuple(np.array(weight).ravel()) for weight in drawn]
    assert len(set(values)) == len(values)

"""Attention mechanisms: formulas, masks, memories, random noise, saved models and errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.seq2seq import (
    AttentionMechanism,
    BahdanauAttention,
    BahdanauMonotonicAttention,
    LuongAttention,
    LuongMonotonicAttention,
    monotonic_attention,
    safe_cumprod,
)
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
BATCH, POSITIONS, FEATURES, UNITS = 3, 5, 2, 4
MEMORY = RNG.normal(size=(BATCH, POSITIONS, FEATURES)).astype("float32")
QUERY = RNG.normal(size=(BATCH, UNITS)).astype("float32")
LENGTHS = np.array([5, 1, 3])
MASK = np.arange(POSITIONS) < LENGTHS[:, None]
MECHANISMS = [LuongAttention, BahdanauAttention, LuongMonotonicAttention, BahdanauMonotonicAttention]
every_mechanism = pytest.mark.parametrize("kind", MECHANISMS)
one_of_them_fast = pytest.mark.parametrize(
    "kind", [LuongAttention, *(pytest.param(kind, marks=pytest.mark.slow) for kind in MECHANISMS[1:])]
)


def alignments(mechanism, query=QUERY, dtype="float32"):
    return mechanism([query, mechanism.initial_state(len(query), dtype)])[0].numpy()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("mode", ["recursive", "parallel", "hard"])
def test_monotonic_attention_by_a_loop(mode, dtype):
    p = RNG.uniform(0.05, 0.95, (4, 7)).round(0 if mode == "hard" else 3)
    previous = np.eye(7)[[0, 2, 6, 3]] if mode == "hard" else RNG.dirichlet(np.ones(7), 4)
    expected, q = np.zeros((4, 7)), np.zeros(4)
    for position in range(7):
        q = (1 - p[:, position - 1] if position else 1) * q + previous[:, position]
        expected[:, position] = p[:, position] * q
    found = monotonic_attention(tf.cast(p, dtype), tf.cast(previous, dtype), mode)
    assert found.dtype == dtype
    tolerance = {"float16": 5e-3, "bfloat16": 3e-2}.get(dtype, 1e-5)
    np.testing.assert_allclose(tf.cast(found, "float64"), expected, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_safe_cumprod(dtype):
    x = tf.cast([[0.5, 0.25, 1.0], [1.0, 0.0, 0.5]], dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        product = safe_cumprod(x, axis=1, exclusive=True)
    np.testing.assert_allclose(tf.cast(product, "float32"), [[1, 0.5, 0.125], [1, 1, 0]], atol=1e-6)
    assert np.isfinite(tape.gradient(product, x).numpy().astype("float32")).all()


@every_mechanism
def test_masks(kind):
    """Lengths, a mask, and the mask that a layer has attached have the same effect: the values there do not matter."""
    attached = keras.layers.Masking()(tf.where(MASK[..., None], MEMORY, 0.0))
    mechanism = kind(UNITS, attached)
    expected = alignments(mechanism)
    assert (expected[~MASK] == 0).all()
    assert expected[MASK].all()
    other = np.where(MASK[..., None], MEMORY, np.nan).astype("float32")
    for bounds in ({"memory_sequence_length": LENGTHS}, {"memory_mask": MASK}):
        mechanism.setup_memory(other, **bounds)
        np.testing.assert_array_equal(alignments(mechanism), expected)
        np.testing.assert_array_equal(mechanism.values, attached)
    mechanism(attached, setup_memory=True)
    np.testing.assert_array_equal(alignments(mechanism), expected)
    values = mechanism([attached, tf.constant(LENGTHS)], setup_memory=True)
    np.testing.assert_array_equal(alignments(mechanism), expected)
    np.testing.assert_array_equal(values, attached)
    for extra in ([other, LENGTHS], [other, MASK], [attached]):
        found, _ = mechanism([QUERY, mechanism.initial_state(BATCH, "float32"), *extra])
        np.testing.assert_array_equal(found, expected)


def test_memory_without_valid_positions():
    """The weights are those of equal scores, and the values are 0."""
    mechanism = LuongAttention(UNITS)
    mechanism.setup_memory(MEMORY, memory_mask=np.zeros((BATCH, POSITIONS), bool))
    np.testing.assert_allclose(alignments(mechanism), np.full((BATCH, POSITIONS), 0.2), rtol=1e-6)
    assert not mechanism.values.numpy().any()


@one_of_them_fast
def test_another_memory(kind):
    """Weights are created once, and a memory replaces the one before."""
    mechanism = kind(UNITS, MEMORY)
    first = alignments(mechanism)
    variables = list(mechanism.variables)
    mechanism.setup_memory(MEMORY[:2, :4])
    assert (mechanism.batch_size, mechanism.alignments_size, mechanism.state_size) == (2, 4, 4)
    assert mechanism.keys.shape == (2, 4, UNITS)
    assert alignments(mechanism, QUERY[:2]).shape == (2, 4)
    mechanism.setup_memory(MEMORY)
    np.testing.assert_array_equal(alignments(mechanism), first)
    assert all(one is other for one, other in zip(variables, mechanism.variables, strict=True))


def test_state_that_is_not_used():
    mechanism = LuongAttention(UNITS, MEMORY)
    np.testing.assert_array_equal(mechanism([QUERY, None])[0], alignments(mechanism))


@pytest.mark.parametrize("kind", [LuongMonotonicAttention, BahdanauMonotonicAttention])
def test_first_alignments_of_monotonic_attention(kind):
    mechanism = kind(UNITS, MEMORY)
    np.testing.assert_array_equal(mechanism.initial_alignments(2, "float16"), [[1, 0, 0, 0, 0]] * 2)
    far = kind(UNITS, MEMORY, score_bias_init=20.0, mode="hard")
    np.testing.assert_array_equal(alignments(far), [[1, 0, 0, 0, 0]] * BATCH)


def test_noise():
    """It depends on the seed and the number of calls, and has the given standard deviation."""

    def probabilities(seed):
        """Return the results of two calls for scores of 0."""
        memory, query = np.zeros((20_000, 1, 2), "float32"), np.zeros((20_000, 4), "float32")
        mechanism = LuongMonotonicAttention(4, memory, sigmoid_noise=0.5, sigmoid_noise_seed=seed)
        return alignments(mechanism, query)[:, 0], alignments(mechanism, query)[:, 0]

    (one, two), (same, _), (other, _) = map(probabilities, (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    noise = [np.log(p / (1 - p)) for p in (one, two, other)]
    np.testing.assert_allclose(np.mean(noise, 1), 0, atol=0.02)
    np.testing.assert_allclose(np.cov(noise), 0.25 * np.eye(3), atol=0.01)


def test_custom_layers():
    """A layer may replace the dense layer for the keys, and the base class needs neither layer."""
    inner = keras.layers.Dense(UNITS, "tanh")
    mechanism = LuongAttention(UNITS, MEMORY, memory_layer=inner)
    np.testing.assert_allclose(mechanism.keys, inner(MEMORY), rtol=1e-6)
    copy = LuongAttention.from_config(mechanism.get_config())
    assert copy.memory_layer.activation is keras.activations.tanh

    class Uniform(AttentionMechanism):
        def _calculate_attention(self, query, state):
            return self.probability_fn(tf.zeros_like(state), state), state

    uniform = Uniform(MEMORY, lambda score, state: tf.nn.softmax(score), memory_sequence_length=LENGTHS)
    np.testing.assert_allclose(alignments(uniform), MASK / LENGTHS[:, None], rtol=1e-6)
    assert uniform.keys is uniform.values
    with pytest.raises(NotImplementedError, match="must implement _calculate_attention"):
        AttentionMechanism(MEMORY, tf.nn.softmax)([QUERY, None])


@one_of_them_fast
def test_functional_model(kind, tmp_path):
    """The memory is the output of a layer, with a mask. The model is saved, loaded and exported."""
    tokens, query, state = keras.Input((POSITIONS,), dtype="int32"), keras.Input((UNITS,)), keras.Input((POSITIONS,))
    memory = keras.layers.LSTM(3, return_sequences=True)(keras.layers.Embedding(9, 2, mask_zero=True)(tokens))
    mechanism = kind(UNITS, memory)
    model = keras.Model([tokens, query, state], mechanism([query, state])[0])
    assert mechanism.memory_initialized
    x = [np.array([[1, 2, 3, 4, 5], [1, 0, 0, 0, 0], [3, 3, 3, 0, 0]]), QUERY, np.eye(POSITIONS)[:BATCH] * 1.0]
    expected = model(x).numpy()
    assert (expected[x[0] == 0] == 0).all()
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(keras.saving.load_model(tmp_path / "model.keras")(x), expected, rtol=1e-6)
    model.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(tmp_path / "exported")
    inputs = [tf.constant(x[0], "int32"), *(tf.constant(each, "float32") for each in x[1:])]
    np.testing.assert_allclose(exported.serve(inputs), expected, rtol=1e-6)


@pytest.mark.slow
@every_mechanism
def test_training_of_a_subclassed_model(kind):
    """The memory is set up twice in each call."""

    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.embedding = keras.layers.Embedding(9, 2, mask_zero=True)
            self.encoder = keras.layers.LSTM(3, return_sequences=True)
            self.mechanism = kind(UNITS)

        def call(self, inputs):
            tokens, query, state = inputs
            memory = self.encoder(self.embedding(tokens))
            self.mechanism(memory, setup_memory=True)
            self.mechanism(memory, mask=self.embedding.compute_mask(tokens), setup_memory=True)
            return self.mechanism([query, state])[0]

    model = Model()
    model.compile("adam", "mse")
    tokens, targets = RNG.integers(1, 9, (30, POSITIONS)), np.eye(POSITIONS)[RNG.integers(0, 2, 30)]
    x = (tokens, RNG.normal(size=(30, UNITS)), np.eye(POSITIONS)[np.zeros(30, int)])
    losses = model.fit(x, targets, epochs=40, batch_size=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    with raises_argument_error("memory", received="graph that has been traced", remedy="setup_memory"):
        model.mechanism([QUERY, None])


@pytest.mark.parametrize(
    ("call", "name", "expected"),
    [
        (lambda: LuongAttention(UNITS)([QUERY, None]), "memory", "set up before a query"),
        (lambda: LuongAttention(UNITS).initial_state(2, "float32"), "memory", "set up before"),
        (lambda: LuongAttention(UNITS + 1, MEMORY)([QUERY, None]), "query", "have shape (batch, 5) to match the keys"),
        (lambda: LuongAttention(UNITS, MEMORY)(QUERY), "inputs", "a list of a query, a state"),
        (lambda: LuongAttention(UNITS, MEMORY)([QUERY]), "inputs", "a list of a query, a state"),
        (lambda: LuongAttention(UNITS, MEMORY[0]), "memory", "have shape (batch, positions, features)"),
        (lambda: LuongAttention(UNITS, MEMORY, [5, 1]), "memory_sequence_length", "have shape (batch,) = (3,)"),
        (lambda: LuongAttention(UNITS, MEMORY, [5.0, 1.0, 1.0]), "memory_sequence_length", "contain integers"),
        (lambda: LuongAttention(UNITS, MEMORY, [5, 1, 0]), "memory_sequence_length", "contain positive integers"),
        (
            lambda: LuongAttention(UNITS).setup_memory(MEMORY, memory_mask=MASK[:, :3]),
            "memory_mask",
            "have shape (batch, positions) = (3, 5)",
        ),
        (lambda: LuongAttention(UNITS).setup_memory(MEMORY, LENGTHS, MASK), "memory_mask", "None if there is"),
        (lambda: LuongAttention(UNITS, probability_fn="softmin"), "probability_fn", 'one of "softmax"'),
        (lambda: LuongAttention(UNITS, keras.Input((5, 2)))([QUERY, None]), "memory", "a tensor with values"),
        (lambda: BahdanauAttention(UNITS, query_layer="dense"), "query_layer", "a Keras layer"),
        (lambda: AttentionMechanism(None, "softmax"), "probability_fn", "a function of scores"),
        (lambda: monotonic_attention(MASK * 1.0, MASK * 1.0, "fast"), "mode", 'one of "recursive"'),
        (lambda: LuongMonotonicAttention(UNITS, mode="soft"), "mode", 'one of "recursive"'),
        (lambda: LuongMonotonicAttention(UNITS, sigmoid_noise_seed=0.5), "sigmoid_noise_seed", "an integer"),
        (lambda: LuongMonotonicAttention(UNITS, score_bias_init="b"), "score_bias_init", "a number"),
    ],
)
def test_errors(call, name, expected):
    with raises_argument_error(name, expected=expected):
        call()


def test_lengths_that_are_known_at_run_time():
    mechanism = LuongAttention(UNITS)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def found(lengths):
        mechanism.setup_memory(MEMORY, lengths)
        return mechanism([QUERY, None])[0]

    assert (found(LENGTHS).numpy()[~MASK] == 0).all()
    with pytest.raises(tf.errors.InvalidArgumentError, match="must contain positive integers"):
        found([1, 0, 1])


def values_at_run_time(name, sizes, dtype):
    """Return a traced function of a memory and its mask or lengths, whose sizes are unknown."""
    mechanism = LuongAttention(UNITS)

    @tf.function(input_signature=[tf.TensorSpec([None, None, 3]), tf.TensorSpec(sizes, dtype)])
    def values(memory, given):
        mechanism.setup_memory(memory, **{name: given})
        return mechanism.values

    return values


def test_shape_of_a_mask_that_is_known_at_run_time():
    """It is not broadcast."""
    values, memory = values_at_run_time("memory_mask", [None, None], tf.bool), RNG.normal(size=(2, 5, 3))
    mask = np.arange(5) < [[3], [5]]
    np.testing.assert_allclose(values(memory, mask), np.where(mask[..., None], memory, 0), rtol=1e-6)
    for shape in ((1, 5), (2, 1), (1, 1), (3, 5)):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"memory_mask must have shape \(batch, positions\)"):
            values(memory, np.ones(shape, bool))


def test_shape_of_lengths_that_is_known_at_run_time():
    values, memory = values_at_run_time("memory_sequence_length", [None], tf.int32), RNG.normal(size=(2, 5, 3))
    np.testing.assert_array_equal(values(memory, [3, 5]).numpy()[0, 3:], np.zeros((2, 3)))
    for lengths in ([3], [3, 5, 1]):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"memory_sequence_length must have shape \(batch,\)"):
            values(memory, lengths)

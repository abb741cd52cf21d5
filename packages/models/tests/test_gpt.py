"""GPT: outputs compared with NumPy, numbers of parameters with published checkpoints, and steps with whole models."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

from tensorsmith.models import bert, gpt, gpt_step
from tensorsmith.models.networks.gpt import SIZES
from tensorsmith.testing import raises_argument_error

VOCABULARY, CONTEXT = 30, 12
RNG = np.random.default_rng(0)
TOKENS = RNG.integers(0, VOCABULARY, (3, CONTEXT), "int32")
OTHER_ROWS = r"state must have\] \[2\] \[rows, one for each token, got\] \[{}\]"


def small():
    """Returns a GPT with random biases and scales as well, so that all weights have an effect."""
    model = gpt("small", VOCABULARY, CONTEXT, width=0.125, blocks=2, dropout=0.1)
    for seed, weight in enumerate(model.weights):
        weight.assign_add(keras.random.normal(weight.shape, stddev=0.1, seed=seed))
    return model


def normalized(x, scale, shift):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * scale + shift


def reference(model, tokens):
    """Returns the logits of a GPT-2 in float64, from its weights in the order of the layers."""
    embedding, positions, *weights, scale, shift = (weight.numpy().astype("float64") for weight in model.weights)
    x = embedding[tokens] + positions[: tokens.shape[1]]
    hidden = np.triu(np.ones((tokens.shape[1],) * 2, bool), 1)
    while weights:
        block, weights = weights[:16], weights[16:]
        y = normalized(x, *block[:2])
        query, key, value = (
            np.einsum("btf,fhd->bhtd", y, w) + b[:, None] for w, b in zip(block[2:8:2], block[3:8:2], strict=True)
        )
        scores = query @ key.swapaxes(2, 3) / np.sqrt(query.shape[-1])
        weighted = softmax(np.where(hidden, -np.inf, scores), axis=-1) @ value
        x = x + np.einsum("bhtd,hdf->btf", weighted, block[8]) + block[9]
        y = normalized(x, *block[10:12]) @ block[12] + block[13]
        y = y / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (y + 0.044715 * y**3)))
        x = x + y @ block[14] + block[15]
    return normalized(x, scale, shift) @ embedding.T


def test_outputs_are_those_of_gpt_2():
    model = small()
    np.testing.assert_allclose(model(TOKENS), reference(model, TOKENS), rtol=1e-4, atol=1e-4)


@pytest.mark.slow  # allocates up to 600 MB
@pytest.mark.parametrize("size", SIZES)
def test_parameters_of_published_checkpoints(size):
    """The largest models do not fit into the memory, but all blocks are alike."""
    one, two = (gpt(size, blocks=blocks).count_params() for blocks in (1, 2))
    assert one + (SIZES[size].blocks - 1) * (two - one) == SIZES[size].parameters


@pytest.mark.parametrize("loaded", [False, True])
def test_steps_equal_the_whole_model(loaded, tmp_path):
    model = small()
    expected = model(TOKENS)
    if loaded:
        model.save(tmp_path / "model.keras")
        model = keras.models.load_model(tmp_path / "model.keras")
    step, initial_state = gpt_step(model)
    state, found = initial_state(3), []
    for position in range(CONTEXT):
        logits, state = step(TOKENS[:, position], state)
        found.append(logits)
    np.testing.assert_allclose(np.stack(found, axis=1), expected, rtol=1e-4, atol=1e-5)
    assert state.count.numpy().tolist() == [CONTEXT] * 3


def test_reading_in_parts():
    """Each sequence reads another number of tokens, which are followed by padding, then one token and two tokens."""
    model, lengths = small(), np.array([7, 4, 1], "int32")
    step, initial_state = gpt_step(model)
    expected, rows = model(TOKENS).numpy(), np.arange(3)
    logits, state = step.read(TOKENS[:, :9], lengths, initial_state(3))
    np.testing.assert_allclose(logits, expected[rows, lengths - 1], rtol=1e-4, atol=1e-5)
    logits, state = step(TOKENS[rows, lengths], state)
    np.testing.assert_allclose(logits, expected[rows, lengths], rtol=1e-4, atol=1e-5)
    pairs = np.stack([TOKENS[rows, lengths + 1], TOKENS[rows, lengths + 2]], axis=1)
    logits, state = step.read(pairs, np.full(3, 2, "int32"), state)
    np.testing.assert_allclose(logits, expected[rows, lengths + 2], rtol=1e-4, atol=1e-5)


def test_half_precision():
    model = small()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = gpt("small", VOCABULARY, CONTEXT, width=0.125, blocks=2)
    finally:
        keras.config.set_dtype_policy("float32")
    half.set_weights(model.get_weights())
    step, initial_state = gpt_step(half)
    logits, state = step.read(TOKENS, np.full(3, CONTEXT, "int32"), initial_state(3))
    assert (logits.dtype, state.keys[0].dtype) == (tf.float32, tf.bfloat16)
    expected = model(TOKENS)[:, -1]
    np.testing.assert_allclose(logits, expected, atol=0.03 * np.abs(expected).max())


def test_full_context():
    """Sequences whose context is full continue from the newer half of their tokens, the others from all tokens."""
    model, lengths = small(), np.array([CONTEXT, 5, CONTEXT - 1], "int32")
    step, initial_state = gpt_step(model)
    _, state = step.read(TOKENS, lengths, initial_state(3))
    for run in (step, tf.function(step)):
        logits, after = run(TOKENS[:, 0], state)
        assert after.count.numpy().tolist() == [CONTEXT // 2 + 1, 6, CONTEXT]
        for row, size in enumerate((CONTEXT // 2, 5, CONTEXT - 1)):
            tokens = np.append(TOKENS[row, lengths[row] - size : lengths[row]], TOKENS[row, 0])
            np.testing.assert_allclose(logits[row], model(tokens[np.newaxis])[0, -1], rtol=1e-4, atol=1e-5)
            np.testing.assert_array_equal(after.tokens[row, : size + 1], tokens)


def test_longer_sequences_are_refused():
    model, tokens = small(), np.ones((2, CONTEXT + 1), "int32")
    with pytest.raises(ValueError, match="inputs must have at most 12 steps, got .* or `context` of a model"):
        model(tokens)
    run = tf.function(model, input_signature=[tf.TensorSpec([None, None], tf.int32)])
    assert run(tokens[:, :CONTEXT]).shape == (2, CONTEXT, VOCABULARY)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"inputs must have at most 12 steps, got\] \[13\]"):
        run(tokens)


def test_prompts_longer_than_the_context():
    step, initial_state = gpt_step(small())
    for run in (step.read, tf.function(step.read)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="The cache of 12 tokens is full"):
            run(np.ones((2, 13), "int32"), np.array([3, 13], "int32"), initial_state(2))


def test_states_of_another_batch_size():
    step, initial_state = gpt_step(small())
    for rows, run in ((3, step), (1, step), (1, tf.function(step))):
        with raises_argument_error("state", received=str(rows), expected="have 2 rows, one for each token"):
            run(TOKENS[:2, 0], initial_state(rows))
    with raises_argument_error("state", received="1", expected="have 2 rows"):
        step.read(TOKENS[:2], np.ones(2, "int32"), initial_state(1))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)])
    def unknown(tokens, rows):
        return step(tokens, initial_state(rows))[0]

    np.testing.assert_array_equal(unknown(TOKENS[:2, 0], 2), tf.function(step)(TOKENS[:2, 0], initial_state(2))[0])
    for rows in (1, 3):
        with pytest.raises(tf.errors.InvalidArgumentError, match=OTHER_ROWS.format(rows)):
            unknown(TOKENS[:2, 0], rows)


@pytest.mark.parametrize("other", ["dense", "bert"])
def test_other_models_are_refused(other):
    model = bert("tiny", 9, 8, blocks=1) if other == "bert" else keras.Sequential([keras.layers.Dense(2)])
    with raises_argument_error("model", expected="a model of `gpt`"):
        gpt_step(model)

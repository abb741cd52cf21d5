"""BERT: outputs compared with NumPy, and numbers of parameters with published checkpoints."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import erf, softmax

from tensorsmith.models import bert
from tensorsmith.models.networks.bert import SIZES

TOKENS = np.array([[2, 7, 9, 3, 8, 3, 0, 0], [2, 5, 3, 6, 11, 12, 10, 3], [2, 3, 0, 0, 0, 0, 0, 0]], "int32")
SEGMENTS = np.array([[0, 0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1, 1, 1], [0] * 8], "int32")


def normalized(x, scale, shift):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12) * scale + shift


def reference(model, tokens, segments, normalize_first):
    """Returns the features of a BERT in float64, from the weights of its layers."""
    arrays = {layer.name: [w.numpy().astype("float64") for w in layer.weights] for layer in model.layers}

    def residual(x, name, sublayer):
        if normalize_first:
            return x + sublayer(normalized(x, *arrays[f"{name}_normalization"]))
        return normalized(x + sublayer(x), *arrays[f"{name}_normalization"])

    def attended(x, weights):
        query, key, value = (
            np.einsum("btf,fhd->bhtd", x, w) + b[:, None] for w, b in zip(weights[:6:2], weights[1:6:2], strict=True)
        )
        scores = np.where(visible, query @ key.swapaxes(2, 3) / np.sqrt(query.shape[-1]), -np.inf)
        return np.einsum("bhtd,hdf->btf", softmax(scores, axis=-1) @ value, weights[6]) + weights[7]

    def dense(x, hidden, output):
        y = x @ hidden[0] + hidden[1]
        return y * (1 + erf(y / np.sqrt(2))) / 2 @ output[0] + output[1]

    x = arrays["embedding"][0][tokens] + arrays["segment_embedding"][0][segments]
    x = normalized(x + arrays["positions"][0][: tokens.shape[1]], *arrays["normalization"])
    visible = (tokens != 0)[:, None, None]
    for block in ("block_0", "block_1"):
        weights = arrays[f"{block}_attention"], arrays[f"{block}_hidden"], arrays[f"{block}_output"]
        x = residual(x, f"{block}_attention", lambda x, weights=weights: attended(x, weights[0]))
        x = residual(x, f"{block}_dense", lambda x, weights=weights: dense(x, *weights[1:]))
    x = normalized(x, *arrays["final_normalization"]) if normalize_first else x
    return x, np.tanh(x[:, 0] @ arrays["pooled"][0] + arrays["pooled"][1])


@pytest.mark.parametrize("normalize_first", [False, True])
def test_outputs_are_those_of_numpy(normalize_first):
    """Features of padding are arbitrary, but finite."""
    model = bert("tiny", vocabulary_size=20, context=10, width=0.125, normalize_first=normalize_first)
    for seed, weight in enumerate(model.weights):
        weight.assign_add(keras.random.normal(weight.shape, stddev=0.1, seed=seed))
    found = model({"tokens": TOKENS, "segments": SEGMENTS})
    sequence, pooled = reference(model, TOKENS, SEGMENTS, normalize_first)
    np.testing.assert_allclose(found["sequence"][TOKENS != 0], sequence[TOKENS != 0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found["pooled"], pooled, rtol=1e-4, atol=1e-4)
    assert np.isfinite(found["sequence"]).all()


@pytest.mark.parametrize("normalize_first", [False, True])
@pytest.mark.parametrize("wrapped", [False, True], ids=["eager", "graph"])
def test_rows_of_padding_only(wrapped, normalize_first):
    """Neither features nor gradients contain NaN."""
    model = bert("tiny", vocabulary_size=20, context=10, width=0.125, normalize_first=normalize_first)
    tokens = TOKENS * np.array([[1], [0], [0]], "int32")

    def run():
        with tf.GradientTape() as tape:
            outputs = model({"tokens": tf.constant(tokens), "segments": tf.constant(SEGMENTS)}, training=True)
            loss = tf.reduce_sum(outputs["sequence"] ** 3) + tf.reduce_sum(outputs["pooled"])
        gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
        return [outputs["sequence"], outputs["pooled"], *gradients]

    for each in (tf.function(run) if wrapped else run)():
        assert np.isfinite(tf.convert_to_tensor(each)).all()


def test_longer_sequences_are_refused():
    model = bert("tiny", vocabulary_size=20, context=7, width=0.125)
    with pytest.raises(ValueError, match="inputs must have at most 7 steps, got .* or `context` of a model"):
        model({"tokens": TOKENS, "segments": SEGMENTS})
    run = tf.function(model, input_signature=[{name: tf.TensorSpec([None, None], tf.int32) for name in model.input}])
    assert run({"tokens": TOKENS[:, :7], "segments": SEGMENTS[:, :7]})["sequence"].shape == (3, 7, 16)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"inputs must have at most 7 steps, got\] \[8\]"):
        run({"tokens": TOKENS, "segments": SEGMENTS})


@pytest.mark.slow  # allocates up to 600 MB
@pytest.mark.parametrize("size", SIZES)
def test_parameters_of_published_checkpoints(size):
    """All blocks are alike, so that two of them are enough."""
    one, two = (bert(size, blocks=blocks).count_params() for blocks in (1, 2))
    assert one + (SIZES[size].blocks - 1) * (two - one) == SIZES[size].parameters

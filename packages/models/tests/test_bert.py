"""BERT: outputs compared with NumPy, and numbers of parameters with published checkpoints."""

import keras
import numpy as np
import pytest
from scipy.special import erf, softmax

from tensorsmith.models import bert
from tensorsmith.models.networks.bert import SIZES

TOKENS = np.array([[2, 7, 9, 3, 8, 3, 0, 0], [2, 5, 3, 6, 11, 12, 10, 3], [2, 3, 0, 0, 0, 0, 0, 0]], "int32")
SEGMENTS = np.array([[0, 0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1, 1, 1], [0] * 8], "int32")


def normalized(x, scale, shift):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12) * scale + shift


def reference(model, tokens, segments):
    """Returns the features of a BERT in float64, from the weights of its layers."""
    arrays = {layer.name: [w.numpy().astype("float64") for w in layer.weights] for layer in model.layers}
    x = arrays["embedding"][0][tokens] + arrays["segment_embedding"][0][segments]
    x = normalized(x + arrays["positions"][0][: tokens.shape[1]], *arrays["normalization"])
    visible = (tokens != 0)[:, None, None]
    for block in ("block_0", "block_1"):
        weights = arrays[f"{block}_attention"]
        query, key, value = (
            np.einsum("btf,fhd->bhtd", x, w) + b[:, None] for w, b in zip(weights[:6:2], weights[1:6:2], strict=True)
        )
        scores = np.where(visible, query @ key.swapaxes(2, 3) / np.sqrt(query.shape[-1]), -np.inf)
        attended = np.einsum("bhtd,hdf->btf", softmax(scores, axis=-1) @ value, weights[6]) + weights[7]
        x = normalized(x + attended, *arrays[f"{block}_attention_normalization"])
        hidden, output = arrays[f"{block}_hidden"], arrays[f"{block}_output"]
        y = x @ hidden[0] + hidden[1]
        y = y * (1 + erf(y / np.sqrt(2))) / 2
        x = normalized(x + y @ output[0] + output[1], *arrays[f"{block}_dense_normalization"])
    return x, np.tanh(x[:, 0] @ arrays["pooled"][0] + arrays["pooled"][1])


def test_outputs_are_those_of_numpy():
    """Features of padding are arbitrary, but finite."""
    model = bert("tiny", vocabulary_size=20, context=10, width=0.125)
    for seed, weight in enumerate(model.weights):
        weight.assign_add(keras.random.normal(weight.shape, stddev=0.1, seed=seed))
    found = model({"tokens": TOKENS, "segments": SEGMENTS})
    sequence, pooled = reference(model, TOKENS, SEGMENTS)
    np.testing.assert_allclose(found["sequence"][TOKENS != 0], sequence[TOKENS != 0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found["pooled"], pooled, rtol=1e-4, atol=1e-4)
    assert np.isfinite(found["sequence"]).all()


def test_longer_sequences_are_refused():
    model = bert("tiny", vocabulary_size=20, context=7, width=0.125)
    with pytest.raises(ValueError, match="inputs must have at most 7 steps"):
        model({"tokens": TOKENS, "segments": SEGMENTS})


@pytest.mark.slow  # allocates up to 600 MB
@pytest.mark.parametrize("size", SIZES)
def test_parameters_of_published_checkpoints(size):
    """All blocks are alike, so that two of them are enough."""
    one, two = (bert(size, blocks=blocks).count_params() for blocks in (1, 2))
    assert one + (SIZES[size].blocks - 1) * (two - one) == SIZES[size].parameters

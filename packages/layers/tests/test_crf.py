"""Tests of `CRF` against the ops for scores in float64, and on a task that requires transitions."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith import ops
from tensorsmith.core.keras_internals import keras_mask
from tensorsmith.layers import CRF
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 4, 5)).astype("float32")
TAGS = RNG.integers(0, 3, (4, 4))
LENGTHS = np.array([4, 2, 1, 3])
MASK = np.arange(4) < LENGTHS[:, np.newaxis]


def drawn(x=X, **kwargs):
    """Returns a layer with random weights."""
    layer = CRF(**{"units": 3, "activation": "tanh", **kwargs})
    layer.build(x.shape)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.weights])
    return layer


def scores_of(layer, x):
    """Returns the score of each tag at each step of one sequence, in float64."""
    weights = {weight.name: np.array(weight.value, "float64") for weight in layer.weights}
    scores = x.astype("float64")
    if "kernel" in weights:
        scores = np.tanh(scores @ weights["kernel"] + weights.get("bias", 0))
    if "left_boundary" in weights:
        scores[0] += weights["left_boundary"]
        scores[-1] += weights["right_boundary"]
    return scores


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kwargs", [{}, {"use_boundary": False}, {"use_bias": False}, {"use_kernel": False}], ids=str)
def test_matches_ops(kwargs, masked):
    """The tests of the ops compare them with sums over all sequences."""
    x = X[..., :3] if "use_kernel" in kwargs else X
    layer = drawn(x, **kwargs)
    lengths = LENGTHS if masked else np.full(4, 4)
    decoded, potentials, found, chain = layer(x, mask=MASK if masked else None, tags=TAGS)
    np.testing.assert_array_equal(found, lengths)
    np.testing.assert_array_equal(chain, layer.chain_kernel)
    expected = np.zeros((4, 4, 3))
    for row, length in enumerate(lengths):
        expected[row, :length] = scores_of(layer, x[row, :length])
        np.testing.assert_allclose(potentials[row, :length], expected[row, :length], rtol=1e-5, atol=1e-5)
    matrix = np.array(layer.chain_kernel, "float64")
    np.testing.assert_array_equal(decoded, ops.crf_decode(expected, matrix, lengths=lengths)[0])
    likelihoods = ops.crf_log_likelihood(expected, TAGS, matrix, lengths=lengths)
    np.testing.assert_allclose(layer.losses, [-np.mean(likelihoods)], rtol=1e-5)


def test_no_loss_without_tags():
    layer = drawn()
    layer(X, tags=TAGS)
    layer(X)
    assert layer.losses == []


def test_empty_sequences():
    layer = drawn()
    nothing = np.zeros((4, 4), bool)
    decoded, _, lengths, _ = layer(X, mask=nothing, tags=TAGS)
    assert not np.any(decoded)
    assert not np.any(lengths)
    np.testing.assert_array_equal(layer.losses, [0])


def test_masked_steps_are_ignored():
    layer = drawn()
    other = np.where(MASK[..., np.newaxis], X, X[::-1])
    first = [value.numpy() for value in (*layer(X, mask=MASK, tags=TAGS), *layer.losses)]
    second = layer(other, mask=MASK, tags=np.where(MASK, TAGS, 99))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1][MASK], second[1].numpy()[MASK])
    np.testing.assert_array_equal(first[-1], layer.losses[0])


@pytest.mark.parametrize("given", [{}, {"tags": TAGS}], ids=["alone", "with tags"])
def test_mask_propagation(given):
    x = keras.layers.Masking(9.0)(np.where(MASK[..., np.newaxis], X, 9).astype("float32"))
    decoded, potentials, lengths, _ = drawn()(x, **given)
    np.testing.assert_array_equal(lengths, LENGTHS)
    for tensor in (decoded, potentials):
        np.testing.assert_array_equal(keras_mask(tensor), MASK)


@pytest.mark.parametrize("steps", [[0, 1, 1, 1], [1, 0, 1, 1]], ids=["before", "within"])
def test_invalid_masks(steps):
    layer = drawn()
    mask = MASK.copy()
    mask[2] = steps
    shown = str([bool(step) for step in steps])
    with raises_argument_error("mask", expected="with True up to the end of each") as error:
        layer(X, mask=mask)
    assert shown in str(error.value)
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match="mask must have shape .*, with True up to the end of each",
    ):
        tf.function(lambda x, mask: layer(x, mask=mask))(X, mask)
    with raises_argument_error("mask", received="(4, 4, 1)", expected="have shape"):
        layer(X, mask=MASK[..., np.newaxis])


def test_empty_batch():
    layer = drawn()
    layer(X[:0], tags=TAGS[:0])
    assert [float(loss) for loss in layer.losses] == [0.0]


def test_invalid_inputs_without_kernel():
    with raises_argument_error("inputs", expected="have shape (batch, steps, 3) when use_kernel=False"):
        CRF(3, use_kernel=False)(X)


@pytest.mark.parametrize("dtype", ["float16", "mixed_float16", "mixed_bfloat16"])
def test_computes_in_float32(dtype):
    half, full = drawn(dtype=dtype), drawn()
    assert {weight.dtype for weight in half.weights} == {"float32"}
    x = X.astype("float16")  # as a preceding layer may output
    for one, other in zip(half(x, tags=TAGS), full(x.astype("float32"), tags=TAGS), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(half.losses, full.losses)


def test_regularization_losses():
    layer = drawn(chain_regularizer="l2", boundary_regularizer="l1", kernel_regularizer="l2", bias_regularizer="l1")
    wanted = 0.0
    for weight in layer.weights:
        value = np.array(weight.value)
        wanted += 0.01 * (np.abs(value).sum() if value.ndim == 1 else np.square(value).sum())
    np.testing.assert_allclose(sum(layer.losses), wanted, rtol=1e-5)


def sentences(count):
    """Returns random sentences with their tags and their mask.

    The tag of a word from 0 to 3 is its number, except that word 0 has the tag 2 after the word 3. In the result, words
    are numbered from 1, and sentences that end early are padded with 0.
    """
    rng = np.random.default_rng(3)
    words = rng.integers(0, 4, (count, 9))
    tags = words.copy()
    tags[:, 1:][(words[:, 1:] == 0) & (words[:, :-1] == 3)] = 2
    inside = np.arange(9) < rng.integers(3, 10, count)[:, np.newaxis]
    return np.where(inside, words + 1, 0), np.where(inside, tags, 0), inside


def models():
    words, tags = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
    features = keras.layers.Embedding(5, 6, mask_zero=True)(words)
    crf = CRF(4)
    trained = keras.Model([words, tags], crf(features, tags=tags))
    trained.compile(keras.optimizers.Adam(0.1), jit_compile=False)
    return trained, keras.Model(words, crf(features)[0])


@pytest.mark.slow
def test_learns_context_dependent_tags(tmp_path):
    keras.utils.set_random_seed(0)
    trained, tagger = models()
    words, tags, inside = sentences(256)
    trained.fit([words, tags], epochs=15, batch_size=32, verbose=0)
    found = tagger.predict(words, verbose=0)
    assert np.mean(found[inside] == tags[inside]) > 0.99
    alone = np.mean((words[inside] - 1) == tags[inside])  # the best accuracy without context
    assert alone < 0.96
    for model, name in ((tagger, "tagger.keras"), (trained, "trained.keras")):
        model.save(tmp_path / name)
    loaded = keras.models.load_model(tmp_path / "tagger.keras")
    np.testing.assert_array_equal(loaded.predict(words, verbose=0), found)
    loaded = keras.models.load_model(tmp_path / "trained.keras")
    before, after = (model.evaluate([words, tags], verbose=0) for model in (trained, loaded))
    np.testing.assert_allclose(before, after, rtol=1e-6)

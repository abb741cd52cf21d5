"""Comparison of the functions for text with TensorFlow Addons: results and gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from side import differentiated
from test_addons import expect_same, several, sizes

from tensorsmith import text

pytestmark = pytest.mark.pairwise

# Addons sums half-precision scores in half precision.
in_dtypes = pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float16", 2e-2), ("float32", 1e-5), ("float64", 1e-12)], ids=["half", "float", "double"]
)


def compare(addons, ours, arrays, name, tolerance, **options):
    theirs = addons("function", arrays, name=name, **options)
    found = differentiated(lambda *tensors: _listed(ours(*tensors, **options)), arrays)
    assert [each.dtype for each in found] == [each.dtype for each in theirs]
    expect_same(found, theirs, tolerance)


def _listed(found):
    return [tf.convert_to_tensor(each) for each in found] if isinstance(found, tuple) else [found]


def chain(batch, steps, tags, dtype, seed, shortest=1):
    """Return unary scores, tags, lengths, transition scores, and a mask with at least one tag at each step."""
    rng = np.random.default_rng(seed)
    scores, transitions = rng.normal(size=(batch, steps, tags)), rng.normal(size=(tags, tags))
    allowed = rng.random(scores.shape) < 0.6
    allowed[..., 0] |= ~allowed.any(-1)
    chosen, lengths = rng.integers(0, tags, (batch, steps)), rng.integers(shortest, steps + 1, batch)
    return scores.astype(dtype), chosen.astype("int32"), lengths.astype("int32"), transitions.astype(dtype), allowed


@pytest.mark.parametrize(
    ("function", "order"),
    [
        ("crf_binary_score", (1, 2, 3)),
        ("crf_constrained_decode", (0, 4, 3, 2)),
        ("crf_decode", (0, 3, 2)),
        ("crf_filtered_inputs", (0, 4)),
        ("crf_log_likelihood", (0, 1, 2, 3)),
        ("crf_log_norm", (0, 2, 3)),
        ("crf_multitag_sequence_score", (0, 4, 2, 3)),
        ("crf_sequence_score", (0, 1, 2, 3)),
        ("crf_unary_score", (1, 2, 0)),
    ],
)
@in_dtypes
@several
@given(sizes, sizes, sizes, st.integers(0, 99))
def test_crf(addons, function, order, dtype, tolerance, batch, steps, tags, seed):
    # Addons does not treat empty sequences as such when it decodes, and if there is a single step.
    arrays = chain(batch, steps, tags, dtype, seed, shortest=0 if steps > 1 and "decode" not in function else 1)
    compare(addons, getattr(text, function), [arrays[each] for each in order], f"text.{function}", tolerance)


@in_dtypes
@several
@given(sizes, st.integers(2, 6), sizes, st.integers(0, 99))
def test_crf_passes(addons, dtype, tolerance, batch, steps, tags, seed):
    scores, _, lengths, transitions, _ = chain(batch, steps, tags, dtype, seed)
    passed = [scores[:, 1:], scores[:, 0], transitions]
    compare(addons, text.crf_forward, [*passed, lengths], "text.crf_forward", tolerance)
    compare(addons, text.crf_decode_forward, [*passed, lengths - 1], "text.crf_decode_forward", tolerance)
    last = np.random.default_rng(seed).integers(0, tags, (batch, 1)).astype("int32")
    origins = text.crf_decode_forward(*passed, lengths - 1)[0].numpy()
    compare(addons, text.crf_decode_backward, [origins, last], "text.crf_decode_backward", 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_crf_cell(addons, dtype):
    scores, _, lengths, transitions, _ = chain(4, 5, 3, dtype, 0)
    mask = np.arange(4) < lengths[:, np.newaxis] - 1
    theirs = addons("crf_cell", [scores[:, 1:], scores[:, 0], mask], transitions=transitions.tolist())

    def decoded(unaries, state, mask):
        cell = text.CrfDecodeForwardRnnCell(transitions, dtype=dtype)
        layer = keras.layers.RNN(cell, return_sequences=True, return_state=True, dtype=dtype)
        previous, scores = layer(unaries, [state], mask=mask)
        return tf.cast(previous, tf.int32), scores  # Keras 3 casts the outputs of cells to the compute dtype

    expect_same(differentiated(decoded, [scores[:, 1:], scores[:, 0], mask]), theirs, 1e-6)


@in_dtypes
@several
@given(sizes, sizes, st.integers(0, 99))
def test_viterbi(addons, dtype, tolerance, steps, tags, seed):
    scores, _, _, transitions, _ = chain(1, steps, tags, dtype, seed)
    theirs = addons("function", [scores[0], transitions], name="text.viterbi_decode")
    found, score = text.viterbi_decode(scores[0], transitions)
    assert found == theirs[0].tolist()
    assert score.dtype == theirs[1].dtype
    np.testing.assert_allclose(score, theirs[1], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    "options", [{"units": 3}, {"units": 5, "use_boundary": False}, {"units": 4, "use_kernel": False}], ids=str
)
def test_crf_model_wrapper(addons, options):
    """Three epochs of training from the same weights, on padded and weighted sequences."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 5, 3)).astype("float32")
    x[np.arange(5) >= rng.integers(1, 6, (6, 1))] = 0
    y, sample_weight = rng.integers(0, 3, (6, 5)).astype("int32"), rng.uniform(0, 2, 6).astype("float32")
    layers = [keras.Input(x.shape[1:]), keras.layers.Masking(), keras.layers.Dense(4, "tanh")]
    model = text.CRFModelWrapper(keras.Sequential(layers), **options)
    model.compile(keras.optimizers.SGD(0.1))
    model.build(x.shape)
    weights = [rng.normal(size=weight.shape).astype("float32") for weight in model.weights]
    theirs = addons("crf_model", [x, y, sample_weight, *weights], **options)
    model.set_weights(weights)
    logs = model.fit(x, y, sample_weight=sample_weight, batch_size=6, epochs=3, verbose=0, shuffle=False).history
    ours = [logs["loss"], logs["crf_loss"], *model.get_weights(), model.predict(x, verbose=0)]
    for one, other in zip(ours, theirs[: len(ours)], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)

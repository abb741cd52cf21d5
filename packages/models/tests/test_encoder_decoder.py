"""Steps and attention weights of the recurrent encoder-decoder, compared with the whole model and with NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.models import encoder_decoder, encoder_decoder_alignment, encoder_decoder_step, lenet5
from tensorsmith.testing import raises_argument_error

SOURCE = np.array([[5, 7, 8, 3], [4, 2, 0, 0]])
TARGET = np.array([[2, 4, 5], [2, 3, 1]])


def build(**options):
    return encoder_decoder(9, 7, embedding=3, units=4, **options)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("attention", ["luong", "bahdanau", None])
def test_steps_equal_the_whole_model(attention, bidirectional, tmp_path):
    model = build(attention=attention, bidirectional=bidirectional, scheduled_sampling=attention == "luong")
    expected = model({"source": SOURCE, "target": TARGET})
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)] * 2)
    def logits(source, target):
        step, state = encoder_decoder_step(loaded, source)
        found = []
        for position in range(3):
            current, state = step(target[:, position], state)
            found.append(current)
        return tf.stack(found, axis=1)

    np.testing.assert_allclose(logits(SOURCE, TARGET), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("attention", ["luong", "bahdanau", None])
def test_rows_of_a_source_sequence(attention):
    """Three rows of each source sequence, as those of a beam search, have the same results as three sources."""
    model, tokens = build(attention=attention), tf.constant([1, 2, 3, 4, 5, 6])
    (one, first), (three, repeated) = (encoder_decoder_step(model, x) for x in (SOURCE, np.repeat(SOURCE, 3, axis=0)))
    first = tf.nest.map_structure(lambda leaf: tf.repeat(leaf, 3, axis=0), first)
    for found, expected in zip(
        tf.nest.flatten(one(tokens, first)), tf.nest.flatten(three(tokens, repeated)), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_attention_weights():
    """The weights are the softmax of the products of decoder outputs and keys, without padding."""
    model = build()
    weights = encoder_decoder_alignment(model, SOURCE, TARGET).numpy()
    values = keras.Model(model.inputs, [model.get_layer(name).output for name in ("decoder", "keys", "context")])
    (queries, *_), keys, contexts = values({"source": SOURCE, "target": TARGET})
    scores = np.einsum("btu,bsu->bts", queries, keys).astype("float64")
    scores += np.where(SOURCE > 0, 0, -np.inf)[:, np.newaxis]
    expected = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    np.testing.assert_allclose(weights, expected, rtol=1e-4, atol=1e-7)
    memory = keras.Model(model.inputs, model.get_layer("encoder").output)({"source": SOURCE, "target": TARGET})[0]
    np.testing.assert_allclose(contexts[..., :4], weights @ memory, rtol=1e-4, atol=1e-7)
    step, state = encoder_decoder_step(model, SOURCE)
    for position in range(3):
        _, state = step(TARGET[:, position], state)
        np.testing.assert_allclose(state.weights, weights[:, position], rtol=1e-5, atol=1e-7)


def test_states_of_both_directions_are_concatenated():
    """A bidirectional layer of 10 units in each direction has 20 outputs (Géron, 2019, chapter 16)."""
    model = encoder_decoder(9, 7, embedding=3, units=20)
    memory, *states = model.get_layer("encoder").output
    assert (memory.shape[-1], [state.shape[-1] for state in states]) == (20, [10, 10, 10, 10])
    assert model.get_layer("decoder").units == 20


def test_padding_does_not_change_a_translation():
    model = build()
    source = np.pad(SOURCE, ((0, 0), (0, 3)))
    found, expected = (model({"source": x, "target": TARGET}) for x in (source, SOURCE))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_loss_ignores_padded_target_steps():
    model, loss = build(), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    inputs, labels = {"source": SOURCE, "target": np.array([[2, 4, 5], [2, 0, 0]])}, np.array([[4, 5, 3], [3, 0, 0]])
    model.compile(loss=loss)
    rows = keras.ops.log_softmax(model(inputs)).numpy()
    expected = -np.mean([rows[0, 0, 4], rows[0, 1, 5], rows[0, 2, 3], rows[1, 0, 3]])
    assert model.evaluate(inputs, labels, verbose=0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("attention", ["luong", "bahdanau", None])
def test_source_of_padding_only(attention, bidirectional):
    """The decoder starts with zeros, and the weights are equal. Other sequences have the results of a separate call."""
    model = build(attention=attention, bidirectional=bidirectional)

    def results(source):
        step, first = encoder_decoder_step(model, source)
        logits, state = step(tf.fill(tf.shape(source)[:1], 2), first)
        return first.h, first.c, logits, state.weights

    traced = tf.function(results, input_signature=[tf.TensorSpec([None, None], tf.int32)])
    source = tf.constant([[5, 7, 8, 3], [0, 0, 0, 0]])
    for call in (results, traced):
        h, c, logits, weights = (each.numpy() for each in call(source))
        assert not h[1].any()
        assert not c[1].any()
        assert np.isfinite(logits).all()
        np.testing.assert_allclose(weights[1], np.full(4, 0.25) if attention else [0], rtol=1e-6)
        for found, expected in zip((h, c, logits, weights), call(source[:1]), strict=True):
            np.testing.assert_allclose(found[:1], expected, rtol=1e-5, atol=1e-6)


def test_source_without_steps_at_run_time():
    model = build()
    encode = tf.function(
        lambda source: encoder_decoder_step(model, source)[1].h, input_signature=[tf.TensorSpec([None, None], tf.int32)]
    )
    assert encode(SOURCE).shape == (2, 4)
    with pytest.raises(tf.errors.InvalidArgumentError, match="source must have shape .* with at least one step"):
        encode(SOURCE[:, :0])


def test_other_models_are_refused():
    with raises_argument_error("model", received="lenet5", expected="a model of `encoder_decoder`"):
        encoder_decoder_step(lenet5(), SOURCE)
    with raises_argument_error("source", received="(4,)", expected="have shape (batch, steps)"):
        encoder_decoder_step(build(), SOURCE[0])
    expected = "have shape (batch, steps) with at least one step"
    with raises_argument_error("source", received="(2, 0)", expected=expected):
        encoder_decoder_step(build(), SOURCE[:, :0])
    with raises_argument_error("source", received="(2, 0)", expected=expected):
        encoder_decoder_alignment(build(), SOURCE[:, :0], TARGET)
    with raises_argument_error("model", received="a model without attention", expected="built with `attention`"):
        encoder_decoder_alignment(build(attention=None), SOURCE, TARGET)

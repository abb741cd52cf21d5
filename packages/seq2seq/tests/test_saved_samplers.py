"""Models with each sampler, saved, loaded and exported. Decoders with other samplers are saved in test_decoders.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.seq2seq import (
    BasicDecoder,
    CustomSampler,
    InferenceSampler,
    SampleEmbeddingSampler,
    ScheduledOutputTrainingSampler,
)
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
FEATURES, VOCABULARY = 3, 7
slow = pytest.mark.slow


@keras.saving.register_keras_serializable("test_saved_samplers")
def halved(x):
    return x / 2


@keras.saving.register_keras_serializable("test_saved_samplers")
def is_large(samples):
    return tf.reduce_mean(samples, -1) > 0.3


@keras.saving.register_keras_serializable("test_saved_samplers")
def begin(inputs):
    return tf.zeros(tf.shape(inputs)[:1], tf.bool), inputs


@keras.saving.register_keras_serializable("test_saved_samplers")
def best(time, outputs, state):
    return tf.argmax(outputs, -1)


@keras.saving.register_keras_serializable("test_saved_samplers")
def follow(time, outputs, state, sample_ids):
    return sample_ids == 0, outputs, state


def decoder(sampler, units=FEATURES):
    keras.utils.set_random_seed(2)
    cell = keras.layers.GRUCell(5, kernel_initializer="normal")
    output_layer = keras.layers.Dense(units, kernel_initializer=keras.initializers.RandomNormal(stddev=2.0))
    return BasicDecoder(cell, sampler, output_layer, maximum_iterations=6)


def scheduled(layer):
    """Return a model that reads its outputs in place of half of the inputs."""
    function = keras.layers.Dense(FEATURES) if layer else halved
    x = keras.Input((6, FEATURES))
    outputs, _, lengths = decoder(ScheduledOutputTrainingSampler(0.5, seed=1, next_inputs_fn=function))(x)
    return keras.Model(x, [outputs.rnn_output, outputs.sample_id, lengths])


def sampling():
    start = keras.Input((), dtype="int32")
    sampler = SampleEmbeddingSampler(keras.layers.Embedding(VOCABULARY, FEATURES), softmax_temperature=1.5, seed=1)
    outputs, _, lengths = decoder(sampler, VOCABULARY)(None, start_tokens=start, end_token=2)
    return keras.Model(start, [outputs.rnn_output, outputs.sample_id, lengths])


def model_of(sampler):
    """Return a model whose decoder reads its outputs, from the first inputs on."""
    x = keras.Input((FEATURES,))
    outputs, _, lengths = decoder(sampler)(x)
    return keras.Model(x, [outputs.rnn_output, outputs.sample_id, lengths])


def continuous():
    return model_of(InferenceSampler(halved, [FEATURES], "float32", is_large, halved))


def custom():
    return model_of(CustomSampler(begin, best, follow, [], "int64"))


STEPS = RNG.normal(size=(4, 6, FEATURES)).astype("float32")


@pytest.mark.parametrize(
    ("make", "inputs", "draws"),
    [
        (lambda: scheduled(layer=False), STEPS, True),
        pytest.param(lambda: scheduled(layer=True), STEPS, True, marks=slow),
        (sampling, np.array([1, 3, 4, 0], "int32"), True),
        (continuous, STEPS[:, 0], False),
        (custom, STEPS[:, 0], False),
    ],
    ids=["scheduled outputs", "scheduled outputs, with a layer", "sampled tokens", "outputs", "functions"],
)
def test_saved_model(make, inputs, draws, tmp_path):
    """As in Keras, random choices of a loaded model start from the seed again, those of an exported one continue."""
    model, inputs = make(), tf.constant(inputs)
    expected = [model(inputs)]
    model.save(tmp_path / "model.keras")
    model.export(tmp_path / "exported", verbose=False)
    expected += [model(inputs) for _ in range(2)]
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    exported = tf.saved_model.load(tmp_path / "exported")
    found = [loaded(inputs) for _ in range(3)] + [exported.serve(inputs) for _ in range(2)]
    for one, other in zip([*expected, *expected[1:]], found, strict=True):
        for pair in zip(one, other, strict=True):
            np.testing.assert_allclose(*pair, rtol=1e-5, atol=1e-6)
    tokens = [each[1].numpy() for each in expected]
    assert np.array_equal(tokens[0], tokens[1]) != draws
    assert [each.shape[0] for each in exported.serve(inputs[:2])] == [2, 2, 2]


@pytest.mark.parametrize("name", ["initialize_fn", "sample_fn", "next_inputs_fn"])
def test_functions_that_cannot_be_saved(name, tmp_path):
    functions = {"initialize_fn": begin, "sample_fn": best, "next_inputs_fn": follow}
    function = functions[name]
    functions[name] = lambda *args, **kwargs: function(*args, **kwargs)
    model = model_of(CustomSampler(**functions, sample_ids_dtype="int64"))
    with raises_argument_error(name, expected="not be a lambda", remedy="register_keras_serializable"):
        model.save(tmp_path / "model.keras")

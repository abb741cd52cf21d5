"""Captioner: attention and decoder compared with NumPy, and steps with the whole model."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

from tensorsmith.models import captioner, captioner_attention, captioner_step, resnet
from tensorsmith.testing import raises_argument_error

VOCABULARY, LENGTH = 13, 5
IMAGES = np.random.default_rng(0).uniform(size=(3, 32, 48, 1)).astype("float32")
TARGET = np.random.default_rng(1).integers(1, VOCABULARY, (3, LENGTH), "int32")
OTHER_ROWS = r"state must have\] \[2\] \[rows, one for each token, got\] \[{}\]"


@pytest.fixture(scope="module")
def model():
    """Returns a captioner with random biases and scales as well, so that all weights have an effect."""
    backbone = resnet("18", (32, 48, 1), classes=None, width=0.125)
    built = captioner(backbone, VOCABULARY, stride=8, width=0.125, blocks=2)
    for seed, weight in enumerate(built.trainable_weights):
        weight.assign_add(keras.random.normal(weight.shape, stddev=0.1, seed=seed))
    return built


def test_attention_is_that_of_numpy(model):
    """The weights follow from queries and keys, which are products of the inputs of the last attention layer."""
    layer = model.get_layer("decoder_1_source_attention")
    names = ("decoder_1_source_attention_normalization", "memory")
    inner = keras.Model(model.input, [model.get_layer(name).output for name in names])
    query, memory = (np.float64(each) for each in inner({"image": IMAGES, "target": TARGET}))
    kernels = [np.float64(weight) for weight in layer.weights[:4]]
    query = np.einsum("btf,fhd->bhtd", query, kernels[0]) + kernels[1][:, None]
    key = np.einsum("btf,fhd->bhtd", memory, kernels[2]) + kernels[3][:, None]
    expected = softmax(query @ key.swapaxes(2, 3) / np.sqrt(query.shape[-1]), axis=-1).mean(axis=1)
    found = captioner_attention(model, IMAGES, TARGET)
    np.testing.assert_allclose(found, expected.reshape(3, LENGTH, 4, 6), rtol=1e-4, atol=1e-6)


def test_memory_depends_on_the_position(model):
    """Without positions, equal cells could not be told apart."""
    memory = keras.Model(model.input["image"], model.get_layer("memory").output)(np.zeros_like(IMAGES[:1]))
    assert np.ptp(memory.numpy().reshape(4, 6, -1)[1:3, 2:4], axis=(0, 1)).max() > 0.01


@pytest.mark.parametrize("loaded", [False, True])
def test_steps_equal_the_whole_model(model, loaded, tmp_path):
    expected = model({"image": IMAGES, "target": TARGET})
    if loaded:
        model.save(tmp_path / "model.keras")
        model = keras.models.load_model(tmp_path / "model.keras")
    step, state = captioner_step(model, IMAGES, length=LENGTH)
    for position in range(LENGTH):
        logits, state = step(TARGET[:, position], state)
        np.testing.assert_allclose(logits, expected[:, position], rtol=1e-4, atol=1e-5)
    for run in (step, tf.function(step)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="The cache of 5 tokens is full"):
            run(TARGET[:, 0], state)


@pytest.mark.parametrize("wrapped", [False, True], ids=["eager", "graph"])
def test_captions_of_padding_only(model, wrapped):
    """Neither outputs nor gradients contain NaN."""
    target = TARGET * np.array([[0], [1], [0]], "int32")

    def run():
        with tf.GradientTape() as tape:
            outputs = model({"image": tf.constant(IMAGES), "target": tf.constant(target)})
            loss = tf.reduce_sum(outputs**2)
        return [outputs, *tape.gradient(loss, [weight.value for weight in model.trainable_weights])]

    for each in (tf.function(run) if wrapped else run)():
        assert np.isfinite(tf.convert_to_tensor(each)).all()


def test_states_of_another_batch_size(model):
    step, state = captioner_step(model, IMAGES[:1], length=LENGTH)
    for run in (step, tf.function(step)):
        with raises_argument_error("state", received="1", expected="have 2 rows, one for each token"):
            run(TARGET[:2, 0], state)

    @tf.function(input_signature=[tf.TensorSpec([None, 32, 48, 1]), tf.TensorSpec([None], tf.int32)])
    def unknown(image, tokens):
        return (lambda step, state: step(tokens, state)[0])(*captioner_step(model, image, LENGTH))

    assert unknown(IMAGES[:2], TARGET[:2, 0]).shape == (2, VOCABULARY)
    for rows in (1, 3):
        with pytest.raises(tf.errors.InvalidArgumentError, match=OTHER_ROWS.format(rows)):
            unknown(IMAGES[:rows], TARGET[:2, 0])


def test_other_arguments_are_refused(model):
    with raises_argument_error("model", expected="a model of `captioner`"):
        captioner_step(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), IMAGES)
    with raises_argument_error("image", expected="have shape (batch, height, width, channels)"):
        captioner_step(model, IMAGES[0])
    with raises_argument_error("length", expected="a positive integer"):
        captioner_step(model, IMAGES, length=0)
    with raises_argument_error("backbone", expected="one for images of known size"):
        captioner(resnet("18", (None, None, 1), classes=None, width=0.125), VOCABULARY)

"""Tests of the layers and models that recipes of generative models define, against NumPy and automatic derivatives."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy.spatial.distance import cdist

RANDOM = np.random.default_rng(0)


def test_vector_quantizer(load_recipe):
    """Vectors are replaced by the nearest entries, with the gradient of the identity and the loss of the paper."""
    layer = load_recipe("autoencoder/vq").VectorQuantizer(entries=6, commitment=0.25, decay=0.9)
    vectors = tf.constant(RANDOM.normal(size=(4, 3, 2)).astype("float32"))
    layer.build(vectors.shape)
    layer.sums.assign(RANDOM.normal(size=(6, 2)))
    book = ops.convert_to_numpy(layer.codebook())
    nearest = cdist(np.reshape(vectors, (-1, 2)), book).argmin(axis=1)
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        outputs = layer(vectors)
    np.testing.assert_allclose(outputs, book[nearest].reshape(4, 3, 2), atol=1e-6)
    np.testing.assert_allclose(tape.gradient(outputs, vectors), np.ones((4, 3, 2)))
    assert float(layer.losses[0]) == pytest.approx(0.25 * np.mean((outputs - vectors) ** 2), rel=1e-5)


def test_codebook_is_the_mean_of_the_assigned_vectors(load_recipe):
    """After many steps with the same vectors, entries are the means of their clusters, and unused ones are replaced."""
    layer = load_recipe("autoencoder/vq").VectorQuantizer(entries=4, commitment=0.25, decay=0.9)
    centers = np.array([[5.0, 0], [0, 5], [-5, -5]])
    clusters = [center + RANDOM.normal(0, 0.1, (20, 2)) for center in centers]
    vectors = np.concatenate(clusters).astype("float32")
    layer.build(vectors.shape)
    layer.sums.assign([*(0.5 * centers), [100.0, 100.0]])
    for _ in range(10):
        layer(vectors, training=True)
    book = ops.convert_to_numpy(layer.codebook())
    np.testing.assert_allclose(book[3], [100, 100], rtol=1e-5)  # not yet
    np.testing.assert_allclose(book[:3], [cluster.mean(axis=0) for cluster in clusters], atol=0.2)
    for _ in range(20):
        layer(vectors, training=True)
    assert cdist(ops.convert_to_numpy(layer.codebook())[3:], centers).min() < 0.5


def test_contractive_penalty(load_recipe):
    """The closed form equals the norm of the Jacobian by automatic differentiation."""
    layer = load_recipe("autoencoder/contractive").ContractiveDense(5, weight=2.0)
    inputs = tf.constant(RANDOM.normal(size=(3, 7)).astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        code = layer(inputs)
    norms = np.sum(np.square(tape.batch_jacobian(code, inputs)), axis=(1, 2))
    np.testing.assert_allclose(layer.squared_norm(code), norms, rtol=1e-4)
    assert float(layer.losses[0]) == pytest.approx(2.0 * norms.mean(), rel=1e-4)
    loaded = type(layer).from_config(layer.get_config())
    assert (loaded.units, loaded.weight, loaded.activation) == (5, 2.0, keras.activations.sigmoid)


def test_straight_through_bits(load_recipe):
    layer = load_recipe("autoencoder/hashing").StraightThroughBit()
    inputs = tf.constant([[-3.0, 0.5, 2.0]])
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        bits = layer(inputs)
    np.testing.assert_array_equal(bits, [[0, 1, 1]])
    probability = 1 / (1 + np.exp(-inputs.numpy()))
    np.testing.assert_allclose(tape.gradient(bits, inputs), probability * (1 - probability), rtol=1e-5)


def test_autoencoders_of_the_anomaly_recipe_are_separate(load_recipe):
    """The output of an autoencoder depends on its own inputs only."""
    recipe = load_recipe("autoencoder/anomaly")
    model = recipe.build_model(recipe.Config(units=8, codings=4))
    images = RANDOM.random((2, recipe.AUTOENCODERS, recipe.PIXELS), "float32")
    changed = images.copy()
    changed[:, 3] = 0
    differs = np.abs(model(images) - model(changed)).max(axis=(0, 2)) > 0
    assert list(np.flatnonzero(differs)) == [3]

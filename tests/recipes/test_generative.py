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


def test_minibatch_discrimination(load_recipe):
    layer = load_recipe("gan/comparison").MinibatchDiscrimination(kernels=3, dimensions=2)
    features = RANDOM.normal(size=(4, 5)).astype("float32")
    outputs = ops.convert_to_numpy(layer(features))
    points = (features @ ops.convert_to_numpy(layer.projection)).reshape(4, 3, 2)
    expected = [np.exp(-cdist(points[:, i], points[:, i], "cityblock")).sum(axis=1) - 1 for i in range(3)]
    np.testing.assert_allclose(outputs[:, :5], features)
    np.testing.assert_allclose(outputs[:, 5:], np.stack(expected, axis=1), rtol=1e-4, atol=1e-6)


def test_replay_buffer(load_recipe, monkeypatch):
    """The buffer contains images of the generator, and about half of the images for the discriminator are from it."""
    recipe = load_recipe("gan/comparison")
    seen = []
    monkeypatch.setattr(recipe.GAN, "train_discriminator", lambda model, real, fake, labels: seen.append(fake))
    model = recipe.build_model(recipe.Config(replay=True, filters=(4, 2), seed=1))
    fake = np.ones((200, 28, 28, 1), "float32")
    model.train_discriminator(fake, fake)
    stored = ops.convert_to_numpy(model.buffer)[:, 0, 0, 0]
    assert 150 < stored.sum() <= 200  # a position can be chosen twice
    assert 60 < ops.convert_to_numpy(seen[0])[:, 0, 0, 0].sum() < 140  # the buffer was empty


def test_grown_networks_begin_as_the_smaller_ones(load_recipe):
    """Before the new layers are faded in, images are enlarged, and the scores are those of images of half the size."""
    recipe = load_recipe("gan/progressive")
    config = recipe.Config(filters=(4, 3, 2, 2), codings=5)
    small = recipe.build_stage(config, 8, None)
    for network in (small.generator, small.discriminator):
        network.get_layer("fade_in_8").alpha.assign(0.7)  # does not matter for the next stage
    large = recipe.build_stage(config, 16, (small.generator, small.discriminator))
    for network in (small.generator, small.discriminator):
        network.get_layer("fade_in_8").alpha.assign(1.0)
    codes = RANDOM.normal(size=(3, 5)).astype("float32")
    enlarged = np.repeat(np.repeat(small.generator(codes), 2, axis=1), 2, axis=2)
    np.testing.assert_allclose(large.generator(codes), enlarged, atol=1e-5)
    images = RANDOM.normal(size=(4, 16, 16, 1)).astype("float32")
    halved = images.reshape(4, 8, 2, 8, 2, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(large.discriminator(images), small.discriminator(halved), atol=1e-5)
    for network in (large.generator, large.discriminator):
        network.get_layer("fade_in_16").alpha.assign(1.0)
    assert np.abs(large.generator(codes) - enlarged).max() > 1e-3


def test_mixtures_of_styles(load_recipe):
    """The images of the figure have the coarse styles of their row and the fine styles of their column."""
    recipe = load_recipe("gan/style")
    levels = keras.Input((4, 3))
    synthesis = keras.Model(levels, keras.layers.Reshape((4, 3, 1))(levels))
    styles = RANDOM.uniform(-1, 1, size=(2 * recipe.SHOWN, 3)).astype("float32")
    panels = np.reshape(recipe.plot_mixtures(synthesis, styles, coarse=1).axes, (recipe.SHOWN + 1,) * 2)
    shown = panels[2, 5].images[0].get_array()
    expected = np.stack([styles[1], *[styles[recipe.SHOWN + 4]] * 3])
    np.testing.assert_allclose(shown, expected, atol=1e-6)


def test_networks_of_the_book(load_recipe):
    """Géron, 2019, chapter 17: parameters of the simple GAN, and shapes of the feature maps of the DCGAN."""
    dense, dcgan = (load_recipe(f"gan/{name}") for name in ("dense", "dcgan"))
    model = dense.build_model(dense.Config())
    assert model.generator.count_params() == 136_634
    assert [layer.output.shape[-1] for layer in model.discriminator.layers] == [784, 150, 100, 1]
    generator = dcgan.build_model(dcgan.Config()).generator
    shapes = dict.fromkeys([generator.input_shape[1:], *(layer.output.shape[1:] for layer in generator.layers)])
    assert list(shapes) == [(100,), (6272,), (7, 7, 128), (14, 14, 64), (28, 28, 1)]

"""Tests of the checks of data before generative models are trained."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.models import GAN, Diffusion, VariationalAutoencoder, dcgan_discriminator, dcgan_generator
from tensorsmith.testing import raises_argument_error

SHAPE = (8, 8, 1)


def gan(activation):
    generator = dcgan_generator(3, SHAPE, (4, 2), output_activation=activation)
    return GAN(generator, dcgan_discriminator(SHAPE, (2, 4)))


def dense_gan():
    """Returns a GAN whose generator ends in a model and a reshape layer."""
    last = keras.Sequential([keras.Input((3,)), keras.layers.Dense(64, "sigmoid")])
    generator = keras.Sequential([keras.Input((3,)), last, keras.layers.Reshape(SHAPE)])
    return GAN(generator, dcgan_discriminator(SHAPE, (2, 4)))


def diffusion(clip=(-1.0, 1.0), classes=None):
    inputs = [keras.Input(SHAPE), keras.Input((), dtype="int32")]
    noise = keras.layers.Conv2D(1, 1)(inputs[0])
    if classes:
        inputs.append(keras.Input((), dtype="int32"))
        noise += keras.ops.reshape(keras.layers.Embedding(classes + 1, 64)(inputs[-1]), (-1, *SHAPE))
    return Diffusion(keras.Model(inputs, noise), classes=classes, clip=clip)


def conditional_gan():
    """Returns a GAN with three classes."""
    codes, labels = keras.Input((3,)), keras.Input((), dtype="int32")
    hidden = keras.layers.Concatenate()([codes, keras.layers.Embedding(3, 2)(labels)])
    generator = keras.Model([codes, labels], keras.layers.Reshape(SHAPE)(keras.layers.Dense(64, "tanh")(hidden)))
    samples, classes = keras.Input(SHAPE), keras.Input((), dtype="int32")
    scores = keras.layers.Dense(1)(keras.layers.Flatten()(samples)) + keras.layers.Embedding(3, 1)(classes)
    return GAN(generator, keras.Model([samples, classes], scores))


def variational(likelihood):
    images, codes = keras.Input(SHAPE), keras.Input((2,))
    flat = keras.layers.Flatten()(images)
    encoder = keras.Model(images, [keras.layers.Dense(2)(flat), keras.layers.Dense(2)(flat)])
    decoder = keras.Model(codes, keras.layers.Reshape(SHAPE)(keras.layers.Dense(64)(codes)))
    return VariationalAutoencoder(encoder, decoder, likelihood)


def images(low, high):
    return np.linspace(low, high, 4 * 64).reshape(4, *SHAPE).astype("float32")


@pytest.mark.parametrize(
    ("build", "argument", "low", "high"),
    [
        (gan, "tanh", -1, 1),
        (gan, "sigmoid", 0, 1),
        (dense_gan, None, 0, 1),
        (diffusion, (-2, 3), -2, 3),
        (variational, "bernoulli", 0, 1),
    ],
)
def test_samples_out_of_range(build, argument, low, high):
    model = build() if argument is None else build(argument)
    model.compile("sgd")
    model.fit(images(low, high), epochs=1, verbose=0)
    weights = [weight.copy() for weight in model.get_weights()]
    for samples in (images(low - 0.1, high), images(low, 255), tf.data.Dataset.from_tensors(images(low, 255))):
        with pytest.raises(ValueError, match=r"x must be in \[.*\], as the outputs, got values from .* to .*Rescaling"):
            model.fit(samples, verbose=0)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(("build", "argument"), [(gan, None), (diffusion, None), (variational, "gaussian")])
def test_unbounded_samples(build, argument):
    model = build(argument)
    model.compile("sgd")
    model.fit(images(-5, 5), epochs=1, verbose=0)


def test_networks_without_a_bounded_activation():
    codes, bounded = keras.Input((64,)), dense_gan().generator
    reshaped = keras.layers.Reshape(SHAPE)(codes)
    for samples in (reshaped, 2 * bounded(codes[:, :3]), keras.layers.Rescaling(2.0)(bounded(codes[:, :3]))):
        generator = keras.Model(codes, samples)
        assert GAN(generator, dcgan_discriminator(SHAPE, (2, 4))).sample_range is None


def test_targets_of_a_variational_autoencoder_out_of_range():
    model = variational("bernoulli")
    model.compile("sgd")
    for arguments in ({"y": images(0, 255)}, {"y": images(0, 255), "batch_size": 4}):
        with raises_argument_error("y", expected="in [0, 1], as the outputs"):
            model.fit(images(0, 1), **arguments, verbose=0)


@pytest.mark.parametrize("build", [conditional_gan, lambda: diffusion(classes=3)])
@pytest.mark.parametrize("labels", [[0, 1, 2, 7], [0, 1, 2, -1], [0, 1, 2, 0.5], [[0], [1], [2], [0]], [0, 1, 2]])
def test_labels_that_are_no_classes(build, labels):
    model = build()
    model.compile("sgd")
    labels = np.array(labels)
    with raises_argument_error("y"):
        model.fit(images(-1, 1), labels, verbose=0)
    if len(labels) == 4:
        with raises_argument_error("y"):
            model.fit(tf.data.Dataset.from_tensors((images(-1, 1), labels)), verbose=0)
    with raises_argument_error("labels"):
        model.generate(4, labels)
    model.fit(images(-1, 1), np.array([0, 1, 2, 0]), verbose=0)
    assert model.generate(4, np.array([0.0, 1, 2, 2])).shape == (4, *SHAPE)


@pytest.mark.parametrize(
    ("build", "name"), [(dense_gan, "codes"), (diffusion, "noise"), (lambda: variational("gaussian"), "codes")]
)
def test_codes_and_noise(build, name):
    model = build()
    for values in (0, -1, np.ones((2, 5)), np.ones(3)):
        with raises_argument_error(name):
            model.generate(values)

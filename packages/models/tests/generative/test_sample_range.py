"""Tests of the range of samples, which models with a training step of their own check before training."""

import keras
import numpy as np
import pytest

from tensorsmith.models import GAN, Diffusion, VariationalAutoencoder, dcgan_discriminator, dcgan_generator

SHAPE = (8, 8, 1)


def gan(activation):
    generator = dcgan_generator(3, SHAPE, (4, 2), output_activation=activation)
    return GAN(generator, dcgan_discriminator(SHAPE, (2, 4)))


def dense_gan():
    """Returns a GAN whose generator ends in a model and a reshape layer."""
    last = keras.Sequential([keras.Input((3,)), keras.layers.Dense(64, "sigmoid")])
    generator = keras.Sequential([keras.Input((3,)), last, keras.layers.Reshape(SHAPE)])
    return GAN(generator, dcgan_discriminator(SHAPE, (2, 4)))


def diffusion(clip):
    samples, steps = keras.Input(SHAPE), keras.Input((), dtype="int32")
    return Diffusion(keras.Model([samples, steps], keras.layers.Conv2D(1, 1)(samples)), clip=clip)


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
    for samples in (images(low - 0.1, high), images(low, 255)):
        with pytest.raises(ValueError, match=r"x must be in \[.*\], as the outputs, got values from .* to .*Rescaling"):
            model.fit(samples, verbose=0)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(("build", "argument"), [(gan, None), (diffusion, None), (variational, "gaussian")])
def test_unbounded_samples(build, argument):
    model = build(argument)
    model.compile("sgd")
    model.fit(images(-5, 5), epochs=1, verbose=0)

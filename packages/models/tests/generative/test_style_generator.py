"""Tests of the style-based generator: the roles of its two networks, and of its noise."""

import numpy as np
from keras import ops

from tensorsmith.models import style_generator

CODES = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")


def generator(mixing=0.0):
    """Returns a small generator."""
    return style_generator(5, (8, 8, 1), filters=(6, 4), units=7, mapping_layers=2, mixing=mixing)


def test_networks():
    """The synthesis network computes the images from the repeated style, which the length of a code does not affect."""
    model = generator()
    styles = np.repeat(ops.convert_to_numpy(model.get_layer("mapping")(CODES))[:, None], 4, axis=1)
    images = ops.convert_to_numpy(model(CODES))
    np.testing.assert_allclose(model.get_layer("synthesis")(styles), images, atol=1e-6)
    np.testing.assert_allclose(model(3 * CODES), images, atol=1e-5)
    for level in range(4):
        changed = styles.copy()
        changed[:, level] += 1
        assert np.abs(model.get_layer("synthesis")(changed) - images).max() > 1e-3, level


def test_mixing_in_training():
    for mixing, differs in ((0.0, False), (1.0, True)):
        model = generator(mixing)
        apart = np.abs(model(CODES, training=True) - model(CODES)).max(axis=(1, 2, 3))
        assert (apart > 1e-4).all() == differs == (apart > 1e-6).any()


def test_noise_differs_between_layers_and_calls():
    model = generator()
    inside = model.get_layer("synthesis")
    noise = [layer for layer in inside.layers if layer.name.startswith("noise_injection")]
    assert len(noise) == 4
    before = ops.convert_to_numpy(model(CODES))
    np.testing.assert_array_equal(model(CODES), before)  # scales begin with 0
    for layer in noise:
        layer.strength.assign(np.full(layer.strength.shape, 0.5))
    drawn = [ops.convert_to_numpy(model(CODES)) for _ in range(2)]
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-3
    first, second = (ops.convert_to_numpy(layer(np.zeros((2, 4, 4, 6), "float32")))[..., 0] for layer in noise[:2])
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.9

"""Tests of the recipes of computer vision: filters, heatmaps, super-resolution and style transfer."""

import numpy as np
import pytest
from scipy import ndimage

from tensorsmith.core import load_tensorflow

load_tensorflow()
import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from tensorsmith.models import efficientnet_lite0  # noqa: E402

RNG = np.random.default_rng(0)


def test_feature_maps_of_filters(load_recipe):
    """A line of ones is a running mean along it."""
    recipe = load_recipe("vision/filters")
    image = RNG.random((30, 40), "float32")
    maps = recipe.feature_maps(image[None], 7)[0]
    for axis in (0, 1):
        np.testing.assert_allclose(
            maps[..., axis], ndimage.uniform_filter1d(image, 7, axis, mode="constant"), rtol=1e-5
        )


def test_heatmap_is_the_class_activation_map(load_recipe):
    """For a dense layer after global average pooling, Grad-CAM is the class activation map of Zhou et al. (2016)."""
    keras.utils.set_random_seed(0)
    classifier = efficientnet_lite0((64, 64, 3), 10, None, 0.0, None)
    pooling = next(layer for layer in classifier.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    model = keras.Model(classifier.input, [pooling.input, classifier.output])
    image = RNG.uniform(0, 255, (64, 64, 3)).astype("float32")
    maps = model((image[None] - 127) / 128)[0][0]
    kernel = np.array(classifier.get_layer("classifier").kernel)
    expected = np.maximum(np.array(maps) @ kernel[:, 3] / np.prod(maps.shape[:2]), 0)
    np.testing.assert_allclose(load_recipe("vision/grad_cam").heatmap(model, image, 3), expected, atol=1e-6)
    assert expected.max() > 0


@pytest.mark.parametrize("upsampling", ["pixels", "transposed", "nearest"])
def test_super_resolution_starts_as_bilinear_interpolation(upsampling, load_recipe):
    recipe = load_recipe("vision/super_resolution")
    model = recipe.build_model(recipe.Config(upsampling=upsampling, filters=4))
    images = RNG.random((2, 14, 14, 1), "float32")
    bilinear = tf.image.resize(images, (28, 28)).numpy()
    np.testing.assert_allclose(model(images), bilinear, atol=1e-6)
    if upsampling == "pixels":
        last = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)][-1]
        last.kernel.assign(RNG.normal(size=last.kernel.shape))
        channels = keras.Model(model.input, last.output)(images)
        np.testing.assert_allclose(model(images) - bilinear, tf.nn.depth_to_space(channels, 2), atol=1e-5)


def test_psnr(load_recipe):
    large, small = np.full((1, 4, 4, 1), 0.5, "float32"), np.full((1, 4, 4, 1), 0.4, "float32")
    np.testing.assert_allclose(load_recipe("vision/super_resolution").psnr(large, small), 20.0, rtol=1e-5)  # -20 lg 0.1


def test_correlations_of_features(load_recipe):
    features = RNG.normal(size=(1, 3, 5, 4)).astype("float32")
    flat = features.reshape(15, 4)
    np.testing.assert_allclose(
        load_recipe("vision/style_transfer").correlations(features)[0], flat.T @ flat / 15, rtol=1e-5
    )

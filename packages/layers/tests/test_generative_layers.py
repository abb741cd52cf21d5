"""Tests of the layers of generative networks against independent computations."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.layers import (
    AdaIN,
    EqualizedLearningRate,
    MinibatchStandardDeviation,
    ModulatedConv2D,
    NoiseInjection,
    PixelNormalization,
    StyleMixing,
)
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("layer", "shape", "error"),
    [
        (
            MinibatchStandardDeviation(),
            (None, 4, None, 3),
            {"name": "inputs", "expected": "have a known shape except for the batch axis"},
        ),
        (
            MinibatchStandardDeviation(),
            (4,),
            {"name": "inputs", "expected": "have a known shape except for the batch axis"},
        ),
        (NoiseInjection(), (2, 4, 4, None), {"name": "inputs", "expected": "have a known number of channels"}),
        (AdaIN(), (2, 4, 4, 3), {"name": "inputs", "expected": "a pair of tensors, (x, style)"}),
        (
            AdaIN(),
            [(2, 4, 4, None), (2, 3)],
            {
                "name": "inputs",
                "expected": "contain images of shape (batch, height, width, channels) with a known number of channels",
            },
        ),
        (
            AdaIN(),
            [(2, 4, 3), (2, 3)],
            {
                "name": "inputs",
                "expected": "contain images of shape (batch, height, width, channels) with a known number of channels",
            },
        ),
        (ModulatedConv2D(3, 3), [(2, 4, 4, 3), (2, None)], {"name": "inputs", "expected": "styles"}),
        (ModulatedConv2D(3, 3), [(2, 4, 4, 3), (2, 1, 3)], {"name": "inputs", "expected": "styles"}),
        (ModulatedConv2D(3, 3), [(2, 4, 4, 3)], {"name": "inputs", "expected": "a pair of tensors, (x, style)"}),
    ],
)
def test_invalid_shapes(layer, shape, error):
    with raises_argument_error(**error):
        layer.build(shape)


@pytest.mark.parametrize("group_size", [1, 2, 4, 8, 12, None])
def test_minibatch_deviation_of_equal_groups(group_size):
    """Compares with the computation of the authors, whose groups are the second axis of (size, groups, ...)."""
    x = RNG.normal(size=(8, 3, 4, 5))
    size = min(group_size or 8, 8)
    deviations = np.sqrt(x.reshape((size, -1, 3, 4, 5)).var(0) + 1e-8).mean((1, 2, 3))
    y = MinibatchStandardDeviation(group_size, dtype="float64")(x).numpy()
    np.testing.assert_array_equal(y[..., :5], x)
    expected = np.broadcast_to(np.tile(deviations, size)[:, None, None], (8, 3, 4))
    np.testing.assert_allclose(y[..., 5], expected, rtol=1e-6)


def test_minibatch_deviation_across_channels():
    """Compares with the deviation over the examples and channels of each group, of sizes 3, 2 and 2."""
    x = RNG.normal(size=(7, 2, 2, 3))
    y = MinibatchStandardDeviation(3, across_channels=True, dtype="float64")(x).numpy()
    for group in ([0, 3, 6], [1, 4], [2, 5]):
        np.testing.assert_allclose(y[group, ..., 3], np.sqrt(x[group].var((0, 3)) + 1e-8).mean(), rtol=1e-6)


def test_minibatch_deviation_of_unequal_groups():
    x = RNG.normal(size=(7, 2, 2, 3))
    y = MinibatchStandardDeviation(3, dtype="float64")(x).numpy()
    for group in ([0, 3, 6], [1, 4], [2, 5]):
        np.testing.assert_allclose(y[group, ..., 3], np.sqrt(x[group].var(0) + 1e-8).mean(), rtol=1e-6)
    alone = MinibatchStandardDeviation()(x[:1].astype("float32")).numpy()
    np.testing.assert_allclose(alone[..., 3], 1e-4, rtol=1e-4)


def test_minibatch_deviation_in_float16():
    x = 500 * RNG.normal(size=(6, 2, 2, 3))  # squares overflow in float16
    layer = MinibatchStandardDeviation(None, dtype="float16")
    traced = tf.function(layer, input_signature=[tf.TensorSpec((None, 2, 2, 3), tf.float16)])
    y = traced(tf.constant(x, tf.float16)).numpy()
    np.testing.assert_allclose(y[..., 3], x.std(0).mean(), rtol=2e-3)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_pixel_normalization(dtype):
    x = 500 * RNG.normal(size=(2, 3, 3, 8))  # squares overflow in float16
    y = keras.ops.convert_to_numpy(keras.ops.cast(PixelNormalization(dtype=dtype)(x), "float64"))
    scale = np.linalg.norm(x, axis=-1, keepdims=True) / 8**0.5
    np.testing.assert_allclose(y, x / scale, rtol=1e-9 if dtype == "float64" else 2e-2)
    small = PixelNormalization(dtype=dtype)(np.zeros((1, 4)))
    np.testing.assert_array_equal(keras.ops.cast(small, "float64"), 0)


KERNELS = [
    (lambda: keras.layers.Dense(5, activation="relu"), (3, 7), 7),
    (lambda: keras.layers.Conv1D(5, 3), (3, 6, 7), 3 * 7),
    (lambda: keras.layers.Conv2D(6, (3, 2), strides=2, padding="same", groups=3), (3, 6, 6, 9), 3 * 2 * 3),
    (lambda: keras.layers.Conv3D(2, 2), (2, 4, 4, 4, 3), 8 * 3),
    (lambda: keras.layers.Conv1DTranspose(5, 4, strides=2), (3, 6, 7), 4 * 7),
    (lambda: keras.layers.Conv2DTranspose(5, 3, strides=2, padding="same"), (3, 6, 6, 4), 9 * 4),
    (lambda: keras.layers.Conv3DTranspose(2, 2), (2, 3, 3, 3, 3), 8 * 3),
]


@pytest.mark.parametrize(("kind", "shape", "fan_in"), KERNELS)
@pytest.mark.parametrize("gain", [2**0.5, 1.0])
def test_equalized_kernel_scaling(kind, shape, fan_in, gain):
    layer, plain = EqualizedLearningRate(kind(), gain), kind()
    x = RNG.normal(size=shape).astype("float32")
    found = layer(x)
    plain.build(shape)
    plain.kernel.assign(layer.layer.kernel.numpy() * gain / fan_in**0.5)
    np.testing.assert_allclose(found, plain(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [keras.layers.Conv2D, keras.layers.Conv2DTranspose])
def test_equalized_output_variance(kind):
    """Inputs of variance 1 result in outputs of variance gain², except at the borders."""
    layer = EqualizedLearningRate(kind(64, 3, padding="same", kernel_initializer=keras.initializers.Zeros()))
    y = layer(keras.random.normal((2, 18, 18, 32), seed=1)).numpy()[:, 1:-1, 1:-1]
    np.testing.assert_allclose(layer.layer.kernel.numpy().std(), 1, atol=0.03)
    np.testing.assert_allclose(y.var(), 2, rtol=0.15)


def test_equalized_kernel_seeds():
    def kernel(seed):
        initializer = keras.initializers.HeNormal(seed=seed)
        layer = EqualizedLearningRate(keras.layers.Dense(4, kernel_initializer=initializer))
        layer.build((None, 3))
        return layer.layer.kernel.numpy()

    np.testing.assert_array_equal(kernel(1), kernel(1))
    assert (kernel(1) != kernel(2)).any()
    assert (kernel(None) != kernel(None)).any()


def test_equalizing_built_layer_is_rejected():
    dense = keras.layers.Dense(4)
    dense.build((None, 3))
    with raises_argument_error("layer", expected="not be built"):
        EqualizedLearningRate(dense)


def test_noise_injection():
    x = RNG.normal(size=(3, 20, 20, 2)).astype("float32")
    layer = NoiseInjection(seed=1)
    np.testing.assert_array_equal(layer(x), x)  # strengths are initialized to 0
    layer.strength.assign([1.0, -2.0])
    noise = layer(x).numpy() - x
    np.testing.assert_allclose(noise[..., 1], -2 * noise[..., 0], atol=1e-5)
    np.testing.assert_allclose(noise[..., 0].std(), 1, atol=0.1)  # 5 standard errors, 5 / sqrt(2 * 1200)
    assert np.abs(np.corrcoef(noise[..., 0].reshape((3, -1)))[~np.eye(3, dtype=bool)]).max() < 0.25  # 5 / sqrt(400)
    assert (layer(x).numpy() - x != noise).any()


def test_style_mixing():
    """Mixed examples have their styles up to a level that is drawn uniformly, then those of the previous example."""
    batch, levels = 3000, 4
    styles = np.broadcast_to(np.arange(batch, dtype="float32")[:, None, None], (batch, levels, 2))
    layer = StyleMixing(0.6, seed=1)
    np.testing.assert_array_equal(layer(styles), styles)
    mixed = layer(styles, training=True).numpy()
    np.testing.assert_array_equal(mixed[..., 0], mixed[..., 1])
    own = mixed[..., 0] == np.arange(batch)[:, None]
    np.testing.assert_array_equal(mixed[..., 0][~own], np.broadcast_to(styles[..., 0] - 1, own.shape)[~own] % batch)
    kept = own.sum(axis=1)
    np.testing.assert_array_equal(own, np.arange(levels) < kept[:, None])  # the first levels
    # Within 5 standard errors, which are at most 5 * sqrt(0.6 * 0.4 / 3000).
    np.testing.assert_allclose(np.bincount(kept, minlength=levels + 1) / batch, [0, 0.2, 0.2, 0.2, 0.4], atol=0.045)


def test_adain_mean_and_deviation(randomize):
    x, style = RNG.normal(3, 2, size=(2, 6, 5, 3)), RNG.normal(size=(2, 4))
    layer = AdaIN(dtype="float64")
    layer.build([x.shape, style.shape])
    randomize(layer)
    kernel, bias = (weight.numpy() for weight in layer.weights)
    scale, shift = np.split(style @ kernel + bias, 2, axis=-1)
    y = layer([x, style]).numpy()
    np.testing.assert_allclose(y.mean((1, 2)), shift, atol=1e-6)
    np.testing.assert_allclose(y.std((1, 2)), np.abs(1 + scale), rtol=1e-6)
    instance = keras.layers.GroupNormalization(groups=-1, epsilon=1e-8, center=False, scale=False, dtype="float64")
    np.testing.assert_allclose(y, (1 + scale[:, None, None]) * instance(x) + shift[:, None, None], atol=1e-6)


def test_adain_in_float16():
    x = 1000 + 300 * RNG.normal(size=(2, 30, 30, 2))  # sums and squares overflow in float16
    x = x.astype("float16")
    y = AdaIN(dtype="mixed_float16")([x, np.zeros((2, 3))]).numpy().astype("float64")
    wide = x.astype("float64")
    expected = (wide - wide.mean((1, 2), keepdims=True)) / wide.std((1, 2), keepdims=True)
    np.testing.assert_allclose(y, expected, atol=5e-3)


@pytest.mark.parametrize(("demodulate", "size"), [(True, 3), (True, 4), (False, 3), (False, 1)])
def test_modulated_convolution_per_example(demodulate, size, randomize):
    """Compares outputs and gradients with convolutions of one kernel per example."""
    x, style = (tf.constant(RNG.normal(size=shape)) for shape in ((3, 5, 6, 4), (3, 2)))
    layer = ModulatedConv2D(7, size, demodulate, activation="tanh", epsilon=0.01, dtype="float64")
    layer.build([tuple(x.shape), tuple(style.shape)])
    randomize(layer)

    def one_by_one():
        scales = style @ layer.affine.kernel.value + layer.affine.bias.value
        images = []
        for position in range(3):
            kernel = scales[position][:, None] * layer.kernel.value
            if demodulate:
                kernel /= tf.sqrt(tf.reduce_sum(kernel**2, axis=(0, 1, 2)) + 0.01)
            images.append(tf.nn.conv2d(x[position : position + 1], kernel, 1, "SAME"))
        return tf.tanh(tf.concat(images, 0) + layer.bias.value)

    sources = [x, style, *(weight.value for weight in layer.weights)]
    results = []
    for compute in (one_by_one, lambda: layer([x, style])):
        with tf.GradientTape() as tape:
            tape.watch(sources)
            y = compute()
            total = tf.reduce_sum(y**3)
        results.append([y, *tape.gradient(total, sources)])
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)


def test_demodulation_is_invariant_to_style_scale():
    x, style = RNG.normal(size=(2, 5, 6, 4)).astype("float32"), RNG.normal(size=(2, 3)).astype("float32")
    layer = ModulatedConv2D(7, 3)
    layer.build([x.shape, style.shape])
    layer.affine.bias.assign(0 * layer.affine.bias)
    np.testing.assert_allclose(layer([x, 50 * style]), layer([x, style]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("size", [1.0, 1e2, 1e4, 6e4])
def test_demodulation_in_half_precision(dtype, size):
    """Compares with float64 for the same weights. Scales of up to 180,000 exceed the range of float16."""
    x, style = 3 * RNG.normal(size=(2, 5, 6, 16)), size * np.array([[1.0, -1.0, 0.5], [1.0, 1.0, 1.0]])
    exact, half = ModulatedConv2D(7, 3, dtype="float64"), ModulatedConv2D(7, 3, dtype=dtype)
    for layer in (exact, half):
        layer.build([x.shape, style.shape])
    for weight, counterpart in zip(exact.weights, half.weights, strict=True):
        counterpart.assign(RNG.uniform(-1, 1, weight.shape))
        weight.assign(keras.ops.cast(counterpart, "float64"))
    found = keras.ops.convert_to_numpy(keras.ops.cast(half([x, style]), "float64"))
    expected = exact([x, style]).numpy()
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())


def test_zero_kernel_with_large_styles():
    layer = ModulatedConv2D(3, 3, kernel_initializer="zeros", dtype="mixed_float16")
    layer.build([(2, 4, 4, 3), (2, 5)])
    layer.affine.bias.assign([6e4] * 3)
    np.testing.assert_array_equal(layer([np.ones((2, 4, 4, 3)), np.ones((2, 5))]), 0)


@pytest.mark.parametrize("make", [AdaIN, lambda: ModulatedConv2D(3, 3)])
def test_variable_image_sizes(make):
    images, style = keras.Input((None, None, 3)), keras.Input((4,))
    model = keras.Model([images, style], make()([images, style]))
    assert model.output_shape == (None, None, None, 3)
    for height, width in ((4, 6), (5, 3)):
        inputs = [RNG.normal(size=(2, height, width, 3)).astype("float32"), np.ones((2, 4), "float32")]
        np.testing.assert_allclose(model(inputs), model.layers[-1](inputs), rtol=1e-5)

"""Tests of the layers of convolutional networks against NumPy, Keras, TensorFlow, and numbers printed in papers.

The residual regressor and the ResNet-34 are those of Géron, "Hands-On Machine Learning", 2nd ed., chapters 12 and 14.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.distance import cdist

from tensorsmith.layers import (
    BottleneckUnit,
    FilterResponseNormalization,
    InceptionModule,
    LearnedAveragePooling2D,
    LocalResponseNormalization,
    RBFOutput,
    ResidualDense,
    ResidualUnit,
    SqueezeExcitation,
)
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)


def convolve(x, kernel, strides=1):
    """Returns a convolution with padding "same", in float64."""
    size = kernel.shape[0]
    pads = []
    for side in x.shape[1:3]:
        total = max((-(-side // strides) - 1) * strides + size - side, 0)
        pads.append((total // 2, total - total // 2))
    padded = np.pad(x.astype("float64"), [(0, 0), *pads, (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))[:, ::strides, ::strides]
    return np.einsum("bhwcij,ijco->bhwo", windows, kernel)


def normalize(x, gamma, beta, mean, variance):
    return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta


@pytest.mark.parametrize(
    ("layer", "shape", "error"),
    [
        (ResidualUnit(4), (2, 8, 8), {"name": "inputs", "expected": "channels) with a known number of channels"}),
        (
            ResidualUnit(4),
            (2, 8, 8, None),
            {"name": "inputs", "expected": "channels) with a known number of channels"},
        ),
        (
            BottleneckUnit(4),
            (2, 8, 8, None),
            {"name": "inputs", "expected": "channels) with a known number of channels"},
        ),
        (
            InceptionModule(1, 1, 1, 1, 1, 1),
            (2, 8, None),
            {"name": "inputs", "expected": "channels) with a known number of channels"},
        ),
        (
            SqueezeExcitation(),
            (2, 8),
            {
                "name": "inputs",
                "expected": "have shape (batch, ..., channels) with spatial axes and a known number of channels",
            },
        ),
        (
            SqueezeExcitation(),
            (2, 8, None),
            {
                "name": "inputs",
                "expected": "have shape (batch, ..., channels) with spatial axes and a known number of channels",
            },
        ),
        (ResidualDense(4), (2, None), {"name": "inputs", "expected": "have a known number of features"}),
        (RBFOutput(4), (2, None), {"name": "inputs", "expected": "have a known number of features"}),
        (
            LocalResponseNormalization(1.0, 0.5, size=3),
            (2, 8, None),
            {"name": "inputs", "expected": "channels) with a known number of channels"},
        ),
        (LearnedAveragePooling2D(), (2, 8, 8, None), {"name": "inputs", "expected": "have a known number of channels"}),
    ],
)
def test_invalid_shapes(layer, shape, error):
    with raises_argument_error(**error):
        layer.build(shape)


@pytest.mark.parametrize("window", [{}, {"depth_radius": 2, "size": 5}])
def test_depth_radius_and_size_are_exclusive(window):
    with pytest.raises(ValueError, match="depth_radius or size must be passed, but not both"):
        LocalResponseNormalization(1.0, 0.5, **window)


@pytest.mark.parametrize(("radius", "channels"), [(0, 3), (1, 7), (2, 7), (5, 4)])
def test_local_response_normalization_matches_tensorflow(radius, channels):
    numbers = {"alpha": 0.3, "beta": 0.75, "bias": 2.0, "depth_radius": radius}
    layer = LocalResponseNormalization(**numbers)
    x = tf.constant(3 * RNG.normal(size=(2, 4, 5, channels)), tf.float32)

    def outputs_and_slopes(function):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return y, tape.gradient(y, x)

    theirs = outputs_and_slopes(lambda x: tf.nn.local_response_normalization(x, **numbers))
    compiled = tf.function(lambda: outputs_and_slopes(layer), jit_compile=True)
    for ours in (outputs_and_slopes(layer), compiled()):
        for our, their in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(our, their, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_local_response_normalization_matches_pytorch(size):
    """PyTorch uses the mean of a zero-padded window. An even window has one more channel before the center."""
    x = RNG.normal(size=(3, 6))
    expected = np.empty_like(x)
    for c in range(6):
        first = c - size // 2
        window = x[:, max(first, 0) : first + size]
        expected[:, c] = x[:, c] / (1.5 + 0.7 * (window**2).sum(axis=1) / size) ** 0.75
    layer = LocalResponseNormalization(0.7, 0.75, 1.5, size=size, dtype="float64")
    np.testing.assert_allclose(layer(x), expected)


def test_local_response_normalization_in_float16():
    x = 1000 * RNG.normal(size=(2, 3, 3, 8))  # squares overflow in float16
    numbers = {"alpha": 1e-4, "beta": 0.75, "bias": 2.0, "depth_radius": 2}
    expected = LocalResponseNormalization(**numbers, dtype="float64")(x).numpy()
    found = LocalResponseNormalization(**numbers, dtype="float16")(x).numpy()
    np.testing.assert_allclose(found, expected, rtol=5e-3)


def test_learned_average_pooling(randomize):
    """Compares with the 12 and 32 trainable parameters of S2 and S4, and with the formula of the paper."""
    x = RNG.normal(size=(2, 28, 28, 6))
    layer = LearnedAveragePooling2D(activation="tanh", dtype="float64")
    layer.build(x.shape)
    assert layer.count_params() == 12
    randomize(layer)
    coefficient, bias = (weight.numpy() for weight in layer.weights)
    total = x[:, ::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, ::2] + x[:, 1::2, 1::2]
    np.testing.assert_allclose(layer(x), np.tanh(coefficient / 4 * total + bias), rtol=1e-6)
    deeper = LearnedAveragePooling2D()
    deeper.build((None, 10, 10, 16))
    assert deeper.count_params() == 32
    assert deeper.compute_output_shape((None, 10, 10, 16)) == (None, 5, 5, 16)


def test_learned_average_pooling_channels_first(randomize):
    last, first = (LearnedAveragePooling2D(3, 2, "same", form) for form in ("channels_last", "channels_first"))
    x = RNG.normal(size=(2, 7, 8, 3)).astype("float32")
    last.build(x.shape)
    randomize(last)
    first.build((2, 3, 7, 8))
    for mine, theirs in zip(first.weights, last.weights, strict=True):
        mine.assign(theirs.numpy().reshape((3, 1, 1)))
    np.testing.assert_allclose(np.moveaxis(first(np.moveaxis(x, -1, 1)), 1, -1), last(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "mixed_float16"])
def test_rbf_output(dtype, randomize):
    layer = RBFOutput(10, dtype=dtype)
    x = RNG.normal(size=(5, 84))
    layer.build(x.shape)
    randomize(layer)
    expected = cdist(x, layer.kernel.numpy().T, "sqeuclidean")
    np.testing.assert_allclose(layer(x), expected, rtol=1e-6 if dtype == "float64" else 5e-3)


def test_rbf_output_with_fixed_vectors():
    images = np.sign(RNG.normal(size=(84, 10)))
    layer = RBFOutput(10, keras.initializers.Constant(images), trainable=False)
    layer = RBFOutput.from_config(layer.get_config())
    y = layer(images.T.astype("float32")).numpy()
    assert not layer.trainable_weights
    np.testing.assert_array_equal(np.diag(y), 0)
    np.testing.assert_array_equal(y, 4 * (images.T[:, None] != images.T).sum(-1))


@pytest.mark.parametrize(
    ("shape", "ratio", "width"), [((2, 5, 6), 3, 2), ((2, 4, 3, 6), 4, 1), ((2, 2, 3, 2, 6), 16, 1)]
)
def test_squeeze_and_excitation(shape, ratio, width, randomize):
    x = RNG.normal(size=shape)
    layer = SqueezeExcitation(ratio, dtype="float64")
    layer.build(shape)
    randomize(layer)
    kernel, bias, kernel_out, bias_out = (weight.numpy() for weight in layer.weights)
    assert bias.shape == (width,)
    hidden = np.maximum(x.reshape((2, -1, 6)).mean(1) @ kernel + bias, 0)
    gate = 1 / (1 + np.exp(-(hidden @ kernel_out + bias_out)))
    np.testing.assert_allclose(layer(x), x * gate.reshape((2, *[1] * (len(shape) - 2), 6)), rtol=1e-6)


def test_squeeze_and_excitation_in_float16():
    layer = SqueezeExcitation(kernel_initializer="zeros", dtype="mixed_float16")
    x = np.full((1, 128, 128, 1), 100.0)  # 128 * 128 * 100 overflows in float16
    np.testing.assert_array_equal(layer(x), 50)


def test_residual_regressor_parameter_count():
    """The model has a dense layer, one block that is used four times, another block, and an output layer."""
    inputs = keras.Input((8,))
    first, second = ResidualDense(30), ResidualDense(30)
    x = keras.layers.Dense(30, activation="elu", kernel_initializer="he_normal")(inputs)
    for block in (first, first, first, first, second):
        x = block(x)
    assert keras.Model(inputs, keras.layers.Dense(1)(x)).count_params() == 9 * 30 + 2 * (2 * 31 * 30) + 31


@pytest.mark.parametrize("features", [5, 3])
def test_residual_dense(features, randomize):
    x = RNG.normal(size=(4, features))
    layer = ResidualDense(5, num_layers=2, activation="tanh", dtype="float64")
    layer.build(x.shape)
    randomize(layer)
    first, bias, second, bias_2, *projection = (weight.numpy() for weight in layer.weights)
    shortcut = x @ projection[0] if features != 5 else x
    np.testing.assert_allclose(layer(x), np.tanh(np.tanh(x @ first + bias) @ second + bias_2) + shortcut)
    assert len(projection) == (features != 5)


def test_resnet_34_parameter_count():
    """The number of parameters is that of a ResNet that uses projections only where the strides are 2."""
    resnet = [
        keras.layers.Conv2D(64, 7, strides=2, padding="same", use_bias=False),
        keras.layers.BatchNormalization(),
        keras.layers.MaxPooling2D(3, 2, "same"),
        *(ResidualUnit(64) for _ in range(3)),
        *(ResidualUnit(128, strides=2 if position == 0 else 1) for position in range(4)),
        *(ResidualUnit(256, strides=2 if position == 0 else 1) for position in range(6)),
        *(ResidualUnit(512, strides=2 if position == 0 else 1) for position in range(3)),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(10, activation="softmax"),
    ]
    shape = (None, 224, 224, 3)
    for layer in resnet:
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
    assert shape == (None, 10)
    assert sum(layer.count_params() for layer in resnet) == 21_306_826
    trainable = sum(np.prod(weight.shape) for layer in resnet for weight in layer.trainable_weights)
    assert trainable == 21_289_802


@pytest.mark.parametrize(("filters", "strides"), [(4, 1), (6, 1), (4, 2), (6, 3)])
def test_residual_unit(filters, strides, randomize):
    x = RNG.normal(size=(2, 7, 8, 4))
    layer = ResidualUnit(filters, strides, dtype="float64")
    layer.build(x.shape)
    randomize(layer)
    (kernel, *first), (kernel_2, *second) = (
        [weight.numpy() for part in layer.residual[position : position + 2] for weight in part.weights]
        for position in (0, 3)
    )
    residual = normalize(convolve(x, kernel, strides), *first)
    residual = normalize(convolve(np.maximum(residual, 0), kernel_2), *second)
    projected = [weight.numpy() for part in layer.shortcut for weight in part.weights]
    assert bool(projected) == (filters != 4 or strides > 1)
    shortcut = normalize(convolve(x, projected[0], strides), *projected[1:]) if projected else x
    found = layer(x)
    np.testing.assert_allclose(found, np.maximum(residual + shortcut, 0), atol=1e-5)
    assert layer.compute_output_shape(x.shape) == found.shape


def test_bottleneck_unit_matches_keras_resnet_50():
    """Compares the first two units of the third stage: one with a projection, and one without."""
    resnet = keras.applications.ResNet50(weights=None, include_top=False, input_shape=(32, 32, 3))
    for name, strides in (("conv3_block1", 2), ("conv3_block2", 1)):
        start = resnet.get_layer(f"{name}_1_conv").input
        reference = keras.Model(start, resnet.get_layer(f"{name}_out").output)
        numbers = [f"{name}_{number}" for number in (1, 2, 3)]
        theirs = [
            [weight for part in ("conv", "bn") for weight in resnet.get_layer(f"{number}_{part}").weights]
            for number in (*numbers, *([f"{name}_0"] if strides == 2 else []))
        ]
        layer = BottleneckUnit(512, strides, normalization=keras.layers.BatchNormalization(epsilon=1.001e-5))
        layer.build((None, *start.shape[1:]))
        ours = iter([weight for part in (*layer.residual, *layer.shortcut) for weight in part.weights])
        for kernel, bias, *normalization in theirs:
            for weight in normalization:
                weight.assign(RNG.uniform(0.5, 1.5, weight.shape))
            for weight in (kernel, *normalization):
                next(ours).assign(weight)
            bias.assign(0 * bias)
        assert next(ours, None) is None
        x = RNG.normal(size=(2, *start.shape[1:])).astype("float32")
        np.testing.assert_allclose(layer(x), reference(x), rtol=1e-4, atol=1e-4)


def test_inception_module(randomize):
    x = RNG.normal(size=(2, 6, 5, 3))
    layer = InceptionModule(2, 3, 4, 1, 2, 5, dtype="float64")
    layer.build(x.shape)
    randomize(layer)
    weights = [weight.numpy() for weight in layer.weights]

    def step(x):
        kernel, bias = weights.pop(0), weights.pop(0)
        return np.maximum(convolve(x, kernel) + bias, 0)

    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], constant_values=-np.inf)
    maxima = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2)).max((-2, -1))
    expected = [step(x), step(step(x)), step(step(x)), step(maxima)]
    np.testing.assert_allclose(layer(x), np.concatenate(expected, -1), atol=1e-6)
    assert not weights


@pytest.mark.parametrize(
    ("channels", "filters", "thousands"),
    [(192, (64, 96, 128, 16, 32, 32), 159), (256, (128, 128, 192, 32, 96, 64), 380)],
)
def test_googlenet_parameter_count(channels, filters, thousands):
    """Compares modules 3a and 3b with the table in the paper, which counts in units of 1024."""
    layer = InceptionModule(*filters)
    layer.build((None, 28, 28, channels))
    assert abs(layer.count_params() / 1024 - thousands) < 1


def test_normalization_is_copied_per_convolution():
    normalization = FilterResponseNormalization()
    units = [ResidualUnit(4, normalization=normalization) for _ in range(2)]
    for unit in units:
        unit(np.ones((1, 3, 3, 4), "float32"))
    copies = [part for unit in units for part in unit.residual if isinstance(part, FilterResponseNormalization)]
    assert len({id(part.gamma) for part in copies}) == 4
    assert not normalization.built
    plain = ResidualUnit(4, normalization=None)
    plain(np.ones((1, 3, 3, 4), "float32"))
    assert [weight.name for weight in plain.weights] == ["kernel", "bias"] * 2


def test_residual_unit_updates_moving_averages():
    layer = ResidualUnit(2)
    x = 3 + RNG.normal(size=(4, 3, 3, 2)).astype("float32")
    still = layer(x)
    before = [weight.numpy() for weight in layer.non_trainable_weights]
    layer(x, training=True)
    after = [weight.numpy() for weight in layer.non_trainable_weights]
    assert all((one != other).any() for one, other in zip(before, after, strict=True))
    assert (layer(x).numpy() != still.numpy()).any()


def test_kernel_initializer_and_regularizer():
    layer = ResidualUnit(4, kernel_initializer=keras.initializers.HeNormal(), kernel_regularizer="l2")
    layer(np.ones((1, 3, 3, 4), "float32"))
    first, second = (weight.numpy() for weight in layer.trainable_weights if weight.name == "kernel")
    assert (first != second).any()
    np.testing.assert_allclose(sum(map(float, layer.losses)), 0.01 * ((first**2).sum() + (second**2).sum()), rtol=1e-5)

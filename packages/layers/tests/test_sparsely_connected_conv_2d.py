"""Tests of convolutions with connection tables against Keras, NumPy, SciPy, and the LeNet-5 paper."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import correlate2d

from tensorsmith.layers import LearnedAveragePooling2D, RBFOutput, SparselyConnectedConv2D
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
TABLE = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 0], [0, 0, 1]])
C3 = SparselyConnectedConv2D.LENET_C3


def drawn(table, *args, **options):
    layer = SparselyConnectedConv2D(table, *args, dtype="float64", **options)
    layer.build((None, 8, 9, len(table)))
    layer.set_weights([RNG.normal(size=weight.shape) for weight in layer.weights])
    return layer


def test_matches_scipy():
    """Compares with SciPy for each channel. The kernels are in row-major order of the table."""
    layer = drawn(TABLE, (2, 3), activation="tanh")
    kernel, bias = layer.get_weights()
    x = RNG.normal(size=(2, 8, 9, 4))
    expected = np.zeros((2, 7, 7, 3)) + bias
    for position, (i, o) in enumerate(np.argwhere(TABLE)):
        for example in range(2):
            expected[example, ..., o] += correlate2d(x[example, ..., i], kernel[..., position], "valid")
    np.testing.assert_allclose(layer(x), np.tanh(expected))


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [1, 2, (1, 3)])
def test_block_diagonal_table_matches_groups(strides, padding):
    table = np.kron(np.eye(2), np.ones((2, 3)))
    layer = drawn(table, 3, strides, padding)
    grouped = keras.layers.Conv2D(6, 3, strides, padding, groups=2, dtype="float64")
    grouped.build((None, 8, 9, 4))
    kernel, bias = layer.get_weights()
    # The input channels 0 and 2 are the first ones of their groups, 1 and 3 the second ones.
    first, second = (kernel[..., [*rows[0], *rows[1]]] for rows in (((0, 1, 2), (6, 7, 8)), ((3, 4, 5), (9, 10, 11))))
    grouped.set_weights([np.stack([first, second], axis=2), bias])
    x = RNG.normal(size=(2, 8, 9, 4))
    np.testing.assert_allclose(layer(x), grouped(x))
    assert layer.compute_output_shape(x.shape) == grouped.compute_output_shape(x.shape)


def test_full_table_matches_convolution():
    layer, full = drawn(np.ones((4, 5)), 3), keras.layers.Conv2D(5, 3, dtype="float64")
    full.build((None, 8, 9, 4))
    kernel, bias = layer.get_weights()
    full.set_weights([kernel.reshape((3, 3, 4, 5)), bias])
    x = tf.constant(RNG.normal(size=(2, 8, 9, 4)))
    with tf.GradientTape(persistent=True) as tape:
        ours, theirs = tf.reduce_sum(layer(x) ** 2), tf.reduce_sum(full(x) ** 2)
    np.testing.assert_allclose(ours, theirs)
    our, their = tape.gradient(ours, layer.kernel.value), tape.gradient(theirs, full.kernel.value)
    np.testing.assert_allclose(our, tf.reshape(their, our.shape))


def test_gradients_match_masked_convolution():
    """Missing connections have no weights, and therefore no gradients."""
    layer, full = drawn(TABLE, 3), keras.layers.Conv2D(3, 3, dtype="float64")
    full.build((None, 8, 9, 4))
    kernel, bias = layer.get_weights()
    masked = np.zeros((3, 3, 4, 3))
    masked[:, :, TABLE == 1] = kernel
    full.set_weights([masked, bias])
    x = tf.constant(RNG.normal(size=(2, 8, 9, 4)))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours, theirs = tf.reduce_sum(layer(x) ** 2), tf.reduce_sum(full(x) ** 2)
    their = tape.gradient(theirs, full.kernel.value).numpy()
    np.testing.assert_allclose(tape.gradient(ours, layer.kernel.value), their[:, :, TABLE == 1])
    np.testing.assert_allclose(tape.gradient(ours, x), tape.gradient(theirs, x))
    assert layer.count_params() == TABLE.sum() * 9 + 3
    unseen = tf.Variable(x)
    with tf.GradientTape() as tape:
        first_map = tf.reduce_sum(layer(unseen)[..., 0])
    slopes = tape.gradient(first_map, unseen).numpy()
    assert slopes[..., :2].any()
    assert not slopes[..., 2:].any()


def test_initializer_matches_full_convolution():
    def initializer():
        return keras.initializers.GlorotUniform(seed=3)

    layer = SparselyConnectedConv2D(TABLE, 3, kernel_initializer=initializer())
    layer.build((None, 8, 9, 4))
    np.testing.assert_array_equal(layer.kernel, initializer()((3, 3, 4, 3)).numpy()[:, :, TABLE == 1])


def test_lenet_table():
    """The paper describes the table as adjacent maps, in a circle, and opposite pairs of adjacent maps."""
    table = np.array(C3)
    columns = [set(np.flatnonzero(column)) for column in table.T]
    assert columns[:6] == [{k, (k + 1) % 6, (k + 2) % 6} for k in range(6)]
    assert columns[6:12] == [{(k + step) % 6 for step in range(4)} for k in range(6)]
    assert columns[12:15] == [{k, k + 1, k + 3, (k + 4) % 6} for k in range(3)]
    assert columns[15] == set(range(6))


def test_lenet_5_parameter_count():
    """Compares the counts per layer and the 60,000 trainable parameters of the paper. RBF vectors are fixed."""
    images = np.sign(RNG.normal(size=(84, 10)))
    lenet = [
        keras.layers.Conv2D(6, 5, activation="tanh", name="C1"),
        LearnedAveragePooling2D(activation="tanh", name="S2"),
        SparselyConnectedConv2D(C3, 5, activation="tanh", name="C3"),
        LearnedAveragePooling2D(activation="tanh", name="S4"),
        keras.layers.Conv2D(120, 5, activation="tanh", name="C5"),
        keras.layers.Flatten(),
        keras.layers.Dense(84, activation="tanh", name="F6"),
        RBFOutput(10, keras.initializers.Constant(images), trainable=False),
    ]
    model = keras.Sequential([keras.Input((32, 32, 1)), *lenet])
    assert model.output_shape == (None, 10)
    counts = {layer.name: layer.count_params() for layer in model.layers if layer.trainable_weights}
    assert counts == {"C1": 156, "S2": 12, "C3": 1516, "S4": 32, "C5": 48_120, "F6": 10_164}
    assert sum(np.prod(weight.shape) for weight in model.trainable_weights) == 60_000


def test_invalid_channels():
    with raises_argument_error("inputs", received="(None, 8, 8, 3)", expected="have 4 channels, one for each row"):
        SparselyConnectedConv2D(TABLE, 3).build((None, 8, 8, 3))


@pytest.mark.parametrize("sides", [(3, 9), (9, 4)])
def test_inputs_smaller_than_kernel(sides):
    layer = SparselyConnectedConv2D([[1]], 5)
    with raises_argument_error("inputs", expected="at least as large as the kernel (5, 5)"):
        layer.compute_output_shape((None, *sides, 1))
    assert layer.compute_output_shape((None, 5, None, 1)) == (None, 1, None, 1)

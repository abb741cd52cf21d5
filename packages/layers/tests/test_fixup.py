"""Tests of the standard deviation of Fixup, and of its effect in deep networks."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.layers import ResidualDense, ResidualUnit
from tensorsmith.layers.initializers import Fixup
from tensorsmith.testing import raises_argument_error


@pytest.mark.parametrize(("num_blocks", "layers_per_block"), [(1, 2), (9, 2), (50, 3), (16, 4)])
@pytest.mark.parametrize(("shape", "fan_in"), [((400, 300), 400), ((3, 3, 64, 200), 576)])
def test_standard_deviation(num_blocks, layers_per_block, shape, fan_in):
    kernel = Fixup(num_blocks, layers_per_block, seed=1)(shape).numpy()
    expected = np.sqrt(2 / fan_in) / num_blocks ** (1 / (2 * layers_per_block - 2))
    np.testing.assert_allclose(kernel.std(), expected, rtol=0.01)
    assert abs(kernel.mean()) < 0.01 * expected


def test_matches_scaled_he_normal():
    expected = keras.initializers.HeNormal(seed=7)((30, 20)).numpy() / 5
    np.testing.assert_allclose(Fixup(25, seed=7)((30, 20)), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((0,), {"name": "num_blocks", "expected": "a positive integer"}),
        ((4, 1), {"name": "layers_per_block", "expected": "an integer >= 2"}),
    ],
)
def test_bad_arguments(arguments, error):
    with raises_argument_error(**error):
        Fixup(*arguments)


def test_serialization():
    initializer = Fixup(np.int64(12), np.int64(3), seed=np.int64(4))
    config = json.loads(json.dumps(keras.initializers.serialize(initializer)))
    assert config["registered_name"] == "tensorsmith>Fixup"
    counterpart = keras.initializers.deserialize(config)
    assert counterpart.get_config() == {"num_blocks": 12, "layers_per_block": 3, "seed": 4}
    np.testing.assert_array_equal(counterpart((6, 5)), initializer((6, 5)))


def test_kernels_of_unit_differ():
    unit = ResidualUnit(4, normalization=None, kernel_initializer=Fixup(8))
    unit.build((None, 5, 5, 4))
    first, second = (weight.numpy() for weight in unit.weights if weight.name == "kernel")
    assert (first != second).any()


def movement(num_blocks, initializer):
    """Returns the change of the outputs of zero-initialized residual blocks in one step of gradient descent."""
    x, y = (keras.random.normal((8, 128), seed=seed) for seed in (1, 2))
    # An activation that is homogeneous and has a nonzero derivative at 0.
    blocks = [ResidualDense(128, activation="leaky_relu", kernel_initializer=initializer) for _ in range(num_blocks)]
    for block in blocks:
        block.build(x.shape)
        block.hidden[-1].kernel.assign(tf.zeros((128, 128)))

    def outputs():
        h = x
        for block in blocks:
            h = block(h)
        return h

    np.testing.assert_array_equal(outputs(), x)
    kernels = [layer.kernel for block in blocks for layer in block.hidden]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(outputs() - y))
    for kernel, gradient in zip(kernels, tape.gradient(loss, [each.value for each in kernels]), strict=True):
        kernel.assign_sub(1e-6 * gradient)
    return float(tf.norm(outputs() - x))


@pytest.mark.slow  # takes seconds
def test_update_size_is_independent_of_depth():
    """With He initialization alone, 64 blocks change by 16 times as much as 4 blocks."""
    ours = [movement(num_blocks, Fixup(num_blocks)) for num_blocks in (4, 64)]
    theirs = [movement(num_blocks, "he_normal") for num_blocks in (4, 64)]
    np.testing.assert_allclose(ours[1] / ours[0], 1, atol=0.2)
    np.testing.assert_allclose(theirs[1] / theirs[0], 16, rtol=0.2)

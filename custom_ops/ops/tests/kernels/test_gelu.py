"""Tests of gelu against its reference implementation, float64, SciPy, and invalid input."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import erf

from tensorsmith import ops

APPROXIMATE = pytest.mark.parametrize("approximate", [False, True])


@pytest.mark.pairwise
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("shape", [(3, 5), (1, 1), (7,), (2, 3, 16), (5, 17), (300, 67), (9001,), (0, 8), (3, 0)])
@pytest.mark.parametrize("with_bias", [False, True])
@APPROXIMATE
def test_kernel(shape, dtype, with_bias, approximate, agree, rng):
    x = 2 * rng.normal(size=shape)
    biases = [rng.normal(size=shape[-1:])] if with_bias else []
    agree(partial(ops.gelu, approximate=approximate), x, *biases, dtype=dtype)


def test_scalar(agree):
    agree(ops.gelu, np.array(0.7))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-14)])
def test_formula(dtype, tolerance):
    x = np.linspace(-9, 9, 10_001)
    exact = x * (1 + erf(x / np.sqrt(2))) / 2
    np.testing.assert_allclose(ops.gelu(x.astype(dtype)), exact, rtol=tolerance, atol=tolerance)


@APPROXIMATE
def test_extreme_values(approximate):
    x = tf.constant([-1e30, -100.0, -0.0, 0.0, 100.0, 1e30])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = ops.gelu(x, approximate=approximate)
    np.testing.assert_allclose(y, [0, 0, 0, 0, 100, 1e30], rtol=1e-6, atol=1e-6)
    if not approximate:  # the approximation computes inf * 0 for 1e30, as its formula does
        np.testing.assert_allclose(tape.gradient(y, x), [0, 0, 0.5, 0.5, 1, 1], atol=1e-6)
    assert np.isnan(ops.gelu(np.float32([np.nan]), approximate=approximate)).all()


@APPROXIMATE
def test_independent_of_thread_count(approximate, same_for_any_thread_count, rng):
    x, bias = rng.normal(size=(1000, 33)).astype("float32"), rng.normal(size=33).astype("float32")
    same_for_any_thread_count(partial(ops.gelu, approximate=approximate), x, bias)


@APPROXIMATE
def test_second_gradients(approximate, second_gradients_agree, rng):
    def loss(x, bias):
        return tf.reduce_sum(ops.gelu(x, bias, approximate=approximate) ** 3)

    second_gradients_agree(loss, [rng.normal(size=shape) for shape in ((4, 6), (6,))])


def test_unknown_shapes(rng):
    @tf.function(input_signature=[tf.TensorSpec(None), tf.TensorSpec([None])])
    def unknown_rank(x, bias):
        return ops.gelu(x, bias)

    x, bias = rng.normal(size=(2, 3, 5)).astype("float32"), rng.normal(size=5).astype("float32")
    np.testing.assert_array_equal(unknown_rank(x, bias), ops.gelu(x, bias))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.ones((2, 3), "int32")}, "have a floating-point dtype"),
        ({"x": np.ones((2, 3), "float32"), "bias": np.ones(2)}, r"have shape \(3,\)"),
        ({"x": np.float32(1), "bias": np.ones(1)}, "to match the last axis of `x`"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ops.gelu(**arguments)


def test_hostile_input(fails_cleanly):
    forward, backward = ops.library().ops.tensorsmith_gelu, ops.library().ops.tensorsmith_gelu_grad
    x, other, bias = (np.ones(shape, "float32") for shape in ((2, 3), (3, 2), 3))
    assert fails_cleanly(forward, x=x, bias=bias, approximate=False)
    for wrong in (np.ones(2, "float32"), np.ones((3, 1), "float32"), np.float32(1)):
        assert not fails_cleanly(forward, x=x, bias=wrong, approximate=False)
        assert not fails_cleanly(backward, dy=x, x=x, bias=wrong, approximate=True)
    assert not fails_cleanly(forward, x=np.float32(1), bias=bias, approximate=False)
    assert not fails_cleanly(backward, dy=other, x=x, bias=bias, approximate=False)

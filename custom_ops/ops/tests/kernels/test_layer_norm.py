"""Tests of layer_norm and rms_norm against their reference implementation, float64, formulas, and invalid input."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorsmith import ops

pytestmark = pytest.mark.pairwise

SHAPES = [(3, 5), (1, 1), (7,), (2, 3, 16), (5, 17), (4, 1, 31), (2, 64), (300, 67), (0, 8), (3, 0)]
DTYPES = ["float32", "float16", "bfloat16"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_layer_norm(shape, dtype, agree, rng):
    x, residual = rng.normal(size=(2, *shape))
    scale, offset = rng.normal(size=(2, shape[-1]))
    agree(lambda x, s, o: ops.layer_norm(x, s, o, epsilon=0.01), x, scale, offset, dtype=dtype)
    agree(lambda x, r, s, o: ops.layer_norm(x, s, o, residual=r, epsilon=0.01), x, residual, scale, offset, dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_rms_norm(shape, dtype, agree, rng):
    x, residual = rng.normal(size=(2, *shape))
    scale = rng.normal(size=shape[-1:])
    agree(lambda x, s: ops.rms_norm(x, s, epsilon=0.01), x, scale, dtype=dtype)
    agree(lambda x, r, s: ops.rms_norm(x, s, residual=r, epsilon=0.01), x, residual, scale, dtype=dtype)


def test_formulas(rng):
    x = rng.normal(2, 3, size=(4, 9)).astype("float32")
    normal = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(ops.layer_norm(x), normal, rtol=1e-5, atol=1e-6)
    root = np.sqrt((x**2).mean(1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(ops.rms_norm(x), x / root, rtol=1e-5)


def test_precision_with_large_mean(rng):
    x = rng.normal(1000, 1, size=(3, 512)).astype("float32")
    exact = x.astype("float64")
    wanted = (exact - exact.mean(1, keepdims=True)) / np.sqrt(exact.var(1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(ops.layer_norm(x), wanted, atol=2e-4)


@pytest.mark.parametrize("norm", [ops.layer_norm, ops.rms_norm])
def test_independent_of_thread_count(norm, same_for_any_thread_count, rng):
    x, scale = rng.normal(size=(1000, 33)).astype("float32"), rng.normal(size=33).astype("float32")
    same_for_any_thread_count(norm, x, scale)


@pytest.mark.parametrize("norm", [ops.layer_norm, ops.rms_norm])
def test_numerical_gradients(norm, rng):
    x, scale = rng.normal(size=(3, 7)).astype("float32"), rng.normal(size=7).astype("float32")
    theory, numeric = tf.test.compute_gradient(partial(norm, epsilon=0.1), [x, scale], delta=1e-2)
    for one, other in zip(theory, numeric, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)


@pytest.mark.parametrize("norm", [ops.layer_norm, ops.rms_norm])
def test_second_gradients(norm, second_gradients_agree, rng):
    def loss(x, scale, residual):
        y, total = norm(x, scale, residual=residual, epsilon=0.1)
        return tf.reduce_sum(y**3) + tf.reduce_sum(total**2)

    second_gradients_agree(loss, [rng.normal(size=shape) for shape in ((4, 6), (6,), (4, 6))], watched=2)


def test_unknown_shapes(rng):
    @tf.function(input_signature=[tf.TensorSpec(None), tf.TensorSpec([None])])
    def unknown_rank(x, scale):
        return ops.layer_norm(x, scale)

    @tf.function(input_signature=[tf.TensorSpec([None, 3, None])])
    def partly(x):
        y = ops.rms_norm(x)
        assert y.shape.as_list() == [None, 3, None]
        return y

    x, scale = rng.normal(size=(2, 3, 5)).astype("float32"), rng.normal(size=5).astype("float32")
    np.testing.assert_array_equal(unknown_rank(x, scale), ops.layer_norm(x, scale))
    np.testing.assert_array_equal(partly(x), ops.rms_norm(x))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.float32(1)}, "a tensor of rank >= 1"),
        ({"x": np.ones((2, 3), "int32")}, "have a floating-point dtype"),
        ({"x": np.ones((2, 3), "float32"), "scale": np.ones(2)}, "shape (3,)"),
        ({"x": np.ones((2, 3), "float32"), "offset": np.ones((1, 3))}, "shape (3,)"),
        ({"x": np.ones((2, 3), "float32"), "residual": np.ones((3, 3), "float32")}, "have shape (2, 3) to match `x`"),
        ({"x": np.ones((2, 3), "float32"), "epsilon": -1.0}, "a non-negative number"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=f"must .*{message.replace('(', '.').replace(')', '.')}"):
        ops.layer_norm(**arguments)


shapes = st.lists(st.integers(0, 4), max_size=3)


def draw_tensor(data, dtypes=("float32", "float16", "int32")):
    return tf.ones(data.draw(shapes), data.draw(st.sampled_from(dtypes)))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    fails_cleanly(
        ops.library().ops.tensorsmith_layer_norm,
        x=draw_tensor(data),
        residual=[draw_tensor(data) for _ in range(data.draw(st.integers(0, 2)))],
        scale=draw_tensor(data),
        offset=draw_tensor(data),
        epsilon=1e-3,
        center=data.draw(st.booleans()),
    )
    fails_cleanly(
        ops.library().ops.tensorsmith_layer_norm_grad,
        **{name: draw_tensor(data) for name in ("dy", "total", "scale", "mean", "rstd")},
        dtotal=[draw_tensor(data) for _ in range(data.draw(st.integers(0, 2)))],
        epsilon=1e-3,
        center=data.draw(st.booleans()),
    )

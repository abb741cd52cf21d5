"""Tests of global_norm against its reference implementation, tf.linalg.global_norm, and invalid input."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

SHAPES = [(3, 5), (), (1,), (0, 4), (17,), (2, 3, 31), (129, 131), (20011,)]


def test_global_norm(agree, rng):
    agree(lambda *tensors: ops.global_norm(tensors), *[np.asarray(rng.normal(size=shape)) for shape in SHAPES])
    for shape in SHAPES:
        agree(lambda *tensors: ops.global_norm(tensors), np.asarray(rng.normal(size=shape)))


def test_matches_tensorflow(rng):
    tensors = [tf.constant(rng.normal(size=shape), tf.float32) for shape in SHAPES]
    np.testing.assert_allclose(ops.global_norm(tensors), tf.linalg.global_norm(tensors), rtol=1e-6)


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_gradient_of_zeros(choice):
    zeros = [tf.zeros(3), tf.zeros([])]
    with ops.use(choice), tf.GradientTape() as tape:
        tape.watch(zeros)
        norm = ops.global_norm(zeros)
    assert norm == 0
    for gradient in tape.gradient(norm, zeros):
        np.testing.assert_array_equal(gradient, np.zeros_like(gradient))


@pytest.mark.parametrize("choice", ["compiled", "reference"])
def test_no_overflow_or_underflow(choice):
    with ops.use(choice):
        for size in (1e-30, 1e30):
            np.testing.assert_allclose(ops.global_norm([tf.fill([4], size)]), 2 * size, rtol=1e-6)
        assert np.isinf(ops.global_norm([tf.constant([1.0, np.inf])]))
        assert np.isnan(ops.global_norm([tf.constant([1.0, np.nan])]))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_accumulates_in_float32(dtype):
    assert ops.global_norm([tf.ones(2**14, dtype)]) == 2**7  # a sum in bfloat16 would stop at 256


def test_independent_of_thread_count(same_for_any_thread_count, rng):
    tensors = [rng.normal(size=shape).astype("float32") for shape in ((1000, 301), (3,), (70_001,))]
    same_for_any_thread_count(lambda *tensors: ops.global_norm(tensors), *tensors)


def test_second_gradients(rng):
    x = tf.constant(rng.normal(size=5), tf.float32)
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            norm = ops.global_norm([x])
        slope = tape.gradient(norm, x)
    hessian = outer.jacobian(slope, x, experimental_use_pfor=False)
    exact = np.array(x, "float64")
    size = np.linalg.norm(exact)
    np.testing.assert_allclose(hessian, np.eye(5) / size - np.outer(exact, exact) / size**3, atol=1e-5)


def test_empty_list():
    assert ops.global_norm([]) == 0


def test_bad_arguments():
    with raises_argument_error("tensors[0]", received="'int32'", expected="have the same floating-point dtype"):
        ops.global_norm([np.ones(2, "int32")])
    with raises_argument_error("tensors[1]", received="'float64'", expected="have the same floating-point dtype"):
        ops.global_norm([np.ones(2, "float32"), np.ones(2)])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), max_size=9), max_size=3))
def test_hostile_input(fails_cleanly, shapes):
    worked = fails_cleanly(ops.library().ops.tensorsmith_global_norm, tensors=[tf.ones(shape) for shape in shapes])
    assert worked == all(len(shape) <= 8 for shape in shapes)

"""Tests of correlation_cost against a loop over patches, its reference implementation, and invalid input."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorsmith import ops
from tensorsmith.testing import raises_argument_error

pytestmark = pytest.mark.pairwise

# kernel_size, max_displacement, stride_1, stride_2, pad
PLACES = [
    (1, 2, 1, 1, 2),
    (1, 3, 1, 2, 1),
    (1, 2, 2, 1, 2),
    (1, 0, 1, 1, 0),
    (1, 3, 3, 2, 4),
    (3, 2, 1, 1, 3),
    (3, 1, 2, 3, 2),
]


def by_hand(a, b, kernel_size, max_displacement, stride_1, stride_2, pad):
    """Computes the cost volume patch by patch."""
    a, b = (np.pad(x, [(0, 0), (pad, pad), (pad, pad), (0, 0)]) for x in (a, b))
    radius = kernel_size // 2
    steps = max_displacement // stride_2
    moves = [step * stride_2 for step in range(-steps, steps + 1)]

    def patch(x, i, j):
        return x[:, i - radius : i + radius + 1, j - radius : j + radius + 1]

    middles = [range(max_displacement + radius, size - max_displacement - radius, stride_1) for size in a.shape[1:3]]
    costs = [
        [
            [np.mean(patch(a, i, j) * patch(b, i + p, j + q), axis=(1, 2, 3)) for p in moves for q in moves]
            for j in middles[1]
        ]
        for i in middles[0]
    ]
    return np.moveaxis(np.array(costs), -1, 0)


@pytest.mark.parametrize("choice", ["compiled", "reference"])
@pytest.mark.parametrize("positions", PLACES)
def test_matches_loop_over_patches(positions, choice, rng):
    for shape in ((2, 9, 11, 3), (1, 8, 8, 37)):
        a, b = rng.normal(size=(2, *shape))
        with ops.use(choice):
            got = ops.correlation_cost(a.astype("float32"), b.astype("float32"), *positions)
        np.testing.assert_allclose(got, by_hand(a, b, *positions), atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("positions", PLACES)
def test_matches_reference(positions, dtype, agree, rng):
    for channels in (1, 5, 16, 150):
        images = rng.normal(size=(2, 2, 8, 9, channels))
        agree(lambda a, b: ops.correlation_cost(a, b, *positions), *images, dtype=dtype)
    assert ops.correlation_cost(tf.zeros((0, 8, 9, 4)), tf.zeros((0, 8, 9, 4)), *positions).shape[0] == 0


def test_independent_of_thread_count(same_for_any_thread_count, rng):
    a, b = rng.normal(size=(2, 3, 20, 21, 40)).astype("float32")
    same_for_any_thread_count(lambda a, b: ops.correlation_cost(a, b, 1, 3, 1, 1, 3), a, b)


def test_second_gradients(rng):
    a, b = (tf.constant(rng.normal(size=(1, 5, 4, 3)), tf.float32) for _ in range(2))

    def penalty():
        with tf.GradientTape() as outer:
            outer.watch([a, b])
            with tf.GradientTape() as inner:
                inner.watch([a, b])
                loss = tf.reduce_sum(ops.correlation_cost(a, b, 1, 1, 1, 1, 1) ** 2)
            value = sum(tf.reduce_sum(gradient**2) for gradient in inner.gradient(loss, [a, b]))
        return outer.gradient(value, [a, b])

    ours = penalty()
    with ops.use("reference"):
        for one, other in zip(ours, penalty(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    assert np.abs(ours[0]).max() > 0


def test_unknown_shapes(rng):
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, None])] * 2)
    def unknown(a, b):
        y = ops.correlation_cost(a, b, 3, 2, 2, 1, 2)
        assert y.shape.as_list() == [None, None, None, 25]
        return y

    a, b = rng.normal(size=(2, 1, 7, 9, 2))
    a, b = a.astype("float32"), b.astype("float32")
    for one, other, message in ((a, b[:, 1:], "the shape of a"), (a[:, :2], b[:, :2], "more than 2 rows")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            unknown(one, other)
    got = unknown(a, b)
    np.testing.assert_allclose(got, by_hand(a, b, 3, 2, 2, 1, 2), atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"kernel_size": 2}, {"name": "kernel_size", "expected": "an odd integer"}),
        ({"kernel_size": 0}, {"name": "kernel_size", "expected": "an integer >= 1"}),
        ({"max_displacement": -1}, {"name": "max_displacement", "expected": "an integer >= 0"}),
        ({"stride_1": 0}, {"name": "stride_1", "expected": "an integer >= 1"}),
        ({"stride_2": 1.0}, {"name": "stride_2", "expected": "an integer >= 1"}),
        ({"pad": -1}, {"name": "pad", "expected": "an integer >= 0"}),
        (
            {"a": np.ones((3, 3, 1), "float32")},
            {"name": "a", "expected": "have shape (batch, height, width, channels)"},
        ),
        (
            {"b": np.ones((1, 3, 4, 1), "float32")},
            {"name": "b", "expected": "have dtype float32 and shape (1, 3, 3, 1) to match `a`"},
        ),
        (
            {"b": np.ones((1, 3, 3, 1), "float64")},
            {"name": "b", "expected": "have dtype float32 and shape (1, 3, 3, 1) to match `a`"},
        ),
        ({"max_displacement": 2}, {"name": "a", "expected": "more than 4 rows"}),
        ({"a": np.ones((1, 3, 3, 1), "int32")}, {"name": "a", "expected": "floating-point"}),
    ],
)
def test_bad_arguments(arguments, error):
    image = np.ones((1, 3, 3, 1), "float32")
    good = {"a": image, "b": image, "kernel_size": 1, "max_displacement": 1, "stride_1": 1, "stride_2": 1, "pad": 0}
    ops.correlation_cost(**good)
    with raises_argument_error(**error):
        ops.correlation_cost(**{**good, **arguments})


shapes = st.lists(st.integers(0, 4), min_size=3, max_size=5)
sizes = st.integers(-(2**62), 2**62) | st.integers(-1, 3)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_hostile_input(fails_cleanly, data):
    options = {name: data.draw(sizes) for name in ("across", "stride", "apart")}
    a, b, dy = (tf.ones(data.draw(shapes)) for _ in range(3))
    fails_cleanly(ops.library().ops.tensorsmith_correlation_cost, a=a, b=b, **options)
    fails_cleanly(ops.library().ops.tensorsmith_correlation_cost_grad, dy=dy, a=a, b=b, **options)

"""Facts about automatic differentiation: accuracy, what a tape records, and the overflow of a naive formula.

A. Géron, Hands-On Machine Learning with Scikit-Learn, Keras, and TensorFlow, 2nd edition, 2019, chapter 12. Expected
values are printed there. Gradients inside training steps are tested in packages/training/tests/test_autodiff.py.
"""

import numpy as np
import pytest
import tensorflow as tf


def f(w1, w2):
    """Has the gradient (6 w1 + 2 w2, 2 w1), which is (36, 10) at (5, 3)."""
    return 3 * w1**2 + 2 * w1 * w2


def variables():
    return [tf.Variable(5.0), tf.Variable(3.0)]


def test_finite_differences_have_an_error_of_the_size_of_the_step():
    width = 1e-6
    assert (f(5 + width, 3) - f(5, 3)) / width == pytest.approx(36.000003007075065, abs=1e-12)
    # One of the zeros is missing in the book.
    assert (f(5, 3 + width) - f(5, 3)) / width == pytest.approx(10.000000003174137, abs=1e-12)


def test_a_tape_computes_exact_gradients():
    w1, w2 = variables()
    with tf.GradientTape() as tape:
        z = f(w1, w2)
    assert [float(gradient) for gradient in tape.gradient(z, [w1, w2])] == [36, 10]


def test_a_tape_is_erased_by_the_first_gradient_unless_it_is_persistent():
    w1, w2 = variables()
    with tf.GradientTape() as tape:
        z = f(w1, w2)
    assert float(tape.gradient(z, w1)) == 36
    with pytest.raises(RuntimeError, match="one set of gradients"):
        tape.gradient(z, w2)
    with tf.GradientTape(persistent=True) as tape:
        z = f(w1, w2)
    assert [float(tape.gradient(z, w1)), float(tape.gradient(z, w2))] == [36, 10]


def test_a_tape_records_constants_only_if_it_watches_them():
    constants = [tf.constant(5.0), tf.constant(3.0)]
    with tf.GradientTape() as tape:
        z = f(*constants)
    assert tape.gradient(z, constants) == [None, None]
    with tf.GradientTape() as tape:
        tape.watch(constants)
        z = f(*constants)
    assert [float(gradient) for gradient in tape.gradient(z, constants)] == [36, 10]


def test_stop_recording_excludes_operations_from_a_tape():
    w1, w2 = variables()
    with tf.GradientTape(persistent=True) as tape:
        recorded = w1 * w2
        with tape.stop_recording():
            excluded = w1 * w2
    assert float(tape.gradient(recorded, w1)) == 3
    assert tape.gradient(excluded, w1) is None


def test_a_hessian_has_none_for_a_derivative_that_is_always_zero():
    w1, w2 = variables()
    with tf.GradientTape(persistent=True) as outer:
        with tf.GradientTape() as inner:
            z = f(w1, w2)
        gradient = inner.gradient(z, [w1, w2])
    rows = [outer.gradient(first, [w1, w2]) for first in gradient]
    assert [[None if value is None else float(value) for value in row] for row in rows] == [[6, 2], [2, None]]
    assert float(outer.gradient(gradient[1], w2, unconnected_gradients="zero")) == 0


def naive(z):
    return tf.math.log(tf.exp(z) + 1)


def where(z):
    return tf.where(z > 30, z, naive(z))


@tf.custom_gradient
def stable(z):
    return where(z), lambda upstream: upstream / (1 + 1 / tf.exp(z))


@pytest.mark.parametrize(
    ("softplus", "value", "slope"), [(naive, np.inf, np.nan), (where, 100, np.nan), (stable, 100, 1)]
)
def test_overflow_of_softplus(softplus, value, slope):
    """Tests that a large input needs a case distinction for its value, and a custom gradient for its slope.

    The gradient of `where` is NaN because the discarded branch contributes 0 times infinity.
    """
    z = tf.Variable([100.0])
    with tf.GradientTape() as tape:
        y = softplus(z)
    np.testing.assert_array_equal(y, [value])
    np.testing.assert_array_equal(tape.gradient(y, z), [slope])

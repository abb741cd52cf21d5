"""Tests of the Keras functions recommended in the README. A failure means that a function belongs in this package."""

import keras
import numpy as np
import tensorflow as tf
from scipy.special import expit


def test_softplus_is_stable():
    """The log-sum-exp of Keras neither overflows nor loses its gradients."""
    x = tf.Variable([-1e4, -100.0, -2.0, 0.0, 2.0, 100.0, 1e4])
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = keras.ops.softplus(x)
        slope = inner.gradient(y, x)
    wide = x.numpy().astype("float64")
    np.testing.assert_allclose(y, np.logaddexp(wide, 0), rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(slope, expit(wide), rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(outer.gradient(slope, x), expit(wide) * expit(-wide), rtol=1e-5, atol=1e-30)

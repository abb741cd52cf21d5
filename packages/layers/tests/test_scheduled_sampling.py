"""Scheduled sampling: which tokens are replaced, how often, by which predictions, and gradients."""

import numpy as np
import tensorflow as tf

from tensorsmith.layers import ScheduledSampling

RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(1, 21, 400)
TOKENS = (RNG.integers(1, 5, (400, 20)) * (np.arange(20) < LENGTHS[:, np.newaxis])).astype("int32")


def test_fraction_of_replaced_tokens():
    """Logits of a token that is not among the inputs show which tokens are replaced."""
    logits = tf.one_hot(tf.fill(TOKENS.shape, 7), 9) * 1000
    layer = ScheduledSampling(seed=1)
    call = tf.function(lambda: layer([tf.constant(TOKENS), logits], training=True))
    candidates = (TOKENS > 0) & (np.arange(20) > 0)
    for rate, expected in {0.0: 0.0, 0.3: 0.3, 1.0: 1.0, 1.7: 1.0}.items():
        layer.rate.assign(rate)
        found = call().numpy()
        assert (found[~candidates] == TOKENS[~candidates]).all()
        assert set(found[candidates & (found != TOKENS)]) <= {7}
        assert abs((found == 7)[candidates].mean() - expected) < 0.03  # about 4 standard errors of 3,800 draws
    assert call.experimental_get_tracing_count() == 1
    assert (layer([tf.constant(TOKENS), logits]).numpy() == TOKENS).all()


def test_predictions_are_sampled_from_the_step_before():
    tokens, steps = tf.ones([5000, 3], tf.int32), np.log([[[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]]])
    found = ScheduledSampling(1.0, seed=2)([tokens, tf.constant(np.repeat(steps, 5000, 0))], training=True).numpy()
    np.testing.assert_allclose(found[:, 1:].mean(axis=0), [0.8, 0.5], atol=0.03)


def test_no_gradient_reaches_the_logits():
    logits = tf.Variable(tf.zeros([2, 3, 5]))
    with tf.GradientTape() as tape:
        chosen = ScheduledSampling(0.5)([tf.constant([[1, 2, 3], [4, 1, 0]]), logits], training=True)
        loss = tf.reduce_sum(tf.cast(chosen, tf.float32))
    assert tape.gradient(loss, logits) is None

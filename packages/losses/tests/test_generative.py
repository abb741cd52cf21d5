"""Tests of losses for generative models against SciPy, TensorFlow's cross-entropies and gradients derived by hand."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats
from scipy.special import expit, log_expit

from tensorsmith import losses


@pytest.fixture
def rng():
    return np.random.default_rng(2)


def test_minimax_and_non_saturating(rng):
    real, fake = rng.normal(scale=3, size=(2, 50))
    expected = -log_expit(real) - log_expit(-fake)
    np.testing.assert_allclose(losses.minimax_discriminator_loss(real, fake), expected, rtol=1e-6)
    np.testing.assert_allclose(losses.minimax_generator_loss(fake), log_expit(-fake), rtol=1e-6)
    np.testing.assert_allclose(losses.non_saturating_generator_loss(fake), -log_expit(fake), rtol=1e-6)
    crossentropy = keras.losses.BinaryCrossentropy(from_logits=True)
    both, labels = np.concatenate([real, fake]), np.repeat([1.0, 0.0], 50)
    np.testing.assert_allclose(expected.mean(), 2 * crossentropy(labels, both), rtol=1e-5)


@pytest.mark.parametrize("fake", [-1e4, -100.0, 0.0, 100.0, 1e4])
def test_only_the_minimax_generator_saturates(fake):
    logit = tf.constant(fake)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logit)
        flat, steep = losses.minimax_generator_loss(logit), losses.non_saturating_generator_loss(logit)
    np.testing.assert_allclose(tape.gradient(flat, logit), -expit(fake), rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(tape.gradient(steep, logit), -expit(-fake), rtol=1e-6, atol=1e-30)


def test_hinge_and_wasserstein(rng):
    real, fake = rng.normal(size=(2, 50))
    hinge = [max(0, 1 - one) + max(0, 1 + other) for one, other in zip(real, fake, strict=True)]
    np.testing.assert_allclose(losses.hinge_discriminator_loss(real, fake), hinge, rtol=1e-6)
    keras_own = keras.losses.Hinge(reduction="sum")(
        np.repeat([[1.0], [-1.0]], 50, axis=1), np.stack([real, fake])
    )  # mean 50
    np.testing.assert_allclose(np.mean(hinge), keras_own, rtol=1e-5)
    np.testing.assert_allclose(losses.wasserstein_critic_loss(real, fake), fake - real, rtol=1e-6)
    for generator_loss in (losses.hinge_generator_loss, losses.wasserstein_generator_loss):
        np.testing.assert_array_equal(generator_loss(fake), -fake)


def test_adversarial_losses_in_float16():
    big = tf.constant([49_984.0], "float16")
    assert losses.wasserstein_critic_loss(-big, big).numpy() == 99_968
    assert losses.hinge_discriminator_loss(-big, big).numpy() == 99_970
    assert losses.minimax_discriminator_loss(-big, big).numpy() == 99_968


def test_gradient_penalty_formula(rng):
    """The critic |x|^2 / 2 has the gradient x at points between real and fake samples."""
    real, fake = rng.normal(size=(2, 30, 2, 3))
    found = losses.gradient_penalty(lambda x: tf.reduce_sum(x * x, axis=(1, 2)) / 2, real, fake, seed=1)
    shares = keras.random.uniform((30, 1, 1), dtype="float64", seed=1)
    between = shares * real + (1 - shares) * fake
    expected = (np.linalg.norm(np.reshape(between, (30, 6)), axis=1) - 1) ** 2
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_gradient_penalty_training(rng):
    critic = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    real, fake = rng.normal(size=(2, 8, 4)).astype("float32")
    with tf.GradientTape() as tape:
        penalty = tf.reduce_mean(losses.gradient_penalty(critic, real, fake))
    assert np.isfinite(tape.gradient(penalty, critic.trainable_variables[0].value)).all()
    np.testing.assert_allclose(penalty, 1, rtol=1e-5)
    optimizer = keras.optimizers.Adam(0.1)
    step = tf.function(lambda: tf.reduce_mean(losses.gradient_penalty(critic, real, fake)))
    critic.trainable_variables[0].assign(np.full((4, 1), 2.0))
    for _ in range(100):
        with tf.GradientTape() as tape:
            penalty = step()
        optimizer.apply(tape.gradient(penalty, critic.trainable_variables), critic.trainable_variables)
    assert penalty < 1e-2


def test_gradient_penalty_of_constant_critic():
    x = np.ones((3, 4), "float32")
    np.testing.assert_allclose(losses.gradient_penalty(lambda x: tf.ones((3,)), x, 0 * x), [1, 1, 1], rtol=1e-5)


def test_gaussian_kl_matches_integral():
    for mean, log_variance in ((0.0, 0.0), (1.5, -1.0), (-0.5, 0.7)):
        q = stats.norm(mean, np.exp(log_variance / 2))

        def integrand(z, q=q):
            return q.pdf(z) * (q.logpdf(z) - stats.norm.logpdf(z))

        expected, _ = integrate.quad(integrand, -12, 12)
        np.testing.assert_allclose(losses.gaussian_kl([[mean]], [[log_variance]]), [expected], rtol=1e-5, atol=1e-7)


def test_gaussian_kl_precision(rng):
    tiny = np.full((1, 784), 1e-4, "float32")
    np.testing.assert_allclose(losses.gaussian_kl(0 * tiny, tiny), [784 * 1e-8 / 4], rtol=1e-2)
    mean = tf.constant([[300.0]], "float16")
    np.testing.assert_array_equal(losses.gaussian_kl(mean, 0 * mean), [45_000.0])


def test_gaussian_nll_matches_scipy(rng):
    y, mean, log_variance = rng.normal(size=(3, 20, 4))
    expected = -stats.norm.logpdf(y, mean, np.exp(log_variance / 2)).sum(axis=-1)
    y_pred = np.concatenate([mean, log_variance], axis=-1)
    np.testing.assert_allclose(losses.gaussian_nll(y, y_pred), expected, rtol=1e-6)
    of_one = y_pred[:, [0, 4]]
    np.testing.assert_allclose(losses.gaussian_nll(y[:, 0], of_one), losses.gaussian_nll(y[:, :1], of_one))
    with pytest.raises(ValueError, match=r"y_pred must .*got '?\(20, 4\), for targets of \(20, 4\)"):
        losses.gaussian_nll(y, mean)


def test_gaussian_nll_of_tiny_variance():
    y_pred = tf.Variable([[3.0, -200.0], [3.0, 1.0]])  # exp(200) overflows float32
    with tf.GradientTape() as tape:
        loss = losses.gaussian_nll([[3.0], [3.0]], y_pred)
    np.testing.assert_allclose(loss, (np.log(2 * np.pi) + np.array([-200.0, 1.0])) / 2, rtol=1e-6)
    np.testing.assert_array_equal(tape.gradient(loss, y_pred), [[0.0, 0.5], [0.0, 0.5]])


def test_gaussian_nll_second_derivative():
    mean = tf.Variable([[0.0]])
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            loss = losses.gaussian_nll([[0.0]], tf.concat([mean, [[-2.0]]], axis=1))
        slope = inner.gradient(loss, mean)
    np.testing.assert_allclose(outer.gradient(slope, mean), [[np.exp(2)]], rtol=1e-6)


def test_gaussian_nll_as_metric(rng):
    y, y_pred = rng.normal(size=(25, 1)), rng.normal(size=(25, 2))
    model = keras.Sequential([keras.Input((2,)), keras.layers.Identity()])
    model.compile(loss=losses.GaussianNLL(), metrics=[losses.gaussian_nll])
    found = model.evaluate(y_pred, y, batch_size=10, verbose=0, return_dict=True)
    expected = -stats.norm.logpdf(y[:, 0], y_pred[:, 0], np.exp(y_pred[:, 1] / 2)).mean()
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-5)


def test_reconstruction(rng):
    targets, logits = rng.random((6, 4, 5)), rng.normal(scale=3, size=(6, 4, 5))
    entropy = -targets * log_expit(logits) - (1 - targets) * log_expit(-logits)
    for y_pred, from_logits in ((logits, True), (expit(logits), False)):
        found = losses.reconstruction_loss(targets, y_pred, from_logits=from_logits)
        np.testing.assert_allclose(found, entropy.sum(axis=(1, 2)), rtol=1e-5)
    mean = losses.ReconstructionLoss(from_logits=True, pixels="mean", dtype="float64")(targets, logits)
    keras_own = keras.losses.BinaryCrossentropy(from_logits=True, dtype="float64")(targets, logits)
    np.testing.assert_allclose(mean, keras_own, rtol=1e-7)
    gaussian = losses.ReconstructionLoss("gaussian", dtype="float64")(targets, logits)
    of_pixels = -stats.norm.logpdf(targets, logits, 1) - np.log(2 * np.pi) / 2
    np.testing.assert_allclose(gaussian, of_pixels.sum(axis=(1, 2)).mean(), rtol=1e-7)


def test_pixel_reductions_are_equivalent(rng):
    """The sum plus the full divergence equals 784 times the mean plus the divergence / 784."""
    pixels, painted = rng.random((5, 28, 28)), rng.uniform(0.1, 0.9, (5, 28, 28))
    divergence = losses.gaussian_kl(*rng.normal(size=(2, 5, 10)))
    summed = losses.reconstruction_loss(pixels, painted) + divergence
    averaged = losses.reconstruction_loss(pixels, painted, pixels="mean") + divergence / 784
    np.testing.assert_allclose(summed, 784 * averaged, rtol=1e-6)


def test_reconstruction_in_float16():
    ones = tf.ones((1, 300, 300), "float16")
    np.testing.assert_allclose(losses.reconstruction_loss(ones, 0 * ones), [90_000 * -np.log(1e-7)], rtol=1e-4)


@pytest.mark.parametrize(
    ("loss", "names"),
    [
        (losses.gaussian_kl, ("mean", "log_variance")),
        (losses.hinge_discriminator_loss, ("real", "fake")),
        (losses.minimax_discriminator_loss, ("real", "fake")),
        (losses.wasserstein_critic_loss, ("real", "fake")),
        (lambda real, fake: losses.gradient_penalty(tf.identity, real, fake), ("real", "fake")),
        (lambda labels, logits: losses.sparsemax_loss(logits, logits, labels), ("labels", "logits")),
        (lambda sparsemax, logits: losses.sparsemax_loss(logits, sparsemax, logits), ("sparsemax", "logits")),
    ],
)
def test_mismatched_shapes(loss, names):
    for shapes in (((4,), (4, 1)), ((4, 3), (1, 3))):
        message = re.escape(f"{names[0]} must have shape {shapes[1]} to match `{names[1]}`, got {shapes[0]}")
        with pytest.raises(ValueError, match=message):
            loss(*(np.zeros(shape) for shape in shapes))

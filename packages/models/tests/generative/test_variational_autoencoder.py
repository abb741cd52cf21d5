"""Tests of the variational autoencoder against models whose likelihood is known."""

import keras
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from tensorsmith.models import VariationalAutoencoder
from tensorsmith.testing import raises_argument_error

PIXELS, CODINGS = 5, 2


def constant(values):
    return keras.initializers.Constant(np.asarray(values, "float32"))


def linear_model(posterior_scale=1.0, **kwargs):
    """Returns a model with p(x | z) = N(Wz, I), whose encoder is the exact posterior for `posterior_scale` 1."""
    columns = np.linalg.qr(np.random.default_rng(0).normal(size=(PIXELS, CODINGS)))[0]
    kernel = columns * [2.0, 0.5]  # orthogonal columns, so that the covariance of the posterior is diagonal
    variance = 1 / (1 + np.sum(kernel**2, axis=0))
    images, codes = keras.Input((PIXELS,)), keras.Input((CODINGS,))
    mean = keras.layers.Dense(CODINGS, kernel_initializer=constant(kernel * variance))(images)
    log_variance = keras.layers.Dense(
        CODINGS, kernel_initializer="zeros", bias_initializer=constant(np.log(posterior_scale * variance))
    )(images)
    decoded = keras.layers.Dense(PIXELS, use_bias=False, kernel_initializer=constant(kernel.T))(codes)
    model = VariationalAutoencoder(
        keras.Model(images, [mean, log_variance]), keras.Model(codes, decoded), "gaussian", seed=0, **kwargs
    )
    model.compile(keras.optimizers.SGD(0.0))
    covariance = kernel @ kernel.T + np.eye(PIXELS)
    x = np.random.default_rng(1).multivariate_normal(np.zeros(PIXELS), covariance, 400).astype("float32")
    constants = 0.5 * PIXELS * np.log(2 * np.pi)  # which the Gaussian reconstruction loss omits
    exact = -multivariate_normal(np.zeros(PIXELS), covariance).logpdf(x).mean() - constants
    return model, x, exact


def test_bounds_are_tight_for_the_exact_posterior():
    model, x, exact = linear_model(importance_samples=7)
    scores = model.evaluate(np.repeat(x, 50, axis=0), batch_size=500, verbose=0, return_dict=True)
    # The weights of all samples are equal for the exact posterior, so this bound has no variance.
    assert scores["negative_log_likelihood"] == pytest.approx(exact, rel=1e-5)
    assert scores["negative_elbo"] == pytest.approx(exact, rel=0.01)


def test_importance_weighted_bound_is_tighter():
    elbo = []
    bounds = []
    for samples in (2, 50):
        model, x, exact = linear_model(posterior_scale=3.0, importance_samples=samples)
        scores = model.evaluate(np.repeat(x, 20, axis=0), batch_size=500, verbose=0, return_dict=True)
        elbo.append(scores["negative_elbo"])
        bounds.append(scores["negative_log_likelihood"])
    gap = 0.5 * CODINGS * (3.0 - 1 - np.log(3.0))  # divergence of the encoder from the posterior
    assert np.mean(elbo) - exact == pytest.approx(gap, rel=0.05)
    assert elbo[0] > bounds[0] > bounds[1]
    assert bounds[1] == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize(("beta", "free_bits"), [(0.5, 0.0), (2.0, 0.3)])
def test_loss(beta, free_bits):
    model, x, _ = linear_model(beta=beta, free_bits=free_bits)
    scores = model.evaluate(x, batch_size=len(x), verbose=0, return_dict=True)
    mean, log_variance = model.encoder.predict(x, verbose=0)
    divergence = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1)
    assert scores["kl_divergence"] == pytest.approx(divergence.sum(axis=1).mean(), rel=1e-5)
    penalty = np.maximum(divergence.mean(axis=0), free_bits).sum()
    assert scores["loss"] == pytest.approx(scores["reconstruction_loss"] + beta * penalty, rel=1e-5)


def binary_model(**kwargs):
    images, codes = keras.Input((2, 3)), keras.Input((CODINGS,))
    features = keras.layers.Flatten()(images)
    moments = [keras.layers.Dense(CODINGS)(features) for _ in range(2)]
    logits = keras.layers.Reshape((2, 3))(keras.layers.Dense(6)(codes))
    return VariationalAutoencoder(keras.Model(images, moments), keras.Model(codes, logits), **kwargs)


def digits(count=320):
    patterns = np.array([[[1, 0, 1], [0, 1, 0]], [[0, 1, 1], [0, 1, 1]]], "float32")
    return patterns[np.random.default_rng(0).integers(2, size=count)]


@pytest.mark.parametrize("jit", [False, True])
def test_training_learns_the_likelihood(jit):
    keras.utils.set_random_seed(0)
    model = binary_model(seed=1, importance_samples=20)
    model.compile(keras.optimizers.Adam(0.05), jit_compile=jit)
    model.fit(digits(), epochs=40, verbose=0)
    scores = model.evaluate(digits(), verbose=0, return_dict=True)
    # Images are one of two patterns with equal probability, whose entropy is log 2; independent pixels have 4 log 2.
    assert np.log(2) - 0.02 < scores["negative_log_likelihood"] < 1.5 * np.log(2)
    np.testing.assert_allclose(model.predict(digits(8), verbose=0), digits(8), atol=0.1)


def test_targets_may_differ_from_inputs():
    model = binary_model(seed=0)
    model.compile()
    clean, noisy = digits(), 1 - digits()
    scores = model.evaluate(noisy, clean, verbose=0, return_dict=True)
    mean, log_variance = model.encoder.predict(noisy, verbose=0)
    divergence = 0.5 * np.sum(mean**2 + np.exp(log_variance) - log_variance - 1, axis=1)
    assert scores["kl_divergence"] == pytest.approx(divergence.mean(), rel=1e-5)  # of the inputs
    model.decoder.set_weights([0 * weight for weight in model.decoder.get_weights()])
    model.decoder.layers[-2].bias.assign([9, 9, 9, -9, -9, -9])
    scores = model.evaluate(noisy, np.array([[[1, 1, 1], [0, 0, 0]]] * 320), verbose=0, return_dict=True)
    assert scores["reconstruction_loss"] == pytest.approx(6 * np.log1p(np.exp(-9)), rel=0.01)  # of the targets


def test_saved_model(tmp_path):
    model = binary_model(beta=0.5, free_bits=0.1, importance_samples=3, seed=4)
    model.beta.assign(0.25)
    model.compile("adam")
    model.fit(digits(), verbose=0)
    model.save(tmp_path / "vae.keras")
    loaded = keras.saving.load_model(tmp_path / "vae.keras")
    np.testing.assert_array_equal(loaded.predict(digits(4), verbose=0), model.predict(digits(4), verbose=0))
    np.testing.assert_array_equal(loaded.generate(4, seed=0), model.generate(4, seed=0))
    assert float(loaded.beta) == 0.25
    for name in ("likelihood", "initial_beta", "free_bits", "importance_samples"):
        assert getattr(loaded, name) == getattr(model, name)
    assert loaded.sampling.seed == 4
    assert int(loaded.optimizer.iterations) == 10


def test_generated_images_are_probabilities():
    images = keras.ops.convert_to_numpy(binary_model(seed=0).generate(100, seed=1))
    assert images.shape == (100, 2, 3)
    assert 0 < images.min() < images.max() < 1
    codes = np.zeros((3, CODINGS), "float32")
    np.testing.assert_allclose(binary_model().generate(codes), np.full((3, 2, 3), 0.5), atol=1e-6)


def dense(inputs, outputs):
    return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(outputs)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"encoder": dense(6, 4)}, {"expected": "two outputs"}),
        ({"encoder": keras.Sequential([keras.layers.Dense(4)])}, {"expected": "a built keras.Model"}),
        ({"decoder": dense(3, 6)}, {"expected": "the codes of the encoder"}),
        ({"decoder": dense(2, 7)}, {"expected": "the images of the encoder"}),
        ({"likelihood": "bernouli"}, {"remedy": "bernoulli"}),
        ({"beta": -1.0}, {"expected": "a non-negative number"}),
        ({"free_bits": -0.1}, {"expected": "a non-negative number"}),
        ({"importance_samples": 0}, {"expected": "a positive integer"}),
    ],
)
def test_bad_arguments(arguments, message):
    inputs = keras.Input((6,))
    encoder = keras.Model(inputs, [keras.layers.Dense(2)(inputs), keras.layers.Dense(2)(inputs)])
    name = next(iter(arguments))
    with raises_argument_error(name, **message):
        VariationalAutoencoder(**{"encoder": encoder, "decoder": dense(2, 6), **arguments})


def test_sample_weights_are_refused():
    model = binary_model()
    model.compile("adam")
    with pytest.raises(ValueError, match="sample_weight"):
        model.fit(digits(), digits(), sample_weight=np.ones(320), verbose=0)

"""Tests of generative adversarial networks with linear networks, whose training steps can be computed by hand."""

import keras
import numpy as np
import pytest

from tensorsmith.models import GAN
from tensorsmith.testing import raises_argument_error

REAL, FAKE = np.array([3.0, 1.0]), np.array([0.5, -1.0])
RATE = 0.1


def constant_generator():
    """Returns a generator of the same sample for all codes."""
    bias = keras.layers.Dense(2, bias_initializer=keras.initializers.Constant(FAKE))
    return keras.Sequential([keras.Input((4,)), keras.layers.Rescaling(0.0), bias])


def linear_discriminator(weights=(0.0, 0.0), trainable=True):
    kernel = keras.initializers.Constant(np.reshape(weights, (2, 1)))
    return keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(1, use_bias=False, kernel_initializer=kernel, trainable=trainable)]
    )


def compiled(discriminator, **kwargs):
    model = GAN(constant_generator(), discriminator, keras.optimizers.SGD(RATE), seed=0, **kwargs)
    model.compile(keras.optimizers.SGD(RATE))
    return model


def step(model, count=12, labels=None):
    samples = np.tile(REAL.astype("float32"), (count, 1))
    return model.fit(samples, labels, batch_size=count, shuffle=False, verbose=0).history


def weights_and_bias(model):
    return model.discriminator.get_weights()[0][:, 0], model.generator.get_weights()[1]


@pytest.mark.parametrize("critic_steps", [1, 3])
def test_two_phases(critic_steps):
    """The gradient of the Wasserstein loss is the difference of the samples, and that of the generator the weights."""
    model = compiled(linear_discriminator(), loss="wasserstein", critic_steps=critic_steps)
    history = step(model)
    weights, bias = weights_and_bias(model)
    expected = critic_steps * RATE * (REAL - FAKE)
    np.testing.assert_allclose(weights, expected, rtol=1e-5)
    np.testing.assert_allclose(bias, FAKE + RATE * expected, rtol=1e-5)  # the discriminator has been updated before
    assert history["generator_loss"][0] == pytest.approx(-expected @ FAKE, rel=1e-5)
    assert int(model.optimizer.iterations) == 1
    assert int(model.discriminator_optimizer.iterations) == critic_steps
    assert "discriminator_accuracy" not in history


def test_simultaneous_step():
    model = compiled(linear_discriminator([1.0, 0.0]), loss="wasserstein", simultaneous=True)
    step(model)
    weights, bias = weights_and_bias(model)
    np.testing.assert_allclose(weights, [1, 0] + RATE * (REAL - FAKE), rtol=1e-5)
    np.testing.assert_allclose(bias, FAKE + np.array([RATE, 0]), rtol=1e-5)  # with the discriminator before its update


@pytest.mark.parametrize("simultaneous", [False, True])
def test_gradient_penalty(simultaneous):
    """For a linear critic, the penalty is (|w| - 1)^2, whose gradient is 2 (|w| - 1) w / |w|."""
    initial = np.array([3.0, 4.0])
    model = compiled(linear_discriminator(initial), loss="wasserstein", gradient_penalty=2.0, simultaneous=simultaneous)
    history = step(model)
    gradient = FAKE - REAL + 2.0 * 2 * 4 * initial / 5
    np.testing.assert_allclose(weights_and_bias(model)[0], initial - RATE * gradient, rtol=1e-5)
    assert history["discriminator_loss"][0] == pytest.approx(initial @ (FAKE - REAL) + 2.0 * 16, rel=1e-5)


@keras.saving.register_keras_serializable("test_gan")
class Centered(keras.layers.Layer):
    """Subtracts the mean of the batch."""

    def call(self, inputs):
        return inputs - keras.ops.mean(inputs, axis=0)


@pytest.mark.parametrize("separate_batches", [False, True])
def test_separate_batches(separate_batches):
    """Samples that all are equal are centered to 0, unless the batch also has samples of the other kind."""
    discriminator = keras.Sequential([keras.Input((2,)), Centered(), *linear_discriminator().layers])
    model = compiled(discriminator, loss="wasserstein", separate_batches=separate_batches)
    step(model)
    expected = 0 * REAL if separate_batches else RATE * (REAL - FAKE)
    np.testing.assert_allclose(weights_and_bias(model)[0], expected, rtol=1e-5, atol=1e-7)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
    ("loss", "of_discriminator", "slope"),  # slope of the generator's loss with respect to the score
    [
        ("non_saturating", lambda r, f: -np.log(sigmoid(r)) - np.log(sigmoid(-f)), lambda f: sigmoid(f) - 1),
        ("minimax", lambda r, f: -np.log(sigmoid(r)) - np.log(sigmoid(-f)), lambda f: -sigmoid(f)),
        ("hinge", lambda r, f: max(0, 1 - r) + max(0, 1 + f), lambda f: -1.0),
    ],
)
def test_losses(loss, of_discriminator, slope):
    weights = np.array([0.1, 0.3])
    model = compiled(linear_discriminator(weights), loss=loss, simultaneous=True)
    history = step(model)
    real, fake = weights @ REAL, weights @ FAKE
    assert history["discriminator_loss"][0] == pytest.approx(of_discriminator(real, fake), rel=1e-5)
    assert history["discriminator_accuracy"][0] == 1.0  # both scores have the right sign
    np.testing.assert_allclose(weights_and_bias(model)[1], FAKE - RATE * slope(fake) * weights, rtol=1e-5)


def test_discriminator_learns_the_ratio_of_densities():
    """For real samples of N(1, 1) and generated ones of N(-1, 1), the best logit is 2x."""
    shift = keras.layers.Dense(1, kernel_initializer="ones", bias_initializer=keras.initializers.Constant(-1.0))
    generator = keras.Sequential([keras.Input((1,)), shift])
    discriminator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model = GAN(generator, discriminator, keras.optimizers.Adam(0.02), seed=1)
    model.compile(keras.optimizers.SGD(0.0))
    real = np.random.default_rng(0).normal(1.0, size=(20_000, 1))
    history = model.fit(real, epochs=2, batch_size=100, verbose=0).history
    kernel, bias = (weight.item() for weight in discriminator.get_weights())
    assert kernel == pytest.approx(2.0, abs=0.15)
    assert bias == pytest.approx(0.0, abs=0.15)
    assert history["discriminator_accuracy"][-1] == pytest.approx(0.8413, abs=0.01)  # Φ(1)


def test_averaged_weights():
    model = compiled(linear_discriminator([1.0, 0.0], trainable=False), loss="wasserstein", average=0.75)
    expected, mean = FAKE, FAKE
    for _ in range(3):
        step(model)
        expected = expected + np.array([RATE, 0])
        mean = 0.75 * mean + 0.25 * expected
    np.testing.assert_allclose(model.generator.get_weights()[1], expected, rtol=1e-5)
    np.testing.assert_allclose(model.generate(2), [mean, mean], rtol=1e-5)
    np.testing.assert_allclose(model.predict(np.zeros((1, 4)), verbose=0), [mean], rtol=1e-5)


def conditional_networks():
    """Returns networks in which the class selects the sample, and scores that ignore it."""
    codes, labels = keras.Input((4,)), keras.Input((), dtype="int32")
    samples = keras.layers.Embedding(3, 2)(labels)
    samples = keras.layers.Add()([samples, keras.layers.Dense(2)(keras.layers.Rescaling(0.0)(codes))])
    inputs, classes = keras.Input((2,)), keras.Input((), dtype="int32")
    scores = keras.layers.Add()([keras.layers.Dense(1)(inputs), keras.layers.Embedding(3, 1)(classes)])
    return keras.Model([codes, labels], samples), keras.Model([inputs, classes], scores)


@pytest.mark.parametrize("critic_steps", [1, 2])
def test_classes(critic_steps):
    generator, discriminator = conditional_networks()
    model = GAN(generator, discriminator, critic_steps=critic_steps, seed=0)
    model.compile(keras.optimizers.SGD(RATE))
    before = generator.get_weights()[0]
    step(model, labels=np.array([0, 2] * 6))
    changed = np.any(generator.get_weights()[0] != before, axis=1)
    # With two parts, the last step of the discriminator and that of the generator use each second label.
    np.testing.assert_array_equal(changed, [critic_steps == 1, False, True])
    samples = model.generate(3, [2, 2, 1])
    np.testing.assert_array_equal(samples[0], samples[1])
    assert np.any(samples[1] != samples[2])


def test_saved_model(tmp_path):
    model = compiled(linear_discriminator(), loss="hinge", average=0.9, gradient_penalty=1.0)
    step(model)
    model.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    np.testing.assert_array_equal(loaded.generate(4, seed=0), model.generate(4, seed=0))
    for name in ("loss_name", "average", "gradient_penalty", "critic_steps", "simultaneous", "seed"):
        assert getattr(loaded, name) == getattr(model, name)
    step(loaded)
    assert int(loaded.optimizer.iterations) == int(loaded.discriminator_optimizer.iterations) == 2


def test_discriminator_optimizer_defaults_to_that_of_the_generator():
    model = GAN(constant_generator(), linear_discriminator())
    model.compile(keras.optimizers.Adam(0.003, beta_1=0.5))
    assert model.discriminator_optimizer is not model.optimizer
    assert model.discriminator_optimizer.get_config() == model.optimizer.get_config()


def network(inputs, outputs):
    return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(outputs)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"generator": network(4, 3)}, {"expected": "the input of the discriminator"}),
        ({"generator": keras.Sequential([keras.layers.Dense(2)])}, {"expected": "defined inputs"}),
        ({"generator": conditional_networks()[0]}, {"name": "discriminator", "expected": "both or neither"}),
        ({"discriminator": network(2, 3)}, {"expected": "one score for each sample"}),
        ({"loss": "hing"}, {"remedy": "hinge"}),
        ({"gradient_penalty": -1.0}, {"expected": "a non-negative number"}),
        ({"critic_steps": 0}, {"expected": "a positive integer"}),
        ({"critic_steps": 2, "simultaneous": True}, {"remedy": "simultaneous=False"}),
        ({"average": 1.0}, {"expected": "in [0, 1)"}),
    ],
)
def test_bad_arguments(arguments, message):
    name = message.pop("name", next(iter(arguments)))
    with raises_argument_error(name, **message):
        GAN(**{"generator": constant_generator(), "discriminator": linear_discriminator(), **arguments})


def test_labels_must_match_the_networks():
    with pytest.raises(ValueError, match="labels must be None"):
        step(compiled(linear_discriminator()), labels=np.zeros(12, int))
    model = GAN(*conditional_networks())
    model.compile("sgd")
    with pytest.raises(ValueError, match="labels must be the classes"):
        step(model)
    with raises_argument_error("labels"):
        model.generate(3)


@pytest.mark.parametrize("jit", [False, True])
def test_last_batch_with_fewer_samples_than_steps(jit):
    """A batch of one sample is repeated for each of the three steps, so that the losses are finite."""
    model = compiled(linear_discriminator(), loss="wasserstein", critic_steps=3)
    model.compile(keras.optimizers.SGD(RATE), jit_compile=jit)
    samples = np.tile(REAL.astype("float32"), (13, 1))
    model.fit(samples, batch_size=12, shuffle=False, verbose=0)
    np.testing.assert_allclose(weights_and_bias(model)[0], expected_after_two_batches(), rtol=1e-5)


def expected_after_two_batches():
    """Returns the weights after two batches of three steps. The generator moves along the weights between them."""
    weights = 3 * RATE * (REAL - FAKE)
    fake = FAKE + RATE * weights
    return weights + 3 * RATE * (REAL - fake)

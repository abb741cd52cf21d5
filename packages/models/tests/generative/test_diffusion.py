"""Tests of diffusion models with networks that predict the noise of normally distributed samples exactly."""

import keras
import numpy as np
import pytest
from keras import ops

from tensorsmith.models import Diffusion, diffusion_unet
from tensorsmith.models.steps.diffusion import signal_rates
from tensorsmith.testing import raises_argument_error

MEAN, DEVIATION = np.array([2.0, -1.0]), np.array([0.5, 1.5])


@keras.saving.register_keras_serializable()
class ExactNoise(keras.layers.Layer):
    """Expected noise, given noisy samples of the distribution N(mean, deviation**2)."""

    def __init__(self, mean, deviation, noise, steps, **kwargs):
        super().__init__(**kwargs)
        self.config = {"mean": mean, "deviation": deviation, "noise": noise, "steps": steps}
        self.signal = signal_rates(noise, steps).astype("float32")
        self.mean, self.deviation = np.asarray(mean, "float32"), np.asarray(deviation, "float32")

    def call(self, samples, times, labels=None):
        signal = ops.take(self.signal, times)[:, None]
        # With classes, one mean for each of them.
        mean = self.mean if labels is None else ops.take(self.mean, labels, axis=0)
        variance = signal * self.deviation**2 + 1 - signal
        return ops.sqrt(1 - signal) * (samples - ops.sqrt(signal) * mean) / variance

    def get_config(self):
        return {**super().get_config(), **self.config}


def exact_model(mean=MEAN, deviation=DEVIATION, noise="cosine", classes=None, **kwargs):
    inputs = [keras.Input((2,)), keras.Input((), dtype="int32")]
    if classes is not None:
        inputs.append(keras.Input((), dtype="int32"))
    predicted = ExactNoise(np.asarray(mean).tolist(), np.asarray(deviation).tolist(), noise, 1000)(*inputs)
    options = {"clip": None, "seed": 0, **kwargs}
    return Diffusion(keras.Model(inputs, predicted), noise, classes=classes, **options)


@pytest.mark.parametrize("stochastic", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("noise", ["cosine", "linear"])
def test_samples_have_the_distribution_of_the_data(noise, stochastic):
    samples = exact_model(noise=noise).generate(4000, steps=200, stochastic=stochastic, seed=1).numpy()
    np.testing.assert_allclose(samples.mean(axis=0), MEAN, atol=4 * DEVIATION.max() / np.sqrt(4000))
    np.testing.assert_allclose(samples.std(axis=0), DEVIATION, rtol=0.07)


def test_deterministic_samples_depend_on_the_noise_only():
    model = exact_model()
    noise = np.random.default_rng(0).normal(size=(5, 2)).astype("float32")
    one, other = model.generate(noise, seed=1), model.generate(noise, seed=2)
    np.testing.assert_array_equal(one, other)
    # The deterministic process transports a normal distribution by a linear function.
    np.testing.assert_allclose(model.generate(noise, steps=1000), MEAN + noise * DEVIATION, rtol=0.02, atol=0.02)
    assert np.any(model.generate(noise, stochastic=1.0, seed=1) != model.generate(noise, stochastic=1.0, seed=2))


@pytest.mark.parametrize(("steps", "expected"), [(1, [9]), (2, [9, 4]), (3, [9, 6, 2]), (10, [*range(9, -1, -1)])])
def test_steps_are_those_at_the_ends_of_equal_parts(steps, expected, monkeypatch):
    """Lin et al., table 2, "trailing"."""
    model = Diffusion(network_of(), steps=10)
    found = []
    monkeypatch.setattr(model, "_predicted_noise", lambda samples, time, *rest: found.append(time) or 0 * samples)
    model.generate(2, steps=steps)
    assert found == expected


@pytest.mark.parametrize("steps", [1, 7, 1000])
def test_single_point(steps):
    """The expected clean sample is the point itself at each step, so that any number of steps reaches it."""
    samples = exact_model(deviation=[0.0, 0.0]).generate(6, steps=steps, seed=0)
    np.testing.assert_allclose(samples, np.tile(MEAN, (6, 1)), atol=2e-3)


def test_guidance_moves_away_from_samples_without_label():
    """For points of the classes and their mean as samples without label, one step is linear in the weight."""
    points = [[1.0, 0.0], [3.0, 2.0], [2.0, 1.0]]
    model = exact_model(points, [0.0, 0.0], classes=2)
    labels = np.array([0, 1, 0])
    plain = model.generate(3, labels, steps=1, seed=0).numpy()
    np.testing.assert_allclose(plain, [points[label] for label in labels], atol=0.01)
    guided = model.generate(3, labels, steps=1, guidance=0.5, seed=0).numpy()
    expected = [1.5 * np.array(points[label]) - 0.5 * np.array(points[2]) for label in labels]
    np.testing.assert_allclose(guided, expected, atol=0.01)
    assert np.all(np.abs(exact_model(points, [0, 0], classes=2, clip=(-1, 1)).generate(3, labels, seed=0)) <= 1.001)


def test_loss_is_that_of_the_best_prediction():
    """The variance of the noise, given a noisy sample, is a s^2 / (a s^2 + 1 - a)."""
    model = exact_model()
    model.compile()
    data = np.random.default_rng(0).normal(MEAN, DEVIATION, size=(40_000, 2))
    loss = model.evaluate(data, batch_size=1000, verbose=0, return_dict=True)["loss"]
    signal = signal_rates("cosine", 1000)[:, None]
    expected = np.mean(signal * DEVIATION**2 / (signal * DEVIATION**2 + 1 - signal))
    assert loss == pytest.approx(expected, rel=0.02)


def test_signal_rates_of_the_papers():
    linear = signal_rates("linear", 1000)
    assert linear[0] == pytest.approx(1 - 1e-4)
    assert linear[-1] == pytest.approx(4.0358e-5, rel=1e-3)  # exp of the sum of log(1 - β), in float64
    cosine = signal_rates("cosine", 1000)
    # Nichol and Dhariwal, figure 5: half of the signal is left halfway.
    assert cosine[499] == pytest.approx(0.5, abs=0.02)
    assert np.all(np.diff(cosine) < 0)
    assert 0 < cosine[-1] < 1e-4
    assert signal_rates("linear", 100)[-1] == pytest.approx(linear[-1], rel=0.5)


def network_of(classes=None):
    samples, time, label = keras.Input((2,)), keras.Input((), dtype="int32"), keras.Input((), dtype="int32")
    parts = [samples, keras.layers.Embedding(100, 8)(time)]
    inputs = [samples, time]
    if classes is not None:
        parts.append(keras.layers.Embedding(classes + 1, 8)(label))
        inputs.append(label)
    hidden = keras.layers.Dense(64, "relu")(keras.layers.Concatenate()(parts))
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Dense(64, "relu")(hidden)))


@pytest.mark.parametrize("jit", [False, True])
def test_training_learns_the_classes(jit):
    keras.utils.set_random_seed(0)
    model = Diffusion(network_of(2), steps=100, classes=2, average=0.99, clip=(-1.5, 1.5), seed=0)
    model.compile(keras.optimizers.Adam(0.005), jit_compile=jit)
    labels = np.arange(6400) % 2
    data = np.random.default_rng(0).normal(np.where(labels[:, None], 1.0, -1.0), 0.1, size=(6400, 2))
    model.fit(data, labels, batch_size=64, epochs=15, verbose=0)
    samples = model.generate(200, np.arange(200) % 2, seed=0).numpy()
    np.testing.assert_allclose(samples[::2].mean(axis=0), [-1, -1], atol=0.15)
    np.testing.assert_allclose(samples[1::2].mean(axis=0), [1, 1], atol=0.15)
    assert np.all(samples[::2].std(axis=0) < 0.4)
    mixed = model.generate(400, np.full(400, 2), seed=0).numpy()  # without a label, both classes
    assert 0.3 < np.mean(mixed[:, 0] > 0) < 0.7


def test_saved_model(tmp_path):
    model = Diffusion(network_of(3), "linear", 100, classes=3, average=0.9, clip=(-1.0, 1.0), seed=5)
    model.compile("adam")
    data = np.random.default_rng(0).uniform(-1, 1, size=(64, 2))
    model.fit(data, np.arange(64) % 3, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    labels = [0, 1, 2, 3]
    np.testing.assert_array_equal(loaded.generate(4, labels, seed=0), model.generate(4, labels, seed=0))
    assert tuple(loaded.clip) == (-1.0, 1.0)
    for name in ("noise", "steps", "classes", "label_dropout", "average", "seed"):
        assert getattr(loaded, name) == getattr(model, name)
    assert int(loaded.optimizer.iterations) == 2


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"network": keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])}, "network"),
        ({"classes": 2}, "network"),
        ({"classes": 1}, "classes"),
        ({"noise": "cosin"}, "noise"),
        ({"steps": 1}, "steps"),
        ({"label_dropout": 1.0}, "label_dropout"),
        ({"average": -0.1}, "average"),
        ({"clip": (1, -1)}, "clip"),
    ],
)
def test_bad_arguments(arguments, name):
    with raises_argument_error(name):
        Diffusion(**{"network": network_of(), **arguments})


def test_bad_arguments_of_generate():
    model = exact_model()
    for name, arguments in (
        ("guidance", {"guidance": 1.0}),  # without labels
        ("guidance", {"guidance": -1.0}),
        ("steps", {"steps": 1001}),
        ("stochastic", {"stochastic": 1.5}),
        ("labels", {"labels": [1, 2]}),
    ):
        with raises_argument_error(name):
            model.generate(2, **arguments)
    with raises_argument_error("labels"):
        exact_model(np.zeros((3, 2)), classes=2).generate(2)


def test_untrained_unet_predicts_no_noise():
    """The loss is then the mean square of the noise, which is 1."""
    model = Diffusion(diffusion_unet((8, 8, 1), (4, 8), heads=2, classes=3), classes=3, seed=0)
    model.compile("adam")
    images, labels = np.zeros((500, 8, 8, 1)), np.zeros(500, int)
    assert model.evaluate(images, labels, return_dict=True, verbose=0)["loss"] == pytest.approx(1.0, abs=0.02)


def test_unet_depends_on_step_and_class():
    network = diffusion_unet((8, 8, 1), (4, 8), heads=2, classes=3)
    network.set_weights([weights + 0.1 for weights in network.get_weights()])
    images = np.random.default_rng(0).normal(size=(1, 8, 8, 1)).astype("float32")
    outputs = [network([images, np.array([step]), np.array([label])]) for step, label in ((0, 0), (500, 0), (0, 3))]
    apart = [float(np.max(np.abs(outputs[0] - other))) for other in outputs[1:]]
    assert min(apart) > 1e-3

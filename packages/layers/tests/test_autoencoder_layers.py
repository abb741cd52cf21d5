"""Tests of the layers of autoencoders: tied weights, latent codes, and sparsity penalties.

The tied autoencoder and the penalty weight of 0.05 are from Géron, "Hands-On Machine Learning", 2nd ed., chapter 17.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from packaging.version import Version
from scipy import stats

from tensorsmith.layers import DenseTranspose, Sampling
from tensorsmith.layers.regularizers import KLDivergenceRegularizer
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)
DIVIDES = Version(keras.__version__) >= Version("3.14")  # Keras divides activity penalties by the batch size
TIED = (784 * 100 + 100 * 30) + (100 + 30 + 100 + 784)  # kernels and biases of all four layers


def tied_autoencoder(nested=False):
    """Returns an autoencoder with tied weights for images of 28 by 28 pixels."""
    first, second = keras.layers.Dense(100, "selu"), keras.layers.Dense(30, "selu")
    encoder = [keras.layers.Flatten(), first, second]
    decoder = [
        DenseTranspose(second, activation="selu"),
        DenseTranspose(first, activation="sigmoid"),
        keras.layers.Reshape((28, 28)),
    ]
    images, codes = keras.Input((28, 28)), keras.Input((30,))
    if nested:
        return keras.Sequential([images, keras.Sequential([images, *encoder]), keras.Sequential([codes, *decoder])])
    return keras.Sequential([images, *encoder, *decoder])


@pytest.mark.parametrize("nested", [False, True])
def test_tied_kernels_are_counted_once(nested):
    model = tied_autoencoder(nested)
    assert model.count_params() == TIED
    assert len(model.trainable_weights) == 6


def test_tied_kernels_after_training_and_saving(tmp_path):
    model = tied_autoencoder()
    x = RNG.uniform(size=(32, 28, 28)).astype("float32")
    for attempt in range(2):  # the loaded model trains like the original
        _, first, second, after_code, after_hidden, _ = model.layers
        assert after_code.dense is second
        assert after_hidden.dense is first
        before = first.kernel.numpy()
        model.compile("sgd", "binary_crossentropy", jit_compile=False)
        model.fit(x, x, verbose=0)
        assert np.any(first.kernel.numpy() != before)
        code = second(first(x.reshape(32, -1))).numpy()
        hidden = keras.activations.selu(code @ second.kernel.numpy().T + after_code.bias.numpy()).numpy()
        logits = hidden @ first.kernel.numpy().T + after_hidden.bias.numpy()
        expected = (1 / (1 + np.exp(-logits))).reshape(-1, 28, 28)
        np.testing.assert_allclose(model(x), expected, atol=1e-5)
        model.save(tmp_path / f"{attempt}.keras")
        model = keras.saving.load_model(tmp_path / f"{attempt}.keras")
        np.testing.assert_allclose(model(x), expected, atol=1e-5)
        assert model.count_params() == TIED


def test_saving_nested_tied_models(tmp_path):
    """Keras cannot load such models, as the docstring says.

    If the second half fails, Keras has fixed this, and the docstring can be updated.
    """
    model, counterpart = tied_autoencoder(nested=True), tied_autoencoder(nested=True)
    model.save_weights(tmp_path / "model.weights.h5")
    counterpart.load_weights(tmp_path / "model.weights.h5")
    x = RNG.uniform(size=(4, 28, 28)).astype("float32")
    np.testing.assert_array_equal(counterpart(x), model(x))
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="could not be loaded"):
        keras.saving.load_model(tmp_path / "model.keras")


def test_saving_dense_transpose_alone(tmp_path):
    dense = keras.layers.Dense(3)
    dense.build((None, 5))
    layer = DenseTranspose(dense, bias_initializer="normal")
    model = keras.Sequential([keras.Input((3,)), layer])
    model.save(tmp_path / "decoder.keras")
    loaded = keras.saving.load_model(tmp_path / "decoder.keras")
    x = RNG.normal(size=(4, 3)).astype("float32")
    expected = x @ dense.kernel.numpy().T + layer.bias.numpy()
    np.testing.assert_allclose(loaded(x), expected, rtol=1e-5, atol=1e-6)
    counterpart = keras.layers.deserialize(keras.layers.serialize(layer))
    counterpart.set_weights(layer.get_weights())
    np.testing.assert_allclose(counterpart(x), expected, rtol=1e-5, atol=1e-6)


def test_invalid_dense_layers():
    with raises_argument_error("dense", expected="a built layer"):
        DenseTranspose(keras.layers.Dense(3))(np.ones((2, 3)))
    dense = keras.layers.Dense(3)
    dense.build((None, 5))
    with raises_argument_error("inputs", expected="have 3 features to match the units of the dense layer"):
        DenseTranspose(dense)(np.ones((2, 5)))


def test_sampling_distribution():
    z = Sampling(seed=1)([np.full(20_000, 3.0, "float32"), np.full(20_000, np.log(4.0), "float32")]).numpy()
    assert stats.kstest(z, stats.norm(3, 2).cdf).pvalue > 1e-3
    layer, counterpart = Sampling(seed=1), Sampling(seed=1)
    inputs = [np.zeros((2, 5), "float32")] * 2
    first = layer(inputs).numpy()
    np.testing.assert_array_equal(counterpart(inputs), first)
    assert np.any(layer(inputs).numpy() != first)


def test_sampling_gradients():
    mean, log_variance = (tf.constant(RNG.normal(size=(4, 3)), "float32") for _ in range(2))
    with tf.GradientTape() as tape:
        tape.watch([mean, log_variance])
        z = Sampling(seed=1)([mean, log_variance])
    to_mean, to_variance = tape.gradient(z, [mean, log_variance])
    np.testing.assert_array_equal(to_mean, np.ones((4, 3)))
    np.testing.assert_allclose(to_variance, (z - mean) / 2, atol=1e-6)


@pytest.mark.parametrize("inputs", [np.ones((2, 3)), [np.ones((2, 3)), np.ones((2, 1))], [np.ones((2, 3))] * 3])
def test_sampling_invalid_inputs(inputs):
    with raises_argument_error("inputs", expected="a pair of tensors of equal shape, [mean, log_variance]"):
        Sampling()(inputs)


@pytest.mark.parametrize(
    ("mean", "log_variance", "common"),
    [((None, 2), (4, 2), (4, 2)), ((4, None), (None, 2), (4, 2)), ((None, 2), (None, 2), (None, 2))],
)
def test_sampling_partially_known_shapes(mean, log_variance, common):
    layer = Sampling()
    layer.build([mean, log_variance])
    assert layer.compute_output_shape([mean, log_variance]) == common
    for wrong in ((3, 3), (4, 2, 1)):
        with raises_argument_error("inputs", expected="a pair of tensors of equal shape, [mean, log_variance]"):
            Sampling().build([mean, wrong])


def test_sampling_constant_variance():
    inputs = keras.Input((2,))
    assert Sampling()([inputs, np.zeros((4, 2), "float32")]).shape == (4, 2)


@pytest.mark.parametrize("shape", [(32, 5), (4, 6, 5)])
@pytest.mark.parametrize(("weight", "target"), [(0.05, 0.1), (2, 0.6)])
def test_penalty_matches_bernoulli_divergence(shape, weight, target):
    activations = RNG.uniform(0.05, 0.95, shape)
    means = activations.reshape(-1, shape[-1]).mean(0)
    expected = weight * sum(stats.entropy([target, 1 - target], [q, 1 - q]) for q in means)
    np.testing.assert_allclose(KLDivergenceRegularizer(weight, target)(activations), expected, rtol=1e-9)
    times = KLDivergenceRegularizer(weight, target, batch_independent=True)(activations)
    np.testing.assert_allclose(times, (shape[0] if DIVIDES else 1) * expected, rtol=1e-9)


@pytest.mark.parametrize("batch_independent", [False, True])
def test_penalty_in_activity_regularizer(batch_independent):
    """Since 3.14, Keras divides by the batch size: a weight of 0.05 becomes 0.05 / 32 in batches of 32."""
    regularizer = KLDivergenceRegularizer(0.05, 0.1, batch_independent)
    layer = keras.layers.Activation("linear", activity_regularizer=regularizer)
    row = RNG.uniform(0.1, 0.9, (1, 300)).astype("float32")
    losses = []
    for size in (4, 32):
        layer(np.repeat(row, size, 0))
        losses.append(float(layer.losses[0]))
    one = 0.05 * sum(stats.entropy([0.1, 0.9], [q, 1 - q]) for q in row[0])
    kept = batch_independent or not DIVIDES
    np.testing.assert_allclose(losses, [one, one] if kept else [one / 4, one / 32], rtol=1e-4)


def test_penalty_of_saturated_activations():
    for value in (0.0, 1.0):
        penalty = KLDivergenceRegularizer(1.0)(np.full((2, 300), value, "float16"))
        assert penalty.dtype == "float32"
        assert np.isfinite(penalty)


def test_saving_regularizer(tmp_path):
    regularizer = KLDivergenceRegularizer(np.float32(0.5), target=np.float32(0.25), batch_independent=True)
    layer = keras.layers.Dense(3, "sigmoid", activity_regularizer=regularizer)
    model = keras.Sequential([keras.Input((2,)), layer])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").layers[0].activity_regularizer
    assert loaded.get_config() == {"weight": 0.5, "target": 0.25, "batch_independent": True}
    assert isinstance(loaded, KLDivergenceRegularizer)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"weight": -1.0}, {"name": "weight", "expected": "a non-negative number"}),
        ({"weight": "l2"}, {"name": "weight", "expected": "a non-negative number"}),
        ({"weight": 1.0, "target": 1.0}, {"name": "target", "expected": "in (0, 1)"}),
        ({"weight": 1.0, "target": 0}, {"name": "target", "expected": "in (0, 1)"}),
    ],
)
def test_bad_regularizer_arguments(arguments, error):
    with raises_argument_error(**error):
        KLDivergenceRegularizer(**arguments)

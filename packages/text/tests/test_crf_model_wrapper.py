"""Tests of `CRFModelWrapper` against the CRF layer, of its logs, its methods to override, and saved models."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.layers import CRF
from tensorsmith.testing import raises_argument_error
from tensorsmith.text import CRFModelWrapper

RNG = np.random.default_rng(0)
LENGTHS = np.array([5, 3, 1, 4, 2])
X = RNG.normal(size=(5, 5, 4)).astype("float32") * (np.arange(5) < LENGTHS[:, None])[..., None]
Y = RNG.integers(0, 3, (5, 5))


def features(**options):
    """Return a model that masks steps of zeros."""
    layers = [keras.Input((None, 4)), keras.layers.Masking(), keras.layers.Dense(6, "tanh", **options)]
    return keras.Sequential(layers)


def wrapper(**options):
    keras.utils.set_random_seed(1)
    return CRFModelWrapper(features(), 3, boundary_initializer="uniform", **options)


def losses_of(model, x=X, y=Y):
    """Return the negative log-likelihood of each sequence, by the loss that the CRF layer adds."""
    found = []
    for row, tags in zip(x, y, strict=True):
        model.crf_layer(model.base_model(row[None]), tags=tags[None])
        found += [float(loss) for loss in model.crf_layer.losses[:1]]
    return np.array(found)


def test_training_equals_that_of_the_layer():
    model = wrapper()
    model.compile(keras.optimizers.SGD(0.3), jit_compile=False)
    model.build(X.shape)
    inputs, tags = keras.Input((None, 4)), keras.Input((None,), dtype="int32")
    base, layer = keras.models.clone_model(model.base_model), CRF.from_config(model.crf_layer.get_config())
    other = keras.Model([inputs, tags], layer(base(inputs), tags=tags))
    base.set_weights(model.base_model.get_weights())
    layer.set_weights(model.crf_layer.get_weights())
    other.compile(keras.optimizers.SGD(0.3), jit_compile=False)
    for _ in range(3):
        ours, theirs = model.fit(X, Y, verbose=0), other.fit([X, Y], verbose=0)
        assert ours.history["crf_loss"] == ours.history["loss"]
        assert ours.history["loss"] == pytest.approx(theirs.history["loss"], rel=1e-5)
    for one, other in zip(model.get_weights(), [*base.get_weights(), *layer.get_weights()], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.slow  # takes seconds
def test_learns_tags_that_depend_on_their_neighbors():
    """Each tag is the sign of the sum of all previous inputs, which a dense layer does not see."""
    keras.utils.set_random_seed(0)
    x = RNG.choice([-1.0, 1.0], (256, 6, 1))
    y = (np.cumprod(x[..., 0], 1) > 0).astype(int)
    model = CRFModelWrapper(keras.Sequential([keras.Input((6, 1)), keras.layers.Conv1D(8, 2, padding="causal")]), 2)
    model.compile(keras.optimizers.Adam(0.05), metrics=[keras.metrics.Accuracy(name="correct")], jit_compile=False)
    first = model.evaluate(x, y, return_dict=True, verbose=0)
    history = model.fit(x, y, epochs=30, verbose=0).history
    assert history["crf_loss"][-1] < 0.7 * first["crf_loss"]
    correct = np.mean(model.predict(x, verbose=0) == y)
    assert model.evaluate(x, y, return_dict=True, verbose=0)["correct"] == pytest.approx(correct)


def test_logs_are_means_over_the_data():
    model = wrapper(chain_regularizer="l2")
    model.compile("sgd", metrics=[keras.metrics.Accuracy()])
    logs = model.evaluate(X, Y, batch_size=2, return_dict=True, verbose=0)
    assert logs["crf_loss"] == pytest.approx(np.mean(losses_of(model)), rel=1e-5)
    penalty = 0.01 * np.sum(np.square(model.crf_layer.chain_kernel))
    assert logs["loss"] == pytest.approx(logs["crf_loss"] + penalty, rel=1e-5)
    tags, inside = model.predict(X, verbose=0), np.arange(5) < LENGTHS[:, None]
    assert logs["accuracy"] == pytest.approx(np.mean(tags[inside] == Y[inside]))  # metrics ignore padding
    assert not np.any(tags[~inside])


def test_sample_weights():
    """As in Addons, the loss is the mean of the weighted losses, not the weighted mean."""
    model, weights = wrapper(), np.array([0.0, 2.0, 0.5, 1.0, 0.0], "float32")
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    for given in (weights, weights[:, None]):
        history = model.fit(X, Y, sample_weight=given, verbose=0).history
        assert history["crf_loss"] == [pytest.approx(np.mean(weights * losses_of(model)), rel=1e-5)]
    (potentials, lengths, transitions), _ = model(X, return_crf_internal=True)
    with raises_argument_error("sample_weight", expected="have shape (batch,)"):
        model.compute_crf_loss(potentials, lengths, transitions, Y, np.ones(Y.shape))


def test_internal_results():
    model = wrapper()
    (potentials, lengths, transitions), tags = model(X, return_crf_internal=True)
    np.testing.assert_array_equal(lengths, LENGTHS)
    np.testing.assert_array_equal(transitions, model.crf_layer.chain_kernel)
    np.testing.assert_array_equal(tags, model(X))
    found = [
        float(model.compute_crf_loss(*(each[:n] for each in (potentials, lengths)), transitions, Y[:n])) for n in (0, 5)
    ]
    assert found == [0, pytest.approx(np.mean(losses_of(model)), rel=1e-5)]


# Trains on one device and on two replicas, in a process of its own, because TensorFlow starts with one logical CPU.
REPLICAS = """
import contextlib, json
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tensorsmith.text import CRFModelWrapper
rng = np.random.default_rng(0)
x, y = rng.normal(size=(8, 5, 4)).astype("float32"), rng.integers(0, 3, (8, 5))
results = []
for strategy in (None, tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
    keras.utils.set_random_seed(0)
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = CRFModelWrapper(keras.Sequential([keras.Input((5, 4)), keras.layers.Dense(6)]), 3)
        model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    losses = model.fit(x, y, epochs=3, verbose=0, batch_size=8).history["crf_loss"]
    results.append([losses, [weight.tolist() for weight in model.get_weights()]])
print(json.dumps(results))
"""


@pytest.mark.slow  # several seconds
def test_two_replicas():
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", REPLICAS], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    (one, weights), (two, others) = json.loads(result.stdout.splitlines()[-1])
    np.testing.assert_allclose(two, one, rtol=1e-5)
    for weight, other in zip(weights, others, strict=True):
        np.testing.assert_allclose(other, weight, rtol=1e-4, atol=1e-6)


class Named(CRFModelWrapper):
    """Model for batches of dicts, with a loss that is scaled."""

    def unpack_training_data(self, data):
        return data["x"], data["y"], None

    def compute_crf_loss(self, *arguments):
        return 2 * super().compute_crf_loss(*arguments)


def test_overridden_methods():
    keras.utils.set_random_seed(1)
    model = Named(features(), 3, boundary_initializer="uniform")
    model.compile("sgd", jit_compile=False)
    batches = tf.data.Dataset.from_tensor_slices({"x": X, "y": Y}).batch(5)
    logs = model.evaluate(batches, return_dict=True, verbose=0)
    assert logs["crf_loss"] == pytest.approx(2 * np.mean(losses_of(model)), rel=1e-5)


@pytest.mark.parametrize("weights_only", [False, True])
def test_saved_model(tmp_path, weights_only):
    model = wrapper(use_boundary=False, kernel_regularizer="l1", name="tagger")
    model.compile("adam", metrics=[keras.metrics.Accuracy()], jit_compile=False)
    model.fit(X, Y, verbose=0)
    if weights_only:
        model.save_weights(tmp_path / "model.weights.h5")
        restored = CRFModelWrapper.from_config(model.get_config())
        restored.build(X.shape)
        restored.load_weights(tmp_path / "model.weights.h5")
        restored.compile("adam", metrics=[keras.metrics.Accuracy()], jit_compile=False)
    else:
        model.save(tmp_path / "model.keras")
        restored = keras.saving.load_model(tmp_path / "model.keras")
    assert restored.name == "tagger"
    ours, theirs = model.get_config(), restored.get_config()
    assert ours.pop("base_model")["config"]["name"] == theirs.pop("base_model")["config"]["name"]
    assert ours == theirs
    np.testing.assert_array_equal(restored(X), model(X))
    expected = model.evaluate(X, Y, return_dict=True, verbose=0)
    assert restored.evaluate(X, Y, return_dict=True, verbose=0) == pytest.approx(expected)


def test_saved_in_another_model(tmp_path):
    inputs = keras.Input((None, 4))
    model = keras.Model(inputs, wrapper()(inputs))
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(X), model(X))


@pytest.mark.parametrize("policy", ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)])
def test_mixed_precision(policy):
    """The inner model computes in half precision and the layer in float32. The optimizer scales the loss."""
    expected = wrapper()
    expected.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    logs = expected.fit(X, Y, verbose=0).history
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = wrapper()
    finally:
        keras.config.set_dtype_policy(before)
    optimizer = keras.optimizers.SGD(0.1)
    model.compile(
        keras.optimizers.LossScaleOptimizer(optimizer) if policy == "mixed_float16" else optimizer, jit_compile=False
    )
    assert model.fit(X, Y, verbose=0).history["loss"] == pytest.approx(logs["loss"], rel=2e-2)
    for one, other in zip(model.get_weights(), expected.get_weights(), strict=False):
        np.testing.assert_allclose(one, other, atol=2e-2)


def test_wrong_base_model():
    with raises_argument_error("base_model", expected="a Keras model"):
        CRFModelWrapper(keras.layers.Dense(3), 3)
    with raises_argument_error("units", expected="a positive integer"):
        CRFModelWrapper(features(), 0)

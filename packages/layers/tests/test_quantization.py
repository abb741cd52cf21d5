"""Tests of fake quantization against the ops of TensorFlow, and of models that are trained with it."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.layers import FakeQuantization, QuantizationAware, fold_batch_normalization, quantization_aware
from tensorsmith.testing import raises_argument_error

RNG = np.random.default_rng(0)


@pytest.mark.pairwise
@pytest.mark.parametrize("num_bits", [2, 4, 8, 16])
@pytest.mark.parametrize("narrow_range", [False, True])
@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 6.0), (-0.3, 2.1), (-5.0, 0.0)])
def test_matches_tensorflow_with_gradient(num_bits, narrow_range, low, high):
    layer = FakeQuantization(num_bits, narrow_range)
    layer.build((None,))
    layer.low.assign(low)
    layer.high.assign(high)
    x = tf.constant(RNG.uniform(low - 1, high + 1, 1000), "float32")

    def theirs(values):
        return tf.quantization.fake_quant_with_min_max_args(values, low, high, num_bits, narrow_range)

    results = []
    for function in (layer, theirs):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        results.append((y, tape.gradient(y, x)))
    step = (high - low) / (2**num_bits - 1 - narrow_range)
    apart = np.abs(results[0][0] - results[1][0])
    # Float32 rounding errors may move a value halfway between two levels to the other level.
    assert np.mean(apart > 1e-5) < 0.005
    assert apart.max() < 1.01 * step
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_zero_is_preserved():
    layer = FakeQuantization(4)
    layer(np.array([-0.33, 1.0], "float32"), training=True)
    assert float(layer(np.zeros(1, "float32"))[0]) == 0


def test_range_updates_in_training_only():
    layer = FakeQuantization(momentum=0.9)
    x = RNG.normal(size=(4, 5)).astype("float32")
    np.testing.assert_array_equal(layer(x), x)  # no range yet
    layer(np.array([-2.0, 4.0], "float32"), training=True)
    assert (float(layer.low), float(layer.high)) == (-2, 4)
    layer(np.array([1.0, 14.0], "float32"), training=True)  # the range includes 0
    np.testing.assert_allclose([layer.low, layer.high], [0.9 * -2, 0.9 * 4 + 0.1 * 14], rtol=1e-6)
    before = [float(layer.low), float(layer.high)]
    y = layer(np.array([-50.0, 50.0], "float32")).numpy()
    assert [float(layer.low), float(layer.high)] == before
    np.testing.assert_allclose(y, before, atol=7 / 255)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_non_finite_batches_do_not_update_range(bad, dtype):
    layer = FakeQuantization(momentum=0.5, dtype=dtype)
    broken, good = np.array([-9.0, bad, 9.0], "float32"), np.array([-2.0, 0.1, 4.0], "float32")
    y = layer(broken, training=True)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(y), broken)  # no range yet
    layer(good, training=True)
    layer(broken, training=True)
    assert (float(layer.low), float(layer.high)) == (-2, 4)
    layer(2 * good, training=True)
    assert (float(layer.low), float(layer.high)) == (-3, 6)


def test_empty_batches_do_not_update_range():
    layer = FakeQuantization(momentum=0.5)
    train = tf.function(lambda x: layer(x, training=True), input_signature=[tf.TensorSpec([None, 3])])
    empty, good = np.zeros((0, 3), "float32"), np.array([[-2.0, 0.1, 4.0]], "float32")
    for follow in (train, lambda x: layer(x, training=True)):
        follow(empty)
        follow(good)
        follow(empty)
        assert (float(layer.low), float(layer.high)) == (-2, 4)


REPLICAS = """
import numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
import keras
from tensorsmith.layers import FakeQuantization
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    model = keras.Sequential([keras.Input((2,)), FakeQuantization(momentum=0.5), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
model.fit(np.tile([-2.0, 4.0], (9, 1)), np.zeros(9), batch_size=8, verbose=0)
layer = model.layers[0]
ends = [[value.numpy() for value in strategy.experimental_local_results(end.value)] for end in (layer.low, layer.high)]
assert ends == [[-2, -2], [4, 4]], ends
"""


@pytest.mark.slow
def test_replica_without_examples():
    result = subprocess.run([sys.executable, "-c", REPLICAS], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def integers(kernel, num_bits, axes):
    """Returns symmetric integers and their scale: with 8 bits, [-m, m] is mapped to [-127, 127]."""
    scale = np.abs(kernel).max(axes, keepdims=True) / (2 ** (num_bits - 1) - 1)
    return np.rint(kernel / scale), scale


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize(
    ("layer", "shape", "axes"),
    [
        (keras.layers.Dense(3), (5,), 0),
        (keras.layers.Conv2D(3, 2), (4, 4, 2), (0, 1, 2)),
        (keras.layers.DepthwiseConv2D(2, depth_multiplier=3), (4, 4, 2), (0, 1)),
        (keras.layers.Conv2DTranspose(3, 2), (4, 4, 2), (0, 1, 3)),
    ],
    ids=["dense", "convolution", "depthwise", "transposed"],
)
def test_quantized_kernels(layer, shape, axes, per_channel):
    wrapped = QuantizationAware(type(layer).from_config(layer.get_config()), 8, per_channel)
    wrapped.build((None, *shape))
    kernel = wrapped.layer.kernel.numpy()
    whole, scale = integers(kernel, 8, axes if per_channel else None)
    assert np.abs(whole).max() == 127
    np.testing.assert_allclose(wrapped.quantized_kernel(), whole * scale, atol=1e-6)
    x = RNG.normal(size=(3, *shape)).astype("float32")
    plain = type(layer).from_config(layer.get_config())
    plain.build((None, *shape))
    plain.kernel.assign(whole * scale)
    np.testing.assert_allclose(wrapped(x), plain(x), atol=1e-5)  # no input range yet
    np.testing.assert_array_equal(wrapped.layer.kernel, kernel)


def test_zero_kernel():
    layer = QuantizationAware(keras.layers.Dense(2, kernel_initializer="zeros"))
    np.testing.assert_array_equal(layer(np.ones((1, 3), "float32"), training=True), [[0, 0]])


def test_straight_through_gradients():
    layer = QuantizationAware(keras.layers.Dense(3))
    layer.build((None, 4))
    x = tf.constant(RNG.normal(size=(5, 4)), "float32")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x))
    gradient = tape.gradient(loss, layer.layer.kernel.value)
    np.testing.assert_allclose(gradient, np.tile(np.sum(x, 0)[:, None], (1, 3)), rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"jit_compile": True}], ids=["graph", "xla"])
def test_gradient_of_largest_weight_per_channel(options):
    """Rounding must not move the largest weight out of the range."""
    layer = QuantizationAware(keras.layers.Dense(5000))
    layer.build((None, 1))

    @tf.function(**options)
    def gradient():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(tf.ones((1, 1))))
        return tape.gradient(loss, layer.layer.kernel.value)

    np.testing.assert_array_equal(gradient(), np.ones((1, 5000)))


def digits():
    """Returns three overlapping clusters of points."""
    y = RNG.integers(0, 3, 600)
    return (RNG.normal(size=(600, 8)) + 2 * np.eye(8)[y]).astype("float32"), y


@pytest.mark.slow  # takes seconds
def test_quantization_aware_finetuning(tmp_path):
    keras.utils.set_random_seed(0)
    x, y = digits()
    layers = [keras.layers.Dense(16), keras.layers.BatchNormalization(), keras.layers.ReLU(), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((8,)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"], jit_compile=False)
    model.fit(x, y, epochs=10, verbose=0)
    folded = fold_batch_normalization(model)
    aware = quantization_aware(folded, num_bits=3)
    assert [type(layer).__name__ for layer in aware.layers] == ["QuantizationAware", "ReLU", "QuantizationAware"]
    for layer, wrapped in zip(folded.layers[::2], aware.layers[::2], strict=True):
        np.testing.assert_array_equal(layer.kernel, wrapped.layer.kernel)
    aware.compile(keras.optimizers.Adam(0.003), loss, metrics=["accuracy"], jit_compile=True)
    aware(x, training=True)  # sets the ranges of the activations
    before = aware.evaluate(x, y, verbose=0)[0]
    aware.fit(x, y, epochs=5, verbose=0)
    after, accuracy = aware.evaluate(x, y, verbose=0)
    assert after < before
    assert accuracy > model.evaluate(x, y, verbose=0)[1] - 0.05
    for layer in aware.layers[::2]:
        for channel in layer.quantized_kernel().numpy().T:
            assert len(np.unique(channel.round(5))) <= 7  # -3 ... 3
    aware.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(x), aware(x))


def test_layers_with_lora_are_rejected():
    dense = keras.layers.Dense(3)
    model = keras.Sequential([keras.Input((5,)), dense])
    dense.enable_lora(2)
    for quantize, what in ((QuantizationAware, dense), (quantization_aware, model)):
        with raises_argument_error("layer", expected="not use LoRA"):
            quantize(what)


def test_models_without_kernels_are_rejected():
    with raises_argument_error("model", expected="contain dense layers or convolutions"):
        quantization_aware(keras.Sequential([keras.Input((3,)), keras.layers.ReLU()]))

"""Tests of features of Keras models and optimizers in the compiled loop."""

import keras
import numpy as np
import pytest

from tensorsmith.training import Trainer


def data(examples=128):
    x = np.random.default_rng(0).normal(size=(examples, 4)).astype("float32")
    return x, (x @ [[1.0], [-1.0], [2.0], [0.5]]).astype("float32")


def mlp(*hidden, dtype=None):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8, "tanh", dtype=dtype), *hidden, keras.layers.Dense(1, dtype="float32")]
    )


def trained(model, optimizer, batch_size=32, epochs=2, jit=False, **arguments):
    trainer = Trainer(model, optimizer, "mse", jit=jit)
    history = trainer.fit(*data(), batch_size=batch_size, epochs=epochs, shuffle=False, verbose=False, **arguments)
    return history.history, model.get_weights()


@pytest.mark.parametrize(("make", "jit"), [(keras.optimizers.SGD, False), (keras.optimizers.Adam, True)])
def test_accumulated_gradients_match_large_batch(make, jit):
    _, whole = trained(mlp(), make(0.01), batch_size=32, jit=jit)
    _, parts = trained(mlp(), make(0.01, gradient_accumulation_steps=4), batch_size=8, jit=jit)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def test_accumulation_with_batch_normalization():
    """Tests that statistics are those of 8 examples instead of 32, unlike in the large batch."""
    norm = keras.layers.BatchNormalization
    _, whole = trained(mlp(norm()), keras.optimizers.SGD(0.01), batch_size=32)
    _, parts = trained(mlp(norm()), keras.optimizers.SGD(0.01, gradient_accumulation_steps=4), batch_size=8)
    assert max(np.abs(one - other).max() for one, other in zip(whole, parts, strict=True)) > 1e-3


@pytest.mark.parametrize("jit", [False, True])
def test_overflow_skips_step_and_halves_loss_scale(jit):
    x, y = data()
    y[32:64] = 3e4  # the scaled squared error exceeds the range of float16
    model = mlp(dtype="mixed_float16")
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.0), initial_scale=2.0**15)
    trainer = Trainer(model, optimizer, "mse", jit=jit)
    trainer.fit(x, y, epochs=1, shuffle=False, verbose=False)
    assert float(optimizer.dynamic_scale) == 2.0**14
    assert int(optimizer.iterations) == 3  # one of four steps was skipped


def test_loss_scaling_with_several_optimizers():
    """Tests loss scaling of several optimizers, as in Keras, and log names that do not depend on earlier optimizers."""

    def rates():
        model = mlp(dtype="mixed_float16")
        optimizers = [keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.02), keras.optimizers.SGD(0.03, name="own")]
        positions = {id(variable): position for position, variable in enumerate(model.trainable_variables)}
        several = keras.optimizers.MultiOptimizer(lambda variable: optimizers[min(positions[id(variable)], 2)])
        history, _ = trained(model, keras.optimizers.LossScaleOptimizer(several))
        return {name: values[0] for name, values in history.items() if name.startswith("learning_rate")}

    for _ in range(2):
        expected = {"learning_rate_adam": 0.01, "learning_rate_adam_1": 0.02, "learning_rate_own": 0.03}
        assert rates() == pytest.approx(expected)


@pytest.mark.parametrize(("dtype", "scaled"), [("mixed_float16", True), ("mixed_bfloat16", False)])
def test_half_precision_matches_keras(dtype, scaled):
    keras_model, ours = mlp(dtype=dtype), mlp(dtype=dtype)
    optimizers = [keras.optimizers.Adam(0.01) for _ in range(2)]
    if scaled:
        optimizers = [keras.optimizers.LossScaleOptimizer(optimizer) for optimizer in optimizers]
    keras_model.compile(optimizers[0], "mse", jit_compile=False)
    expected = keras_model.fit(*data(), epochs=3, shuffle=False, verbose=0).history["loss"]
    history, _ = trained(ours, optimizers[1], epochs=3)
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-3)
    assert expected[-1] < expected[0]


def test_evaluation_with_averaged_weights():
    averaged = keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.8)
    model = mlp()
    swap = keras.callbacks.SwapEMAWeights()
    history, weights = trained(model, averaged, validation_data=data(), callbacks=[swap])
    plain = trained(mlp(), keras.optimizers.SGD(0.05), validation_data=data())
    assert history["loss"] == pytest.approx(plain[0]["loss"], rel=1e-6)  # training uses the original weights
    assert history["val_loss"][0] != pytest.approx(plain[0]["val_loss"][0], rel=1e-3)
    assert model.evaluate(*data(), verbose=0) == pytest.approx(history["val_loss"][-1], rel=1e-6)
    assert any(not np.array_equal(one, other) for one, other in zip(weights, plain[1], strict=True))


def test_auxiliary_loss():
    class Penalty(keras.layers.Layer):
        def call(self, inputs):
            self.add_loss(0.5 * keras.ops.mean(inputs**2))
            return inputs

    keras_model, ours = mlp(Penalty()), mlp(Penalty())
    keras_model.compile(keras.optimizers.SGD(0.05), "mse", jit_compile=False)
    expected = keras_model.fit(*data(), epochs=2, shuffle=False, verbose=0).history["loss"]
    history, _ = trained(ours, keras.optimizers.SGD(0.05))
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)


def test_several_optimizers():
    first, second = keras.optimizers.SGD(0.05, name="first"), keras.optimizers.Adam(0.01, name="second")
    model = mlp()
    kernel = model.layers[0].kernel
    history, _ = trained(model, keras.optimizers.MultiOptimizer(lambda v: first if v is kernel else second), epochs=5)
    assert history["loss"][-1] < history["loss"][0]
    assert history["learning_rate_first"] == pytest.approx([0.05] * 5)
    assert history["learning_rate_second"] == pytest.approx([0.01] * 5)

"""Tests of sharpness-aware minimization against NumPy and an eager TensorFlow loop, and of state updates."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.testing import raises_argument_error
from tensorsmith.training import SharpnessAware, Trainer

STEPS, RHO, RATE = 10, 0.2, 0.05


def data(examples=64, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(examples, 4)).astype("float32")
    return x, (np.sin(x[:, :1]) + x[:, 1:2] * x[:, 2:3]).astype("float32")


@pytest.mark.parametrize("jit", [False, True])
def test_steps_in_numpy(jit):
    """Tests a linear model in float64, with weight decay that must not include the ascent step."""
    x, y = data(8 * STEPS)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, use_bias=False)])
    w = np.array(model.get_weights()[0], "float64")
    optimizer = keras.optimizers.SGD(RATE, momentum=0.9, weight_decay=0.1)
    SharpnessAware(model, optimizer, "mse", rho=RHO, jit=jit).fit(x, y, batch_size=8, shuffle=False, verbose=False)
    momentum = 0.0
    for a, b in zip(np.split(x, STEPS), np.split(y, STEPS), strict=True):
        gradient = a.T @ (a @ w - b) / 4
        climbed = w + RHO * gradient / np.sqrt((gradient**2).sum())
        momentum = 0.9 * momentum - RATE * a.T @ (a @ climbed - b) / 4
        w = w - RATE * 0.1 * w + momentum
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-4, atol=1e-5)


def network(dropout=0.0, norm=True):
    keras.utils.set_random_seed(4)
    middle = [keras.layers.BatchNormalization(momentum=0.8)] if norm else []
    middle += [keras.layers.Dropout(dropout, seed=7)] if dropout else []
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "tanh"), *middle, keras.layers.Dense(1)])


def by_hand(model, optimizer, x, y, batch):
    """Trains a model with an eager loop and returns its losses."""
    seeds = [variable for variable in model.non_trainable_variables if "seed" in variable.path]
    moving = [variable for variable in model.non_trainable_variables if "moving" in variable.path]
    losses = []
    for start in range(0, len(x), batch):
        rows = slice(start, start + batch)

        def gradient(rows=rows):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((model(x[rows], training=True) - y[rows]) ** 2)
            return loss, tape.gradient(loss, [variable.value for variable in model.trainable_variables])

        drawn = [seed.numpy() for seed in seeds]
        loss, up = gradient()
        statistics = [variable.numpy() for variable in moving]
        weights = [variable.numpy() for variable in model.trainable_variables]
        length = np.sqrt(sum((each.numpy() ** 2).sum() for each in up))
        for variable, each in zip(model.trainable_variables, up, strict=True):
            variable.assign_add(RHO * each / length)
        for seed, value in zip(seeds, drawn, strict=True):
            seed.assign(value)
        _, down = gradient()
        for variable, value in zip([*model.trainable_variables, *moving], [*weights, *statistics], strict=True):
            variable.assign(value)
        optimizer.apply(down, model.trainable_variables)
        losses.append(float(loss))
    return losses


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_steps_match_manual_loop(dropout):
    """Tests batch normalization, updated once per step, and dropout, with the same mask in both passes."""
    x, y = data(16 * STEPS)
    ours, theirs = network(dropout), network(dropout)
    losses = by_hand(theirs, keras.optimizers.Adam(0.01), x, y, 16)
    trainer = SharpnessAware(ours, keras.optimizers.Adam(0.01), "mse", ["mae"], rho=RHO, jit=False)
    history = trainer.fit(x, y, batch_size=16, shuffle=False, verbose=False).history
    assert history["loss"][0] == pytest.approx(np.mean(losses), rel=1e-4)
    for one, other in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4, err_msg=one.path)


def test_metrics_at_unperturbed_weights():
    """Tests that losses and metrics are computed at the original weights rather than the perturbed ones."""
    x, y = data()
    one, other = network(norm=False), network(norm=False)
    still = SharpnessAware(one, keras.optimizers.SGD(0.0), "mse", ["mae"], rho=1.0, jit=False, gradient_norm=True)
    logs = {name: values[0] for name, values in still.fit(x, y, shuffle=False, verbose=False).history.items()}
    expected = Trainer(other, keras.optimizers.SGD(0.0), "mse", ["mae"], jit=False)
    for name, value in expected.evaluate(x, y).items():
        assert logs[name] == pytest.approx(value, rel=1e-5)
    gradient = Trainer(other, keras.optimizers.SGD(0.0), "mse", jit=False, gradient_norm=True)
    plain = gradient.fit(x, y, shuffle=False, verbose=False).history["gradient_norm"][0]
    assert logs["gradient_norm"] != pytest.approx(plain, rel=0.05)  # norm of the gradient that the optimizer receives


def test_sparse_gradients():
    """Tests an embedding against an equivalent dense layer on one-hot inputs."""
    x = np.random.default_rng(0).integers(0, 9, (64, 2))
    y = (x[:, :1] == x[:, 1:]) * 1.0
    weights = np.random.default_rng(1).normal(size=(9, 4))
    curves = []
    for inputs, table in ((x, keras.layers.Embedding(9, 4)), (np.eye(9)[x], keras.layers.Dense(4, use_bias=False))):
        kernel = keras.initializers.Constant(0.3)
        layers = [table, keras.layers.Flatten(), keras.layers.Dense(1, kernel_initializer=kernel)]
        model = keras.Sequential([keras.Input(inputs.shape[1:], dtype=inputs.dtype.name), *layers])
        table.set_weights([weights])
        trainer = SharpnessAware(model, keras.optimizers.SGD(RATE), "mse", rho=RHO, jit=False)
        curves.append(trainer.fit(inputs, y, epochs=5, shuffle=False, verbose=False).history["loss"])
    np.testing.assert_allclose(*curves, rtol=1e-4)
    assert curves[0][-1] < curves[0][0]


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_scaled_losses(jit):
    """Tests that loss scaling does not change the result, and that an overflow leaves the weights unchanged."""
    x, y = data()
    curves = []
    for policy in ("float32", "mixed_float16"):
        keras.utils.set_random_seed(4)
        layers = [keras.layers.Dense(8, "tanh", dtype=policy), keras.layers.Dense(1, dtype="float32")]
        model = keras.Sequential([keras.Input((4,)), *layers])
        optimizer = keras.optimizers.SGD(RATE)
        if policy != "float32":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=256.0)
        trainer = SharpnessAware(model, optimizer, "mse", jit=jit)
        curves.append(trainer.fit(x, y, epochs=3, shuffle=False, verbose=False).history["loss"])
    np.testing.assert_allclose(*curves, rtol=1e-2)
    before = model.get_weights()
    optimizer.dynamic_scale.assign(2.0**40)
    trainer.fit(x, y, batch_size=64, verbose=False)
    assert float(optimizer.dynamic_scale) == 2.0**39
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_bad_arguments():
    with raises_argument_error("rho", received="-0.1", expected="a non-negative number"):
        SharpnessAware(network(), "sgd", "mse", rho=-0.1)

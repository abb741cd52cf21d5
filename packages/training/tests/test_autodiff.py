"""Tests of automatic differentiation in training steps, against finite differences and NumPy, and of tracing."""

import logging
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.training import Trainer

RATE = 0.1
DATA = np.random.default_rng(0)
X = DATA.normal(size=(24, 3)).astype("float32")
Y = (X @ [[1.0], [-2.0], [0.5]] + 0.3).astype("float32")
BOTH = pytest.mark.parametrize("jit", [False, True])


def dense(units=1, activation=None, use_bias=False):
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(units, activation, use_bias=use_bias)])


def fit(kind, model, x=X, y=Y, *, jit=False, epochs=1):
    """Trains with one step per epoch, on all examples."""
    trainer = kind(model, keras.optimizers.SGD(RATE), "mean_squared_error", jit=jit)
    return trainer.fit(x, y, batch_size=len(x), epochs=epochs, shuffle=False, verbose=False).history


def slopes(function, weights, width=1e-5):
    """Returns central differences in float64."""
    found = np.zeros_like(weights)
    for position in np.ndindex(weights.shape):
        shift = np.zeros_like(weights)
        shift[position] = width
        found[position] = (function(weights + shift) - function(weights - shift)) / (2 * width)
    return found


class Penalized(Trainer):
    """Trainer with a gradient penalty on a critic, which requires second derivatives."""

    def train_step(self, data):
        x, _ = data
        weights = [variable.value for variable in self.model.trainable_variables]
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(x)
                says = self.model(x, training=True)
            slope = tf.norm(inner.gradient(says, x), axis=1)
            loss = tf.reduce_mean(says) + 10 * tf.reduce_mean((slope - 1) ** 2)
        self.model.optimizer.apply(outer.gradient(loss, weights), self.model.trainable_variables)
        return {"loss": loss}


@BOTH
def test_gradient_penalty(jit):
    model = dense(4, "tanh")

    def loss(kernel):  # the gradient of the four outputs tanh(x k) is the sum of (1 - tanh^2) k
        said = np.tanh(X.astype("float64") @ kernel)
        slope = np.linalg.norm((1 - said**2) @ kernel.T, axis=1)
        return said.mean() + 10 * np.mean((slope - 1) ** 2)

    before = model.get_weights()[0].astype("float64")
    history = fit(Penalized, model, jit=jit)
    np.testing.assert_allclose(history["loss"], [loss(before)], rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], before - RATE * slopes(loss, before), rtol=1e-4, atol=1e-5)


class Newton(Trainer):
    """Trainer that takes Newton steps, with the full Hessian matrix."""

    def train_step(self, data):
        x, y = data
        kernel = self.model.trainable_variables[0].value
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                loss = tf.reduce_mean((self.model(x) - y) ** 2)
            gradient = tf.reshape(inner.gradient(loss, kernel), [-1])
        hessian = tf.reshape(outer.jacobian(gradient, kernel), (3, 3))
        kernel.assign_sub(tf.reshape(tf.linalg.solve(hessian, gradient[:, None]), kernel.shape))
        return {"loss": loss}


@BOTH
def test_newton_step_solves_least_squares(jit):
    model = dense()
    fit(Newton, model, jit=jit)
    expected = np.linalg.lstsq(X.astype("float64"), Y.astype("float64"), rcond=None)[0]
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-4)


class Curvature(Trainer):
    """Trainer that logs the curvature of the loss along a direction, in reverse mode and in forward mode."""

    def train_step(self, data):
        x, y = data
        kernel = self.model.trainable_variables[0].value
        direction = tf.ones_like(kernel)
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                loss = tf.reduce_mean(keras.losses.binary_crossentropy(y, self.model(x)))
            gradient = inner.gradient(loss, kernel)
        backwards = outer.gradient(gradient, kernel, output_gradients=direction)
        with tf.autodiff.ForwardAccumulator(kernel, direction) as forwards:
            with tf.GradientTape() as tape:
                tape.watch(kernel)
                again = tf.reduce_mean(keras.losses.binary_crossentropy(y, self.model(x)))
            gradient = tape.gradient(again, kernel)
        return {"backwards": tf.reduce_sum(backwards), "forwards": tf.reduce_sum(forwards.jvp(gradient))}


@BOTH
def test_hessian_vector_product(jit):
    model = dense(activation="sigmoid")
    labels = (Y > 0).astype("float32")
    p = 1 / (1 + np.exp(-X.astype("float64") @ model.get_weights()[0]))
    hessian = X.T @ (p * (1 - p) * X) / len(X)
    history = fit(Curvature, model, y=labels, jit=jit)
    for name in ("backwards", "forwards"):
        np.testing.assert_allclose(history[name], [hessian.sum()], rtol=1e-4)


class Distilled(Trainer):
    """Trainer with targets computed from its own outputs, through which no gradient flows."""

    def train_step(self, data):
        x, y = data
        weights = [variable.value for variable in self.model.trainable_variables]
        with tf.GradientTape() as tape:
            outputs = self.model(x)
            targets = tf.stop_gradient(0.5 * outputs + 0.5 * y)
            loss = tf.reduce_mean((outputs - targets) ** 2)
        self.model.optimizer.apply(tape.gradient(loss, weights), self.model.trainable_variables)
        return {"loss": loss}


@BOTH
def test_stop_gradient(jit):
    model = dense()
    before = model.get_weights()[0].astype("float64")
    fit(Distilled, model, jit=jit)
    error = 0.5 * (X @ before - Y)  # the error would be half of this if the gradient passed through the targets
    np.testing.assert_allclose(model.get_weights()[0], before - RATE * 2 * X.T @ error / len(X), rtol=1e-4)


@tf.custom_gradient
def softplus(z):
    """Returns log(1 + exp(z)) with a custom gradient, as automatic differentiation gives NaN for large z."""

    def gradient(upstream):
        return upstream * tf.sigmoid(z)

    return tf.where(z > 30, z, tf.math.log1p(tf.exp(tf.minimum(z, 30.0)))), gradient


@BOTH
def test_custom_gradient_avoids_overflow(jit):
    model = dense(activation=softplus)
    before = model.get_weights()[0].astype("float64")
    x = 1000 * X
    history = fit(Trainer, model, x, Y, jit=jit)
    z = x.astype("float64") @ before
    error = np.logaddexp(0, z) - Y
    np.testing.assert_allclose(history["loss"], [np.mean(error**2)], rtol=1e-5)
    sigmoid = np.exp(-np.logaddexp(0, -z))
    expected = before - RATE * 2 * x.T @ (error * sigmoid) / len(x)
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-4)


def test_custom_gradient_second_derivative():
    z = tf.constant([-1000.0, -3.0, 0.0, 3.0, 31.0, 1000.0])
    with tf.GradientTape() as outer:
        outer.watch(z)
        with tf.GradientTape() as inner:
            inner.watch(z)
            y = softplus(z)
        slope = inner.gradient(y, z)
    s = np.exp(-np.logaddexp(0, -z.numpy().astype("float64")))
    np.testing.assert_allclose(outer.gradient(slope, z), s * (1 - s), rtol=1e-5, atol=1e-12)


class TwoLosses(Trainer):
    """Trainer that computes gradients of two losses, for kernel and bias, from one tape."""

    def train_step(self, data):
        x, y = data
        kernel, bias = (variable.value for variable in self.model.trainable_variables)
        with tf.GradientTape(persistent=True) as tape:
            error = self.model(x) - y
            square, absolute = tf.reduce_mean(error**2), tf.reduce_mean(tf.abs(error))
        gradients = [tape.gradient(square, kernel), tape.gradient(absolute, bias)]
        self.model.optimizer.apply(gradients, self.model.trainable_variables)
        del tape
        return {"loss": square, "absolute_loss": absolute}


@BOTH
def test_persistent_tape(jit):
    model = dense(use_bias=True)
    kernel = model.get_weights()[0].astype("float64")
    fit(TwoLosses, model, jit=jit)
    error = X @ kernel - Y
    after, bias = model.get_weights()
    np.testing.assert_allclose(after, kernel - RATE * 2 * X.T @ error / len(X), rtol=1e-4)
    np.testing.assert_allclose(bias, [-RATE * np.sign(error).mean()], rtol=1e-4, atol=1e-7)


class Watching(Trainer):
    """Trainer that records the batch sizes for which steps are traced."""

    def __init__(self, *arguments, **options):
        self.traced = types.SimpleNamespace(train=[], test=[])
        super().__init__(*arguments, **options)

    def train_step(self, data):
        self.traced.train.append(data[0].shape[0])
        return super().train_step(data)

    def test_step(self, data):
        self.traced.test.append(data[0].shape[0])
        return super().test_step(data)


@BOTH
def test_one_trace_per_batch_size(jit):
    trainer = Watching(dense(), keras.optimizers.SGD(RATE), "mean_squared_error", jit=jit)
    for _ in range(2):
        trainer.fit(X, Y, batch_size=10, epochs=3, validation_data=(X, Y), verbose=False)
        trainer.evaluate(X, Y, batch_size=10)
    assert trainer.traced.train == [10, 4]  # the last batch has four examples
    assert trainer.traced.test == [10, 4]


def test_one_trace_per_stream():
    stream = tf.data.Dataset.from_tensor_slices((X, Y)).batch(10)
    trainer = Watching(dense(), keras.optimizers.SGD(RATE), "mean_squared_error", jit=False)
    for _ in range(2):
        trainer.fit(stream, epochs=3, validation_data=stream, verbose=False)
    assert trainer.traced.train == [None]
    assert trainer.traced.test == [None]


def test_learning_rate_does_not_retrace():
    trainer = Watching(dense(), keras.optimizers.SGD(RATE), "mean_squared_error", jit=False)
    for rate in (0.1, 0.01, 0.001):
        trainer.model.optimizer.learning_rate = rate
        trainer.fit(X, Y, batch_size=12, verbose=False)
    assert trainer.traced.train == [12]


@pytest.fixture
def autograph(monkeypatch):
    """Returns the messages of AutoGraph, which is disabled for steps."""
    messages, logger = [], tf.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    monkeypatch.setattr(logger, "handle", lambda record: messages.append(record.getMessage()))
    yield messages
    logger.setLevel(level)


@pytest.mark.usefixtures("without_source")
def test_no_autograph_warnings(autograph):
    stream = tf.data.Dataset.from_tensor_slices((X, (Y[:, 0] > 0).astype("int32"))).batch(10)
    trainer = Trainer(dense(2, "softmax"), keras.optimizers.SGD(RATE), "sparse_categorical_crossentropy", jit=False)
    trainer.fit(stream, class_weight={0: 1.0, 1: 2.0}, validation_data=stream, verbose=False)
    trainer.predict(stream)
    assert not any("AutoGraph" in message for message in autograph)
    without_source = (lambda x: x + 1).__code__.replace(co_filename="nowhere")
    tf.function(types.FunctionType(without_source, {}))(tf.constant(1))  # a call that causes a warning
    assert any("AutoGraph" in message for message in autograph)

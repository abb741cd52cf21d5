"""Tests of the logged global gradient norm against a `GradientTape`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.testing import raises_argument_error
from tensorsmith.training import Trainer


def data():
    rng = np.random.default_rng(0)
    return rng.integers(0, 50, (32, 6)), rng.normal(size=(32, 1)).astype("float32")


def model_of(dtype=None):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            keras.layers.Embedding(50, 4, dtype=dtype),  # its sparse gradient has duplicate indices
            keras.layers.Flatten(dtype=dtype),
            keras.layers.Dense(1, dtype="float32"),
        ]
    )


def norm_by_hand(model, x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2)
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    return np.sqrt(sum(np.sum(tf.convert_to_tensor(g).numpy().astype(float) ** 2) for g in gradients))


@pytest.mark.parametrize(
    ("optimizer", "dtype", "tolerance", "jit"),
    [
        (lambda: keras.optimizers.SGD(0.1, global_clipnorm=0.01), None, 1e-5, False),
        (lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)), "mixed_float16", 1e-2, True),
    ],
)
def test_norm(optimizer, dtype, tolerance, jit):
    x, y = data()
    model = model_of(dtype)
    expected = norm_by_hand(model, x, y)
    trainer = Trainer(model, optimizer(), "mse", gradient_norm=True, jit=jit)
    history = trainer.fit(x, y, shuffle=False, verbose=False).history
    assert history["gradient_norm"] == [pytest.approx(expected, rel=tolerance)]


def test_training_is_unaffected():
    ends = []
    for norm in (False, True):
        model = model_of()
        trainer = Trainer(model, "adam", "mse", gradient_norm=norm, jit=False)
        trainer.fit(*data(), batch_size=8, epochs=2, shuffle=False, verbose=False)
        ends.append(model.get_weights())
    for one, other in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, other)


def test_training_step_without_gradients():
    class Silent(Trainer):
        def train_step(self, data):
            return {"loss": tf.constant(0.0)}

    with raises_argument_error("gradient_norm", received="True", expected="False for training steps that pass no"):
        Silent(model_of(), "sgd", gradient_norm=True, jit=False).fit(*data(), verbose=False)

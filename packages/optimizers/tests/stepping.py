"""Training steps on a table with sparse gradients, and on a small model."""

import keras
import numpy as np
import tensorflow as tf

ROWS, COLUMNS = 6, 4
WRAPPERS = {  # wrappers of optimizers, with options other than the defaults
    "GradientCentralization": {},
    "GradientNoise": {"eta": 0.1, "seed": 3},
    "Lookahead": {"sync_period": 3, "slow_step_size": 0.3},
    "MovingAverage": {"average_decay": 0.8, "start_step": 2},
    "SWA": {"start_averaging": 1, "average_period": 2},
    "ScaledUpdates": {"scales": {"table|kernel": 0.3}},
}


def slices(rng, rows=(4, 1, 4), dtype="float32", scale=1.0):
    """Return a sparse gradient in which index 4 occurs twice."""
    values = scale * rng.normal(size=(len(rows), COLUMNS))
    return tf.IndexedSlices(tf.constant(values, dtype), tf.constant(rows), tf.constant([ROWS, COLUMNS]))


def table(dtype="float32"):
    return keras.Variable(np.random.default_rng(3).normal(size=(ROWS, COLUMNS)), dtype=dtype, name="table")


def train(optimizer, variable, gradients, jit=False):
    """Return the variable and the variables of the optimizer after several steps, compiled to one function."""
    optimizer.build([variable])
    step = tf.function(lambda gradient: optimizer.apply([gradient]), jit_compile=jit)
    for gradient in gradients:
        step(gradient)
    return [np.array(each).astype("float64") for each in (variable, *optimizer.variables)]


def expect_same(ones, others, tolerance=1e-5):
    for one, other in zip(ones, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def sparse_gradients(count=5, **options):
    rng = np.random.default_rng(4)
    return [slices(rng, **options) for _ in range(count)]


def model_with(optimizer, policy="float32"):
    keras.utils.set_random_seed(5)
    layers = [
        keras.layers.Embedding(20, 8, dtype=policy),
        keras.layers.Flatten(),
        keras.layers.Dense(16, activation="relu", dtype=policy),
        keras.layers.Dense(3, dtype=policy),
    ]
    model = keras.Sequential([keras.Input((4,), dtype="int32"), *layers])
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    return model


def losses(model, epochs=2):
    rng = np.random.default_rng(6)
    x = rng.integers(0, 20, (256, 4))
    return model.fit(x, x[:, 0] % 3, batch_size=32, epochs=epochs, shuffle=False, verbose=0).history["loss"]

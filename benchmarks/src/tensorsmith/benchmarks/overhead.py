"""Benchmark `tensorsmith bench overhead`: `tf.function`, Python functions in input pipelines, and dropout.

The cases are claims of A. Géron, Hands-On Machine Learning with Scikit-Learn, Keras, and TensorFlow, 2nd edition, 2019,
chapters 11 and 12. The factors in the table are relative to the first provider of each case.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorsmith.benchmarks.benchmark import Benchmark
from tensorsmith.benchmarks.calls import Calls
from tensorsmith.core import load_tensorflow

CALLS = 1000  # calls or elements of a measurement in milliseconds, so that its unit is microseconds for each of them
PASSES = 10  # of Monte Carlo dropout

Work = Callable[[], Any]


@dataclass(frozen=True)
class OverheadCase:
    """Benchmark case: a function that returns the work of a provider, the providers, and the unit."""

    work: Callable[[str], Work]
    providers: tuple[str, ...]
    unit: str


def _prepare(case: str, provider: str) -> Calls:
    """Return a provider that is ready to be measured on a benchmark case."""
    load_tensorflow()
    return Calls(CASES[case].work(provider))


def _cube(provider: str) -> Work:
    """Return 1,000 calls of a function with a single operation."""
    import tensorflow as tf

    def cube(x: Any) -> Any:
        return x**3

    function = tf.function(cube) if provider == "tf.function" else cube
    number = 2.0 if provider == "python" else tf.constant(2.0)

    def work() -> Any:
        for _ in range(CALLS):
            result = function(number)
        return float(result)

    return work


def _recurrence(provider: str) -> Work:
    """Return 100 steps of a recurrence with 32 units for 32 examples, and its gradient."""
    import tensorflow as tf

    weights = tf.random.stateless_normal((32, 32), (0, 0), stddev=0.2)
    inputs = tf.random.stateless_normal((32, 32), (1, 0))

    def gradient(inputs: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(weights)
            state = tf.zeros_like(inputs)
            for _ in range(100):
                state = tf.tanh(state @ weights + inputs)
        return tape.gradient(state, weights)

    functions = {
        "eager": gradient,
        "tf.function": tf.function(gradient),
        "xla": tf.function(gradient, jit_compile=True),
    }
    function = functions[provider]
    return lambda: function(inputs).numpy()


def _map(provider: str) -> Work:
    """Return a pass over 1,000 vectors of 100 numbers, which are standardized one by one and batched."""
    import tensorflow as tf

    vectors = np.random.default_rng(0).normal(3, 2, (CALLS, 100)).astype("float32")

    def standardize(vector: Any) -> Any:
        return (vector - np.mean(vector)) / np.std(vector)

    def in_tensorflow(vector: Any) -> Any:
        return (vector - tf.reduce_mean(vector)) / tf.math.reduce_std(vector)

    def in_numpy_function(vector: Any) -> Any:
        return tf.ensure_shape(tf.numpy_function(standardize, [vector], tf.float32), (100,))

    def in_py_function(vector: Any) -> Any:
        return tf.ensure_shape(tf.py_function(in_tensorflow, [vector], tf.float32), (100,))

    functions = {"tensorflow": in_tensorflow, "numpy_function": in_numpy_function, "py_function": in_py_function}
    dataset = tf.data.Dataset.from_tensor_slices(vectors).map(functions[provider], num_parallel_calls=tf.data.AUTOTUNE)
    batches = dataset.batch(100).prefetch(tf.data.AUTOTUNE)
    return lambda: np.concatenate(list(batches.as_numpy_iterator()))


def _classifier(dropout: float) -> tuple[Any, np.ndarray]:
    """Return a network for images of 28 x 28 pixels with dropout before each dense layer, if any, and 1,000 images."""
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((28 * 28,))])
    for units in (300, 100, 10):
        if dropout:
            model.add(keras.layers.Dropout(dropout))
        model.add(keras.layers.Dense(units, "elu"))
    return model, np.random.default_rng(0).random((1000, 28 * 28), "float32")


def _training(provider: str) -> Work:
    """Return the forward and backward passes of a network for a batch of 32 images."""
    import tensorflow as tf

    model, images = _classifier(0.2 if provider == "dropout" else 0.0)
    batch = tf.constant(images[:32])

    @tf.function
    def gradients() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(batch, training=True) ** 2)
        return tape.gradient(loss, [variable.value for variable in model.trainable_variables])

    return lambda: gradients()[0].numpy()


def _inference(provider: str) -> Work:
    """Return the prediction of a network for 1,000 images."""
    import tensorflow as tf

    from tensorsmith.layers import to_monte_carlo

    model, images = _classifier(0.0 if provider == "plain" else 0.2)
    batch = tf.constant(images)
    if provider == "monte_carlo":
        random = tf.function(to_monte_carlo(model))
        return lambda: np.mean([random(batch).numpy() for _ in range(PASSES)], axis=0)
    function = tf.function(model)
    return lambda: function(batch).numpy()


CASES = {
    "cube": OverheadCase(_cube, ("python", "eager", "tf.function"), "us/call"),
    "recurrence": OverheadCase(_recurrence, ("tf.function", "eager", "xla"), "ms"),
    "map": OverheadCase(_map, ("tensorflow", "numpy_function", "py_function"), "us/element"),
    "dropout_training": OverheadCase(_training, ("plain", "dropout"), "ms"),
    "dropout_inference": OverheadCase(_inference, ("plain", "dropout", "monte_carlo"), "ms"),
}

BENCHMARK = Benchmark(
    cases=CASES,
    providers=lambda case: dict.fromkeys(CASES[case].providers, True),
    prepare=_prepare,
    unit=lambda case: CASES[case].unit,
    lower_is_better=True,
    targets=lambda case: {},
)

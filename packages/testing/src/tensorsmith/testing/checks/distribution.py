"""Two replicas."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.testing.comparing import Observations, array, expect_same, named
from tensorsmith.testing.errors import ConformanceError
from tensorsmith.testing.rows import LayerRow, LossRow, MetricRow, OptimizerRow, Row
from tensorsmith.testing.using import BATCH, examples, functions, make, observe, ready

WHO = "one device and two replicas"
HINT = "Remedy: keep state in variables that Keras creates, and read sizes from the inputs."
CALLS = 2


def mirrored_strategy(row: Row) -> None:
    """On two logical CPUs under MirroredStrategy each replica does with its share what one device would."""
    _compare(row, two_cpus())


@functools.cache  # a second strategy would number its collective operations as the first did, and they would clash
def two_cpus() -> tf.distribute.Strategy:
    """MirroredStrategy over two logical CPUs, which a process has if no one used TensorFlow before."""
    with contextlib.suppress(RuntimeError):  # it has started: with two, when an earlier check asked for them
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    if len(tf.config.list_logical_devices("CPU")) < 2:
        raise ConformanceError(
            "TensorFlow has started with one logical CPU, and this check needs two. Remedy: run it through pytest, "
            "which has a process for it, or before anything else uses TensorFlow."
        )
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@functools.singledispatch
def _compare(row: Row, strategy: tf.distribute.Strategy) -> None:
    """A function of its inputs: each replica returns what one device returns for its share."""
    with strategy.scope():
        component = ready(row)
    shares = _shares(row)
    found: list[Observations] = [{}, {}]
    for way, function in functions(row, component).items():
        run = _replicated(strategy, function, shares)
        for call in range(1, CALLS + 1):
            for seen, outputs in zip(found, run(), strict=True):
                seen.update(named(f"{way}, call {call}", outputs))
    for share, seen in zip(shares, found, strict=True):
        expect_same(observe(row, ready(row), share, calls=CALLS), seen, row.tolerance, WHO, HINT)


@_compare.register
def _(row: LayerRow, strategy: tf.distribute.Strategy) -> None:
    """And a training step changes the weights alike."""
    _compare.dispatch(Row)(row, strategy)
    if row.random or not ready(row).trainable_variables:
        return
    with strategy.scope():
        layer = ready(row)
        step = _training_step(layer, row)
    _replicated(strategy, step, _shares(row))()
    alone = ready(row)
    _training_step(alone, row)(*examples(row, batch=2 * BATCH))
    expect_same(
        named("weight", alone.trainable_variables),
        named("weight", layer.trainable_variables),
        row.tolerance,
        f"a training step on {WHO}",
        HINT,
    )


@_compare.register
def _(row: LossRow, strategy: tf.distribute.Strategy) -> None:
    """What the replicas return adds up: Keras divides the mean over a share by the number of replicas."""
    with strategy.scope():
        ways = functions(row, make(row))
    whole = examples(row, batch=2 * BATCH) if row.per_sample else examples(row)
    expected = observe(row, make(row), whole, calls=1)
    for function, (name, value) in zip(ways.values(), expected.items(), strict=True):
        first, second = (array(each) for (each,) in _replicated(strategy, function, _shares(row))())
        joined = first + second if value.ndim == 0 else np.concatenate([first, second])
        expect_same({name: value}, {name: joined}, row.tolerance, WHO, HINT)


@_compare.register
def _(row: MetricRow, strategy: tf.distribute.Strategy) -> None:
    """The result takes in what both replicas saw."""
    with strategy.scope():
        metric = make(row)

    def update(*arguments: Any) -> Any:
        metric.update_state(*arguments)
        return arguments

    _replicated(strategy, update, _shares(row))()
    alone = make(row)
    alone.update_state(*examples(row, batch=2 * BATCH))
    expect_same(named("result", alone.result()), named("result", metric.result()), row.tolerance, WHO, HINT)


@_compare.register
def _(row: OptimizerRow, strategy: tf.distribute.Strategy) -> None:
    """Gradients add up: twice a half is one step with the whole."""
    with strategy.scope():
        step = functions(row, make(row))["variable"]
    (gradient,) = examples(row)
    run = _replicated(strategy, step, [(gradient / 4,), (gradient * 3 / 4,)])
    outputs = [named(f"variable, call {call}", run()[0]) for call in range(1, CALLS + 1)]
    found = {name: value for seen in outputs for name, value in seen.items()}
    expect_same(observe(row, make(row), (gradient,), calls=CALLS), found, row.tolerance, WHO, HINT)


def _shares(row: Row) -> list[tuple[Any, ...]]:
    """What each of the two replicas gets: half a batch, or all where there are none or they cannot be cut."""
    if not isinstance(row, LayerRow | LossRow | MetricRow) or (isinstance(row, LossRow) and not row.per_sample):
        return [examples(row)] * 2
    whole = examples(row, batch=2 * BATCH)
    halves = (slice(None, BATCH), slice(BATCH, None))
    return [keras.tree.map_structure(lambda array, half=half: array[half], whole) for half in halves]


def _replicated(
    strategy: tf.distribute.Strategy, function: Callable[..., Any], shares: list[tuple[Any, ...]]
) -> Callable[[], list[list[Any]]]:
    """A call that runs the function on both shares at once and returns each replica's tensors."""

    def spread(*leaves: np.ndarray) -> Any:
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.convert_to_tensor(leaves[context.replica_id_in_sync_group])
        )

    arguments = keras.tree.map_structure(spread, *shares)
    run = tf.function(lambda *inputs: strategy.run(function, inputs))

    def call() -> list[list[Any]]:
        results = [strategy.experimental_local_results(output) for output in keras.tree.flatten(run(*arguments))]
        # What is the same on all replicas comes once.
        return [[result[min(replica, len(result) - 1)] for result in results] for replica in range(2)]

    return call


def _training_step(layer: keras.Layer, row: LayerRow) -> Callable[..., Any]:
    """One step of gradient descent on the sum of squares of the outputs, which adds up over shares of a batch."""
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(layer.trainable_variables)

    def step(*inputs: Any) -> Any:
        with tf.GradientTape() as tape:
            outputs = [
                tf.cast(output, "float32")
                for place, output in enumerate(keras.tree.flatten(layer(*inputs)))
                if place not in row.shared_outputs
            ]
            total = tf.add_n([tf.reduce_sum(tf.square(output)) for output in outputs])
        weights = [variable.value for variable in layer.trainable_variables]
        zero = tf.UnconnectedGradients.ZERO if row.shared_outputs else tf.UnconnectedGradients.NONE
        optimizer.apply(tape.gradient(total, weights, unconnected_gradients=zero))
        return total

    return step

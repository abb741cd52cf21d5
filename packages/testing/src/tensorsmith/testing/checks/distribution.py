"""Conformance check for components under a distribution strategy with two replicas."""

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
HINT = "Keep state in Keras variables, and read sizes from the inputs."
CALLS = 2


def mirrored_strategy(row: Row) -> None:
    """Checks that two replicas under MirroredStrategy compute the same values as a single device."""
    _compare(row, two_cpus())


@functools.cache  # collective keys of a second strategy would collide with those of the first
def two_cpus() -> tf.distribute.Strategy:
    """Returns a MirroredStrategy with two logical CPUs, which are configured on the first call."""
    with contextlib.suppress(RuntimeError):  # already started, with two CPUs if an earlier check ran
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    if len(tf.config.list_logical_devices("CPU")) < 2:
        raise ConformanceError(
            "TensorFlow has started with one logical CPU, but this check needs two. Run it through pytest, "
            "which starts a separate process, or before anything else uses TensorFlow."
        )
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@functools.singledispatch
def _compare(row: Row, strategy: tf.distribute.Strategy) -> None:
    """Compares the outputs of each replica with the outputs of a single device for the same part of the batch."""
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
    """Compares the outputs and the updated weights of a layer on two replicas with the results on a single device."""
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
    """Compares the sum of the losses on two replicas, which are scaled by 1/2, with the loss on a single device."""
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
    """Compares the result of a metric that is updated on two replicas with the result on a single device."""
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
    """Compares updates on two replicas, each of which has part of the gradient, with updates on a single device."""
    with strategy.scope():
        step = functions(row, make(row))["variable"]
    (gradient,) = examples(row)
    run = _replicated(strategy, step, [(gradient / 4,), (gradient * 3 / 4,)])
    outputs = [named(f"variable, call {call}", run()[0]) for call in range(1, CALLS + 1)]
    found = {name: value for seen in outputs for name, value in seen.items()}
    expect_same(observe(row, make(row), (gradient,), calls=CALLS), found, row.tolerance, WHO, HINT)


def _shares(row: Row) -> list[tuple[Any, ...]]:
    """Returns the inputs of both replicas: one half of a batch each, or the full batch if it cannot be split."""
    if not isinstance(row, LayerRow | LossRow | MetricRow) or (isinstance(row, LossRow) and not row.per_sample):
        return [examples(row)] * 2
    whole = examples(row, batch=2 * BATCH)
    halves = (slice(None, BATCH), slice(BATCH, None))
    return [keras.tree.map_structure(lambda array, half=half: array[half], whole) for half in halves]


def _replicated(
    strategy: tf.distribute.Strategy, function: Callable[..., Any], shares: list[tuple[Any, ...]]
) -> Callable[[], list[list[Any]]]:
    """Returns a function that runs `function` on both replicas and returns the tensors of each replica."""

    def spread(*leaves: np.ndarray) -> Any:
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.convert_to_tensor(leaves[context.replica_id_in_sync_group])
        )

    arguments = keras.tree.map_structure(spread, *shares)
    run = tf.function(lambda *inputs: strategy.run(function, inputs))

    def call() -> list[list[Any]]:
        results = [strategy.experimental_local_results(output) for output in keras.tree.flatten(run(*arguments))]
        # A value that is equal on all replicas is returned only once.
        return [[result[min(replica, len(result) - 1)] for result in results] for replica in range(2)]

    return call


def _training_step(layer: keras.Layer, row: LayerRow) -> Callable[..., Any]:
    """Returns a function that performs a gradient descent step for the sum of the squared outputs of a layer."""
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(layer.trainable_variables)

    def step(*inputs: Any) -> Any:
        with tf.GradientTape() as tape:
            outputs = [
                tf.cast(output, "float32")
                for position, output in enumerate(keras.tree.flatten(row.outputs(layer, *inputs)))
                if position not in row.shared_outputs
            ]
            total = tf.add_n([tf.reduce_sum(tf.square(output)) for output in outputs])
        weights = [variable.value for variable in layer.trainable_variables]
        zero = tf.UnconnectedGradients.ZERO if row.shared_outputs else tf.UnconnectedGradients.NONE
        optimizer.apply(tape.gradient(total, weights, unconnected_gradients=zero))
        return total

    return step

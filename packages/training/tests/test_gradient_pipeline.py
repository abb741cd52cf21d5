"""Tests of the stages of the gradient pipeline, on one device and on two replicas."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.testing import raises_argument_error
from tensorsmith.training.gradients.defer import Defer, deferred_updates
from tensorsmith.training.gradients.norm import norm_of, record, recorded_gradients
from tensorsmith.training.gradients.routed_optimizer import Route, RoutedOptimizer, routed


class Holder:
    def __init__(self, optimizer):
        self.optimizer = optimizer


def variable_with(optimizer):
    variable = keras.Variable([1.0, 2.0])
    optimizer.build([variable])
    return variable


def scaled_by(factor):
    return lambda proceed, pairs: proceed([(gradient * factor, variable) for gradient, variable in pairs])


def shifted_by(amount):
    return lambda proceed, pairs: proceed([(gradient + amount, variable) for gradient, variable in pairs])


@pytest.mark.parametrize("method", ["apply", "apply without variables", "apply_gradients"])
def test_stages_run_in_order(method):
    """Tests that gradients are doubled first, then shifted, and that the optimizer subtracts the result."""
    optimizer = keras.optimizers.SGD(1.0)
    variable, gradient = variable_with(optimizer), tf.constant([3.0, 4.0])
    optimizer = RoutedOptimizer(optimizer, Route([scaled_by(2.0), shifted_by(1.0)], optimizer))
    if method == "apply_gradients":
        assert optimizer.apply_gradients([(gradient, variable)]) is optimizer.iterations
    else:
        optimizer.apply([gradient], *([[variable]] if method == "apply" else []))
    np.testing.assert_array_equal(variable, [1 - 7.0, 2 - 9.0])
    assert int(optimizer.iterations.numpy()) == 1


def test_routed_optimizer_is_transparent():
    holder = Holder(optimizer := keras.optimizers.Adam(0.1))
    with routed([(holder, "optimizer")], lambda optimizer: Route([], optimizer)):
        assert type(holder.optimizer) is RoutedOptimizer
        assert isinstance(holder.optimizer, keras.optimizers.Adam)
        holder.optimizer.learning_rate = 0.5
        assert holder.optimizer.get_config() == optimizer.get_config()
    assert holder.optimizer is optimizer
    assert float(optimizer.learning_rate.numpy()) == 0.5


def test_optimizer_is_restored_after_error():
    holder = Holder(optimizer := keras.optimizers.SGD())
    with pytest.raises(KeyError), routed([(holder, "optimizer")], lambda optimizer: Route([], optimizer)):
        raise KeyError
    assert holder.optimizer is optimizer


def test_inner_deferral_receives_gradients():
    holder = Holder(keras.optimizers.SGD(1.0))
    variable = variable_with(holder.optimizer)
    with deferred_updates(holder) as outer:
        with deferred_updates(holder) as inner:
            holder.optimizer.apply([tf.constant([3.0, 4.0])], [variable])
        assert (len(inner), len(outer)) == (1, 0)
        holder.optimizer.apply_gradients(inner)
        assert len(outer) == 1
    np.testing.assert_array_equal(variable, [1.0, 2.0])
    holder.optimizer.apply_gradients(outer)
    np.testing.assert_array_equal(variable, [-2.0, -2.0])


def test_exclusive_deferral_refuses_second_optimizer():
    holder, second = Holder(keras.optimizers.SGD()), keras.optimizers.SGD()
    variable = variable_with(second)
    second = RoutedOptimizer(second, Route([Defer(second)], second))
    refused = raises_argument_error("jit", received="True", expected="False when a step uses a second optimizer")
    with deferred_updates(holder, exclusive=True), refused:
        second.apply([tf.ones(2)], [variable])
    with deferred_updates(holder):
        second.apply([tf.ones(2)], [variable])
    np.testing.assert_allclose(variable, [0.99, 1.99])


def test_recorded_gradients_and_norm():
    """Tests the norm of two updates in one step, of a dense gradient and a sparse one with duplicate indices."""
    updates = []
    sparse = tf.IndexedSlices(tf.constant([[1.0], [1.0]]), tf.constant([2, 2]), tf.constant([4, 1]))
    with recorded_gradients() as gradients:
        record(updates.append, [(tf.constant([3.0, -4.0]), "a"), (None, "b")])
        record(updates.append, [(sparse, "c")])
    assert [[variable for _, variable in pairs] for pairs in updates] == [["a", "b"], ["c"]]
    assert float(norm_of(gradients, keras.optimizers.SGD())) == pytest.approx(np.sqrt(9 + 16 + 4))


REPLICAS = """
import json
from functools import partial
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tensorsmith.training.gradients.accumulate import Accumulate, without_accumulation
from tensorsmith.training.gradients.all_reduce import all_reduce, keep_on_first_replica
from tensorsmith.training.gradients.pipeline import GradientPipeline
from tensorsmith.training.gradients.routed_optimizer import Route, RoutedOptimizer

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
results = {}

def index():
    return tf.distribute.get_replica_context().replica_id_in_sync_group

def seen(stage, gradient_of):
    def step():
        kept = []
        stage(kept.extend, [(gradient_of(), "a"), (None, "b")])
        return tf.convert_to_tensor(kept[0][0])
    return [value.numpy().tolist() for value in strategy.experimental_local_results(strategy.run(step))]

dense = lambda: tf.stack([1.0, 2.0]) * (1.0 + tf.cast(index(), tf.float32))
def sparse():
    rows = tf.stack([0, index() + 1])
    return tf.IndexedSlices(tf.ones((2, 1)), rows, tf.constant([3, 1]))
results["sum"] = seen(all_reduce, dense)
results["sparse sum"] = seen(all_reduce, sparse)
results["first"] = seen(keep_on_first_replica, dense)
overflow = lambda: tf.stack([np.inf, 1.0])
results["infinite"] = [str(row[0]) for row in seen(keep_on_first_replica, overflow)]
results["overflow"] = [str(row[0]) for row in seen(partial(keep_on_first_replica, overflow_on_all=True), overflow)]

with strategy.scope():
    variable = keras.Variable([1.0, 2.0], name="weight")
    optimizer = keras.optimizers.SGD(1.0, clipnorm=5.0, gradient_accumulation_steps=2)
    optimizer.build([variable])
stages = [all_reduce, Accumulate(optimizer), keep_on_first_replica]
route = Route(stages, without_accumulation(optimizer))
step = tf.function(lambda: strategy.run(lambda: RoutedOptimizer(optimizer, route).apply([dense()])), autograph=False)
results["weights"], results["updates"] = [], []
for _ in range(3):
    step()
    results["weights"].append(variable.numpy().tolist())
    results["updates"].append(int(optimizer.iterations))
results["steps"] = optimizer.gradient_accumulation_steps

def trained(make, gradient_of):
    with strategy.scope():
        holder = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
        holder.compile(make())
        holder.optimizer.build(holder.trainable_variables)
    routed = GradientPipeline(holder, holder).routed
    step = lambda: holder.optimizer.apply([gradient_of()], holder.trainable_variables)

    @tf.function(autograph=False)
    def run():
        with routed():
            strategy.run(step)

    run()
    weights = strategy.experimental_local_results(holder.weights[0].value)
    return [float(weight[0, 0]) for weight in weights], holder.optimizer

second = lambda: tf.where(tf.equal(index(), 1), np.inf, 1.0) * tf.ones((1, 1))  # an overflow on the second replica
scaled = lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0), initial_scale=8.0)
results["skipped"], optimizer = trained(scaled, second)
results["scale"] = float(optimizer.dynamic_scale.numpy())
results["clipped"], _ = trained(lambda: keras.optimizers.SGD(1.0, clipvalue=0.25), second)
print(json.dumps(results))
"""


@pytest.mark.slow  # starts a process with two logical CPUs
def test_two_replicas():
    """Tests each stage, accumulation of gradients whose mean is clipped, and an overflow on the second replica."""
    run = subprocess.run([sys.executable, "-c", REPLICAS], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    found = json.loads(run.stdout.splitlines()[-1])
    assert found["sum"] == [[3.0, 6.0]] * 2
    assert found["sparse sum"] == [[[2.0], [1.0], [1.0]]] * 2
    assert found["first"] == [[1.0, 2.0], [0.0, 0.0]]
    assert found["infinite"] == ["inf", "0.0"]
    assert found["overflow"] == ["inf", "nan"]
    assert (found["skipped"], found["scale"]) == ([1.0, 1.0], 4.0)
    assert found["clipped"] == [0.75, 0.75]
    clipped = np.array([3.0, 6.0]) * 5 / np.hypot(3, 6)  # the mean of two equal sums has the norm 6.7
    np.testing.assert_allclose(found["weights"], [[1, 2], [1, 2] - clipped, [1, 2] - clipped], rtol=1e-6)
    assert found["updates"] == [0, 1, 1]
    assert found["steps"] == 2

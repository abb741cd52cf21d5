"""Training with a `tf.distribute` strategy, in which each replica processes a slice of the batch."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Logs, NestedTensors, Tensor
from tensorsmith.training._support.model_layers import keras_variables, layers_of, metrics_variables, results_of
from tensorsmith.training._support.tensors import size_of
from tensorsmith.training.gradients.optimizers import (
    accumulates,
    needs_global_gradients,
    optimizer_attributes,
    optimizers_of,
    optimizers_within,
)
from tensorsmith.training.loop.compiled_step import CompiledStep, Step, Tracing

CREATE_IN_SCOPE = "create the model, the optimizer, the metrics and the trainer inside `with strategy.scope():`"
SCHEDULE = keras.optimizers.schedules.LearningRateSchedule


def is_distributed(strategy: tf.distribute.Strategy) -> bool:
    """Returns `True` for all strategies other than the default strategy."""
    with strategy.scope():
        has: bool = tf.distribute.has_strategy()
    return has


def check_scope(model: keras.Model, strategy: tf.distribute.Strategy) -> None:
    """Raises an error if a model was not created within the scope in which its trainer was created.

    Args:
        model: Model to be trained. Keras considers the current strategy as that of a model without a scope.
        strategy: Strategy of the model at the time at which the trainer was created.

    Raises:
        ValueError: If the strategy of the model has changed since then.
    """
    now = model.distribute_strategy
    received = Verbatim(f"{model.name}, which was created outside of the scope")
    name = type(now if tf.distribute.has_strategy() else strategy).__name__
    check(now is strategy, "model", received, f"created within the scope of {name}", CREATE_IN_SCOPE)


def check_fits(owner: object, model: keras.Model, jit: bool) -> None:
    """Raises an error if a model cannot be trained under its distribution strategy.

    Args:
        owner: Object that holds the model and all other objects that the training steps use.
        model: Model to be trained.
        jit: If `True`, XLA compiles the forward and backward passes of each replica.

    Raises:
        ValueError: If a variable was created outside of the scope of the strategy; if an optimizer accumulates
            gradients with parameter servers, inside another optimizer, or in combination with weight averaging or a
            schedule, which Keras updates in each step; if an optimizer that needs the gradients of all replicas, for
            example to clip them, is not the value of an attribute; if a loss
            is not a mean over examples; or if layers synchronize replicas in a step that XLA compiles.
    """
    strategy = model.distribute_strategy
    for variable in keras_variables(owner):
        inside = strategy.extended.variable_created_in_scope(variable.value)
        received = Verbatim(f"{variable.path}, which was created outside of the scope")
        check(inside, "model", received, f"created within the scope of {type(strategy).__name__}", CREATE_IN_SCOPE)
    outer = optimizers_of(owner)
    for optimizer in filter(accumulates, (within for each in outer for within in optimizers_within(each))):
        fits = optimizer in outer and not isinstance(strategy, tf.distribute.ParameterServerStrategy)
        expected = "None with parameter servers and, under any strategy, in wrapped optimizers"
        check(fits, "gradient_accumulation_steps", optimizer.gradient_accumulation_steps, expected)
        check(not optimizer.use_ema, "use_ema", True, "False when gradients are accumulated across replicas")
        scheduled = [part for part in vars(optimizer).values() if isinstance(part, SCHEDULE)]
        remedy = "pass the schedule to the trainer with the argument `schedules`"
        check(
            not scheduled,
            "optimizer",
            Verbatim("an optimizer with a schedule"),
            "have a constant learning rate when gradients are accumulated across replicas",
            remedy,
        )
    reachable = [getattr(holder, name) for holder, name in optimizer_attributes(owner)]
    for optimizer in filter(needs_global_gradients, outer):
        fits = any(optimizer is each for each in reachable)
        expected = "the value of an attribute of the trainer or of a layer under a distribution strategy"
        received = Verbatim(f"{optimizer.name} in a list or dict, which needs the gradients of all replicas")
        check(fits, "optimizer", received, expected)
    for loss in keras.tree.flatten(model.loss):
        reduction = getattr(loss, "reduction", None)
        fits = reduction not in ("sum", "mean_with_sample_weight")
        check(fits, "reduction of the loss", reduction, "'sum_over_batch_size' under a distribution strategy")
    synchronized = [layer.name for layer in layers_of(model) if getattr(layer, "synchronized", False)]
    expected = f"False when layers synchronize replicas, such as {', '.join(synchronized)}"
    check(not (jit and synchronized), "jit", jit, expected)


def compile_replicated(
    step: Step, spec: tuple[Any, ...], owner: object, model: keras.Model, tracing: Tracing
) -> CompiledStep:
    """Compiles a step that splits each batch among the replicas and can be called in a compiled loop.

    Optimizers sum the gradients of all replicas. A batch that cannot be split evenly is processed as a whole by each
    replica. This gives the same gradient if the loss is a mean, and the batch is counted in the metrics once.

    Args:
        step: Function that performs a step for a batch.
        spec: Nested structure of `tf.TypeSpec` objects that describes the batches, as in the `element_spec` of a
            `tf.data.Dataset`.
        owner: Object whose attributes hold the metrics that the step updates.
        model: Model that the step uses. Its metrics are aggregated over replicas after the loop, as in Keras `fit`, and
            other logs are averaged over replicas.
        tracing: Function that returns the context manager in which the step is traced.
    """
    strategy = model.distribute_strategy
    replicas = strategy.num_replicas_in_sync

    def run(step: Step, batch: NestedTensors) -> Logs:
        with tracing():
            logs: Logs = strategy.run(step, (batch,))
        return logs

    trace = tf.function(partial(run, step), autograph=False).get_concrete_function(spec)
    seen = {id(handle) for handle in trace.captured_inputs}
    metrics = [each for each in metrics_variables(owner) if any(id(part.handle) in seen for part in _parts(each))]
    zeros = {name: _zeros(_first(strategy, log)) for name, log in trace.structured_outputs.items()}
    joined = zeros.keys() & results_of(model, metrics).keys()

    def on_replica(batch: NestedTensors) -> Logs:
        index = tf.distribute.get_replica_context().replica_id_in_sync_group
        size = size_of(batch)
        # Fast path: the size is static and divisible by the number of replicas.
        if isinstance(size, int) and size % replicas == 0:
            return _real(step(_rows(batch, index * (size // replicas), size // replicas)))
        # Otherwise each replica processes its rows, or the whole batch if it cannot be split evenly.
        whole = size % replicas != 0
        share = tf.where(whole, size, size // replicas)
        before = [variable.value.read_value() for variable in metrics]
        logs = step(_rows(batch, tf.where(whole, 0, index * share), share))
        # Replicas other than the first do not count a whole batch in their metrics.
        counts = tf.logical_or(tf.logical_not(whole), index == 0)
        for variable, value in zip(metrics, before, strict=True):
            variable.assign(tf.where(counts, variable.value.read_value(), value))
        return _real(logs)

    def call(batch: NestedTensors) -> Logs:
        def of_all(name: str, log: Tensor) -> tf.Tensor:  # one replica suffices to detect non-finite metrics
            return _first(strategy, log) if name in joined else strategy.reduce("MEAN", log, axis=None)

        return {name: of_all(name, log) for name, log in run(on_replica, batch).items()}

    def summary(logs: Logs) -> Logs:
        results = results_of(model, metrics) if joined else {}
        return {name: results[name] if name in joined else log for name, log in logs.items()}

    several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)  # workers must stop together
    return CompiledStep(call, zeros, trace, summary, watched=not several)


def _real(logs: Logs) -> Logs:
    """Returns the logs after converting integers to float32, so that the replicas can average them."""
    return {name: log if log.dtype.is_floating else tf.cast(log, tf.float32) for name, log in logs.items()}


def _zeros(log: tf.Tensor) -> tf.Tensor:
    return tf.zeros(log.shape, log.dtype if log.dtype.is_floating else tf.float32)


def _parts(variable: keras.Variable) -> Sequence[tf.Variable]:
    distributed = isinstance(variable.value, tf.distribute.DistributedValues)
    return variable.value.values if distributed else [variable.value]


def _first(strategy: tf.distribute.Strategy, log: Tensor) -> tf.Tensor:
    return strategy.experimental_local_results(log)[0]


def _rows(batch: NestedTensors, first: int | Tensor, count: int | Tensor) -> NestedTensors:
    def of(leaf: Tensor) -> Tensor:
        if isinstance(leaf, tf.SparseTensor):
            rest = leaf.dense_shape[1:]
            begin = tf.concat([[tf.cast(first, tf.int64)], tf.zeros_like(rest)], 0)
            return tf.sparse.slice(leaf, begin, tf.concat([[tf.cast(count, tf.int64)], rest], 0))
        rows = leaf[first : first + count]
        dense = isinstance(leaf, tf.Tensor) and isinstance(count, int)
        return tf.ensure_shape(rows, (count, *leaf.shape[1:])) if dense else rows

    return tf.nest.map_structure(of, batch)

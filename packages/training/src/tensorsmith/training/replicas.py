"""Steps under a `tf.distribute` strategy: every replica takes its share of the batch."""

from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.training.compiled_step import CompiledStep, Logs, Step


def is_distributed(strategy: tf.distribute.Strategy) -> bool:
    """Whether this is a strategy of the user's, not the one that TensorFlow has where there is none."""
    with strategy.scope():
        has: bool = tf.distribute.has_strategy()
    return has


def check_fits(model: keras.Model) -> None:
    """Refuses a model or an optimizer that cannot be trained under its strategy.

    Raises:
        ValueError: It was made outside of the strategy's scope, or the optimizer accumulates gradients, where Keras
            would have replicas meet within a condition.
    """
    strategy = model.distribute_strategy
    optimizers = [model.optimizer] if isinstance(model.optimizer, keras.optimizers.Optimizer) else []
    made = {"model": model.variables, "optimizer": [variable for each in optimizers for variable in each.variables]}
    for name, variables in made.items():
        inside = all(strategy.extended.variable_created_in_scope(variable.value) for variable in variables)
        received, remedy = Verbatim("one made outside of the scope"), f"make the {name} within `with strategy.scope():`"
        check(inside, name, received, f"one made in the scope of {type(strategy).__name__}", remedy)
    for each in optimizers:
        accumulated = each.gradient_accumulation_steps
        check(accumulated is None, "gradient_accumulation_steps", accumulated, "None under a strategy")


def compile_replicated(
    step: Step, spec: Any, strategy: tf.distribute.Strategy, model: Any, metrics: list[keras.Variable]
) -> CompiledStep:
    """A step that every replica takes on its share of a batch, for a loop outside of replicas.

    Optimizers add up the gradients of all replicas. A batch that they cannot share equally is trained on whole by each
    of them, which gives the same gradient, and is counted in the metrics once.

    Args:
        step: On a batch.
        spec: Of batches.
        strategy: Says which replicas there are.
        model: Where steps log its metrics, those of all replicas are put together after the loop, as Keras' `fit` does
            it; of all other logs the mean over replicas is taken.
        metrics: The variables of all metrics.
    """
    replicas = strategy.num_replicas_in_sync

    def on_replica(batch: Any) -> Logs:
        index = tf.distribute.get_replica_context().replica_id_in_sync_group
        size = _size(batch)
        if isinstance(size, int) and size % replicas == 0:
            return step(_rows(batch, index * (size // replicas), size // replicas))
        whole = size % replicas != 0
        share = tf.where(whole, size, size // replicas)
        before = [variable.value.read_value() for variable in metrics]
        logs = step(_rows(batch, tf.where(whole, 0, index * share), share))
        counts = tf.logical_or(tf.logical_not(whole), index == 0)
        for variable, value in zip(metrics, before, strict=True):
            variable.assign(tf.where(counts, variable.value.read_value(), value))
        return logs

    def on_all(batch: Any) -> Logs:
        logs: Logs = strategy.run(on_replica, (batch,))
        return logs

    trace = tf.function(on_all, autograph=False).get_concrete_function(spec)
    zeros = {name: _zeros(_first(strategy, log)) for name, log in trace.structured_outputs.items()}
    known = set(model.get_metrics_result())
    known = known if known <= set(zeros) else set()

    def call(batch: Any) -> Logs:
        def joined(name: str, log: Any) -> tf.Tensor:  # of metrics, one replica's will do to see that they are numbers
            return _first(strategy, log) if name in known else strategy.reduce("MEAN", log, axis=None)

        return {name: joined(name, log) for name, log in on_all(batch).items()}

    def summary(logs: Logs) -> Logs:
        return {**logs, **model.get_metrics_result()} if known else logs

    several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)  # they have to stop together
    return CompiledStep(call, zeros, trace, summary, watched=not several)


def _zeros(log: tf.Tensor) -> tf.Tensor:
    return tf.zeros(log.shape, log.dtype)


def _first(strategy: tf.distribute.Strategy, log: Any) -> tf.Tensor:
    return strategy.experimental_local_results(log)[0]


def _size(batch: Any) -> int | tf.Tensor:
    leaf = tf.nest.flatten(batch)[0]
    if leaf.shape[0] is not None:
        size: int = leaf.shape[0]
        return size
    return tf.cast(leaf.bounding_shape(0) if isinstance(leaf, tf.RaggedTensor) else tf.shape(leaf)[0], tf.int32)


def _rows(batch: Any, first: Any, count: Any) -> Any:
    def of(leaf: Any) -> Any:
        if isinstance(leaf, tf.SparseTensor):
            rest = leaf.dense_shape[1:]
            begin = tf.concat([[tf.cast(first, tf.int64)], tf.zeros_like(rest)], 0)
            return tf.sparse.slice(leaf, begin, tf.concat([[tf.cast(count, tf.int64)], rest], 0))
        rows = leaf[first : first + count]
        dense = isinstance(leaf, tf.Tensor) and isinstance(count, int)
        return tf.ensure_shape(rows, (count, *leaf.shape[1:])) if dense else rows

    return tf.nest.map_structure(of, batch)

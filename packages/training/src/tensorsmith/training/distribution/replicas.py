"""Steps under a `tf.distribute` strategy: every replica takes its share of the batch."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, check
from tensorsmith.core.types import Logs, NestedTensors, Tensor
from tensorsmith.training._support.model_layers import keras_variables, metrics_variables, parts_of, results_of
from tensorsmith.training._support.tensors import size_of
from tensorsmith.training.gradients.accumulation import accumulates, accumulating
from tensorsmith.training.gradients.optimizers_within import optimizers_within
from tensorsmith.training.gradients.whole_gradient import thresholds
from tensorsmith.training.loop.compiled_step import CompiledStep, Step

SCHEDULE = keras.optimizers.schedules.LearningRateSchedule


def is_distributed(strategy: tf.distribute.Strategy) -> bool:
    """Whether this is a strategy of the user's, not the one that TensorFlow has where there is none."""
    with strategy.scope():
        has: bool = tf.distribute.has_strategy()
    return has


def check_fits(owner: object, model: keras.Model) -> None:
    """Refuses what cannot be trained under the strategy of a model.

    Args:
        owner: What holds the model, and whatever else its steps use.
        model: The model.

    Raises:
        ValueError: A variable was made outside of the strategy's scope; an optimizer accumulates gradients for
            parameter servers, within another one, or beside what Keras moves in steps without an update, too: an
            average of weights, or a schedule; an optimizer beside the model's clips, which would be a share's gradient;
            or a loss is no mean over examples, so that shares of a batch would not add up to it.
    """
    strategy = model.distribute_strategy
    for variable in keras_variables(owner):
        inside = strategy.extended.variable_created_in_scope(variable.value)
        received = Verbatim(f"a model, optimizer or metric with {variable.path}, which was made outside of the scope")
        remedy = "make all of them within `with strategy.scope():`"
        check(inside, "model", received, f"all made in the scope of {type(strategy).__name__}", remedy)
    outer = optimizers_of(owner)
    for optimizer in filter(accumulates, (within for each in outer for within in optimizers_within(each))):
        fits = optimizer in outer and not isinstance(strategy, tf.distribute.ParameterServerStrategy)
        expected = "None with parameter servers, and in an optimizer within another one under any strategy"
        check(fits, "gradient_accumulation_steps", optimizer.gradient_accumulation_steps, expected)
        check(not optimizer.use_ema, "use_ema", True, "False where replicas accumulate gradients")
        scheduled = [part for part in vars(optimizer).values() if isinstance(part, SCHEDULE)]
        remedy = "give the schedule to the trainer, as schedules="
        check(not scheduled, "optimizer", Verbatim("one with a schedule"), "none where replicas accumulate", remedy)
    for optimizer in outer:
        clips = [name for _, name, _ in thresholds(optimizer) if optimizer is not model.optimizer]
        check(
            not clips,
            "optimizer",
            Verbatim(f"a second one with {', '.join(clips)}"),
            "none that clips under a strategy",
        )
    for loss in keras.tree.flatten(model.loss):
        reduction = getattr(loss, "reduction", None)
        fits = reduction not in ("sum", "mean_with_sample_weight")
        check(fits, "loss", f"reduction={reduction!r}", 'reduction="sum_over_batch_size" under a strategy')


def compile_replicated(step: Step, spec: tuple[Any, ...], owner: object, model: keras.Model) -> CompiledStep:
    """A step that every replica takes on its share of a batch, for a loop outside of replicas.

    Optimizers add up the gradients of all replicas. A batch that they cannot share equally is trained on whole by each
    of them, which gives the same gradient if the loss is a mean, and is counted in the metrics once.

    Args:
        step: On a batch.
        spec: Of batches.
        owner: What holds the metrics that steps change.
        model: Where steps log its metrics, those of all replicas are put together after the loop, as Keras' `fit` does
            it; of all other logs the mean over replicas is taken.
    """
    strategy = model.distribute_strategy
    replicas = strategy.num_replicas_in_sync

    def run(step: Step, batch: NestedTensors) -> Logs:
        with accumulating(optimizers_of(owner)):
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
        if isinstance(size, int) and size % replicas == 0:
            return _real(step(_rows(batch, index * (size // replicas), size // replicas)))
        whole = size % replicas != 0
        share = tf.where(whole, size, size // replicas)
        before = [variable.value.read_value() for variable in metrics]
        logs = step(_rows(batch, tf.where(whole, 0, index * share), share))
        counts = tf.logical_or(tf.logical_not(whole), index == 0)
        for variable, value in zip(metrics, before, strict=True):
            variable.assign(tf.where(counts, variable.value.read_value(), value))
        return _real(logs)

    def call(batch: NestedTensors) -> Logs:
        def of_all(
            name: str, log: Tensor
        ) -> tf.Tensor:  # of metrics, one replica's will do to see that they are numbers
            return _first(strategy, log) if name in joined else strategy.reduce("MEAN", log, axis=None)

        return {name: of_all(name, log) for name, log in run(on_replica, batch).items()}

    def summary(logs: Logs) -> Logs:
        results = results_of(model, metrics) if joined else {}
        return {name: results[name] if name in joined else log for name, log in logs.items()}

    several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)  # they have to stop together
    return CompiledStep(call, zeros, trace, summary, watched=not several)


def optimizers_of(owner: object) -> list[keras.optimizers.Optimizer]:
    """Those that an object or its layers hold, without those within others."""
    return [part for part in parts_of(owner) if isinstance(part, keras.optimizers.Optimizer)]


def _real(logs: Logs) -> Logs:
    """Logs of which there are means."""
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

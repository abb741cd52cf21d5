"""Compiled loops that run several steps in a single call of a `tf.function`."""

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core.types import Logs
from tensorsmith.training._support.model_layers import layers_of
from tensorsmith.training.distribution.gathering import gathers_any_number, one_by_one
from tensorsmith.training.distribution.parameter_servers import WorkerStep
from tensorsmith.training.distribution.replicas import compile_replicated, is_distributed
from tensorsmith.training.loop.compiled_step import CompiledStep, Step, Tracing, compile_step


def finite(step: CompiledStep, logs: Logs) -> tf.Tensor:
    """Returns `True` if all logged losses are finite."""
    losses = [tf.math.is_finite(value) for name, value in logs.items() if "loss" in name and step.watched]
    return tf.reduce_all(tf.stack(losses)) if losses else tf.constant(True)


@dataclass(frozen=True)
class Loop:
    """Compiled loop over several steps.

    Attributes:
        run: Function that runs the loop.
        step: Trace of the step, if it was traced in this process.
    """

    run: Callable[..., tuple[tf.Tensor, Logs]]
    step: Any = None


def _numbered(name: str) -> list[str | int]:
    """Returns the alternating texts and numbers of a name: `["dense_", 9, "/kernel"]`."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


# Stateful random ops, which have their own counters.
DRAWING = ("Random", "TruncatedNormal", "ParameterizedTruncatedNormal", "Multinomial", "StatefulUniform")


def _run_arrays(
    step: CompiledStep, arrays: tuple[Any, ...], order: tf.Tensor, start: tf.Tensor, steps: tf.Tensor
) -> tuple[tf.Tensor, Logs]:
    """Runs steps on the rows of arrays, as described in `array_loop`."""

    def body(done: tf.Tensor, _: Logs) -> tuple[tf.Tensor, Logs]:
        rows = tf.gather(order, start + done)  # with tf.slice, XLA would compile again for each start
        return done + 1, step.call(tf.nest.map_structure(lambda array: tf.gather(array, rows), arrays))

    def more(done: tf.Tensor, logs: Logs) -> tf.Tensor:
        return tf.logical_and(done < steps, finite(step, logs))

    done, logs = tf.while_loop(more, body, (tf.constant(0), step.zeros))
    return done, step.summary(logs)


def array_loop(step: CompiledStep, jit: bool) -> Loop:
    """Returns a loop that gathers batches from arrays. If `jit` is `True`, XLA compiles the entire loop.

    Returns:
        A loop whose `run` takes `(arrays, order, start, steps)` and returns the number of completed steps and the logs
        of the last one. The batch of step i contains the rows `order[i]` of the arrays. The loop stops early if a loss
        is not finite.
    """
    # TensorFlow counts the traces of all functions with the same code together, and would warn about retracing after
    # five trainers. It counts those of each partial object separately.
    loop = tf.function(partial(_run_arrays, step), jit_compile=jit, autograph=False)
    if gathers_any_number(step):
        one = tf.constant(1)
        return Loop(
            one_by_one(
                lambda done, arrays, order, start: loop(arrays, order, start + done, one), partial(finite, step)
            ),
            step.trace,
        )
    return Loop(loop, step.trace)


def _run_stream(step: CompiledStep, iterator: tf.data.Iterator, steps: tf.Tensor) -> tuple[tf.Tensor, Logs]:
    """Runs steps on the batches of an iterator, as described in `stream_loop`."""

    def body(done: tf.Tensor, _: tf.Tensor, logs: Logs) -> tuple[tf.Tensor, tf.Tensor, Logs]:
        batch = iterator.get_next_as_optional()
        there = batch.has_value()
        logs = tf.cond(there, lambda: step.call(batch.get_value()), lambda: logs)
        return done + tf.cast(there, tf.int32), there, logs

    def more(done: tf.Tensor, there: tf.Tensor, logs: Logs) -> tf.Tensor:
        return tf.logical_and(tf.logical_and(done < steps, there), finite(step, logs))

    done, _, logs = tf.while_loop(more, body, (tf.constant(0), tf.constant(True), step.zeros))
    return done, step.summary(logs)


def stream_loop(step: CompiledStep) -> Loop:
    """Returns a loop that reads batches from a `tf.data` iterator. XLA can compile the step, but not the loop.

    Returns:
        A loop whose `run` takes `(iterator, steps)` and returns the number of completed steps and the logs of the last
        one. It stops early at the end of the data, or if a loss is not finite.
    """
    loop = tf.function(partial(_run_stream, step), autograph=False)
    if gathers_any_number(step):
        one = tf.constant(1)
        return Loop(one_by_one(lambda _, iterator: loop(iterator, one), partial(finite, step)), step.trace)
    return Loop(loop, step.trace)


class Loops:
    """Cache of the compiled loops of a trainer.

    Args:
        owner: Object whose methods are the step functions, and whose attributes contain the metrics that the steps
            update.
        model: Model that the steps use. If a layer of the model is frozen or unfrozen, new loops are compiled.
        steps: Mapping from step types ("train", "test") to step functions.
        tracing: Function that returns the context manager in which training steps are traced.
    """

    def __init__(
        self,
        owner: object,
        model: keras.Model,
        steps: dict[str, Step],
        tracing: Tracing = contextlib.nullcontext,
    ) -> None:
        self._owner = owner
        self._model = model
        self._steps = steps
        self._tracing: dict[str, Tracing] = {"train": tracing, "test": contextlib.nullcontext}
        self._made: dict[Any, Loop] = {}
        self._requested: list[Any] = []

    def over_arrays(self, kind: str, spec: tuple[Any, ...], jit: bool) -> Callable[..., tuple[tf.Tensor, Logs]]:
        """Returns the compiled loop over arrays for a step type and the shapes and dtypes of a batch."""
        if self._has_servers:
            return self._once((kind, "arrays"), lambda: Loop(self._on_workers(kind, spec).over_arrays))
        return self._once((kind, repr(spec), jit), lambda: array_loop(self._compiled(kind, spec, jit), jit))

    def over_stream(self, kind: str, spec: tuple[Any, ...], jit: bool) -> Callable[..., tuple[tf.Tensor, Logs]]:
        """Returns the compiled loop over an iterator for a step type and the shapes and dtypes of a batch."""
        if self._has_servers:
            return self._once((kind, "stream"), lambda: Loop(self._on_workers(kind, spec).over_stream))
        return self._once((kind, repr(spec), jit, "stream"), lambda: stream_loop(self._compiled(kind, spec, jit)))

    def forget(self) -> None:
        """Removes all compiled loops from the cache, because values captured during tracing have changed."""
        self._made.clear()

    def variables(self) -> list[tf.Variable]:
        """Returns all variables that the traced steps access, each exactly once, sorted by name.

        Graphs list their variables in an order that differs between processes. The numbers in the names of layers are
        compared as numbers, so that a model that is built again, with larger numbers, has the same order.
        """
        found = {id(variable): variable for step in self._traced() for variable in step.variables}
        return sorted(found.values(), key=lambda variable: _numbered(variable.name))

    def graphs_of(self, compile: Callable[[], None]) -> list[Any]:
        """Returns the step graphs of the loops that a function compiles, as `GraphDef` protos with shapes."""
        self._requested.clear()
        compile()
        steps = [self._made[key].step for key in self._requested]
        return [step.graph.as_graph_def(add_shapes=True) for step in steps]

    def drawing(self) -> set[str]:
        """Returns the types of stateful random ops in the traced steps. The state of these ops cannot be saved."""
        graphs = [step.graph.as_graph_def() for step in self._traced()]
        nodes = [node for graph in graphs for node in graph.node]
        nodes += [node for graph in graphs for function in graph.library.function for node in function.node_def]
        return {node.op for node in nodes if node.op.startswith(DRAWING)}

    @property
    def _has_servers(self) -> bool:
        return isinstance(self._model.distribute_strategy, tf.distribute.ParameterServerStrategy)

    def _on_workers(self, kind: str, spec: tuple[Any, ...]) -> WorkerStep:
        return WorkerStep(self._steps[kind], spec, self._owner, self._model, self._tracing[kind])

    def _traced(self) -> list[Any]:
        return [loop.step for loop in self._made.values() if loop.step is not None]

    def _compiled(self, kind: str, spec: tuple[Any, ...], jit: bool) -> CompiledStep:
        step, tracing = self._steps[kind], self._tracing[kind]
        if is_distributed(self._model.distribute_strategy):
            compiled = compile_replicated(step, spec, self._owner, self._model, tracing)
        else:
            compiled = compile_step(step, spec, jit, tracing)
        return compiled if kind == "train" else replace(compiled, watched=False)  # evaluation covers all examples

    def _once(self, key: tuple[Any, ...], make: Callable[[], Loop]) -> Callable[..., tuple[tf.Tensor, Logs]]:
        key = (*key, tuple(layer.trainable for layer in layers_of(self._model)))
        self._requested.append(key)
        if key not in self._made:
            self._made[key] = make()
        return self._made[key].run

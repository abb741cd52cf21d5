"""Compiled training or evaluation step for use in a loop."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tensorsmith.core.types import Logs, NestedTensors

Step = Callable[[Any], Logs]
Tracing = Callable[[], AbstractContextManager[None]]  # returns the context in which a step is traced


@dataclass(frozen=True)
class CompiledStep:
    """Traced training or evaluation step, whose Keras variables have all been created.

    Attributes:
        call: Function from a batch to logs, for use inside a loop.
        zeros: Logs of zeros, the initial value of a loop.
        trace: Concrete function of the step.
        summary: Function from the logs of the last step to the logs of the loop.
        watched: If `True`, a loop stops early if a logged loss is not finite.
    """

    call: Step
    zeros: Logs
    trace: Any
    summary: Callable[[Logs], Logs] = lambda logs: logs
    watched: bool = True


def compile_step(step: Step, spec: tuple[Any, ...], jit: bool, tracing: Tracing) -> CompiledStep:
    """Traces a step for batches of the given shapes and dtypes, and compiles it with XLA if `jit` is `True`."""

    def traced(batch: NestedTensors) -> Logs:
        with tracing():
            return step(batch)

    call = tf.function(traced, jit_compile=jit, autograph=False)
    trace = call.get_concrete_function(spec)
    zeros = tf.nest.map_structure(lambda output: tf.zeros(output.shape, output.dtype), trace.structured_outputs)
    return CompiledStep(call, zeros, trace)

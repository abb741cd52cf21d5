"""A training step as a loop calls it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tensorsmith.core.types import Logs

Step = Callable[[Any], Logs]


@dataclass(frozen=True)
class CompiledStep:
    """A step that was traced once, which builds whatever Keras builds late.

    Attributes:
        call: Takes a batch to logs, inside a loop.
        zeros: Logs of zeros, for a loop to start from.
        trace: Says what the step reads, writes and draws.
        summary: Takes the logs of the last step to those of the loop.
        watched: Whether a loop may stop early at what is logged.
    """

    call: Step
    zeros: Logs
    trace: Any
    summary: Callable[[Logs], Logs] = lambda logs: logs
    watched: bool = True


def compile_step(step: Step, spec: tuple[Any, ...], jit: bool) -> CompiledStep:
    """Compiles a step for batches of one spec, with XLA if asked."""
    call = tf.function(step, jit_compile=jit, autograph=False)
    trace = call.get_concrete_function(spec)
    zeros = tf.nest.map_structure(lambda output: tf.zeros(output.shape, output.dtype), trace.structured_outputs)
    return CompiledStep(call, zeros, trace)

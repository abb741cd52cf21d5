"""Execution of training steps in chunks, each of which is a single call of a compiled loop."""

import sys
import time
from collections.abc import Callable, Mapping
from textwrap import shorten
from types import MappingProxyType
from typing import Any

import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error
from tensorsmith.training.fit.sizer import ChunkSizer
from tensorsmith.training.inputs.sources import BatchSource

HEADS = ("Graph execution error:", "Detected at node", "<stack traces unavailable>")  # of TensorFlow errors
SEVERAL = "root error(s) found."


class NonFiniteLossError(ArithmeticError):
    """Error raised if a loss is NaN or infinite. The message states the steps in which this may have occurred."""


def run_chunks(
    source: BatchSource,
    sizer: ChunkSizer,
    where: str,
    *,
    start: int = 0,
    logs: Mapping[str, Any] = MappingProxyType({}),
    limit: Callable[[int], int],
    on_begin: Callable[[int], Any],
    on_end: Callable[[int, dict[str, Any]], bool],
    finite: bool = False,
) -> dict[str, Any]:
    """Runs the remaining steps of an epoch, and returns the logs.

    Args:
        source: Data source, positioned at step `start`.
        sizer: Chunk sizer, which determines the number of steps per chunk from the measured durations.
        where: Description of the current epoch, for error messages.
        start: Index of the first step.
        logs: Logs of the previous step, which are returned if there are no more batches.
        limit: Function that takes the preferred number of steps in the next chunk and returns the allowed number.
        on_begin: Function that is called before each chunk with the index of its first step.
        on_end: Function that is called after each chunk with the number of completed steps and the logs. If it returns
            `True`, the epoch ends.
        finite: If `True`, raise an error when a loss is not finite.

    Returns:
        The logs of the last step.

    Raises:
        ValueError: If the model does not accept a batch, or if there are not enough batches.
        NonFiniteLossError: If `finite` is `True` and a loss is not finite.
    """
    step, logs = start, dict(logs)
    while source.steps is None or step < source.steps:
        chunk = limit(sizer.chunk)
        last = min(step + chunk, source.steps or sys.maxsize)
        on_begin(step)
        begin = time.perf_counter()
        try:
            done, tensors = source.run(step, chunk)
        except tf.errors.InvalidArgumentError as error:
            at = f"a batch that fails with: {_reason(error.message)} ({where}, steps {step + 1} to {last})"
            raise argument_error("x", Verbatim(at), "contain batches that the model accepts") from error
        if not done:
            break
        logs = {name: _number(tensor) for name, tensor in tensors.items()}
        if finite:
            _refuse_non_finite(logs, where, step, done, last)
        step += done
        sizer.record(done, time.perf_counter() - begin)
        if on_end(step, logs):
            return logs
    if source.steps is not None and step < source.steps:
        raise argument_error(
            "x",
            Verbatim(f"a dataset that ended after {step} steps"),
            f"contain enough batches for {source.steps} steps per epoch",
            "call `dataset.repeat()`",
        )
    return logs


def _reason(message: str) -> str:
    """Returns the line of a TensorFlow error message that states the cause of the error."""
    lines = [line for line in message.partition("\n\t [[")[0].splitlines() if line.strip()]
    stack = [i for i, line in enumerate(lines) if line.startswith('  File "')]
    reasons = lines[stack[-1] + 1 :] if stack else lines
    told = [line.strip() for line in reasons if not line.startswith((" " * 4, *HEADS)) and not line.endswith(SEVERAL)]
    return shorten(told[0] if told else lines[-1], 150, placeholder="...")  # leaves space for the step numbers


def _number(tensor: tf.Tensor) -> float:
    return float(tensor) if tensor.shape.rank == 0 else tensor.numpy()


def _refuse_non_finite(logs: dict[str, Any], where: str, step: int, done: int, last: int) -> None:
    for name, value in logs.items():
        if "loss" in name and not np.all(np.isfinite(value)):
            raise NonFiniteLossError(
                f"`{name}` became {value} at step {step + done} of {where} "
                f"(steps {step + 1} to {last} were running). Lower the learning rate, clip gradients, "
                "or inspect the batch of that step."
            )

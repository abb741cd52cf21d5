"""Running over a source in windows of steps, with Python between them."""

import sys
import time
from collections.abc import Callable, Mapping
from textwrap import shorten
from types import MappingProxyType
from typing import Any

import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error
from tensorsmith.training.fit.pace import Pace
from tensorsmith.training.inputs.sources import Source

HEADS = ("Graph execution error:", "Detected at node", "<stack traces unavailable>")  # of messages of TensorFlow
SEVERAL = "root error(s) found."


class NonFiniteLossError(ArithmeticError):
    """The loss became NaN or infinite; the message says in which steps."""


def run_windows(
    source: Source,
    pace: Pace,
    where: str,
    *,
    start: int = 0,
    logs: Mapping[str, Any] = MappingProxyType({}),
    limit: Callable[[int], int],
    on_begin: Callable[[int], Any],
    on_end: Callable[[int, dict[str, Any]], bool],
    finite: bool = False,
) -> dict[str, Any]:
    """Runs a source to the end of its epoch.

    Args:
        source: At its step `start`.
        pace: How many steps a window has, and what gets to know how long they took.
        where: What is run, for errors.
        start: The first step.
        logs: Of the step before it, for when the source turns out to end there.
        limit: Takes the steps that the next window should have to those that it may have.
        on_begin: Called with the first step of each window.
        on_end: Called with the number of steps done so far and the logs, after each window; true ends the run.
        finite: Whether a loss must be a number.

    Returns:
        The logs of the last step.

    Raises:
        ValueError: A batch that the model cannot take, or too few of them.
        NonFiniteLossError: As the name says.
    """
    step, logs = start, dict(logs)
    while source.steps is None or step < source.steps:
        window = limit(pace.window)
        last = min(step + window, source.steps or sys.maxsize)
        on_begin(step)
        begin = time.perf_counter()
        try:
            done, tensors = source.run(step, window)
        except tf.errors.InvalidArgumentError as error:
            at = f"{_reason(error.message)} ({where}, steps {step + 1} to {last})"
            raise argument_error("x", Verbatim(at), "batches that the model can take") from error
        if not done:
            break
        logs = {name: _number(tensor) for name, tensor in tensors.items()}
        if finite:
            _refuse_non_finite(logs, where, step, done, last)
        step += done
        pace.record(done, time.perf_counter() - begin)
        if on_end(step, logs):
            return logs
    if source.steps is not None and step < source.steps:
        raise argument_error(
            "x",
            Verbatim(f"a dataset that ended after {step} steps"),
            f"{source.steps} steps per epoch",
            "call dataset.repeat()",
        )
    return logs


def _reason(message: str) -> str:
    """The line that says what is wrong: the first one after the stack; advice may follow, and then come the nodes."""
    lines = [line for line in message.partition("\n\t [[")[0].splitlines() if line.strip()]
    stack = [i for i, line in enumerate(lines) if line.startswith('  File "')]
    reasons = lines[stack[-1] + 1 :] if stack else lines
    told = [line.strip() for line in reasons if not line.startswith((" " * 4, *HEADS)) and not line.endswith(SEVERAL)]
    return shorten(told[0] if told else lines[-1], 150, placeholder="...")  # leaves room for the steps


def _number(tensor: tf.Tensor) -> float:
    return float(tensor) if tensor.shape.rank == 0 else tensor.numpy()


def _refuse_non_finite(logs: dict[str, Any], where: str, step: int, done: int, last: int) -> None:
    for name, value in logs.items():
        if "loss" in name and not np.all(np.isfinite(value)):
            raise NonFiniteLossError(
                f"`{name}` became {value} at step {step + done} of {where} "
                f"(steps {step + 1} to {last} were running). Remedy: lower the learning rate, clip gradients, "
                "or look at the batch of that step."
            )

"""Choice of XLA for the loop, based on properties of the model and on measurements."""

import logging
import time
from collections.abc import Callable
from typing import Literal

import keras
import tensorflow as tf

from tensorsmith.core import check
from tensorsmith.training._support.model_layers import layers_of
from tensorsmith.training.distribution.replicas import is_distributed
from tensorsmith.training.fit.state import restore, snapshot

CONVOLUTIONS = tuple(
    getattr(keras.layers, name)
    for name in dir(keras.layers)
    if name.startswith(("Conv1D", "Conv2D", "Conv3D", "ConvLSTM", "DepthwiseConv", "SeparableConv"))
)
PROBE_SECONDS = 0.25  # duration of each measurement
SHORT_RUN_SECONDS = 3.0  # minimum duration of a run for which compilation is worthwhile

Run = Callable[[int], int]  # from requested to completed steps

log = logging.getLogger("tensorsmith.training")


def jit_under(strategy: tf.distribute.Strategy, jit: bool | Literal["auto"]) -> bool | Literal["auto"]:
    """Returns the `jit` setting, with `"auto"` replaced by `False` under a distribution strategy.

    Raises:
        ValueError: If the setting is invalid, or is `True` with parameter servers.
    """
    check(jit in (True, False, "auto"), "jit", jit, 'True, False or "auto"')
    serves = isinstance(strategy, tf.distribute.ParameterServerStrategy)
    check(not (serves and jit is True), "jit", jit, 'False or "auto" with parameter servers')
    return jit is True if is_distributed(strategy) else jit


def jit_is_ruled_out(model: keras.Model) -> bool:
    """Returns `True` for models with convolutions, which are slow with XLA on CPU, or with unsupported layers."""
    return any(isinstance(layer, CONVOLUTIONS) or not layer.supports_jit for layer in layers_of(model))


def faster_with_jit(plain: Run, compiled: Run, variables: list[tf.Variable], steps_to_come: int) -> bool:
    """Measures the duration of steps with and without XLA, and restores the training state.

    Args:
        plain: Function that runs steps without XLA.
        compiled: Function that runs steps with XLA.
        variables: Variables that define the training state.
        steps_to_come: Total number of steps in the run.
    """
    before = snapshot(variables)
    try:
        plain_seconds = _seconds_per_step(plain)
        if plain_seconds * steps_to_come < SHORT_RUN_SECONDS:
            return False
        compiled_seconds = _seconds_per_step(compiled)
    except tf.errors.OpError as error:
        log.info("not compiled with XLA: %s", str(error).splitlines()[0])
        return False
    finally:
        restore(variables, before)
    return compiled_seconds < plain_seconds


def _seconds_per_step(run: Run) -> float:
    run(1)  # compiles
    start = time.perf_counter()
    done = run(2)
    seconds = (time.perf_counter() - start) / done
    start = time.perf_counter()
    done = run(max(2, int(PROBE_SECONDS / seconds)))
    return (time.perf_counter() - start) / done

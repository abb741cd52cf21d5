"""Measurement of the first batch of `fit` or `predict` of Keras."""

import time
from collections.abc import Callable
from typing import Any

from tensorsmith.core.types import Logs


def first_batch_seconds(run: Callable[..., Any]) -> float:
    """Call `run(callbacks=[...])`, and return the time in seconds from its start to the end of its first batch."""
    import keras

    ends: list[float] = []

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
            ends.append(time.perf_counter())

        on_predict_batch_end = on_train_batch_end

    start = time.perf_counter()
    run(callbacks=[Clock()])
    return ends[0] - start

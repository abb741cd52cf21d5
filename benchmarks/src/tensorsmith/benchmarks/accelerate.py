"""Benchmark `tensorsmith bench accelerate`: Keras models before and after `tensorsmith.layers.accelerate`.

A measurement is one call of `predict` or one epoch of `fit` of Keras, per batch. The providers are the accelerated
model, and the unchanged model with the defaults of `compile` (`keras`) and with XLA (`keras_xla`).
"""

import contextlib
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorsmith.benchmarks.benchmark import Benchmark
from tensorsmith.core import load_tensorflow
from tensorsmith.core.types import Logs

BATCH, BATCHES = 32, 50
PROVIDERS = ("tensorsmith", "keras", "keras_xla")


def _lstm() -> tuple[Any, np.ndarray]:
    """Return two LSTM layers of 32 units, and sequences of 50 steps with 8 features."""
    import keras

    layers = keras.layers.LSTM(32, return_sequences=True), keras.layers.LSTM(32), keras.layers.Dense(1)
    model = keras.Sequential([keras.Input((50, 8)), *layers])
    return model, np.random.default_rng(0).normal(size=(BATCH * BATCHES, 50, 8)).astype("float32")


def _gru() -> tuple[Any, np.ndarray]:
    """Return a GRU layer with masks, and padded texts of 10 to 80 words."""
    import keras

    layers = keras.layers.Embedding(5000, 64, mask_zero=True), keras.layers.GRU(64), keras.layers.Dense(1)
    model = keras.Sequential([keras.Input((80,), dtype="int32"), *layers])
    rng = np.random.default_rng(0)
    words = rng.integers(1, 5000, (BATCH * BATCHES, 80)).astype("int32")
    return model, np.where(np.arange(80) < rng.integers(10, 81, (len(words), 1)), words, 0)


def _transformer() -> tuple[Any, np.ndarray]:
    """Return two Transformer blocks of width 64 with 4 heads, and texts of 128 words."""
    import keras

    words = keras.Input((128,), dtype="int32")
    x = keras.layers.Embedding(5000, 64)(words)
    for _ in range(2):
        normalized = keras.layers.LayerNormalization()(x)
        x += keras.layers.MultiHeadAttention(4, 16)(normalized, normalized)
        x += keras.layers.Dense(64)(keras.layers.Dense(256, "relu")(keras.layers.LayerNormalization()(x)))
    outputs = keras.layers.Dense(1)(keras.layers.GlobalAveragePooling1D()(x))
    return keras.Model(words, outputs), np.random.default_rng(0).integers(0, 5000, (BATCH * BATCHES, 128))


MODELS: dict[str, Callable[[], tuple[Any, np.ndarray]]] = {"lstm": _lstm, "gru": _gru, "transformer": _transformer}


class _Runs:
    """Model that is ready to be measured.

    Args:
        case: Name of the model, and `predict` or `fit`.
        provider: Name of the implementation.
    """

    def __init__(self, case: str, provider: str) -> None:
        load_tensorflow()
        from tensorsmith.layers import accelerate

        name, self._method = case.split("_")
        self._model, self._x = MODELS[name]()
        self._y = np.random.default_rng(1).normal(size=(len(self._x), 1)).astype("float32")
        self._model.compile("adam", "mse", jit_compile=True if provider == "keras_xla" else "auto")
        if provider == "tensorsmith":
            with contextlib.redirect_stdout(io.StringIO()):
                accelerate(self._model)

    def first(self) -> float:
        """Run all batches once, and return the time in seconds from the start to the end of the first batch."""
        import keras

        ends: list[float] = []

        class Clock(keras.callbacks.Callback):
            def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
                ends.append(time.perf_counter())

            on_predict_batch_end = on_train_batch_end

        start = time.perf_counter()
        self._run(callbacks=[Clock()])
        return ends[0] - start

    def turn(self) -> float:
        """Run all batches, and return the time per batch in milliseconds."""
        start = time.perf_counter()
        self._run()
        return (time.perf_counter() - start) / BATCHES * 1000

    def _run(self, **options: Any) -> None:
        data = (self._x, self._y) if self._method == "fit" else (self._x,)
        getattr(self._model, self._method)(*data, batch_size=BATCH, verbose=0, **options)


BENCHMARK = Benchmark(
    cases=[f"{name}_{method}" for name in MODELS for method in ("predict", "fit")],
    providers=lambda case: dict.fromkeys(PROVIDERS, True),
    prepare=_Runs,
    unit=lambda case: "ms/batch",
    lower_is_better=True,
    targets=lambda case: {},
)

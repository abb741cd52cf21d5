"""Benchmark `tensorsmith bench accelerate`: Keras models before and after `tensorsmith.layers.accelerate`.

A measurement is one call of `predict` or one epoch of `fit` of Keras on a `tf.data.Dataset`, per batch. The providers
are the accelerated model, and the unchanged model with the defaults of `compile` (`keras`) and with XLA (`keras_xla`).
The models of KerasHub have 4 layers of 256 units and no dropout. They are measured if `make .venv/hub` has installed
it.
"""

import contextlib
import importlib.util
import io
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorsmith.benchmarks.benchmark import Benchmark
from tensorsmith.benchmarks.first_batch import first_batch_seconds
from tensorsmith.core import load_tensorflow

if TYPE_CHECKING:
    import tensorflow as tf

BATCH, BATCHES = 32, 50
SMALL_BATCH, FEW_BATCHES = 16, 5  # of the models of KerasHub
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


def _backbone(kind: str, steps: int, **sizes: Any) -> tuple[Any, Any]:
    """Return a backbone of KerasHub for texts with one output, and texts of half to all of the steps."""
    import keras
    import keras_hub

    common = {"vocabulary_size": 5000, "num_layers": 4, "num_heads": 4, "hidden_dim": 256, "intermediate_dim": 1024}
    backbone = getattr(keras_hub.models, kind)(**common, max_sequence_length=steps, dropout=0.0)
    rng, count = np.random.default_rng(0), SMALL_BATCH * FEW_BATCHES
    padding = np.arange(steps) < rng.integers(steps // 2, steps + 1, (count, 1))
    x = {"token_ids": rng.integers(0, 5000, (count, steps)), "padding_mask": padding.astype("int32")}
    if kind == "BertBackbone":
        x["segment_ids"] = np.zeros((count, steps), "int32")
        features = backbone.output["pooled_output"]
    else:
        features = keras.layers.GlobalAveragePooling1D()(backbone.output)
    return keras.Model(backbone.inputs, keras.layers.Dense(1)(features)), x


def _vit() -> tuple[Any, np.ndarray]:
    """Return a Vision Transformer of KerasHub with one output, and images of 128 x 128 pixels, which are 65 steps."""
    import keras
    import keras_hub

    sizes = {"num_layers": 4, "num_heads": 4, "hidden_dim": 256, "mlp_dim": 1024, "patch_size": 16}
    backbone = keras_hub.models.ViTBackbone(image_shape=(128, 128, 3), **sizes)
    x = np.random.default_rng(0).normal(size=(SMALL_BATCH * FEW_BATCHES, 128, 128, 3)).astype("float32")
    return keras.Model(backbone.inputs, keras.layers.Dense(1)(backbone.output[:, 0])), x


MODELS: dict[str, Callable[[], tuple[Any, Any]]] = {"lstm": _lstm, "gru": _gru, "transformer": _transformer}
HUB: dict[str, Callable[[], tuple[Any, Any]]] = {
    "bert": partial(_backbone, "BertBackbone", 128),
    "bert384": partial(_backbone, "BertBackbone", 384),
    "gpt2": partial(_backbone, "GPT2Backbone", 128),
    "vit": _vit,
}
TARGETS = {"bert_fit": 1.8, "gpt2_fit": 1.4, "vit_fit": 1.4, **{f"{name}_predict": 1.4 for name in HUB}}


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
        self._model, x = (MODELS | HUB)[name]()
        batch, self._batches = (SMALL_BATCH, FEW_BATCHES) if name in HUB else (BATCH, BATCHES)
        y = np.random.default_rng(1).normal(size=(batch * self._batches, 1)).astype("float32")
        self._data = _dataset((x, y) if self._method == "fit" else (x,), batch)
        self._model.compile("adam", "mse", jit_compile=True if provider == "keras_xla" else "auto")
        if provider == "tensorsmith":
            with contextlib.redirect_stdout(io.StringIO()):
                accelerate(self._model)

    def first(self) -> float:
        """Run all batches once, and return the time in seconds from the start to the end of the first batch."""
        return first_batch_seconds(self._run)

    def turn(self) -> float:
        """Run all batches, and return the time per batch in milliseconds."""
        start = time.perf_counter()
        self._run()
        return (time.perf_counter() - start) / self._batches * 1000

    def _run(self, **options: Any) -> None:
        if self._method == "fit":
            options["shuffle"] = False  # Keras warns that it does not shuffle datasets
        getattr(self._model, self._method)(self._data, verbose=0, **options)


def _dataset(arrays: tuple[Any, ...], batch_size: int) -> "tf.data.Dataset":
    """Return a dataset of batches.

    A thread of TensorFlow tunes the datasets that Keras creates from arrays. It sleeps for 10 ms, then for twice as
    long each time, and the end of `fit` or `predict` often waits for it, which would double the measured time.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.Dataset.from_tensor_slices(arrays).batch(batch_size).prefetch(2).with_options(options)


def _is_installed(case: str) -> bool:
    return case.split("_")[0] in MODELS or importlib.util.find_spec("keras_hub") is not None


BENCHMARK = Benchmark(
    cases=[f"{name}_{method}" for name in (*MODELS, *HUB) for method in ("predict", "fit")],
    providers=lambda case: dict.fromkeys(PROVIDERS, _is_installed(case)),
    prepare=_Runs,
    unit=lambda case: "ms/batch",
    lower_is_better=True,
    targets=lambda case: {"keras": TARGETS[case]} if case in TARGETS else {},
)

"""Benchmark `tensorsmith bench loop`: training steps per second of several training loops for identical models.

A measurement is a run of some epochs as a user would start it: `Trainer.fit`, Keras `fit` with its defaults, Keras
`fit` with `steps_per_execution=50`, or the usual PyTorch loop over tensors. All of them shuffle the data and track loss
and accuracy. An untimed epoch is run before each measurement, because the memory of an idle process may have been
reclaimed.

Cases named after a feature use it in Keras as well, and also measure the `Trainer` without the feature.
"""

import importlib.util
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from tensorsmith.benchmarks.benchmark import Benchmark, Contender
from tensorsmith.benchmarks.first_batch import first_batch_seconds
from tensorsmith.core.types import Logs

BATCH = 32
EPOCHS = 2  # per turn


@dataclass(frozen=True)
class LoopCase:
    """Benchmark case of a training loop: a model, its input shape, the steps per epoch, and the loop feature to use."""

    shape: tuple[int, ...]
    steps: int
    layers: tuple[Any, ...]
    classes: int = 10
    feature: str = ""


MLP = LoopCase((28, 28), 1718, ("flatten", ("dense", 784, 300), ("dense", 300, 100)))
FEATURES = ("checkpoints", "accumulation", "callbacks", "mirrored")
CASES = {
    "mlp_32": MLP,
    "mlp_wide": LoopCase((28, 28), 400, ("flatten", ("dense", 784, 1024), ("dense", 1024, 1024))),
    "cnn_32": LoopCase((28, 28, 1), 200, (("conv", 1, 32), ("conv", 32, 64), "flatten", ("dense", 64 * 7 * 7, 64))),
    "lstm_32": LoopCase((50, 1), 300, (("lstm", 1, 20, True), ("lstm", 20, 20, False)), classes=1),
    "transformer_32": LoopCase((64, 64), 100, (("transformer", 64, 4, 256), "mean")),
    **{f"mlp_32_{feature}": replace(MLP, feature=feature) for feature in FEATURES},
}
WIDTH = {"mlp_32": 100, "mlp_wide": 1024, "cnn_32": 64, "lstm_32": 20, "transformer_32": 64}  # last hidden layer


def _targets(case: str) -> dict[str, float]:
    """Return a dict that maps each other implementation to the target speedup of tensorsmith over it."""
    return {"keras": 4, "keras_spe50": 1.8, "torch": 2} if case == "mlp_32" else {"keras": 1, "keras_spe50": 1}


def _providers(case: str) -> dict[str, bool]:
    """Return a dict that maps each implementation to `True` if it is installed, else to `False`."""
    if CASES[case].feature:
        # With steps_per_execution=50, Keras 3.15 crashes under MirroredStrategy and calls callbacks every 50 steps
        # only.
        spe50 = {} if CASES[case].feature in ("mirrored", "callbacks") else {"keras_spe50": True}
        return {"tensorsmith": True, "without": True, "keras": True, **spe50}
    return {"tensorsmith": True, "keras": True, "keras_spe50": True, "torch": bool(importlib.util.find_spec("torch"))}


def _prepare(case: str, provider: str) -> Contender:
    """Return an implementation that is ready to be measured on a benchmark case."""
    if CASES[case].feature == "mirrored" and provider != "without":
        from tensorsmith.core import load_tensorflow

        load_tensorflow()
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
            return _make(case, provider)
    return _make(case, provider)


def _make(case: str, provider: str) -> Contender:
    makers: dict[str, Callable[[str], Contender]] = {
        "tensorsmith": _Tensorsmith,
        "without": partial(_Tensorsmith, uses_feature=False),
        "keras": partial(_Keras, steps_per_execution=1),
        "keras_spe50": partial(_Keras, steps_per_execution=50),
        "torch": _Torch,
    }
    return makers[provider](case)


def _data(case: LoopCase) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.random((case.steps * BATCH, *case.shape), dtype=np.float32)
    if case.classes == 1:
        return x, rng.random((len(x), 1), dtype=np.float32)
    return x, rng.integers(0, case.classes, len(x))


def _keras_model(name: str) -> tuple[Any, dict[str, Any]]:
    import keras
    from keras import layers

    case = CASES[name]
    x = inputs = keras.Input(case.shape)
    for layer in case.layers:
        match layer:
            case "flatten":
                x = layers.Flatten()(x)
            case "mean":
                x = layers.GlobalAveragePooling1D()(x)
            case ("dense", _, units):
                x = layers.Dense(units, "relu")(x)
            case ("conv", _, filters):
                x = layers.MaxPooling2D()(layers.Conv2D(filters, 3, padding="same", activation="relu")(x))
            case ("lstm", _, units, sequences):
                x = layers.LSTM(units, return_sequences=sequences)(x)
            case ("transformer", size, heads, hidden):
                x = layers.LayerNormalization()(x + layers.MultiHeadAttention(heads, size // heads)(x, x))
                x = layers.LayerNormalization()(x + layers.Dense(size)(layers.Dense(hidden, "relu")(x)))
    if case.classes == 1:
        return keras.Model(inputs, layers.Dense(1)(x)), {"loss": "mean_squared_error"}
    outputs = layers.Dense(case.classes, "softmax")(x)
    return keras.Model(inputs, outputs), {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}


def _optimizer(case: LoopCase) -> Any:
    import keras

    return keras.optimizers.SGD(0.01, gradient_accumulation_steps=4 if case.feature == "accumulation" else None)


def _batch_counter() -> Any:
    """Return a Keras callback that counts batches and requests a call after every batch."""
    import keras

    class Counter(keras.callbacks.Callback):
        every_batch = True
        batches = 0

        def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
            self.batches += 1

    return Counter()


class _Provider(ABC):
    def __init__(self, name: str) -> None:
        self._case = CASES[name]

    @abstractmethod
    def first(self) -> float:
        """Train for one epoch and return the time in seconds from its start to the end of its first step."""

    @abstractmethod
    def epochs(self, count: int) -> None:
        """Train the model for `count` epochs."""

    def turn(self) -> float:
        """Train for `EPOCHS` epochs and return the training speed in steps per second."""
        self.epochs(1)
        start = time.perf_counter()
        self.epochs(EPOCHS)
        return EPOCHS * self._case.steps / (time.perf_counter() - start)


class _Tensorsmith(_Provider):
    def __init__(self, name: str, uses_feature: bool = True) -> None:
        super().__init__(name)
        from tensorsmith.training import Trainer

        if not uses_feature:
            self._case = replace(self._case, feature="")
        self._data = _data(self._case)
        model, arguments = _keras_model(name)
        self._trainer = Trainer(model, _optimizer(self._case), **arguments)

    def first(self) -> float:
        import keras

        class Stop(keras.callbacks.Callback):
            def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
                self.model.stop_training = True

        self._trainer.fit(*self._data, epochs=30, batch_size=BATCH, callbacks=[Stop()], verbose=False)
        return self._trainer.first_step_seconds

    def epochs(self, count: int) -> None:
        from tensorsmith.training import Checkpoints

        with tempfile.TemporaryDirectory() as folder:
            kept = Checkpoints(folder, every="1 epoch") if self._case.feature == "checkpoints" else None
            callbacks = [_batch_counter()] if self._case.feature == "callbacks" else []
            options: dict[str, Any] = {
                "batch_size": BATCH,
                "callbacks": callbacks,
                "checkpoints": kept,
                "verbose": False,
            }
            self._trainer.fit(*self._data, epochs=count, **options)


class _Keras(_Provider):
    def __init__(self, name: str, steps_per_execution: int) -> None:
        super().__init__(name)
        from tensorsmith.core import load_tensorflow

        load_tensorflow()
        self._data = _data(self._case)
        self._model, arguments = _keras_model(name)
        self._model.compile(_optimizer(self._case), steps_per_execution=steps_per_execution, **arguments)

    def first(self) -> float:
        return first_batch_seconds(partial(self._model.fit, *self._data, batch_size=BATCH, verbose=0))

    def epochs(self, count: int) -> None:
        import keras

        with tempfile.TemporaryDirectory() as folder:
            callbacks = [_batch_counter()] if self._case.feature == "callbacks" else []
            if self._case.feature == "checkpoints":
                callbacks = [keras.callbacks.BackupAndRestore(folder)]
            self._model.fit(*self._data, epochs=count, batch_size=BATCH, callbacks=callbacks, verbose=0)


class _Torch(_Provider):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        import torch
        from torch import nn

        class Recurrent(nn.Module):
            def __init__(self, size: int, units: int, sequences: bool) -> None:
                super().__init__()
                self.lstm, self.sequences = nn.LSTM(size, units, batch_first=True), sequences

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                outputs = self.lstm(x)[0]
                return outputs if self.sequences else outputs[:, -1]

        class Mean(nn.Module):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return x.mean(1)

        layers: list[Any] = []
        for layer in self._case.layers:
            match layer:
                case "flatten":
                    layers += [nn.Flatten()]
                case "mean":
                    layers += [Mean()]
                case ("dense", size, units):
                    layers += [nn.Linear(size, units), nn.ReLU()]
                case ("conv", size, filters):
                    layers += [nn.Conv2d(size, filters, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2)]
                case ("lstm", size, units, sequences):
                    layers += [Recurrent(size, units, sequences)]
                case ("transformer", size, heads, hidden):
                    layers += [nn.TransformerEncoderLayer(size, heads, hidden, dropout=0.0, batch_first=True)]
        self._regression = self._case.classes == 1
        self._model = nn.Sequential(*layers, nn.Linear(WIDTH[name], self._case.classes))
        self._loss = nn.MSELoss() if self._regression else nn.CrossEntropyLoss()
        self._optimizer = torch.optim.SGD(self._model.parameters(), 0.01)
        x, y = map(torch.from_numpy, _data(self._case))
        self._data = (x.movedim(-1, 1).contiguous() if name == "cnn_32" else x), y

    def _epoch(self) -> float:
        """Train for one epoch and return the time in seconds from its start to the end of its first step."""
        import torch

        start, first = time.perf_counter(), 0.0
        x, y = self._data
        total, correct = torch.zeros(()), torch.zeros((), dtype=torch.long)
        for rows in torch.randperm(len(x)).split(BATCH):
            features, targets = x[rows], y[rows]
            self._optimizer.zero_grad()
            outputs = self._model(features)
            loss = self._loss(outputs, targets)
            loss.backward()
            self._optimizer.step()
            total += loss.detach()
            if not self._regression:
                correct += (outputs.argmax(1) == targets).sum()
            first = first or time.perf_counter() - start
        return first

    def first(self) -> float:
        return self._epoch()

    def epochs(self, count: int) -> None:
        for _ in range(count):
            self._epoch()


BENCHMARK = Benchmark(
    cases=CASES,
    providers=_providers,
    prepare=_prepare,
    unit=lambda case: "steps/s",
    lower_is_better=False,
    targets=_targets,
)

"""`tensorsmith bench loop`: training steps per second, the same model on the same data in memory.

Each turn is a run of some epochs as a user would start it: `Trainer.fit`, Keras `fit` with its defaults, `fit` with
`steps_per_execution=50`, and the usual PyTorch loop over tensors, all shuffled, with loss and accuracy kept. One more
epoch goes before it off the clock, since systems take memory from processes that wait for their turn.
"""

import importlib.util
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tensorsmith.tools.bench.turns import Contender

PYTHONS: dict[str, list[str]] = {}  # all run in this one
LOWER_IS_BETTER = False
BATCH = 32
EPOCHS = 2  # of a turn


@dataclass(frozen=True)
class Case:
    """A model by name of its builder, its input, and the steps of an epoch."""

    shape: tuple[int, ...]
    steps: int
    layers: tuple[Any, ...]
    classes: int = 10


CASES = {
    "mlp_32": Case((28, 28), 1718, ("flatten", ("dense", 784, 300), ("dense", 300, 100))),
    "mlp_wide": Case((28, 28), 400, ("flatten", ("dense", 784, 1024), ("dense", 1024, 1024))),
    "cnn_32": Case((28, 28, 1), 200, (("conv", 1, 32), ("conv", 32, 64), "flatten", ("dense", 64 * 7 * 7, 64))),
    "lstm_32": Case((50, 1), 300, (("lstm", 1, 20, True), ("lstm", 20, 20, False)), classes=1),
}
WIDTH = {"mlp_32": 100, "mlp_wide": 1024, "cnn_32": 64, "lstm_32": 20}  # of the last hidden layer


def unit(case: str) -> str:
    """Of every case."""
    return "steps/s"


def targets(case: str) -> dict[str, float]:
    """Provider to how many times better ours was built to be."""
    return {"keras": 4, "keras_spe50": 1.8, "torch": 2} if case == "mlp_32" else {}


def floor(case: str) -> None:
    """None is known."""


def providers(case: str) -> dict[str, bool]:
    """Provider to whether it can be had here."""
    return {"tensorsmith": True, "keras": True, "keras_spe50": True, "torch": bool(importlib.util.find_spec("torch"))}


def prepare(case: str, provider: str) -> Contender:
    """One provider, ready for one case."""
    makers: dict[str, Callable[[str], Contender]] = {
        "tensorsmith": _Tensorsmith,
        "keras": partial(_Keras, steps_per_execution=1),
        "keras_spe50": partial(_Keras, steps_per_execution=50),
        "torch": _Torch,
    }
    return makers[provider](case)


def _data(case: Case) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.random((case.steps * BATCH, *case.shape), dtype=np.float32)
    if case.classes == 1:
        return x, rng.random((len(x), 1), dtype=np.float32)
    return x, rng.integers(0, case.classes, len(x))


def _keras_model(name: str) -> tuple[Any, dict[str, Any]]:
    import keras
    from keras import layers

    case = CASES[name]
    model = keras.Sequential([keras.Input(case.shape)])
    for layer in case.layers:
        match layer:
            case "flatten":
                model.add(layers.Flatten())
            case ("dense", _, units):
                model.add(layers.Dense(units, "relu"))
            case ("conv", _, filters):
                model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
                model.add(layers.MaxPooling2D())
            case ("lstm", _, units, sequences):
                model.add(layers.LSTM(units, return_sequences=sequences))
    if case.classes == 1:
        model.add(layers.Dense(1))
        return model, {"loss": "mean_squared_error"}
    model.add(layers.Dense(case.classes, "softmax"))
    return model, {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}


class _Provider(ABC):
    def __init__(self, name: str) -> None:
        self._case = CASES[name]

    @abstractmethod
    def first(self) -> float:
        """Trains an epoch; seconds to the end of the first step."""

    @abstractmethod
    def epochs(self, count: int) -> None:
        """Trains."""

    def turn(self) -> float:
        """Steps per second."""
        self.epochs(1)
        start = time.perf_counter()
        self.epochs(EPOCHS)
        return EPOCHS * self._case.steps / (time.perf_counter() - start)


class _Tensorsmith(_Provider):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        from tensorsmith.training import Trainer  # first, as it silences TensorFlow  # isort: skip
        import keras

        self._data = _data(self._case)
        model, arguments = _keras_model(name)
        self._trainer = Trainer(model, keras.optimizers.SGD(0.01), **arguments)

    def first(self) -> float:
        import keras

        class Stop(keras.callbacks.Callback):
            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                self.model.stop_training = True

        self._trainer.fit(*self._data, epochs=30, batch_size=BATCH, callbacks=[Stop()], verbose=False)
        return self._trainer.first_step_seconds

    def epochs(self, count: int) -> None:
        self._trainer.fit(*self._data, epochs=count, batch_size=BATCH, verbose=False)


class _Keras(_Provider):
    def __init__(self, name: str, steps_per_execution: int) -> None:
        super().__init__(name)
        from tensorsmith.core import load_tensorflow

        load_tensorflow()
        import keras

        self._data = _data(self._case)
        self._model, arguments = _keras_model(name)
        optimizer = keras.optimizers.SGD(0.01)
        self._model.compile(optimizer, steps_per_execution=steps_per_execution, **arguments)

    def first(self) -> float:
        import keras

        ends: list[float] = []

        class Clock(keras.callbacks.Callback):
            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                ends.append(time.perf_counter())

        start = time.perf_counter()
        self._model.fit(*self._data, batch_size=BATCH, callbacks=[Clock()], verbose=0)
        return ends[0] - start

    def epochs(self, count: int) -> None:
        self._model.fit(*self._data, epochs=count, batch_size=BATCH, verbose=0)


class _Torch(_Provider):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        import torch
        from torch import nn

        class Recurrent(nn.Module):
            def __init__(self, size: int, units: int, sequences: bool) -> None:
                super().__init__()
                self.lstm, self.sequences = nn.LSTM(size, units, batch_first=True), sequences

            def forward(self, x: Any) -> Any:
                outputs = self.lstm(x)[0]
                return outputs if self.sequences else outputs[:, -1]

        layers: list[Any] = []
        for layer in self._case.layers:
            match layer:
                case "flatten":
                    layers += [nn.Flatten()]
                case ("dense", size, units):
                    layers += [nn.Linear(size, units), nn.ReLU()]
                case ("conv", size, filters):
                    layers += [nn.Conv2d(size, filters, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2)]
                case ("lstm", size, units, sequences):
                    layers += [Recurrent(size, units, sequences)]
        self._regression = self._case.classes == 1
        self._model = nn.Sequential(*layers, nn.Linear(WIDTH[name], self._case.classes))
        self._loss = nn.MSELoss() if self._regression else nn.CrossEntropyLoss()
        self._optimizer = torch.optim.SGD(self._model.parameters(), 0.01)
        x, y = map(torch.from_numpy, _data(self._case))
        self._data = (x.movedim(-1, 1).contiguous() if name == "cnn_32" else x), y

    def _epoch(self) -> float:
        """Trains; seconds to the end of the first step."""
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

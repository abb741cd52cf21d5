"""Benchmark `tensorsmith bench models`: seconds per training epoch of the main recipe of each family.

A measurement trains on a part of the training set and is scaled to the full epoch. The implementations are the recipe
as it stands, an equivalent model of Keras layers trained with Keras `fit` (with its defaults, and with
`steps_per_execution=50`), and PyTorch (eager, and with `torch.compile`). Generative models are those of the recipes in
both of the former. All implementations shuffle the data and track the loss and one metric, such as the accuracy instead
of the bits per character of char_gpt. Only the recipes use a schedule, which takes no time elsewhere. The process of
PyTorch does not import TensorFlow, with which `torch.compile` crashes. The first step of `keras_spe50` is the first
call of 50 steps.
"""

import atexit
import importlib.util
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from tensorsmith.benchmarks.benchmark import Benchmark, Contender
from tensorsmith.benchmarks.first_batch import first_batch_seconds
from tensorsmith.benchmarks.torch_models import TORCH_MODELS
from tensorsmith.core import load_tensorflow
from tensorsmith.core.types import Logs
from tensorsmith.recipes import find_recipe, prepared_recipe
from tensorsmith.runs import SupervisedRecipe


@dataclass(frozen=True)
class ModelCase:
    """Benchmark case of a recipe.

    Attributes:
        steps: Number of steps per measurement.
        metrics: Metrics that Keras tracks in addition to the loss. `None` if the model tracks its own.
        targets: Mapping from implementations to target speedups.
    """

    steps: int
    metrics: Any
    targets: dict[str, float]


SMALL = {"keras": 3.0}  # steps of less than 0.5 ms
CASES = {
    "mlp/fashion_mnist": ModelCase(1500, ["accuracy"], SMALL),
    "wide_deep/california": ModelCase(360, {"main": ["mse"], "aux": ["mse"]}, SMALL),
    "autoencoder/stacked": ModelCase(400, ["mse"], SMALL),
    "autoencoder/variational": ModelCase(400, None, {"keras": 2.0}),
    "cnn/fashion_mnist": ModelCase(60, ["accuracy"], {"keras": 1.0}),
    "gan/dcgan": ModelCase(60, None, {"keras": 1.0}),
    "diffusion/fashion_mnist": ModelCase(40, None, {"keras": 1.0}),
    "timeseries/one_step": ModelCase(109, ["mse"], {"keras": 2.0}),
    "transformer/char_gpt": ModelCase(60, ["accuracy"], {"keras": 2.0, "torch": 1.6, "torch_compile": 1.6}),
}


def _providers(case: str) -> dict[str, bool]:
    """Return a dict that maps each implementation to `True` if it is installed."""
    torch = bool(importlib.util.find_spec("torch"))
    return {"tensorsmith": True, "keras": True, "keras_spe50": True, "torch": torch, "torch_compile": torch}


def _prepare(case: str, provider: str) -> Contender:
    """Return an implementation that is ready to be measured on a recipe."""
    makers: dict[str, Callable[[str], Contender]] = {
        "tensorsmith": _Recipe,
        "keras": lambda name: _Keras(name, steps_per_execution=1),
        "keras_spe50": lambda name: _Keras(name, steps_per_execution=50),
        "torch": lambda name: _Torch(name, compiled=False),
        "torch_compile": lambda name: _Torch(name, compiled=True),
    }
    return makers[provider](case)


class _Trained(ABC):
    """Implementation that trains on the first examples of a recipe's training set.

    Args:
        name: Name of the recipe.
        data: Training examples of one measurement.
        epoch_steps: Number of steps of a full epoch.
    """

    def __init__(self, name: str, data: Any, epoch_steps: int) -> None:
        self.config: Any = find_recipe(name).declaration.config_class()
        self.steps = CASES[name].steps
        self.data, self.epoch_steps = data, epoch_steps

    @abstractmethod
    def epoch(self) -> float:
        """Train on all examples once and return the time in seconds from the start to the end of the first step."""

    def first(self) -> float:
        """Train for one epoch and return the time in seconds from its start to the end of its first step."""
        return self.epoch()

    def turn(self) -> float:
        """Return the time of a full epoch in seconds, measured on a part of it."""
        self.epoch()
        start = time.perf_counter()
        self.epoch()
        return (time.perf_counter() - start) / self.steps * self.epoch_steps


def _recipe(name: str) -> SupervisedRecipe:
    """Return a recipe, whose prepared values, such as a vocabulary, are stored until the process exits."""
    load_tensorflow()
    scratch = tempfile.TemporaryDirectory()
    atexit.register(scratch.cleanup)
    return prepared_recipe(find_recipe(name), Path(scratch.name))


def _examples(name: str) -> tuple[Any, int]:
    """Return the training examples of one measurement, and the number of steps of a full epoch."""
    recipe = _recipe(name)
    config = recipe.config_class()
    train = recipe.build_data(config)["train"]
    data = train if isinstance(train, tuple) else (train,)
    examples = len(next(iter(data[0].values())) if isinstance(data[0], dict) else data[0])
    count = CASES[name].steps * config.batch_size
    return _mapped(lambda values: values[:count], data), -(-examples // config.batch_size)


def _mapped(function: Callable[[Any], Any], values: Any) -> Any:
    """Apply a function to all arrays in a structure of tuples and dicts. `keras.tree` would import TensorFlow."""
    if isinstance(values, tuple):
        return tuple(_mapped(function, value) for value in values)
    if isinstance(values, dict):
        return {name: _mapped(function, value) for name, value in values.items()}
    return function(values)


def _rows_of(rows: Any, tensor: Any) -> Any:
    return tensor[rows]


class _Recipe(_Trained):
    """Recipe with its own trainer."""

    def __init__(self, name: str) -> None:
        super().__init__(name, *_examples(name))
        recipe = _recipe(name)
        self._trainer = recipe.build_trainer(recipe.config_class())

    def first(self) -> float:
        """Train for one epoch of a run of the usual length, which determines whether XLA is used."""
        import keras

        class Stop(keras.callbacks.Callback):
            def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
                self.model.stop_training = True

        epochs = self.config.epochs * self.epoch_steps // self.steps
        self._fit(epochs=epochs, callbacks=[Stop()])
        seconds: float = self._trainer.first_step_seconds
        return seconds

    def epoch(self) -> float:
        """Train on all examples once."""
        self._fit(epochs=1)
        return 0.0

    def _fit(self, **options: Any) -> None:
        self._trainer.fit(*self.data, batch_size=self.config.batch_size, verbose=False, **options)


class _Keras(_Trained):
    """Equivalent model of Keras layers, with Keras `fit`."""

    def __init__(self, name: str, steps_per_execution: int) -> None:
        super().__init__(name, *_examples(name))
        import keras

        recipe = _recipe(name)
        trainer = recipe.build_trainer(recipe.config_class())
        loss, weights = trainer.model.loss, {"main": 0.9, "aux": 0.1} if name.startswith("wide_deep") else None
        self._model = _keras_series(self.config) if name == "timeseries/one_step" else trainer.model
        rate = self.config.learning_rate
        if name.startswith("transformer"):
            optimizer = keras.optimizers.AdamW(rate, beta_2=0.99, weight_decay=0.1, global_clipnorm=1.0)
        elif name.startswith("gan"):
            optimizer = keras.optimizers.Adam(rate, beta_1=self.config.beta_1)
        elif name.startswith("diffusion"):
            optimizer = keras.optimizers.Adam(rate, beta_2=0.99)
        else:
            optimizer = keras.optimizers.SGD(rate) if name.startswith("mlp") else keras.optimizers.Adam(rate)
        self._model.compile(
            optimizer,
            loss=loss,
            loss_weights=weights,
            metrics=CASES[name].metrics,
            steps_per_execution=steps_per_execution,
        )

    def epoch(self) -> float:
        """Train on all examples once and return the time in seconds from the start to the end of the first step."""
        fit = partial(self._model.fit, *self.data, batch_size=self.config.batch_size, verbose=0)
        return first_batch_seconds(fit)


def _keras_series(config: Any) -> Any:
    """Return the model of timeseries/one_step with the LSTM layers of Keras."""
    import keras

    layers = [keras.layers.LSTM(units, return_sequences=True) for units in config.units]
    return keras.Sequential([keras.Input((config.steps, 1)), *layers, keras.layers.Dense(1)])


class _Torch(_Trained):
    """Equivalent PyTorch model, with the usual loop over tensors."""

    def __init__(self, name: str, compiled: bool) -> None:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:  # which imports TensorFlow
            super().__init__(name, *process.submit(_examples, name).result())
        import torch

        self._model = TORCH_MODELS[name](self.config)
        self._forward = torch.compile(self._model.loss_and_metric) if compiled else self._model.loss_and_metric
        self._optimizer = self._model.optimizer(self.config)
        self._clips = name.startswith("transformer")
        to_tensor = self._model.to_tensor
        self._tensors = _mapped(lambda array: to_tensor(np.ascontiguousarray(array)), self.data)

    def epoch(self) -> float:
        """Train on all examples once and return the time in seconds from the start to the end of the first step."""
        import torch

        start, first = time.perf_counter(), 0.0
        totals = torch.zeros(2)
        for rows in torch.randperm(self.steps * self.config.batch_size).split(self.config.batch_size):
            batch = _mapped(partial(_rows_of, rows), self._tensors)
            for arguments, parameters in self._model.phases():
                self._optimizer.zero_grad()
                loss, metric = self._forward(*batch, **arguments)
                loss.backward(inputs=parameters)
                if self._clips:
                    torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
                self._optimizer.step()
            totals += torch.stack([loss.detach(), metric.detach()])
            first = first or time.perf_counter() - start
        return first


BENCHMARK = Benchmark(
    cases=CASES,
    providers=_providers,
    prepare=_prepare,
    unit=lambda case: "s/epoch",
    lower_is_better=True,
    targets=lambda case: CASES[case].targets,
)

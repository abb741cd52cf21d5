"""Contenders that train for an epoch and return the number of examples per second."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tensorsmith.benchmarks.first_batch import first_batch_seconds

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from tensorsmith.training import Trainer


class TrainerEpochs:
    """`Trainer`.

    Args:
        trainer: Trainer of the model.
        data: Arguments of `fit`: a dataset, or inputs and targets.
        examples: Number of examples of an epoch.
        **options: Further arguments of `fit`.
    """

    def __init__(self, trainer: "Trainer", data: Sequence[Any], examples: int, **options: Any) -> None:
        self._trainer, self._examples = trainer, examples
        self._fit = partial(trainer.fit, *data, epochs=1, verbose=False, **options)

    def first(self) -> float:
        """Train for one epoch and return the time in seconds from its start to the end of its first step."""
        self._fit()
        seconds: float = self._trainer.first_step_seconds
        return seconds

    def turn(self) -> float:
        """Return the number of examples per second of an epoch."""
        start = time.perf_counter()
        self._fit()
        return self._examples / (time.perf_counter() - start)


class KerasEpochs:
    """Keras `fit` on a dataset.

    Args:
        model: Compiled model.
        dataset: Dataset of shuffled batches.
        examples: Number of examples of an epoch.
    """

    def __init__(self, model: "keras.Model", dataset: "tf.data.Dataset", examples: int) -> None:
        # With `shuffle=True`, Keras warns that it does not shuffle datasets.
        self._fit, self._examples = partial(model.fit, dataset, verbose=0, shuffle=False), examples

    def first(self) -> float:
        """Train for one epoch and return the time in seconds from its start to the end of its first step."""
        return first_batch_seconds(self._fit)

    def turn(self) -> float:
        """Return the number of examples per second of an epoch."""
        start = time.perf_counter()
        self._fit()
        return self._examples / (time.perf_counter() - start)


def shuffled_batches(arrays: Any, examples: int, batch_size: int) -> "tf.data.Dataset":
    """Return a dataset of shuffled batches of arrays, for Keras.

    A thread of TensorFlow tunes the datasets that Keras creates from arrays. It sleeps for 10 ms, then for twice as
    long each time, and the end of an epoch often waits for it, which would more than double the measured time.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    shuffled = tf.data.Dataset.from_tensor_slices(arrays).shuffle(examples).batch(batch_size)
    return shuffled.prefetch(2).with_options(options)


class TorchEpochs:
    """PyTorch with the usual loop over tensors.

    Args:
        model: Module with parameters.
        loss: Function of the outputs and the targets.
        tensors: Inputs and targets.
        batch_size: Number of examples per batch.
        optimizer: Optimizer of the parameters.
        compiled: If `True`, `torch.compile` compiles the model with its loss.
        prepare: Function that is applied to the inputs of each batch, if any.
    """

    def __init__(
        self,
        model: Any,
        loss: Callable[..., Any],
        tensors: Sequence[Any],
        batch_size: int,
        optimizer: Any,
        compiled: bool = False,
        prepare: Callable[[Any], Any] | None = None,
    ) -> None:
        import torch

        def step(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            value: torch.Tensor = loss(model(x), y)
            return value

        self._loss = torch.compile(step) if compiled else step
        self._tensors, self._batch_size, self._optimizer, self._prepare = tensors, batch_size, optimizer, prepare

    def first(self) -> float:
        """Train for one epoch and return the time in seconds from its start to the end of its first step."""
        return self._epoch()

    def turn(self) -> float:
        """Return the number of examples per second of an epoch."""
        start = time.perf_counter()
        self._epoch()
        return len(self._tensors[0]) / (time.perf_counter() - start)

    def _epoch(self) -> float:
        import torch

        start, first, total = time.perf_counter(), 0.0, torch.zeros(())
        for rows in torch.randperm(len(self._tensors[0])).split(self._batch_size):
            x, y = (tensor[rows] for tensor in self._tensors)
            self._optimizer.zero_grad()
            loss = self._loss(x if self._prepare is None else self._prepare(x), y)
            loss.backward()
            self._optimizer.step()
            total += loss.detach()
            first = first or time.perf_counter() - start
        total.item()
        return first

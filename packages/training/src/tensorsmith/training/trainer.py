"""Trainer that runs many training steps in each call of a compiled loop."""

import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras
import tensorflow as tf
from keras.utils import PyDataset

from tensorsmith.core import Timeline, check
from tensorsmith.core.types import Dataset, Logs, Loss, NestedArrays, Optimizer
from tensorsmith.training._support.short_traceback import ShortTraceback
from tensorsmith.training.callbacks.protocol import as_list
from tensorsmith.training.checkpoint.checkpoints import Checkpoints
from tensorsmith.training.distribution.worker_group import WorkerGroup
from tensorsmith.training.fit.options import FitData, FitOptions, start_run
from tensorsmith.training.fit.prediction import predict
from tensorsmith.training.fit.run import evaluate
from tensorsmith.training.fit.scheduled import Schedules, check_schedules
from tensorsmith.training.fit.sizer import ChunkSizer
from tensorsmith.training.fit.training import train
from tensorsmith.training.gradients.defer import with_compiled_gradients
from tensorsmith.training.inputs.data import make_source
from tensorsmith.training.inputs.py_dataset import original_errors
from tensorsmith.training.loop.build import compile_model
from tensorsmith.training.loop.jit import Jit, jit_under
from tensorsmith.training.loop.step_compiler import StepCompiler


class Trainer:
    """Trains and evaluates a Keras 3 model in compiled loops, each of which runs many steps.

    Losses, metrics, `add_loss`, constraints, batch normalization and sample weights have the same effect as in Keras
    `fit`: each step calls `model.train_step`, so models that override it are supported as well. To customize training
    without subclassing the model, override `train_step` or `test_step` of the trainer.

    A model created in the scope of a `tf.distribute.MirroredStrategy` or `MultiWorkerMirroredStrategy` is trained on
    all replicas. The optimizer, the metrics and the trainer must be created in the same scope. Each replica processes a
    part of every batch, so that batch size and data are the same as on one device, and the results up to rounding.

    A model with a method `check_data(x, y)` can reject data with which it cannot be trained. The method is called
    before training and evaluation, with the arrays or the first batch of a dataset as tensors.

    Args:
        model: Keras 3 model to train.
        optimizer: Optimizer, as in `model.compile`. If `None`, the model must already be compiled.
        loss: Loss, as in `model.compile`.
        metrics: Metrics, as in `model.compile`.
        loss_weights: Weights of the losses, as in `model.compile`.
        weighted_metrics: Weighted metrics, as in `model.compile`.
        schedules: Mapping from log names to pairs `(variable, schedule)`. `variable` is a `keras.Variable` that losses,
            layers or the optimizer read; `schedule` is a function of the step, such as a learning rate schedule. Before
            each step, the variable is set to the value of the schedule.
        gradient_norm: If `True`, log the global norm of the gradients of the last step, before clipping. This requires
            one pass over the gradients per step.
        jit: If `True`, compile the training loop with XLA. If `"auto"`, use XLA except for runs of fewer than 200
            steps, convolutions, recurrent loops over large batches, many random numbers (see the README), batches of
            varying shapes, and operations that XLA does not support. If `"measure"`, run some steps with and without
            XLA, log both speeds, and use the faster variant. `fit` then stores the choice, `True` or `False`, in the
            attribute `jit`. With a distribution strategy, `True` compiles only the forward and backward passes of the
            `train_step` of the model, which must apply gradients exactly once, and other values do not use XLA.
        steps_per_loop: Number of steps that run before control returns to Python. Defaults to the number of steps that
            take about half a second, or to 1 if a callback has an attribute `every_batch` that is `True`. Batch-level
            methods of callbacks are called at each return.

    Attributes:
        first_step_seconds: Time until the end of the first step of `fit`, including tracing and compilation.
        steps_per_second: Training speed of `fit` after the first step.

    Raises:
        ValueError: If there is no optimizer and the model is not compiled, or if an argument is out of range.

    Example:
        >>> import keras, numpy as np
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> trainer = Trainer(model, optimizer=keras.optimizers.SGD(0.1), loss="mse")
        >>> x = np.random.default_rng(0).normal(size=(256, 2))
        >>> history = trainer.fit(x, x @ [[2.0], [-1.0]], epochs=5, verbose=False)
        >>> model.get_weights()[0].round(2)
        array([[ 2.],
               [-1.]], dtype=float32)
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: Optimizer | None = None,
        loss: Loss | Sequence[Any] | None = None,
        metrics: Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        loss_weights: Sequence[float] | Mapping[str, float] | None = None,
        weighted_metrics: Sequence[Any] | Mapping[str, Any] | None = None,
        schedules: Schedules = MappingProxyType({}),
        gradient_norm: bool = False,
        jit: Jit = "auto",
        steps_per_loop: int | None = None,
    ) -> None:
        check(isinstance(model, keras.Model), "model", model, "a keras.Model")
        check(steps_per_loop is None or steps_per_loop >= 1, "steps_per_loop", steps_per_loop, ">= 1, or None")
        check_schedules(schedules)
        self._strategy = model.distribute_strategy
        self.jit = jit_under(self._strategy, jit)
        given = {"loss": loss, "metrics": metrics, "loss_weights": loss_weights, "weighted_metrics": weighted_metrics}
        compile_model(model, optimizer, **given)
        with self._strategy.scope():
            self._steps_done = keras.Variable(0, dtype="int64", trainable=False, name="steps_done")
        self.model = model
        self.steps_per_loop = steps_per_loop
        self.first_step_seconds = self.steps_per_second = math.nan
        self._schedules = schedules
        self._steps = StepCompiler(self, schedules, self._steps_done, gradient_norm)

    def train_step(self, data: tuple[Any, ...]) -> Logs:
        """Performs one training step on a batch, traced into the loop. Override it to customize training.

        Args:
            data: Tuple `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

        Returns:
            Dict of scalars to log. Training stops if a value whose name contains "loss" is not finite.
        """
        step = self.model.train_step
        if self.jit is True and tf.distribute.has_strategy():
            step = with_compiled_gradients(step, self.model)
        logs: Logs = step(keras.utils.pack_x_y_sample_weight(*data))
        return logs

    def test_step(self, data: tuple[Any, ...]) -> Logs:
        """Performs one evaluation step on a batch, traced into the loop. Override it to customize evaluation."""
        logs: Logs = self.model.test_step(keras.utils.pack_x_y_sample_weight(*data))
        return logs

    def fit(
        self,
        x: NestedArrays | Dataset | PyDataset,
        y: NestedArrays | None = None,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        validation_split: float = 0.0,
        validation_data: tuple[Any, ...] | Dataset | PyDataset | None = None,
        callbacks: Iterable[keras.callbacks.Callback] | keras.callbacks.Callback = (),
        sample_weight: NestedArrays | None = None,
        class_weight: Mapping[int, float] | None = None,
        shuffle: bool = True,
        seed: int | None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        checkpoints: Checkpoints | os.PathLike[str] | str | None = None,
        resume: bool = False,
        extend: bool = False,
        verbose: bool = True,
    ) -> keras.callbacks.History:
        """Trains the model.

        Args:
            x: Input data: arrays in the structure of the model inputs, or a batched `tf.data.Dataset` or
                `keras.utils.PyDataset` that also contains targets and sample weights.
            y: Target data. Must be `None` if `x` is a dataset.
            epochs: Index of the final epoch, as in Keras. A resumed run trains up to this epoch.
            batch_size: Number of examples per step. Ignored if `x` is a dataset. The last batch may be smaller.
            validation_split: Fraction of the examples, taken from the end of the arrays, for validation.
            validation_data: Tuple `(x, y)` or `(x, y, sample_weight)`, or a dataset, evaluated at the end of each
                epoch.
            callbacks: Keras callback, or a list of callbacks.
            sample_weight: Sample weights of shape `(examples,)`.
            class_weight: Mapping from class indices to weights. Class weights are multiplied by `sample_weight` if both
                are given.
            shuffle: If `True`, shuffle arrays, or the order of the batches of a `PyDataset`, before each epoch.
            seed: Random seed for shuffling. If `None`, the seed is drawn from the global NumPy generator, which
                `keras.utils.set_random_seed` seeds.
            initial_epoch: Index of the first epoch, unless the run resumes from a checkpoint.
            steps_per_epoch: Number of steps per epoch. Defaults to one pass over the data. If it is set, each epoch
                continues at the position in the data where the previous epoch ended, and validation and epoch-level
                callbacks run after this number of steps. A dataset must then be infinite.
            checkpoints: Folder, or `Checkpoints` instance with checkpoint settings. Checkpoints contain the model, the
                optimizer, the metrics, the random state, the position in the data, and the serializable state of
                callbacks.
            resume: If `True`, resume from the latest checkpoint. If there is no checkpoint, training starts from the
                beginning. Losses and weights equal those of an uninterrupted run.
            extend: If `True`, a resumed run that a callback stopped continues up to `epochs`. Otherwise, it is not
                trained any further.
            verbose: If `True`, print the scores of each epoch and, on a terminal, display a progress bar.

        Returns:
            A Keras `History` object. Its `history` attribute maps names such as "loss" to the values of all epochs.

        Raises:
            ValueError: If the data cannot be used for training, their position cannot be saved, or the checkpoints
                belong to another run. The model is not changed in this case.
            NonFiniteLossError: If the loss becomes NaN or infinite.
            OSError: If a checkpoint cannot be written.
        """
        with ShortTraceback():
            data = FitData(x, y, sample_weight, class_weight, validation_data, validation_split)
            hooks = as_list(callbacks)
            options = FitOptions(
                epochs,
                initial_epoch,
                batch_size,
                steps_per_epoch,
                shuffle,
                seed,
                hooks,
                checkpoints,
                resume,
                extend,
                verbose,
            )
            return self._fit(data, options)

    def _fit(self, data: FitData, options: FitOptions) -> keras.callbacks.History:
        worker_group = WorkerGroup(self._strategy)
        start = start_run(options, worker_group)
        self.jit = start.metadata["jit"] if start.saved and isinstance(self.jit, str) else self.jit
        source, validation = data.sources(self._steps.checked_model, options, start.seed)

        started = time.perf_counter()
        timeline = Timeline(source.steps, source.batch_size, source.steps and source.steps * start.epochs)
        self._steps.prepare(source, validation, timeline)
        seconds_to_compile = time.perf_counter() - started

        sizer = ChunkSizer(self.steps_per_loop)
        with original_errors(data.x, data.validation_data):
            history = train(self._steps, source, validation, start, timeline, worker_group, sizer)
        self.first_step_seconds = seconds_to_compile + sizer.first_seconds
        self.steps_per_second = sizer.steps_per_second
        return history

    def evaluate(
        self,
        x: NestedArrays | Dataset | keras.utils.PyDataset,
        y: NestedArrays | None = None,
        *,
        sample_weight: NestedArrays | None = None,
        batch_size: int = 32,
    ) -> dict[str, float]:
        """Evaluates the model on a data set, and returns a dict of the loss and metrics.

        Args:
            x: Input data, as in `fit`.
            y: Target data. Must be `None` if `x` is a dataset.
            sample_weight: Sample weights of shape `(examples,)`.
            batch_size: Number of examples per step.

        Raises:
            ValueError: If the data cannot be used for evaluation.
        """
        with ShortTraceback(), original_errors(x):
            source = make_source(self._steps.checked_model, x, y, sample_weight=sample_weight, batch_size=batch_size)
            self._steps.prepare_evaluation(source)
            return evaluate(self.model, source, WorkerGroup(self._strategy))

    def predict(self, x: NestedArrays | Dataset | PyDataset, *, batch_size: int = 32) -> Any:
        """Returns the predictions for arrays or a finite dataset, as NumPy arrays."""
        with ShortTraceback(), original_errors(x):
            return predict(self.model, x, batch_size, self._strategy)

    @property
    def history(self) -> keras.callbacks.History | None:
        """History of the latest `fit`, up to the last completed epoch if it was interrupted. `None` before `fit`."""
        return getattr(self.model, "history", None)

    @property
    def steps_as_keras(self) -> bool:
        """`True` if the trainer and the model use the training step of Keras."""
        steps = type(self).train_step, type(self.model).train_step
        return steps == (Trainer.train_step, keras.Model.train_step)

    @property
    def evaluates_as_keras(self) -> bool:
        """`True` if the trainer and the model use the evaluation step of Keras."""
        steps = type(self).test_step, type(self.model).test_step
        return steps == (Trainer.test_step, keras.Model.test_step)

"""The Trainer: epochs, callbacks and reports around a loop that runs many steps per return to Python."""

import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.training.build import build_late_parts
from tensorsmith.training.inputs import first_batch, to_arrays, weigh_classes
from tensorsmith.training.jit import faster_with_jit, jit_is_ruled_out
from tensorsmith.training.loops import Logs, Loops
from tensorsmith.training.pace import Pace
from tensorsmith.training.progress import ProgressBar
from tensorsmith.training.sources import ArraySource, Source, StreamSource
from tensorsmith.training.state import Checkpoints, latest_note, training_state


class NonFiniteLossError(ArithmeticError):
    """The loss became NaN or infinite; the message says in which steps."""


class Trainer:
    """Trains, evaluates and applies a Keras 3 model, many steps for each return to Python.

    Loss, metrics, model losses, constraints, batch-norm updates and weights count as they do in Keras `fit`: each
    step is Keras' own `model.train_step`, so models that override it work as well. Override `train_step` or
    `test_step` here to train otherwise without a model class.

    Args:
        model: Any Keras 3 model.
        optimizer: As in `model.compile`. Without it the model must have been compiled.
        loss: As in `model.compile`.
        metrics: As in `model.compile`.
        loss_weights: As in `model.compile`.
        weighted_metrics: As in `model.compile`.
        jit: Whether XLA compiles the loop. "auto": never with convolutions or layers that do not support it, else
            whichever is faster over some steps, tried before training without a trace in the training state; the
            answer then stands in this attribute.
        steps_per_loop: Steps for each return to Python. By default as many as half a second holds, and 1 if a callback
            has a true attribute `every_batch`. Batch hooks fire once for each return.

    Attributes:
        first_step_seconds: After `fit`: the time to the end of the first step, tracing and compiling included.
        steps_per_second: After `fit`: the rate of all training steps after the first.

    Raises:
        ValueError: No optimizer and a model that is not compiled, or an argument out of range.

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
        optimizer: Any = None,
        loss: Any = None,
        metrics: Any = None,
        *,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
        jit: bool | Literal["auto"] = "auto",
        steps_per_loop: int | None = None,
    ) -> None:
        check(isinstance(model, keras.Model), "model", model, "a keras.Model")
        check(jit in (True, False, "auto"), "jit", jit, 'True, False or "auto"')
        check(steps_per_loop is None or steps_per_loop >= 1, "steps_per_loop", steps_per_loop, "1 or more, or None")
        check(
            optimizer is not None or model.compiled,
            "optimizer",
            optimizer,
            "an optimizer, or a model that is already compiled",
            "give optimizer= and loss=",
        )
        given = {"loss": loss, "metrics": metrics, "loss_weights": loss_weights, "weighted_metrics": weighted_metrics}
        for name, value in given.items():
            check(optimizer is not None or value is None, name, value, "None without an optimizer")
        if optimizer is not None:
            model.compile(optimizer=optimizer, **given)
        self.model = model
        self.jit = jit
        self.steps_per_loop = steps_per_loop
        self._built = False
        self.first_step_seconds = math.nan
        self.steps_per_second = math.nan
        self._loops = Loops(model, {"train": self.train_step, "test": self.test_step})

    def train_step(self, data: tuple[Any, ...]) -> Logs:
        """One step on one batch, traced into the loop. Override to train otherwise.

        Args:
            data: `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

        Returns:
            Scalars to log by name. A name with "loss" in it stops the run when it is no number.
        """
        logs: Logs = self.model.train_step(data)
        return logs

    def test_step(self, data: tuple[Any, ...]) -> Logs:
        """One evaluation step on one batch; override it as `train_step`."""
        logs: Logs = self.model.test_step(data)
        return logs

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: Any = None,
        callbacks: Iterable[keras.callbacks.Callback] = (),
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        shuffle: bool = True,
        seed: int | None = None,
        steps_per_epoch: int | None = None,
        checkpoints: Path | str | None = None,
        resume: bool = False,
        verbose: bool = True,
    ) -> keras.callbacks.History:
        """Trains the model.

        Args:
            x: Features (arrays, nested as the model's inputs are), or a batched tf.data.Dataset with all of it.
            y: Targets; None with a dataset.
            epochs: The epoch to end with.
            batch_size: Examples per step; a dataset has its own. The last batch may be smaller.
            validation_data: `(x, y)`, `(x, y, sample_weight)` or a dataset, evaluated after each epoch.
            callbacks: Keras callbacks.
            sample_weight: One weight per example.
            class_weight: Class index to weight; multiplies `sample_weight` where both are given.
            shuffle: Whether to draw a new order of the arrays for each epoch.
            seed: Of that order; None draws one, which `keras.utils.set_random_seed` fixes.
            steps_per_epoch: For datasets: steps per epoch; epochs then go on where the last one ended.
            checkpoints: A folder that gets a checkpoint of model, optimizer, metrics and seeds after each epoch.
            resume: Whether to go on from the newest of these checkpoints, if there is one. Callbacks start anew.
            verbose: Whether to show progress.

        Returns:
            The Keras history: `history.history["loss"]` and so on.

        Raises:
            ValueError: The data cannot be trained on; nothing has changed then.
            NonFiniteLossError: The loss became NaN or infinite.
        """
        check(epochs >= 1, "epochs", epochs, "1 or more")
        check(not resume or checkpoints is not None, "resume", resume, "a folder to resume from", "give checkpoints=")
        callbacks = list(callbacks)
        backup = any(isinstance(callback, keras.callbacks.BackupAndRestore) for callback in callbacks)
        check(not backup, "callbacks", Verbatim("BackupAndRestore"), "others", "give checkpoints= and resume=True")
        note = latest_note(checkpoints) if checkpoints and resume else None
        if note is not None:
            seed = note["seed"]
            self.jit = note["jit"] if self.jit == "auto" else self.jit
            epochs = note["epoch"] if note["stopped"] else epochs
        elif seed is None:
            seed = int(np.random.randint(2**31))
        source = self._source(
            x,
            y,
            sample_weight=sample_weight,
            class_weight=class_weight,
            batch_size=batch_size,
            seed=seed if shuffle else None,
            steps_per_epoch=steps_per_epoch,
        )
        validation = None if validation_data is None else self._source_of(validation_data, batch_size)

        started = time.perf_counter()
        self._build(source)
        source.compile(self._loops, "train", self._settle_jit(source, epochs))
        if validation is not None:
            validation.compile(self._loops, "test", jit=False)
        seconds_to_compile = time.perf_counter() - started
        store = Checkpoints(self, checkpoints) if checkpoints else None
        if store is not None and note is not None:
            store.restore()

        history = keras.callbacks.History()
        history.history = note["history"] if note else {}
        bar = [ProgressBar()] if verbose else []
        first_epoch = note["epoch"] if note else 0
        hooks = keras.callbacks.CallbackList(
            [*callbacks, history, *bar],
            add_history=True,
            model=self.model,
            epochs=epochs,
            steps=source.steps,
            first_epoch=first_epoch,
            seed=seed,
            verbose=1,
        )
        try:
            pace = self._run_epochs(source, validation, hooks, first_epoch, store)
        finally:
            for shown in bar:
                shown.close()
        self.first_step_seconds = seconds_to_compile + pace.first_seconds
        self.steps_per_second = pace.steps_per_second
        return history

    def evaluate(self, x: Any, y: Any = None, *, sample_weight: Any = None, batch_size: int = 32) -> dict[str, float]:
        """The loss and metrics over some data.

        Args:
            x: Features, or a batched tf.data.Dataset with all of it.
            y: Targets; None with a dataset.
            sample_weight: One weight per example.
            batch_size: Examples per step.

        Returns:
            Name to value.

        Raises:
            ValueError: The data cannot be evaluated on.
        """
        source = self._source(x, y, sample_weight=sample_weight, batch_size=batch_size)
        self._build(source)
        source.compile(self._loops, "test", jit=False)
        return self._evaluate(source, keras.callbacks.CallbackList([], model=self.model))

    def predict(self, x: Any, *, batch_size: int = 32) -> Any:
        """The model's outputs for arrays or a dataset, as NumPy arrays."""
        return self.model.predict(x, batch_size=None if isinstance(x, tf.data.Dataset) else batch_size, verbose=0)

    def _source(
        self,
        x: Any,
        y: Any = None,
        *,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        batch_size: int = 32,
        seed: int | None = None,
        steps_per_epoch: int | None = None,
    ) -> Source:
        model = self.model if self._own_step() else None
        if not isinstance(x, tf.data.Dataset):
            check(batch_size >= 1, "batch_size", batch_size, "1 or more")
            check(steps_per_epoch is None, "steps_per_epoch", steps_per_epoch, "None with arrays")
            return ArraySource(to_arrays(model, x, y, sample_weight, class_weight), batch_size, seed)
        for name, value in (("y", y), ("sample_weight", sample_weight)):
            check(value is None, name, value, "None, as the dataset's elements hold it")
        first = first_batch(model, x)
        if steps_per_epoch is None and x.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise argument_error("steps_per_epoch", None, "a number, as the dataset is endless")
        if not isinstance(x.element_spec, tuple):
            x = x.map(lambda features: (features,))
        return StreamSource(weigh_classes(x, class_weight) if class_weight else x, first, steps_per_epoch)

    def _source_of(self, data: Any, batch_size: int) -> Source:
        if isinstance(data, tf.data.Dataset):
            ends = data.cardinality() != tf.data.INFINITE_CARDINALITY
            check(ends, "validation_data", Verbatim("an endless dataset"), "one that ends", "call dataset.take(steps)")
            return self._source(data)
        check(
            isinstance(data, tuple) and len(data) in (2, 3),
            "validation_data",
            type(data).__name__,
            "(x, y), (x, y, sample_weight) or a tf.data.Dataset",
        )
        x, y, *weight = data
        return self._source(x, y, sample_weight=weight[0] if weight else None, batch_size=batch_size)

    def _own_step(self) -> bool:
        """True with Keras' step, which calls the model on x and compares with y; other steps do as they like."""
        steps = type(self).train_step, type(self.model).train_step
        return steps == (Trainer.train_step, keras.Model.train_step)

    def _build(self, source: Source) -> None:
        if not self._built and self._own_step():
            build_late_parts(self.model, source.example)
            self._built = True

    def _settle_jit(self, source: Source, epochs: int) -> bool:
        if self.jit == "auto":
            self.jit = not jit_is_ruled_out(self.model) and self._jit_is_faster(source, epochs)
        return self.jit

    def _jit_is_faster(self, source: Source, epochs: int) -> bool:
        rehearsal = source.rehearsal()

        def run(jit: bool, steps: int) -> int:
            rehearsal.compile(self._loops, "train", jit)
            rehearsal.begin(0)
            return rehearsal.run(0, steps)[0]

        rehearsal.compile(self._loops, "train", jit=False)  # from here on the training state is whole
        steps_to_come = sys.maxsize if source.steps is None else source.steps * epochs
        state = training_state(self)
        return faster_with_jit(partial(run, False), partial(run, True), state, steps_to_come)

    def _run_epochs(
        self,
        source: Source,
        validation: Source | None,
        hooks: keras.callbacks.CallbackList,
        first_epoch: int,
        store: Checkpoints | None,
    ) -> Pace:
        history = self.model.history
        each = any(map(_wants_every_batch, hooks.callbacks))
        pace = Pace(1 if each else self.steps_per_loop)
        logs: dict[str, Any] = {}
        self.model.stop_training = False
        hooks.on_train_begin()
        history.epoch = list(range(first_epoch))
        for epoch in range(first_epoch, hooks.params["epochs"]):
            self.model.reset_metrics()
            hooks.on_epoch_begin(epoch)
            source.begin(epoch)
            where = f"epoch {epoch + 1}"
            logs = self._run_steps(source, pace, hooks.on_train_batch_begin, hooks.on_train_batch_end, where)
            if validation is not None:
                scores = self._evaluate(validation, hooks)
                logs.update({f"val_{name}": value for name, value in scores.items()})
            hooks.on_epoch_end(epoch, logs)
            if store is not None:
                note = {"history": history.history, "jit": self.jit, "seed": hooks.params["seed"]}
                store.save({"epoch": epoch + 1, "stopped": self.model.stop_training, **note})
            if self.model.stop_training:
                break
        if isinstance(self.model.optimizer, keras.optimizers.Optimizer):
            self.model.optimizer.finalize_variable_values(self.model.trainable_weights)  # averaged weights, if any
        hooks.on_train_end(logs)
        return pace

    def _evaluate(self, source: Source, hooks: keras.callbacks.CallbackList) -> dict[str, Any]:
        self.model.reset_metrics()
        hooks.on_test_begin()
        source.begin(0)
        logs = self._run_steps(source, Pace(None), hooks.on_test_batch_begin, hooks.on_test_batch_end, None)
        hooks.on_test_end(logs)
        return logs

    def _run_steps(
        self,
        source: Source,
        pace: Pace,
        on_begin: Callable[..., None],
        on_end: Callable[..., None],
        training: str | None,
    ) -> dict[str, Any]:
        step = 0
        logs: dict[str, Any] = {}
        while source.steps is None or step < source.steps:
            window = pace.window
            on_begin(step)
            start = time.perf_counter()
            try:
                done, tensors = source.run(step, window)
            except tf.errors.InvalidArgumentError as error:
                *_, reason = error.message.partition("\n\t [[")[
                    0
                ].splitlines()  # before it the stack, behind it the node
                last = min(step + window, source.steps or sys.maxsize)
                where = f"{training or 'evaluation'}, steps {step + 1} to {last}"
                raise argument_error("x", Verbatim(f"{reason} ({where})"), "batches that the model can take") from error
            if not done:
                break
            logs = {name: _number(tensor) for name, tensor in tensors.items()}
            if training:
                _refuse_non_finite(logs, training, step, done, min(step + window, source.steps or sys.maxsize))
            step += done
            on_end(step - 1, logs)
            pace.record(done, time.perf_counter() - start)
            if training and self.model.stop_training:
                return logs
        if source.steps is not None and step < source.steps:
            raise argument_error(
                "x",
                Verbatim(f"a dataset that ended after {step} steps"),
                f"{source.steps} steps per epoch",
                "call dataset.repeat()",
            )
        return logs


def _wants_every_batch(callback: keras.callbacks.Callback) -> bool:
    """True for a user's callback that says so, and for Keras' callbacks that count batches."""
    counts = (getattr(callback, name, None) for name in ("save_freq", "update_freq"))
    return getattr(callback, "every_batch", False) or any(isinstance(count, int) and count for count in counts)


def _number(tensor: tf.Tensor) -> Any:
    return float(tensor) if tensor.shape.rank == 0 else tensor.numpy()


def _refuse_non_finite(logs: dict[str, Any], where: str, step: int, done: int, last: int) -> None:
    for name, value in logs.items():
        if "loss" in name and not np.all(np.isfinite(value)):
            raise NonFiniteLossError(
                f"`{name}` became {value} at step {step + done} of {where} "
                f"(steps {step + 1} to {last} were running). Remedy: lower the learning rate, clip gradients, "
                "or look at the batch of that step."
            )

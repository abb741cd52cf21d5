"""Trainer with epochs, callbacks and reports, based on a loop that runs many steps per return to Python."""

import logging
import math
import os
import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.core import Duration, Timeline, Verbatim, check, is_integer
from tensorsmith.core.types import Dataset, Logs, Loss, NestedArrays, Optimizer, Variable
from tensorsmith.training.callbacks.profile import Profile
from tensorsmith.training.callbacks.tqdm_progress_bar import TQDMProgressBar
from tensorsmith.training.callbacks.unfreeze import Unfreeze
from tensorsmith.training.checkpoint.checkpoints import Checkpoints, Keeper, Saved, check_new, newest
from tensorsmith.training.distribution import parameter_servers
from tensorsmith.training.distribution.replicas import check_fits, is_distributed
from tensorsmith.training.distribution.worker_group import WorkerGroup
from tensorsmith.training.fit.progress import ProgressBar
from tensorsmith.training.fit.recurring import Recurring
from tensorsmith.training.fit.run import Run, Saving, evaluate
from tensorsmith.training.fit.scheduled import Schedules, bind, check_schedules
from tensorsmith.training.fit.sizer import ChunkSizer
from tensorsmith.training.fit.state import check_same, described, training_state
from tensorsmith.training.gradients.deferred_updates import with_compiled_gradients
from tensorsmith.training.gradients.global_gradient import collected_gradients, norm_of, thresholds
from tensorsmith.training.inputs.data import make_source, make_validation_source
from tensorsmith.training.inputs.sources import BatchSource
from tensorsmith.training.loop.build import build_late_parts
from tensorsmith.training.loop.jit import faster_with_jit, jit_is_ruled_out
from tensorsmith.training.loop.loops import Loops

log = logging.getLogger("tensorsmith.training")

_SEVERAL: Any = getattr(keras.optimizers, "MultiOptimizer", ())  # available since Keras 3.15


class Trainer:
    """Trains and evaluates a Keras 3 model, with many steps per return to Python.

    Losses, metrics, `add_loss`, constraints, batch normalization and sample weights have the same effect as in Keras
    `fit`: each step calls `model.train_step`, so models that override it are supported as well. To customize training
    without subclassing the model, override `train_step` or `test_step` of the trainer.

    A model created in the scope of a `tf.distribute.MirroredStrategy` or `MultiWorkerMirroredStrategy` is trained on
    all replicas. The optimizer, the metrics and the trainer must be created in the same scope. Each replica processes a
    part of every batch, so that batch size, data and numerical results are the same as on one device.

    Args:
        model: Keras 3 model to train.
        optimizer: Optimizer, as in `model.compile`. If `None`, the model must already be compiled.
        loss: Loss, as in `model.compile`.
        metrics: Metrics, as in `model.compile`.
        loss_weights: Weights of the losses, as in `model.compile`.
        weighted_metrics: Weighted metrics, as in `model.compile`.
        schedules: Mapping from log names to pairs `(variable, schedule)`: a `keras.Variable` that losses, layers or the
            optimizer read, and a function of the step, such as a learning rate schedule. The variable is set to the
            value of the schedule before each step.
        gradient_norm: If `True`, log the global norm of the gradients of the last step, before clipping. This requires
            one pass over the gradients per step.
        jit: If `True`, compile the loop with XLA. If `"auto"`, do not use XLA for models with convolutions or
            unsupported layers; for other models, choose the faster variant by running some steps before training, which
            do not change the training state. The result is then stored in this attribute. With a distribution strategy,
            `True` compiles the forward and backward passes of the `train_step` of the model, which must apply its
            gradients exactly once, and `"auto"` does not use XLA.
        steps_per_loop: Number of steps per return to Python. Defaults to the number of steps that take about half a
            second, or to 1 if a callback has an attribute `every_batch` that is `True`. Batch-level methods of
            callbacks are called once per return.

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
        jit: bool | Literal["auto"] = "auto",
        steps_per_loop: int | None = None,
    ) -> None:
        check(isinstance(model, keras.Model), "model", model, "a keras.Model")
        check(jit in (True, False, "auto"), "jit", jit, 'True, False or "auto"')
        check(steps_per_loop is None or steps_per_loop >= 1, "steps_per_loop", steps_per_loop, ">= 1, or None")
        check(
            optimizer is not None or model.compiled,
            "optimizer",
            optimizer,
            "not be None unless the model is compiled",
            "pass `optimizer` and `loss`",
        )
        given = {"loss": loss, "metrics": metrics, "loss_weights": loss_weights, "weighted_metrics": weighted_metrics}
        for name, value in given.items():
            check(optimizer is not None or value is None, name, value, "None without an optimizer")
        check_schedules(schedules)
        self._strategy = model.distribute_strategy
        alone = not is_distributed(self._strategy)
        serves = isinstance(self._strategy, tf.distribute.ParameterServerStrategy)
        check(not (serves and jit is True), "jit", jit, 'False or "auto" with parameter servers')
        if optimizer is not None:
            with self._strategy.scope():
                model.compile(optimizer=optimizer, **given)
        single = isinstance(model.optimizer, keras.optimizers.Optimizer)
        check(single or not gradient_norm, "gradient_norm", gradient_norm, "False for a model without an optimizer")
        self.model = model
        self.jit = jit if alone else jit is True
        self.steps_per_loop = steps_per_loop
        self._built = False
        self.first_step_seconds = math.nan
        self.steps_per_second = math.nan
        self._schedules = schedules
        self._gradient_norm = gradient_norm
        with self._strategy.scope():
            self._steps_done = keras.Variable(0, dtype="int64", trainable=False, name="steps_done")
        self._timeline: Timeline | None = None
        self._hears_gradients = single and (gradient_norm or (not alone and bool(thresholds(model.optimizer))))
        step = self._step if schedules or self._hears_gradients else self.train_step
        self._loops = Loops(self, model, {"train": step, "test": self.test_step})

    def train_step(self, data: tuple[Any, ...]) -> Logs:
        """Performs one training step on a batch, traced into the loop. Override it to customize training.

        Args:
            data: Tuple `(x,)`, `(x, y)` or `(x, y, sample_weight)`.

        Returns:
            Dict of scalars to log. Training stops if a value whose name contains "loss" is not finite.
        """
        step = self.model.train_step
        if self.jit is True and tf.distribute.has_strategy():
            step = with_compiled_gradients(step, self.model.optimizer)
        logs: Logs = step(data)
        return logs

    def test_step(self, data: tuple[Any, ...]) -> Logs:
        """Performs one evaluation step on a batch, traced into the loop. Override it to customize evaluation."""
        logs: Logs = self.model.test_step(data)
        return logs

    def fit(
        self,
        x: NestedArrays | Dataset,
        y: NestedArrays | None = None,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: tuple[Any, ...] | Dataset | None = None,
        callbacks: Iterable[keras.callbacks.Callback] | keras.callbacks.Callback = (),
        sample_weight: NestedArrays | None = None,
        class_weight: Mapping[int, float] | None = None,
        shuffle: bool = True,
        seed: int | None = None,
        steps_per_epoch: int | None = None,
        checkpoints: Checkpoints | os.PathLike[str] | str | None = None,
        resume: bool = False,
        verbose: bool = True,
    ) -> keras.callbacks.History:
        """Trains the model.

        Args:
            x: Input data: arrays in the structure of the model inputs, or a batched `tf.data.Dataset` that also
                contains targets and sample weights.
            y: Target data. Must be `None` if `x` is a dataset.
            epochs: Index of the final epoch, as in Keras. A resumed run trains up to this epoch.
            batch_size: Number of examples per step. Ignored if `x` is a dataset. The last batch may be smaller.
            validation_data: Tuple `(x, y)` or `(x, y, sample_weight)`, or a dataset, evaluated at the end of each
                epoch.
            callbacks: Keras callback, or a list of callbacks.
            sample_weight: Sample weights of shape `(examples,)`.
            class_weight: Mapping from class indices to weights. Class weights are multiplied by `sample_weight` if both
                are given.
            shuffle: If `True`, shuffle arrays before each epoch.
            seed: Random seed for shuffling. If `None`, it is generated by the global NumPy generator, which
                `keras.utils.set_random_seed` seeds.
            steps_per_epoch: Number of steps per epoch. Defaults to one pass over the data. Otherwise, validation,
                callbacks and history entries occur after this number of steps, and each epoch continues at the position
                in the data where the previous one ended. A dataset must then be infinite.
            checkpoints: Folder, or `Checkpoints` instance with checkpoint settings. Checkpoints contain the model, the
                optimizer, the metrics, the random state, the position in the data, and the serializable state of
                callbacks.
            resume: If `True`, resume from the latest checkpoint, if any. Losses and weights equal those of an
                uninterrupted run.
            verbose: If `True`, display progress.

        Returns:
            A Keras `History` object. Its `history` attribute maps names such as "loss" to the values of all epochs.

        Raises:
            ValueError: If the data cannot be used for training, their position cannot be saved, or the checkpoints
                belong to another run. The model is not changed in this case.
            NonFiniteLossError: If the loss becomes NaN or infinite.
            OSError: If a checkpoint cannot be written.
        """
        check(is_integer(epochs) and epochs >= 1, "epochs", epochs, ">= 1")
        check(is_integer(batch_size), "batch_size", batch_size, "an integer")
        whole = steps_per_epoch is None or is_integer(steps_per_epoch)
        check(whole, "steps_per_epoch", steps_per_epoch, "an integer or None")
        check(
            not resume or checkpoints is not None,
            "resume",
            resume,
            "False unless `checkpoints` is set",
            "pass `checkpoints`",
        )
        kept = Checkpoints(checkpoints) if isinstance(checkpoints, str | os.PathLike) else checkpoints
        callbacks = [callbacks] if isinstance(callbacks, keras.callbacks.Callback) else list(callbacks)
        backup = any(isinstance(callback, keras.callbacks.BackupAndRestore) for callback in callbacks)
        check(
            not backup,
            "callbacks",
            Verbatim("a BackupAndRestore callback"),
            "not contain BackupAndRestore",
            "pass `checkpoints` and `resume=True`",
        )
        saved = newest(kept.folder) if kept and resume else None
        if saved is not None:
            same = seed in (None, saved.metadata["seed"])
            check(same, "seed", seed, f"None or {saved.metadata['seed']} (the seed of the run to resume)")
            seed = saved.metadata["seed"]
            self.jit = saved.metadata["jit"] if self.jit == "auto" else self.jit
            at = saved.metadata["position"]
            check(epochs > at["epoch"] or not at["begun"], "epochs", epochs, f">= {at['epoch'] + 1} in order to resume")
            if saved.metadata["stopped"] and epochs > at["epoch"]:
                log.info("a callback stopped the run to resume after epoch %d", at["epoch"])
                epochs = at["epoch"]
        elif kept is not None:
            check_new(kept.folder)
        worker_group = WorkerGroup(self._strategy)
        at = saved.metadata["position"]["total"] if saved else -1
        check(
            worker_group.agree(at),
            "checkpoints",
            Verbatim(f"a folder in which workers see different checkpoints (this worker: {saved})"),
            "a folder on storage that all workers share",
        )
        seed = worker_group.least(int(np.random.randint(2**31)) if seed is None else seed)
        source = make_source(
            self._checked,
            x,
            y,
            sample_weight=sample_weight,
            class_weight=class_weight,
            batch_size=batch_size,
            seed=seed if shuffle else None,
            steps_per_epoch=steps_per_epoch,
        )
        replicas = self._strategy.num_replicas_in_sync
        expected = f"a multiple of the number of replicas ({replicas})"
        fits = source.batch_size % replicas == 0 or source.steps == 1
        check(fits, "batch_size", source.batch_size, expected)
        validation = (
            None if validation_data is None else make_validation_source(self._checked, validation_data, batch_size)
        )

        started = time.perf_counter()
        timeline = Timeline(source.steps, source.batch_size, source.steps and source.steps * epochs)
        self._bind(timeline)
        self._build(source, self.steps_as_keras)
        if validation is not None:
            self._build(validation, self._evaluates_as_keras)
        compile_source = partial(source.compile, self._loops, "train", self._settle_jit(source, epochs))
        compile_source()
        if validation is not None:
            validation.compile(self._loops, "test", jit=False)
        seconds_to_compile = time.perf_counter() - started

        history = keras.callbacks.History()
        history.history = _as_logged(saved.metadata["history"]) if saved else {}
        bar = [ProgressBar()] if verbose and worker_group.chief else []
        first_epoch = saved.metadata["position"]["epoch"] if saved else 0
        hooks = keras.callbacks.CallbackList(
            [*callbacks, history, *bar],
            add_history=True,
            model=self.model,
            epochs=epochs,
            steps=source.steps,
            batch_size=source.batch_size,
            first_epoch=first_epoch,
            seed=seed,
            verbose=1,
        )
        sizer = ChunkSizer(1 if any(map(_wants_every_batch, hooks.callbacks)) else self.steps_per_loop)
        try:
            saving = self._saving(kept, saved, timeline, validation is not None, seed, worker_group) if kept else None
            sources = (source, compile_source, validation)
            Run(self.model, *sources, hooks, callbacks, self._in_force, sizer, worker_group, saving).train()
        finally:
            for opened in hooks.callbacks:
                if isinstance(opened, Profile | ProgressBar | TQDMProgressBar | Unfreeze):
                    opened.close()
        self.first_step_seconds = seconds_to_compile + sizer.first_seconds
        self.steps_per_second = sizer.steps_per_second
        return history

    def evaluate(
        self,
        x: NestedArrays | Dataset,
        y: NestedArrays | None = None,
        *,
        sample_weight: NestedArrays | None = None,
        batch_size: int = 32,
    ) -> dict[str, float]:
        """Returns the loss and metrics on a data set.

        Args:
            x: Input data: arrays, or a batched `tf.data.Dataset` that also contains targets and sample weights.
            y: Target data. Must be `None` if `x` is a dataset.
            sample_weight: Sample weights of shape `(examples,)`.
            batch_size: Number of examples per step.

        Returns:
            Dict from the names of the loss and metrics to their values.

        Raises:
            ValueError: If the data cannot be used for evaluation.
        """
        source = make_source(self._checked, x, y, sample_weight=sample_weight, batch_size=batch_size)
        self._build(source, self._evaluates_as_keras)
        source.compile(self._loops, "test", jit=False)
        return evaluate(
            self.model, source, keras.callbacks.CallbackList([], model=self.model), WorkerGroup(self._strategy)
        )

    def predict(self, x: NestedArrays | Dataset, *, batch_size: int = 32) -> Any:
        """Returns the predictions for arrays or a dataset, as NumPy arrays."""
        if isinstance(self._strategy, tf.distribute.ParameterServerStrategy):
            return parameter_servers.predict(self.model, x, batch_size)
        return self.model.predict(x, batch_size=None if isinstance(x, tf.data.Dataset) else batch_size, verbose=0)

    @property
    def steps_as_keras(self) -> bool:
        """`True` if the trainer and the model use the training step of Keras."""
        steps = type(self).train_step, type(self.model).train_step
        return steps == (Trainer.train_step, keras.Model.train_step)

    @property
    def _checked(self) -> keras.Model | None:
        """Model that the examples must be compatible with, or `None` for custom steps."""
        return self.model if self.steps_as_keras else None

    def _step(self, data: tuple[Any, ...]) -> Logs:
        for variable, schedule in self._schedules.values():
            variable.assign(schedule(self._steps_done))
        if self._hears_gradients:
            with collected_gradients(self.model.optimizer) as gradients:
                logs = self.train_step(data)
            if self._gradient_norm:
                logs = {**logs, "gradient_norm": norm_of(gradients, self.model.optimizer)}
        else:
            logs = self.train_step(data)
        self._steps_done.assign_add(1)
        return logs

    def _bind(self, timeline: Timeline) -> None:
        schedules = [schedule for _, schedule in self._schedules.values()]
        if bind(self, schedules, timeline) and timeline != self._timeline:
            self._loops.forget()
        self._timeline = timeline

    def _in_force(self) -> dict[str, float]:
        """Returns the current values of the learning rate and the scheduled hyperparameters."""
        optimizer = self.model.optimizer
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            optimizer = optimizer.inner_optimizer
        rates = {}
        if isinstance(optimizer, _SEVERAL):
            named = zip(_lasting_names(optimizer.optimizers), optimizer.optimizers, strict=True)
            rates = {f"learning_rate_{name}": _number(each.learning_rate) for name, each in named}
        elif isinstance(optimizer, keras.optimizers.Optimizer):
            rates = {"learning_rate": _number(optimizer.learning_rate)}
        return {**rates, **{name: _number(variable) for name, (variable, _) in self._schedules.items()}}

    @property
    def _evaluates_as_keras(self) -> bool:
        """`True` if the trainer and the model use the evaluation step of Keras."""
        steps = type(self).test_step, type(self.model).test_step
        return steps == (Trainer.test_step, keras.Model.test_step)

    def _build(self, source: BatchSource, as_keras: bool) -> None:
        if as_keras and not self._built:
            with self._strategy.scope():
                build_late_parts(self.model, source.example)
            self._built = True
        if is_distributed(self._strategy):
            check_fits(self, self.model)

    def _saving(
        self,
        checkpoints: Checkpoints,
        saved: Saved | None,
        timeline: Timeline,
        validates: bool,
        seed: int,
        worker_group: WorkerGroup,
    ) -> Saving:
        every = Recurring(Duration.parse(checkpoints.every), timeline, "every")
        monitor = checkpoints.monitor or ("val_loss" if validates else "loss")
        drawing = sorted(self._loops.drawing())
        received = Verbatim(
            f"a training step with the stateful random op {', '.join(drawing)}, which cannot be checkpointed"
        )
        remedy = "use the functions of keras.random with a `keras.random.SeedGenerator`"
        check(not drawing, "checkpoints", received, "None for training steps with stateful random ops", remedy)
        variables = training_state(self, self._loops.variables())
        state = described(self.model, variables)
        data = {"batch_size": timeline.batch_size, "steps": timeline.steps_per_epoch}
        if saved is not None:
            check_same(saved.metadata["state"], state, str(saved.path))
            there = saved.metadata["data"]
            received = Verbatim(f"a batch size of {data['batch_size']} and {data['steps']} steps per epoch")
            before = f"{there['batch_size']} and {there['steps']} steps per epoch"
            expected = f"have a batch size of {before}, as in the run to resume"
            check(_same_data(there, data), "x", received, expected)
        metadata = {"seed": seed, "jit": self.jit, "state": state, "data": data}
        return Saving(Keeper(checkpoints, monitor) if worker_group.chief else None, every, variables, metadata, saved)

    def _settle_jit(self, source: BatchSource, epochs: int) -> bool:
        """Resolves `jit="auto"`, and returns `True` if XLA compiles the entire loop."""
        if self.jit == "auto":
            self.jit = not jit_is_ruled_out(self.model) and self._jit_is_faster(source, epochs)
        return self.jit and not is_distributed(self._strategy)

    def _jit_is_faster(self, source: BatchSource, epochs: int) -> bool:
        warm_up_source = source.warm_up_source()

        def run(jit: bool, steps: int) -> int:
            warm_up_source.compile(self._loops, "train", jit)
            warm_up_source.begin(0)
            return warm_up_source.run(0, steps)[0]

        warm_up_source.compile(self._loops, "train", jit=False)  # creates all variables of the training state
        steps_to_come = sys.maxsize if source.steps is None else source.steps * epochs
        state = training_state(self, self._loops.variables())
        return faster_with_jit(partial(run, False), partial(run, True), state, steps_to_come)


def _lasting_names(optimizers: Iterable[keras.optimizers.Optimizer]) -> list[str]:
    """Returns optimizer names in which Keras' global counters are replaced by list indices."""
    names: list[str] = []
    for each in optimizers:
        base = re.sub(r"_\d+$", "", each.name)
        made_by_keras = base.replace("_", "") == type(each).__name__.lower()
        name, number = base if made_by_keras else each.name, 1
        while name in names:
            name, number = f"{base}_{number}", number + 1
        names.append(name)
    return names


def _number(variable: Variable) -> float:
    return float(keras.ops.convert_to_numpy(variable))


def _wants_every_batch(callback: keras.callbacks.Callback) -> bool:
    """Returns `True` for callbacks that require a call after every batch."""
    counts = (getattr(callback, name, None) for name in ("save_freq", "update_freq"))
    return getattr(callback, "every_batch", False) or any(isinstance(count, int) and count for count in counts)


def _same_data(there: Mapping[str, Any], here: Mapping[str, Any]) -> bool:
    """Returns `True` if the known batch sizes and epoch lengths of two runs are equal."""
    steps = (there["steps"], here["steps"])
    return there["batch_size"] == here["batch_size"] and (None in steps or steps[0] == steps[1])


def _as_logged(history: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Returns a history loaded from JSON, with lists converted to arrays for metrics that have several values."""
    return {
        name: [np.asarray(value, np.float32) if isinstance(value, list) else value for value in values]
        for name, values in history.items()
    }

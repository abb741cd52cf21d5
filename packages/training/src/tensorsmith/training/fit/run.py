"""Training loop of `Trainer.fit`: epochs with validation, callbacks and checkpoints."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import ArgumentError
from tensorsmith.training.callbacks.protocol import steps_left
from tensorsmith.training.checkpoint.callback_state import CallbackState
from tensorsmith.training.checkpoint.checkpoints import Keeper, Saved
from tensorsmith.training.distribution.worker_group import WorkerGroup
from tensorsmith.training.fit.chunks import run_chunks
from tensorsmith.training.fit.interruption import Interruption
from tensorsmith.training.fit.random_state import random_state, set_random_state
from tensorsmith.training.fit.recurring import Recurring
from tensorsmith.training.fit.sizer import ChunkSizer
from tensorsmith.training.fit.state import restore, snapshot
from tensorsmith.training.inputs.sources import BatchSource

VARIABLE = "variables/{:05d}"


@dataclass
class Position:
    """Current position of a training run.

    Attributes:
        epoch: Number of completed epochs.
        step: Number of completed steps in the current epoch.
        total: Number of completed steps in the run.
        begun: `True` within an epoch.
    """

    epoch: int = 0
    step: int = 0
    total: int = 0
    begun: bool = False

    @property
    def name(self) -> str:
        """Name of a checkpoint at this position. Sorting checkpoint names sorts the positions."""
        return f"epoch-{self.epoch:06d}-step-{self.step:09d}"


@dataclass
class Saving:
    """Settings, writer and current state of the checkpoints of a training run.

    Attributes:
        keeper: Writer of the checkpoints. `None` in processes that do not write any.
        every: Trigger that determines when checkpoints are saved.
        variables: Variables that define the training state.
        metadata: Metadata that does not change during the run.
        saved: Checkpoint from which the run resumes, if any.
    """

    keeper: Keeper | None
    every: Recurring
    variables: list[tf.Variable]
    metadata: dict[str, Any]
    saved: Saved | None


class Run:
    """Training loop over all epochs of a training run.

    Args:
        model: Model to be trained.
        source: Data source for training.
        compile_source: Function that compiles the training loop again if layers have been frozen or unfrozen.
        validation: Data source for validation, or `None`.
        hooks: List of all callbacks of the run.
        remembered: Callbacks whose state is saved in checkpoints.
        hyperparameters: Function that returns the current hyperparameters, for the logs.
        sizer: Chunk sizer, which determines how many steps run before control returns to Python.
        worker_group: Worker group that trains the model.
        saving: Checkpoint settings, or `None` for no checkpoints.
        initial_epoch: Index of the first epoch, unless the run resumes from a checkpoint.
    """

    def __init__(
        self,
        *,
        model: keras.Model,
        source: BatchSource,
        compile_source: Callable[[], None],
        validation: BatchSource | None,
        hooks: keras.callbacks.CallbackList,
        remembered: list[keras.callbacks.Callback],
        hyperparameters: Callable[[], dict[str, float]],
        sizer: ChunkSizer,
        worker_group: WorkerGroup,
        saving: Saving | None,
        initial_epoch: int,
    ) -> None:
        self._model = model
        self._source = source
        self._compile = compile_source
        self._validation = validation
        self._hooks = hooks
        self._remembered = remembered
        self._hyperparameters = hyperparameters
        self._sizer = sizer
        self._worker_group = worker_group
        self._saving = saving
        self._interruption = Interruption()
        self._interrupted = False
        saved = saving.saved if saving else None
        self._position = Position(**saved.metadata["position"]) if saved else Position(initial_epoch)
        self._last_saved = self._position.name if saved else ""
        self._logs: dict[str, Any] = {}

    def train(self) -> None:
        """Runs all epochs.

        Raises:
            KeyboardInterrupt, SystemExit: If the process receives a signal. With checkpoints, one has been written.
        """
        if self._saving is None:
            self._train()
            return
        try:
            with self._interruption:
                self._train()
        finally:
            if self._saving.keeper is not None:
                self._saving.keeper.close()

    def _train(self) -> None:
        model, hooks, at = self._model, self._hooks, self._position
        logs: dict[str, Any] = {}
        model.stop_training = False
        hooks.on_train_begin()
        recorded = max(map(len, model.history.history.values()), default=0)
        model.history.epoch = list(range(at.epoch - recorded, at.epoch))
        self._callback_state = CallbackState(self._remembered)
        resuming = at.begun  # the checkpoint includes the effects of the start of the epoch, also on callbacks
        if not resuming:
            self._restore()
        while at.epoch < hooks.params["epochs"] and not self._interrupted:
            model.reset_metrics()
            hooks.on_epoch_begin(at.epoch)
            self._compile()  # again if a callback has frozen or unfrozen layers
            if resuming:
                self._restore()
            else:
                self._source.begin(at.epoch)
            at.begun, resuming = True, False
            if not self._last_saved:
                self._save()  # seed, initial weights and jit, so that the run can be resumed from now on
            logs = run_chunks(
                self._source,
                self._sizer,
                f"epoch {at.epoch + 1}",
                start=at.step,
                logs=self._logs,
                limit=self._limit,
                on_begin=hooks.on_train_batch_begin,
                on_end=self._end_chunk,
                finite=True,
            )
            if self._interrupted and not model.stop_training and at.step != self._source.steps:
                break
            logs = logs | self._hyperparameters()
            if self._validation is not None:
                scores = evaluate(model, self._validation, self._worker_group, hooks)
                logs.update({f"val_{name}": value for name, value in scores.items()})
            hooks.on_epoch_end(at.epoch, logs)
            at.epoch, at.step, at.begun = at.epoch + 1, 0, False
            self._end_epoch()
            if model.stop_training:
                break
        if self._interrupted:
            self._save()
            return
        if isinstance(model.optimizer, keras.optimizers.Optimizer):
            model.optimizer.finalize_variable_values(model.trainable_weights)  # applies averaged weights, if any
        hooks.on_train_end(logs)

    def _limit(self, chunk: int) -> int:
        """Returns the number of steps until a callback or checkpoint is due, at most `chunk`."""
        chunk = steps_left(self._hooks.callbacks, chunk)
        if self._saving is not None:
            chunk = min(chunk, self._saving.every.steps_left(self._position.total))
        return self._worker_group.least(chunk)

    def _end_chunk(self, step: int, logs: dict[str, Any]) -> bool:
        """Calls the callbacks, and saves a checkpoint if it is due. Returns `True` if the epoch must end early."""
        at = self._position
        at.total += step - at.step
        at.step = step
        self._logs = logs
        self._hooks.on_train_batch_end(step - 1, {**logs, **self._hyperparameters()})
        due = self._agree(self._saving is not None and self._saving.every.due_after(at.total))
        ends = self._model.stop_training or step == self._source.steps
        if due and not ends:
            self._save()
        return bool(self._model.stop_training or self._interrupted)

    def _agree(self, due: bool) -> bool:
        """Synchronizes stop requests and interruptions of all workers. Returns `True` if a checkpoint is due."""
        model = self._model
        model.stop_training, self._interrupted, due = self._worker_group.any(
            bool(model.stop_training), bool(self._interruption), due
        )
        if self._interrupted:
            self._interruption.share()
        return due

    def _end_epoch(self) -> None:
        self._agree(False)
        if self._saving is None:
            return
        at, keeper = self._position, self._saving.keeper
        scores = {name: values[-1] for name, values in self._model.history.history.items()}  # callbacks add some
        last = self._model.stop_training or at.epoch == self._hooks.params["epochs"]
        due = last or self._saving.every.due_after_epoch(at.epoch, at.total)
        best = keeper is not None and keeper.is_among_best(scores)
        (due,) = self._worker_group.any(best or due)
        if due:
            self._save(scores)

    def _save(self, scores: dict[str, Any] | None = None) -> None:
        saving, name = self._saving, self._position.name
        if saving is None or name == self._last_saved:
            return
        self._last_saved = name
        values = {VARIABLE.format(i): value for i, value in enumerate(snapshot(saving.variables))}
        saving.every.done()
        if saving.keeper is None:  # after the snapshot, in which all workers take part, as metrics are summed over them
            return
        metadata = {
            **saving.metadata,
            "position": vars(self._position),
            "stopped": bool(self._model.stop_training),
            "logs": self._logs,
            "history": self._model.history.history,
            "callbacks": self._callback_state.plain(),
            "random": random_state(),
        }
        arrays = self._callback_state.arrays()
        saving.keeper.save(name, {**values, **arrays}, metadata, self._save_positions, scores or {})

    def _restore(self) -> None:
        """Restores the training state from the checkpoint if the run is resumed."""
        if self._saving is None or self._saving.saved is None:
            return
        variables, saved = self._saving.variables, self._saving.saved
        restore(variables, [saved.values[VARIABLE.format(i)] for i in range(len(variables))])
        self._callback_state.restore(saved.metadata["callbacks"], saved.values)
        set_random_state(saved.metadata["random"])
        self._logs = saved.metadata["logs"]
        at = self._position
        self._source.restore(saved.path / "train", at.epoch, at.step if at.begun else None)
        if self._validation is not None:
            self._validation.restore(saved.path / "validation", at.epoch, None)

    def _save_positions(self, folder: Path) -> None:
        self._source.save(folder / "train", self._position.begun)
        if self._validation is not None:
            with contextlib.suppress(ArgumentError):  # may change validation scores, but not the weights
                self._validation.save(folder / "validation", under_way=False)


def evaluate(
    model: keras.Model,
    source: BatchSource,
    worker_group: WorkerGroup,
    hooks: keras.callbacks.CallbackList | None = None,
) -> dict[str, Any]:
    """Evaluates a model on a data source, and returns a dict of the loss and metrics."""
    hooks = hooks or keras.callbacks.CallbackList([], model=model)
    model.reset_metrics()
    hooks.on_test_begin()
    source.begin(0)

    def end(step: int, logs: dict[str, Any]) -> bool:
        hooks.on_test_batch_end(step - 1, logs)
        return False

    logs = run_chunks(
        source, ChunkSizer(None), "evaluation", limit=worker_group.least, on_begin=hooks.on_test_batch_begin, on_end=end
    )
    hooks.on_test_end(logs)
    return logs

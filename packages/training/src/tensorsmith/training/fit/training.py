"""Entry point of training: epochs, callbacks and checkpoints."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import keras
import numpy as np

from tensorsmith.core import Timeline
from tensorsmith.training.callbacks import protocol
from tensorsmith.training.distribution.worker_group import WorkerGroup
from tensorsmith.training.fit.hyperparameters import current_hyperparameters
from tensorsmith.training.fit.options import Start
from tensorsmith.training.fit.progress import ProgressBar
from tensorsmith.training.fit.run import Run
from tensorsmith.training.fit.saving import make_saving
from tensorsmith.training.fit.scheduled import warn_of_zero_rates
from tensorsmith.training.fit.sizer import ChunkSizer
from tensorsmith.training.inputs.sources import BatchSource
from tensorsmith.training.loop.step_compiler import StepCompiler


def train(
    steps: StepCompiler,
    source: BatchSource,
    validation: BatchSource | None,
    start: Start,
    timeline: Timeline,
    worker_group: WorkerGroup,
    sizer: ChunkSizer,
) -> keras.callbacks.History:
    """Trains a model and returns the training history.

    Args:
        steps: `StepCompiler` that has compiled the training and evaluation steps.
        source: Data source for training. The training loop must have been compiled for this source.
        validation: Data source for validation, or `None`. The evaluation loop must have been compiled for this source.
        start: `Start` instance with the arguments of `fit`, the checkpoint settings, and the checkpoint to resume from.
        timeline: `Timeline` of the training run, which contains the number of steps per epoch, the batch size and the
            total number of steps.
        worker_group: Worker group that trains the model.
        sizer: Chunk sizer, which determines how many steps run before control returns to Python.
    """
    model, options, metadata = steps.model, start.options, start.metadata
    history = keras.callbacks.History()
    history.history = _as_logged(metadata.get("history", {}))
    bar = [ProgressBar()] if options.verbose and worker_group.chief else []
    hooks = keras.callbacks.CallbackList(
        [*options.callbacks, history, *bar],
        add_history=True,
        model=model,
        epochs=start.epochs,
        steps=source.steps,
        batch_size=source.batch_size,
        first_epoch=metadata["position"]["epoch"] if metadata else options.initial_epoch,
        first_step=metadata["position"]["step"] if metadata else 0,
        seed=start.seed,
        verbose=1,
    )
    if not metadata:
        warn_of_zero_rates(model.optimizer, timeline)
    if any(map(protocol.wants_every_batch, hooks.callbacks)):
        sizer.fix(1)
    try:
        monitor = "loss" if validation is None else "val_loss"
        saving = make_saving(steps, start, timeline, worker_group, monitor)
        Run(
            model=model,
            source=source,
            compile_source=partial(steps.compile, source),
            validation=validation,
            hooks=hooks,
            remembered=options.callbacks,
            hyperparameters=partial(current_hyperparameters, model.optimizer, steps.schedules),
            sizer=sizer,
            worker_group=worker_group,
            saving=saving,
            initial_epoch=options.initial_epoch,
        ).train()
    finally:
        protocol.close(hooks.callbacks)
    return history


def _as_logged(history: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Returns a history loaded from JSON, in which lists are converted to NumPy arrays."""
    return {
        name: [np.asarray(value, np.float32) if isinstance(value, list) else value for value in values]
        for name, values in history.items()
    }

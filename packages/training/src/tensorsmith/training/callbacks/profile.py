"""Callback that profiles several training steps for display in TensorBoard."""

import logging
import math
import os
import sys
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.core.types import Logs
from tensorsmith.training._support.profile_events import STEPS, waiting_fraction

log = logging.getLogger("tensorsmith.training")


@dataclass
class _Progress:
    """Progress of this process, which checkpoints do not contain, unlike numbers that are attributes of a callback.

    Attributes:
        step: Number of completed steps.
        batch: Index of the first step in the current call of the compiled loop.
        begun: Value of `step` at the start of the profiler.
        running: If `True`, the profiler is running.
        event: Event of the current call of the compiled loop.
    """

    step: int = 0
    batch: int = 0
    begun: int = 0
    running: bool = False
    event: Any = None


class Profile(keras.callbacks.Callback):
    """Profiles several training steps after the compilation and warm-up of the training loop.

    The profiled steps remain in one compiled loop. `tensorboard --logdir FOLDER` shows the profile with its profile
    plugin (`pip install xprof`): time spent in operations and kernels, and waiting for data.

    The time spent waiting for data is also an attribute. If it is large, training is limited by the input pipeline. The
    computation of a pipeline counts as waiting unless it runs in parallel with the steps, as with `prefetch`.

    Args:
        folder: Folder for the event files, which are written to `plugins/profile/TIME/HOST.xplane.pb`.
        after: Number of training steps to run before recording starts.
        steps: Number of steps to record. The file size is proportional to this number.

    Attributes:
        waiting_for_data: Fraction of the time of the profiled steps in which the training loop waited for the next
            batch of a `tf.data.Dataset` or a `PyDataset`. It is 0 for arrays, and NaN if no profile has been recorded
            or the steps run on other machines, as with a `ParameterServerStrategy`.
        profiled_steps: Number of steps in the profile.

    Raises:
        ValueError: If `after` or `steps` is out of range, or, during training, if another profile is active.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import keras, numpy as np
        >>> from tensorsmith.training import Profile, Trainer
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> folder, x = tempfile.mkdtemp(), np.ones((640, 1))
        >>> profile = Profile(folder, after=5, steps=5)
        >>> history = Trainer(model, "sgd", "mse").fit(x, x, callbacks=[profile], verbose=False)
        >>> [path.suffix for path in Path(folder).glob("plugins/profile/*/*")]
        ['.pb']
        >>> profile.profiled_steps, profile.waiting_for_data
        (5, 0.0)
    """

    def __init__(self, folder: str | os.PathLike[str], after: int = 20, steps: int = 20) -> None:
        super().__init__()
        check(
            isinstance(after, int) and after >= 1,
            "after",
            after,
            ">= 1",
            "pass at least 1 to exclude the first step, which includes compilation",
        )
        check(isinstance(steps, int) and steps >= 1, "steps", steps, ">= 1")
        self._folder = str(folder)
        self._first = after
        self._last = after + steps
        self._progress = _Progress()
        self.waiting_for_data = math.nan
        self.profiled_steps = 0

    def steps_left(self) -> int:
        """Returns the number of steps until the profiler starts or stops."""
        step = self._progress.step
        return next((at - step for at in (self._first, self._last) if at > step), sys.maxsize)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Resets the step count, because a resumed run also needs a warm-up."""
        self._progress = _Progress()

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Marks the next call of the compiled loop in the profile, and stores the index of its first step."""
        progress = self._progress
        progress.batch = batch
        if progress.running:
            progress.event = tf.profiler.experimental.Trace(STEPS)
            progress.event.__enter__()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Starts or stops the profiler at the specified steps."""
        progress = self._progress
        before, progress.step = progress.step, progress.step + batch + 1 - progress.batch
        self._end_event()
        if before < self._first <= progress.step < self._last:
            self._begin()
        elif progress.step >= self._last:
            self.close()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Stops the profiler. If the run was too short for a profile, a warning is logged."""
        self.close()
        if self._progress.step <= self._first:
            log.warning(
                "no profile recorded: the run has %d steps, and the profile starts after step %d",
                self._progress.step,
                self._first,
            )

    def close(self) -> None:
        """Writes the profile of the steps completed so far, even if training is interrupted."""
        progress = self._progress
        if progress.running:
            progress.running = False
            self._end_event()
            tf.profiler.experimental.stop()
            self.profiled_steps = progress.step - progress.begun
            if not isinstance(self.model.distribute_strategy, tf.distribute.ParameterServerStrategy):
                self.waiting_for_data = waiting_fraction(self._folder)
            log.info("profiled steps %d to %d: %s", progress.begun + 1, progress.step, self._folder)

    def _end_event(self) -> None:
        if self._progress.event is not None:
            self._progress.event.__exit__(None, None, None)
            self._progress.event = None

    def _begin(self) -> None:
        try:
            tf.profiler.experimental.start(self._folder)
        except tf.errors.AlreadyExistsError as error:
            received, remedy = (
                Verbatim("a second profiler session"),
                "disable the other session, for example with `keras.callbacks.TensorBoard(profile_batch=0)`",
            )
            raise argument_error("callbacks", received, "use at most one profiler session at a time", remedy) from error
        self._progress.running = True
        self._progress.begun = self._progress.step

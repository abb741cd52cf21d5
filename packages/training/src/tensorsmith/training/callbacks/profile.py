"""Callback that profiles several training steps for display in TensorBoard."""

import logging
import os
import sys

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.core.types import Logs

log = logging.getLogger("tensorsmith.training")


class Profile(keras.callbacks.Callback):
    """Profiles several training steps after the compilation and warm-up of the training loop.

    The profiled steps remain in one compiled loop. `tensorboard --logdir FOLDER` shows the profile with its profile
    plugin (`pip install xprof`): time spent in operations and kernels, and waiting for data.

    Args:
        folder: Folder for the event files, which are written to `plugins/profile/TIME/HOST.xplane.pb`.
        after: Number of training steps to run before recording starts.
        steps: Number of steps to record. The file size is proportional to this number.

    Raises:
        ValueError: If `after` or `steps` is out of range, or, during training, if another profile is active.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import keras, numpy as np
        >>> from tensorsmith.training import Profile, Trainer
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> folder, x = tempfile.mkdtemp(), np.ones((640, 1))
        >>> history = Trainer(model, "sgd", "mse").fit(x, x, callbacks=[Profile(folder, 5, 5)], verbose=False)
        >>> [path.suffix for path in Path(folder).glob("plugins/profile/*/*")]
        ['.pb']
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
        self._step = self._batch = 0
        self._running = False

    def steps_left(self) -> int:
        """Returns the number of steps until the profiler starts or stops."""
        return next((at - self._step for at in (self._first, self._last) if at > self._step), sys.maxsize)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Resets the step count, because a resumed run also needs a warm-up."""
        self._step = 0

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Stores the index of the first step in the next call of the compiled loop."""
        self._batch = batch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Starts or stops the profiler at the specified steps."""
        before, self._step = self._step, self._step + batch + 1 - self._batch
        if before < self._first <= self._step < self._last:
            self._begin()
        elif self._step >= self._last:
            self.close()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Stops the profiler. If the run was too short for a profile, a warning is logged."""
        self.close()
        if self._step <= self._first:
            log.warning(
                "no profile recorded: the run has %d steps, and the profile starts after step %d",
                self._step,
                self._first,
            )

    def close(self) -> None:
        """Writes the profile of the steps completed so far, even if training is interrupted."""
        if self._running:
            self._running = False
            tf.profiler.experimental.stop()
            log.info("profiled steps %d to %d: %s", self._first + 1, self._step, self._folder)

    def _begin(self) -> None:
        try:
            tf.profiler.experimental.start(self._folder)
        except tf.errors.AlreadyExistsError as error:
            received, remedy = (
                Verbatim("a second profiler session"),
                "disable the other session, for example with `keras.callbacks.TensorBoard(profile_batch=0)`",
            )
            raise argument_error("callbacks", received, "use at most one profiler session at a time", remedy) from error
        self._running = True
